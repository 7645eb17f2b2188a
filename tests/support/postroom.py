"""The outbox between a database and the provider's stand-in: one clinic, one patient, and the clock that both share.

The gateway is the real one; only the address it calls is the stand-in's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update

from kernel.audit import system
from kernel.db import Database
from kernel.ids import new_id
from messaging.consent import service as consent
from messaging.conversation.tables import SmsThread
from messaging.delivery import service as delivery
from messaging.delivery.dispatch import Dispatcher
from messaging.delivery.outcomes import Accepted, Outcome
from messaging.delivery.service import Message
from messaging.delivery.tables import Outbox
from messaging.delivery.upkeep import Upkeep
from messaging.gateways.twilio import TwilioGateway
from messaging.schedule.tables import CheckIn
from registry.ports import TextingConsentForm
from registry.worklist.tables import Task
from tests.support import builders
from tests.support.builders import ClinicRows, PatientRows
from tests.support.clock import FakeClock
from tests.support.provider.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.support.provider_client import Provider, Sent

DEADLINE_S = 0.4
AGREED = TextingConsentForm("consent", "items_by_sms", "verbal", "texting-consent@1", "en", "risk@1")


@dataclass
class Postbox:
    """A mail relay in memory: keeps what it took, or answers with `outcome`."""

    taken: list[tuple[str, str]] = field(default_factory=list)
    outcome: Outcome | None = None

    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        if self.outcome is not None:
            return self.outcome
        self.taken.append((to, body))
        return Accepted(f"mail-{message_id}", "sent")

    async def answers(self) -> bool:
        return self.outcome is None


@dataclass
class Postroom:
    database: Database
    provider: Provider
    clock: FakeClock
    gateway: TwilioGateway
    mail: Postbox
    clinic: ClinicRows
    ana: PatientRows
    made: int = 0
    probes: dict[str, Any] = field(default_factory=dict)

    def dispatcher(self, **changes: Any) -> Dispatcher:
        whole: dict[str, Any] = {
            "database": self.database,
            "gateway": self.gateway,
            "mailer": self.mail,
            "clock": self.clock,
            "chance": lambda: 0.0,
            "probe": self._probe,
        }
        return Dispatcher(**(whole | changes))

    @property
    def upkeep(self) -> Upkeep:
        deadline = timedelta(seconds=DEADLINE_S)
        return Upkeep(database=self.database, gateway=self.gateway, clock=self.clock, deadline=deadline)

    def _probe(self, name: str) -> None:
        if name in self.probes:
            self.probes[name]()

    async def patient(self, **overrides: Any) -> PatientRows:
        """In care, agreed to everything."""
        async with self.database.begin() as tx:
            added = await builders.patient(tx, self.clinic, self.clock.now(), **overrides)
            await consent.record(tx, system(self.clinic.id), added.id, AGREED, now=self.clock.now())
        return added

    async def thread(self, patient: PatientRows, turn: int = 1) -> UUID:
        values = {
            "id": new_id(),
            "clinic_id": self.clinic.id,
            "sender_id": self.clinic.sender_id,
            "turn": turn,
        }
        values |= {"active_check_in_id": None, "state": {"mode": "idle"}, "wake_at": None, "wake_turn": None}
        values |= {"last_inbound_at": None, "created_at": self.clock.now()}
        async with self.database.begin() as tx:
            sealed = {
                "phone_key": tx.vault.lookup(patient.phone),
                "phone_sealed": tx.vault.seal(patient.phone),
            }
            await tx.execute(insert(SmsThread), values | sealed)
        return values["id"]

    async def check_in(self, patient: PatientRows, state: str = "invited") -> UUID:
        now = self.clock.now()
        values: dict[str, Any] = dict.fromkeys(column.name for column in CheckIn.__table__.c)
        values |= {"id": new_id(), "clinic_id": self.clinic.id, "patient_id": patient.id}
        values |= {"episode_id": patient.episode_id, "local_due_date": now.date(), "local_time": now.time()}
        values |= {"zone": "America/Los_Angeles", "instruments": ["phq9"], "due_at": now, "state": state}
        values |= {"not_after": now + timedelta(hours=12), "origin": "plan", "prompts": 1, "created_at": now}
        values |= {
            "queued_behind": False,
            "next_at": now + timedelta(hours=24),
            "content": "items",
            "invited_at": now,
        }
        async with self.database.begin() as tx:
            await tx.execute(insert(CheckIn), values)
        return values["id"]

    async def queue(self, kind: str = "question", whom: PatientRows | None = None, **changes: Any) -> UUID:
        """A text due now, good for two hours; to Ana unless told otherwise."""
        patient, now = whom or self.ana, self.clock.now()
        self.made += 1
        message = Message(
            clinic_id=self.clinic.id,
            kind=kind,  # type: ignore[arg-type]
            dedupe_key=f"test:{self.made}",
            to=patient.phone,
            body=f"Text {self.made}",
            template="test@1",
            not_before=now,
            not_after=now + timedelta(hours=2),
            sender_id=self.clinic.sender_id,
            phone_id=patient.phone_id,
            patient_id=patient.id,
        )
        async with self.database.begin() as tx:
            made = await delivery.enqueue(tx, msgspec.structs.replace(message, **changes), now=now)
        assert made is not None
        return made

    async def alert(self, to: str = "+12065550111", channel: str = "sms", **changes: Any) -> UUID:
        bare = {"phone_id": None, "patient_id": None, "to": to, "channel": channel}
        return await self.queue("alert", **(bare | changes))

    async def tick(self, **changes: Any) -> dict[str, int]:
        await self.provider.set_clock(self.clock.now())
        return await self.dispatcher(**changes).tick(self.clock.now())

    async def passes(self, **span: float) -> datetime:
        self.clock.advance(**span)
        await self.provider.set_clock(self.clock.now())
        return self.clock.now()

    async def reconciles(self) -> dict[str, int]:
        await self.upkeep.reap(self.clock.now())
        return await self.upkeep.reconcile(self.clock.now())

    async def row(self, outbox_id: UUID) -> Row[Any]:
        async with self.database.begin() as tx:
            found = await tx.first(select(*Outbox.__table__.c).where(Outbox.id == outbox_id))
        assert found is not None
        return found

    async def state(self, outbox_id: UUID) -> tuple[str, str | None]:
        row = await self.row(outbox_id)
        return row.state, row.reason

    async def spoil(self, outbox_id: UUID) -> None:
        """A row that can't be processed: nobody can open what is sealed in it."""
        async with self.database.begin() as tx:
            await tx.execute(update(Outbox).where(Outbox.id == outbox_id).values(to_sealed="spoilt"))

    async def sent(self, to: PatientRows | None = None) -> list[Sent]:
        return await self.provider.sent((to or self.ana).phone)

    async def tasks(self) -> list[str]:
        async with self.database.begin() as tx:
            rows = await tx.all(select(Task.kind).where(Task.done_at.is_(None)).order_by(Task.kind))
        return [row.kind for row in rows]


@asynccontextmanager
async def opened(
    database: Database, provider: Provider, clock: FakeClock, **clinic: Any
) -> AsyncIterator[Postroom]:
    async with database.begin() as tx:
        rows = await builders.clinic(tx, clock.now(), **clinic)
    await provider.configure(senders=[rows.sender_number], services={}, clock_at=clock.now().isoformat())
    gateway = TwilioGateway(
        ACCOUNT_SID,
        ACCOUNT_SID,
        AUTH_TOKEN,
        callback_base="https://clinic.example",
        deadline_s=DEADLINE_S,
        base_url=provider.base_url,
    )
    room = Postroom(database, provider, clock, gateway, Postbox(), rows, None)  # type: ignore[arg-type]
    room.ana = await room.patient()
    try:
        yield room
    finally:
        await gateway.close()
