"""A patient's phone against the real engine: texts go in as the webhook brings them, the outbox says what came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from kernel import audit
from kernel.db import Database
from messaging.consent import service as consent
from messaging.conversation import jobs
from messaging.conversation.service import Conversation, Inbound, InboundResult, Ports, receive_safely
from messaging.conversation.tables import InboundMessage, SmsThread
from messaging.delivery.tables import Outbox
from messaging.schedule import service as schedule
from messaging.schedule.jobs import due_check_ins
from messaging.schedule.ports import Outgoing
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.ports import ContentLevel, TextingConsentForm
from registry.safety.tables import RiskEvent
from registry.worklist.tables import Task
from tests.support import builders
from tests.support.builders import ClinicRows, PatientRows
from tests.support.clock import FakeClock

PUBLIC_URL = "https://care.example"
READING = timedelta(seconds=20)  # nobody answers in under four


class Tokens:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"token-{self.count:05d}-0123456789ABC"


class Desk:
    """One clinic on a test's clock."""

    def __init__(self, database: Database, clock: FakeClock, clinic: ClinicRows, ports: Ports) -> None:
        self.database, self.clock, self.clinic, self.ports = database, clock, clinic, ports
        self.sids = 0

    @classmethod
    async def open(cls, database: Database, clock: FakeClock, **clinic: Any) -> Desk:
        ports = Ports(public_url=PUBLIC_URL, new_token=Tokens(), optout_reply="app")
        async with database.begin() as tx:
            return cls(database, clock, await builders.clinic(tx, clock.now(), **clinic), ports)

    async def enrols(self, level: ContentLevel = "items_by_sms", **person: Any) -> Phone:
        async with self.database.begin() as tx:
            patient = await builders.patient(tx, self.clinic, self.clock.now(), **person)
            form = TextingConsentForm("consent", level, "verbal", "texting-consent@1", "en", "risk@1")
            await consent.record(
                tx, self.clinic.actor("care_manager"), patient.id, form, now=self.clock.now()
            )
        return Phone(self, patient, patient.phone)

    def stranger(self, number: str = "+12065550199") -> Phone:
        return Phone(self, None, number)

    async def asks(self, phone: Phone, instruments: Sequence[str] = ("phq9",)) -> UUID:
        """Staff send the check-in now; its first text is accepted."""
        assert phone.patient is not None
        actor = self.clinic.actor("care_manager")
        async with self.database.begin() as tx:
            planned = await schedule.send_now(tx, actor, phone.patient.id, instruments, now=self.clock.now())
        await self.sweep()
        await self.accepts()
        return planned.check_in_id

    async def sweep(self) -> None:
        out = Outgoing(self.ports.new_token, PUBLIC_URL, Conversation(self.ports))
        await due_check_ins(self.database, self.clock.now(), out=out)
        await jobs.wake_threads(self.database, self.clock.now(), ports=self.ports)

    async def accepts(self, state: str = "accepted") -> None:
        """The provider takes everything that waits, at this moment."""
        now = self.clock.now()
        async with self.database.begin() as tx:
            await tx.execute(
                update(Outbox)
                .where(Outbox.state == "pending", Outbox.not_before <= now)
                .values(
                    state=state,
                    next_at=None,
                    attempted_at=now,
                    accepted_at=now if state == "accepted" else None,
                )
            )

    async def settles(self, state: str) -> None:
        """Texts on their way turn out to have been taken (at the moment they were attempted) or not."""
        async with self.database.begin() as tx:
            values: dict[str, Any] = {"state": state}
            if state == "accepted":
                values["accepted_at"] = Outbox.attempted_at
            await tx.execute(update(Outbox).where(Outbox.state == "sending").values(**values))

    async def releases(self) -> int:
        return (await jobs.release_held(self.database, self.clock.now(), ports=self.ports))["released"]

    async def tasks(self, phone: Phone | None = None) -> list[str]:
        wanted = select(Task.kind).where(Task.done_at.is_(None)).order_by(Task.opened_at, Task.id)
        if phone is not None and phone.patient is not None:
            wanted = wanted.where(Task.patient_id == phone.patient.id)
        return list(await self.column(wanted))

    async def column(self, statement: Any) -> list[Any]:
        async with self.database.begin() as tx:
            return list((await tx.execute(statement)).scalars())

    async def events(self) -> list[tuple[int, str, str]]:
        async with self.database.begin() as tx:
            rows = await tx.all(select(RiskEvent.tier, RiskEvent.toward, RiskEvent.state))
            return [(row.tier, row.toward, row.state) for row in rows]


class Phone:
    def __init__(self, desk: Desk, patient: PatientRows | None, number: str) -> None:
        self.desk, self.patient, self.number = desk, patient, number

    @property
    def id(self) -> UUID:
        assert self.patient is not None
        return self.patient.id

    async def texts(
        self,
        body: str,
        *,
        after: timedelta = READING,
        sid: str | None = None,
        media: int = 0,
        accept: bool = True,
    ) -> InboundResult:
        """Writes a text; what comes back is accepted at once unless the test says otherwise."""
        desk = self.desk
        desk.clock.advance(seconds=after.total_seconds())
        desk.sids += 1
        now = desk.clock.now()
        inbound = Inbound(
            provider_sid=sid or f"SM{desk.sids:032d}",
            clinic_id=desk.clinic.id,
            sender_id=desk.clinic.sender_id,
            from_=self.number,
            to=desk.clinic.sender_number,
            body=body,
            media_count=media,
            received_at=now,
            via="webhook",
        )
        result = await receive_safely(desk.database, inbound, now=now, ports=desk.ports)
        if accept:
            await desk.accepts()
        return result

    async def says(self, *bodies: str) -> None:
        for body in bodies:
            await self.texts(body)

    async def received(self) -> list[tuple[str, str]]:
        """(kind, body) of every text written to this number, oldest first."""
        async with self.desk.database.begin() as tx:
            rows = await tx.all(
                select(Outbox.kind, Outbox.body_sealed)
                .where(Outbox.recipient_key == tx.vault.lookup(self.number), Outbox.kind != "alert")
                .order_by(Outbox.created_at, Outbox.id)
            )
            return [(row.kind, tx.vault.open(row.body_sealed)) for row in rows]

    async def last(self) -> str:
        texts = await self.received()
        return texts[-1][1] if texts else ""

    async def last_kind(self) -> str:
        return (await self.received())[-1][0]

    async def count(self) -> int:
        return len(await self.received())

    async def answers(self) -> dict[tuple[str, int], int | None]:
        """The answers that stand, by instrument and item."""
        async with self.desk.database.begin() as tx:
            rows = await tx.all(
                select(MeasureRun.instrument_id, Answer.item_no, Answer.value)
                .join(MeasureRun, MeasureRun.id == Answer.run_id)
                .where(Answer.patient_id == self.id, Answer.replaced_at.is_(None))
            )
            return {(row.instrument_id, row.item_no): row.value for row in rows}

    async def results(self) -> list[tuple[str, int | None, str]]:
        async with self.desk.database.begin() as tx:
            rows = await tx.all(
                select(MeasureResult.instrument_id, MeasureResult.total, MeasureResult.item9)
                .where(MeasureResult.patient_id == self.id, MeasureResult.replaced_at.is_(None))
                .order_by(MeasureResult.filed_at, MeasureResult.id)
            )
            return [(row.instrument_id, row.total, row.item9) for row in rows]

    async def check_in_state(self) -> str | None:
        async with self.desk.database.begin() as tx:
            state: str | None = await tx.scalar(
                select(CheckIn.state)
                .where(CheckIn.patient_id == self.id, CheckIn.state != "scheduled")
                .order_by(CheckIn.local_due_date.desc(), CheckIn.created_at.desc())
                .limit(1)
            )
            return state

    async def mode(self) -> dict[str, Any]:
        async with self.desk.database.begin() as tx:
            state: dict[str, Any] = await tx.scalar(
                select(SmsThread.state).where(SmsThread.phone_key == tx.vault.lookup(self.number))
            )
            return state

    async def inbound(self) -> list[tuple[str, str | None]]:
        async with self.desk.database.begin() as tx:
            rows = await tx.all(
                select(InboundMessage.state, InboundMessage.classified_as)
                .where(InboundMessage.phone_key == tx.vault.lookup(self.number))
                .order_by(InboundMessage.received_at, InboundMessage.id)
            )
            return [(row.state, row.classified_as) for row in rows]

    def actor(self) -> audit.Actor:
        return self.desk.clinic.actor("care_manager")
