"""(g) Risk alerts: from the commit of a positive item 9 to the first alert that the provider took, in clinic time.

1,000 answers, one a second, over 250 clinics, each with people of its own. No doorbell rings: the dispatcher comes by
every five seconds, as it does while Redis is down, so this is the slower of the two ways. Clinic time passes by the
second and, while something is done, as long as that takes.
"""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from bench.measuring import Row
from bench.processes import asgi
from bench.world import NOW, World, build, invented_numbers
from kernel.db import Database
from messaging.delivery.dispatch import Dispatcher
from messaging.delivery.outcomes import Accepted, Outcome
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS, repeat_alerts
from messaging.gateways.twilio import TwilioGateway
from registry.organisation.tables import Staff
from registry.safety import service as safety
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent
from tests.support import builders
from tests.support.builders import ClinicRows, PatientRows
from tests.support.servers import PostgresServer

CLINICS, ANSWERS = 250, 1_000
TICK_S = 5
P99_S, MAX_S = 10.0, 30.0
Person = tuple[ClinicRows, PatientRows]


class Passing:
    """Clinic time: what was passed on purpose, and the real time since the last such step."""

    def __init__(self, start: datetime) -> None:
        self._base, self._since = start, time.perf_counter()

    def now(self) -> datetime:
        return self._base + timedelta(seconds=time.perf_counter() - self._since)

    def reach(self, moment: datetime) -> None:
        """Forward, never back: work that took longer than the pause has used it up."""
        self._base, self._since = max(self.now(), moment), time.perf_counter()


class Relay:
    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        return Accepted(f"mail-{message_id}", "sent")

    async def answers(self) -> bool:
        return True


async def measure(server: PostgresServer) -> list[Row]:
    world = await build(server, "alerts")
    database = world.database()
    people = await _people(world, database)
    clock = Passing(NOW)
    with asgi("bench.stub:slow") as running:
        gateway = _gateway(running.port)
        dispatcher = Dispatcher(
            database=database, gateway=gateway, mailer=Relay(), clock=clock, chance=lambda: 0.5
        )
        for second in range(ANSWERS + 2 * TICK_S):
            clock.reach(NOW + timedelta(seconds=second))
            if second < ANSWERS:
                await _answer(database, people[second], clock.now())
            if second % TICK_S == TICK_S - 1:
                await dispatcher.tick(clock.now())
            if second % 10 == 9:
                await repeat_alerts(database, clock.now())
        await gateway.close()
    waits = await _waits(database)
    await database.close()
    await world.drop()
    return [_row(waits)]


async def _people(world: World, database: Database) -> list[Person]:
    """Four patients in each clinic; each member of staff with a phone and an address of their own."""
    found: list[Person] = []
    clinics: list[ClinicRows] = []
    for _ in range(CLINICS):
        async with database.begin() as tx:
            clinic = await builders.clinic(tx, NOW - timedelta(days=30))
            clinics.append(clinic)
            for _ in range(ANSWERS // CLINICS):
                found.append((clinic, await builders.patient(tx, clinic, NOW - timedelta(days=7))))
    async with database.begin() as tx:
        staff = [row.id for row in await tx.all(select(Staff.id).order_by(Staff.id))]
        for staff_id, number in zip(staff, invented_numbers(len(staff)), strict=True):
            sealed = {"phone_sealed": tx.vault.seal(number), "phone_key": tx.vault.lookup(number)}
            await tx.execute(update(Staff).where(Staff.id == staff_id).values(**sealed))
    await world.settle()
    return sorted(found, key=lambda person: person[1].id.bytes[::-1])  # no clinic twice in a row


async def _answer(database: Database, person: Person, now: datetime) -> None:
    clinic, patient = person
    async with database.begin() as tx:
        await safety.signal(
            tx,
            Signal(
                clinic.id, patient.id, patient.episode_id, "item9", 2, "self", 2,
                "answer", UUID(int=patient.id.int ^ 1), "sms", "item9-1",
            ),
            now=now,
            alerts=ALERTS,
        )  # fmt: skip


async def _waits(database: Database) -> list[float]:
    """Seconds from each event's commit to its first accepted text. Raises when one event has none."""
    async with database.begin() as tx:
        rows = await tx.all(
            select(RiskEvent.opened_at, func.min(Outbox.accepted_at).label("at"))
            .join(Outbox, Outbox.event_id == RiskEvent.id)
            .where(Outbox.channel == "sms")
            .group_by(RiskEvent.id, RiskEvent.opened_at)
        )
    found = [(row.at - row.opened_at).total_seconds() for row in rows if row.at is not None]
    if len(found) != ANSWERS:
        raise RuntimeError(f"{ANSWERS} events, {len(found)} of them alerted")
    return sorted(found)


def _row(waits: list[float]) -> Row:
    p99 = waits[-(len(waits) // 100) - 1]
    return Row(
        name="(g) risk alert: commit to provider, p99",
        unit="s",
        ours=(p99,),
        target=f"<= {P99_S:.0f} s, max {MAX_S:.0f} s",
        met=p99 <= P99_S and waits[-1] <= MAX_S,
        notes=(
            f"{ANSWERS} answers, one a second, {CLINICS} clinics; no doorbell, a tick every {TICK_S} s",
            f"median {statistics.median(waits):.1f} s, longest {waits[-1]:.1f} s; provider answers after 50 ms",
        ),
    )


def _gateway(port: int) -> TwilioGateway:
    return TwilioGateway(
        "AC" + "0" * 32,
        "AC" + "0" * 32,
        "secret",
        callback_base="https://bench.example",
        deadline_s=10.0,
        base_url=f"http://127.0.0.1:{port}",
    )
