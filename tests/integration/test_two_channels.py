"""One check-in on two channels: when the first fails, the other one takes over, and no text leaves twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from kernel.db import Database
from kernel.errors import Invalid
from messaging.consent import emails
from messaging.consent.emails import EmailForm
from messaging.conversation.service import Conversation, Ports
from messaging.delivery.outcomes import Rejected
from messaging.delivery.reports import apply_status
from messaging.delivery.tables import Outbox
from messaging.schedule import service as schedule
from messaging.schedule.attempts import outreach_attempts
from messaging.schedule.jobs import due_check_ins
from messaging.schedule.ports import Outgoing
from registry.organisation import ladder
from registry.organisation.ladder import OutreachLadder, Reminder
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.postroom import Postroom, opened
from tests.support.programme import PUBLIC_URL, Tokens
from tests.support.provider.faults import Entry
from tests.support.provider_client import Provider

ADDRESS = "ana.rivera@mail.example"
AGREED = EmailForm(ADDRESS, "verbal", "email-consent@1")


class Office:
    """Sweeps and sends as a worker does."""

    def __init__(self, room: Postroom) -> None:
        self.room, self.tokens = room, Tokens()
        self.manager = room.clinic.actor("care_manager")

    async def enrols(self, *, mailed: bool = True, **person: Any) -> PatientRows:
        ana = await self.room.patient(**({"channel": "sms_link", "second_channel": "email"} | person))
        if mailed:
            async with self.room.database.begin() as tx:
                await emails.record(tx, self.manager, ana.id, AGREED, now=self.room.clock.now())
        return ana

    async def asks(self, ana: PatientRows) -> UUID:
        async with self.room.database.begin() as tx:
            planned = await schedule.send_now(tx, self.manager, ana.id, ["phq9"], now=self.room.clock.now())
        await self.works()
        return planned.check_in_id

    async def works(self, **later: float) -> None:
        if later:
            await self.room.passes(**later)
        out = Outgoing(
            self.tokens, PUBLIC_URL, Conversation(Ports(public_url=PUBLIC_URL, new_token=self.tokens))
        )
        await self.room.reconciles()
        await due_check_ins(self.room.database, self.room.clock.now(), out=out)
        await self.room.tick()

    async def tried(self, ana: PatientRows) -> list[tuple[str, str]]:
        """(channel, outcome), oldest first."""
        async with self.room.database.begin() as tx:
            found = await outreach_attempts(tx, self.manager, ana.id, now=self.room.clock.now())
        return [(one.channel, one.outcome) for one in reversed(found)]

    @property
    def mailed(self) -> list[str]:
        return [body for to, body in self.room.mail.taken if to == ADDRESS]


@pytest.fixture
async def office(database: Database, provider: Provider, clock: FakeClock) -> AsyncIterator[Office]:
    async with opened(database, provider, clock) as room:
        yield Office(room)


async def test_without_answer_the_second_channel_is_asked_and_then_a_person(office: Office) -> None:
    ana = await office.enrols()
    await office.asks(ana)
    await office.works(hours=24)
    assert office.mailed == []
    await office.works(hours=48)
    [mail] = office.mailed
    assert f"{PUBLIC_URL}/c/" in mail
    assert "STOP" not in mail
    await office.works(hours=24)
    assert await office.tried(ana) == [
        ("text", "sent"), ("text", "sent"), ("email", "sent"), ("call", "waiting"),
    ]  # fmt: skip
    assert len(await office.room.sent(ana)) == 2


@pytest.mark.parametrize("fault", ["400(30007)", "400(21211)"])
async def test_a_refused_invitation_goes_by_e_mail_at_once(office: Office, fault: str) -> None:
    ana = await office.enrols()
    await office.room.provider.script(fault)
    await office.asks(ana)
    await office.works(seconds=30)
    assert len(office.mailed) == 1
    assert await office.room.sent(ana) == []
    assert await office.tried(ana) == [("text", "failed"), ("email", "sent")]


async def test_an_undelivered_invitation_goes_by_e_mail(office: Office) -> None:
    ana = await office.enrols()
    await office.asks(ana)
    [sent] = await office.room.sent(ana)
    async with office.room.database.begin() as tx:
        row = await tx.scalar(select(Outbox.id).where(Outbox.provider_sid == sent.sid))
        await apply_status(tx, row, sent.sid, "undelivered", "30003", now=office.room.clock.now())
    await office.works(seconds=30)
    assert len(office.mailed) == 1
    assert len(await office.room.sent(ana)) == 1


async def test_an_invitation_nobody_can_prove_is_covered_by_the_other_channel(office: Office) -> None:
    ana = await office.enrols()
    await office.room.provider.script("timeout_after_accept", *[Entry("429", on="list")] * 40)
    await office.asks(ana)
    for _ in range(14):  # the provider's list can't be read for more than an hour
        await office.works(minutes=6)
    assert await office.tried(ana) == [("text", "not_sent"), ("email", "sent")]
    assert len(await office.room.sent(ana)) == 1  # never the text once more


async def test_where_no_address_was_agreed_to_a_person_calls(office: Office) -> None:
    ana = await office.enrols(mailed=False)
    await office.room.provider.script("400(30007)")
    await office.asks(ana)
    for hours in (24, 48, 24):
        await office.works(hours=hours)
    assert office.mailed == []
    assert ("call", "waiting") in await office.tried(ana)


async def test_a_refused_address_is_not_tried_again(office: Office) -> None:
    ana = await office.enrols(safe_to_text=False)
    office.room.mail.outcome = Rejected(400, bad_address=True)
    await office.asks(ana)
    async with office.room.database.begin() as tx:
        found = await emails.current(tx, office.manager, ana.id, now=office.room.clock.now())
    assert found is not None
    assert found.kind == "bounced"
    office.room.mail.outcome = None
    await office.works(hours=24)
    assert office.mailed == []
    assert ("call", "waiting") in await office.tried(ana)
    assert await office.room.sent(ana) == []


async def test_an_e_mail_that_waits_does_not_leave_after_the_agreement_is_taken_back(office: Office) -> None:
    ana = await office.enrols(safe_to_text=False, second_channel="email")
    async with office.room.database.begin() as tx:
        await schedule.send_now(tx, office.manager, ana.id, ["phq9"], now=office.room.clock.now())
    out = Outgoing(office.tokens, PUBLIC_URL, Conversation(Ports(public_url=PUBLIC_URL)))
    await due_check_ins(office.room.database, office.room.clock.now(), out=out)
    async with office.room.database.begin() as tx:
        await emails.withdraw(tx, office.manager, ana.id, now=office.room.clock.now() + timedelta(seconds=1))
    await office.room.tick()
    assert office.mailed == []


async def test_the_clinics_own_ladder_holds(office: Office) -> None:
    lead, clinic = office.room.clinic.actor("clinic_lead"), office.room.clinic.id
    async with office.room.database.begin() as tx:
        wanted = OutreachLadder((Reminder(48, "other"),), 72, 24)
        await ladder.set_ladder(tx, lead, clinic, wanted, now=office.room.clock.now())
        with pytest.raises(Invalid):
            await ladder.set_ladder(
                tx, lead, clinic, OutreachLadder((Reminder(1),)), now=office.room.clock.now()
            )
    ana = await office.enrols()
    await office.asks(ana)
    await office.works(hours=24)
    assert await office.tried(ana) == [("text", "sent")]
    await office.works(hours=24)
    await office.works(hours=24)
    assert await office.tried(ana) == [("text", "sent"), ("email", "sent"), ("call", "waiting")]
