"""A clinic whose check-ins run on a test's clock: patients with consent and plan, and what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import func, insert, select, update

from kernel.db import Database
from messaging.consent import service as consent
from messaging.conversation.service import Conversation, Ports
from messaging.delivery.tables import Outbox
from messaging.schedule import jobs
from messaging.schedule.outreach import Schedule
from messaging.schedule.ports import Outgoing
from messaging.schedule.tables import CheckIn, ContactReminder
from registry.episodes.tables import Episode
from registry.patients.tables import Patient
from registry.plans import service as plans
from registry.plans.rules import PlanLine
from registry.ports import ContentLevel, TextingConsentForm
from registry.worklist.tables import Task
from tests.support import builders
from tests.support.builders import ClinicRows, PatientRows
from tests.support.clock import FakeClock

PUBLIC_URL = "https://care.example"
EVERY_TWO_WEEKS = 14
LONGEST_PAUSE = timedelta(hours=6)


class Tokens:
    """Counts instead of guessing, so that a test can follow a link."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self) -> str:
        self.made.append(f"token-{len(self.made):05d}-0123456789ABC")
        return self.made[-1]


class Sent(msgspec.Struct, frozen=True):
    kind: str
    body: str
    at: datetime
    state: str


class Programme:
    def __init__(self, database: Database, clock: FakeClock, clinic: ClinicRows) -> None:
        self.database, self.clock, self.clinic = database, clock, clinic
        self.tokens = Tokens()
        self.conversation = Conversation(Ports(public_url=PUBLIC_URL, new_token=self.tokens))
        self.schedule = Schedule()

    @classmethod
    async def open(cls, database: Database, clock: FakeClock, **clinic: Any) -> Programme:
        async with database.begin() as tx:
            return cls(database, clock, await builders.clinic(tx, clock.now(), **clinic))

    @property
    def out(self) -> Outgoing:
        return Outgoing(self.tokens, PUBLIC_URL, self.conversation)

    async def enrols(
        self,
        *,
        first_on: date,
        every: int = EVERY_TWO_WEEKS,
        at: time = time(10, 0),
        instruments: Sequence[str] = ("phq9", "gad7"),
        level: ContentLevel = "link_only",
        consented: bool = True,
        **person: Any,
    ) -> PatientRows:
        person = {"channel": "sms_link"} | person
        async with self.database.begin() as tx:
            patient = await builders.patient(tx, self.clinic, self.clock.now(), **person)
            if consented:
                form = TextingConsentForm("consent", level, "verbal", "texting-consent@1", "en", "risk@1")
                await consent.record(
                    tx, self.clinic.actor("care_manager"), patient.id, form, now=self.clock.now()
                )
        await self.plans(patient, [(name, every, first_on) for name in instruments], at)
        return patient

    async def plans(
        self, patient: PatientRows, lines: Sequence[tuple[str, int, date]], at: time = time(10, 0)
    ) -> None:
        async with self.database.begin() as tx:
            await plans.set_plan(
                tx,
                self.clinic.actor("care_manager"),
                patient.id,
                [PlanLine(name, every, at, anchor) for name, every, anchor in lines],
                now=self.clock.now(),
                outreach=self.schedule,
            )

    async def sweep(self) -> dict[str, int]:
        """One round of both sweeps, as the loop runs them."""
        done = await jobs.due_check_ins(self.database, self.clock.now(), out=self.out)
        return done | {
            f"contacts_{name}": count
            for name, count in (await jobs.contact_reminders(self.database, self.clock.now())).items()
        }

    async def runs_until(self, moment: datetime) -> None:
        """Sweeps now and at every moment at which something is due, and lets the queued texts be accepted."""
        while True:
            await self.sweep()
            await self.all_accepted()
            if self.clock.now() >= moment:
                return
            self.clock.set(min(moment, await self._next_moment()))

    async def _next_moment(self) -> datetime:
        now = self.clock.now()
        async with self.database.begin() as tx:
            ahead = [
                await tx.scalar(select(func.min(table.next_at)).where(table.next_at > now))
                for table in (CheckIn, ContactReminder)
            ]
        return min([moment for moment in ahead if moment is not None] + [now + LONGEST_PAUSE])

    async def runs_for(self, **span: float) -> None:
        await self.runs_until(self.clock.now() + timedelta(**span))

    async def all_accepted(self) -> None:
        now = self.clock.now()
        async with self.database.begin() as tx:
            await tx.execute(
                update(Outbox)
                .where(Outbox.state == "pending", Outbox.not_before <= now)
                .values(state="accepted", next_at=None, attempted_at=now, accepted_at=now)
            )

    async def sent(self, patient: PatientRows) -> list[Sent]:
        async with self.database.begin() as tx:
            rows = await tx.all(
                select(Outbox.kind, Outbox.body_sealed, Outbox.created_at, Outbox.state)
                .where(Outbox.patient_id == patient.id)
                .order_by(Outbox.created_at, Outbox.id)
            )
            return [Sent(r.kind, tx.vault.open(r.body_sealed), r.created_at, r.state) for r in rows]

    async def check_ins(self, patient: PatientRows) -> list[tuple[date, str]]:
        return [(row.local_due_date, row.state) for row in await self.rows(patient)]

    async def rows(self, patient: PatientRows) -> list[Any]:
        async with self.database.begin() as tx:
            return list(
                await tx.all(
                    select(CheckIn.__table__)
                    .where(CheckIn.patient_id == patient.id)
                    .order_by(CheckIn.local_due_date)
                )
            )

    async def tasks(self, patient: PatientRows) -> list[str]:
        async with self.database.begin() as tx:
            rows = await tx.all(
                select(Task.kind)
                .where(Task.patient_id == patient.id, Task.done_at.is_(None))
                .order_by(Task.id)
            )
            return [row.kind for row in rows]

    async def meets(self, patient: PatientRows, at: datetime | None, mode: str = "phone") -> None:
        await self.changes(Episode, patient.episode_id, next_contact_at=at, next_contact_mode=mode)

    async def changes(self, table: Any, row_id: UUID, **values: Any) -> None:
        async with self.database.begin() as tx:
            await tx.execute(update(table).where(table.id == row_id).values(**values))

    async def moves(self, patient: PatientRows, **wishes: Any) -> None:
        """The patient's zone, channel or window changed, as the registry tells it."""
        await self.changes(Patient, patient.id, **wishes)
        async with self.database.begin() as tx:
            await self.schedule.contact_changed(tx, patient.id, now=self.clock.now())

    async def adds(self, table: Any, **values: Any) -> UUID:
        async with self.database.begin() as tx:
            row_id = tx.new_id()
            await tx.execute(insert(table), {"id": row_id, **values})
            return row_id


def local(year: int, month: int, day: int, hour: int, minute: int = 0, *, zone: str) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def la(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of 2026 on Seattle's clock."""
    return local(2026, month, day, hour, minute, zone="America/Los_Angeles")
