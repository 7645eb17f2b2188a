"""Codes under many guessers at once, on both databases; and the refresh token that two use at the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, or_, select, update

from kernel.audit import AuditEvent
from kernel.db import Database, Tx
from kernel.errors import TooMany
from kernel.ids import new_code, new_token
from messaging.conversation import no_show
from messaging.delivery import claims
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.patient_access import changes, codes, messages, sessions
from messaging.patient_access import own as reads
from messaging.patient_access.rules import Account
from messaging.patient_access.sessions import SignedIn
from messaging.patient_access.tables import CodeRequest, PatientSession
from messaging.schedule.tables import CheckIn
from registry.organisation.tables import Staff
from registry.patients.tables import PatientPhone
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from registry.safety.tables import RiskSignal
from registry.worklist.tables import Task
from tests.support.alerts import statements
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import Programme

ANA, BEN = "+12065550123", "+12065550177"
BOTH = "I will kill him and then kill myself"


async def enrolled(programme: Programme, phone: str) -> PatientRows:
    patient = await programme.enrols(first_on=(programme.clock.now() + timedelta(days=3)).date(), phone=phone)
    async with programme.database.begin() as tx:
        await tx.execute(
            update(PatientPhone).where(PatientPhone.id == patient.phone_id).values(state="verified")
        )
    return patient


async def asks(programme: Programme, phone: str, code: str) -> str:
    """A code that the test knows; gives the secret of the browser or app that asked."""
    secret = new_token()
    async with programme.database.begin() as tx:
        asked = await codes.ask(tx, phone, secret=secret, now=programme.clock.now())
        await codes.send_asked(tx, asked.id, new_code=lambda *_: code, now=programme.clock.now())
    return secret


async def test_a_hundred_guessers_at_once_get_five_codes_looked_at_and_others_go_on(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    await enrolled(programme, ANA)
    ben = await enrolled(programme, BEN)
    secret, bens = await asks(programme, ANA, "493027"), await asks(programme, BEN, "118822")

    async def guess(nth: int) -> Any:
        async def body(tx: Tx) -> Any:
            return await codes.prove(tx, secret, f"{nth:06d}", now=clock.now())

        return await database.run(body)

    assert await asyncio.gather(*(guess(nth) for nth in range(100))) == [None] * 100
    async with database.begin() as tx:
        tries = select(CodeRequest.tries, CodeRequest.used_at).order_by(CodeRequest.tries.desc())
        assert [row.tries for row in await tx.all(tries)] == [5, 0]
        assert await codes.prove(tx, secret, "493027", now=clock.now()) is None
        proven = await codes.prove(tx, bens, "118822", now=clock.now())
    assert proven is not None
    assert proven.account.patient_id == ben.id


async def test_a_code_is_used_once_by_whoever_asked_and_for_ten_minutes(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    await enrolled(programme, ANA)
    secret, other = await asks(programme, ANA, "493027"), await asks(programme, ANA, "777777")
    async with database.begin() as tx:
        assert await codes.prove(tx, other, "493027", now=clock.now()) is None
        assert await codes.prove(tx, new_token(), "493027", now=clock.now()) is None
        assert await codes.prove(tx, secret, "493027", now=clock.now() + timedelta(minutes=10)) is None
        assert await codes.prove(tx, secret, "493027", now=clock.now()) is not None
        assert await codes.prove(tx, secret, "493027", now=clock.now()) is None


async def test_asking_is_the_same_work_for_every_number(database: Database, clock: FakeClock) -> None:
    """Statement by statement, so that the time of the answer tells nobody who is a patient here."""
    programme = await Programme.open(database, clock)
    await enrolled(programme, ANA)
    done: dict[str, list[str]] = {}
    for number in (ANA, BEN):
        with statements(database) as seen:
            async with database.begin() as tx:
                await codes.ask(tx, number, secret=new_token(), now=clock.now())
        done[number] = list(seen)
    assert done[ANA] == done[BEN]


async def test_a_code_whose_process_ended_before_the_text_is_sent_by_the_sweep_once(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    ana = await enrolled(programme, ANA)
    secret = new_token()
    async with database.begin() as tx:
        await codes.ask(tx, ANA, secret=secret, now=clock.now())
        await codes.ask(tx, BEN, secret=new_token(), now=clock.now())
        assert await codes.prove(tx, secret, "", now=clock.now()) is None
    known = partial(codes.send_waiting, database, clock.now(), new_code=lambda *_: "493027")
    assert (await known(), await known()) == ({"sent": 2}, {"sent": 0})
    assert [text.kind for text in await programme.sent(ana)].count("passcode") == 1
    async with database.begin() as tx:
        proven = await codes.prove(tx, secret, "493027", now=clock.now())
    assert proven is not None
    assert proven.account.patient_id == ana.id


async def test_a_code_that_cannot_be_sent_holds_up_nobody_elses(database: Database, clock: FakeClock) -> None:
    programme = await Programme.open(database, clock)
    ana, ben = await enrolled(programme, ANA), await enrolled(programme, BEN)
    async with database.begin() as tx:
        broken = update(PatientPhone).where(PatientPhone.id == ana.phone_id)
        await tx.execute(broken.values(phone_sealed="not sealed by any key"))
        await codes.ask(tx, ANA, secret=new_token(), now=clock.now())
        await codes.ask(tx, BEN, secret=new_token(), now=clock.now() + timedelta(seconds=1))
    sent = await codes.send_waiting(database, clock.now(), new_code=lambda *_: "493027")
    assert sent == {"sent": 1, "failed": 1}
    assert [text.kind for text in await programme.sent(ben)].count("passcode") == 1


async def test_asking_many_times_at_once_is_counted_one_by_one(database: Database, clock: FakeClock) -> None:
    programme = await Programme.open(database, clock)
    await enrolled(programme, ANA)

    async def ask(_: int) -> str:
        async def body(tx: Tx) -> str:
            asked = await codes.ask(tx, ANA, secret=new_token(), now=clock.now())
            await codes.send_asked(tx, asked.id, new_code=new_code, now=clock.now())
            return "asked"

        try:
            return await database.run(body)
        except TooMany:
            return "too many"

    found = await asyncio.gather(*(ask(nth) for nth in range(20)))
    assert (found.count("asked"), found.count("too many")) == (5, 15)
    assert [text.kind for text in await programme.sent(await _patient(programme))].count("passcode") == 5


async def test_of_two_who_refresh_at_once_one_gets_a_pair_and_the_device_ends(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    await enrolled(programme, ANA)
    secret = await asks(programme, ANA, "493027")
    async with database.begin() as tx:
        proven = await codes.prove(tx, secret, "493027", now=clock.now())
        assert proven is not None
        await sessions.start_device(tx, proven, "Phone", access="a" * 27, refresh="r" * 27, now=clock.now())

    async def use() -> Any:
        async def body(tx: Tx) -> Any:
            return await sessions.refresh(
                tx, "r" * 27, access=new_token(), next_refresh=new_token(), now=clock.now()
            )

        return await database.run(body)

    outcomes = await asyncio.gather(use(), use())
    assert sorted(type(found).__name__ for found in outcomes) == ["Tokens", "str"]
    assert "reused" in outcomes
    async with database.begin() as tx:
        open_ones = select(func.count()).where(PatientSession.ended_at.is_(None))
        assert await tx.scalar(open_ones) == 0


async def test_each_person_has_twenty_messages_a_day_of_their_own_and_crisis_words_are_never_too_many(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    ana = await enrolled(programme, ANA)
    form = RelatedPersonForm("Rosa Vale", "sister", BEN, "patient_agreed", ("messages",), clock.now().date())
    async with database.begin() as tx:
        person = await related.add(tx, programme.clinic.actor("care_manager"), ana.id, form, now=clock.now())
    sister = await signed_in(programme, ana, BEN, person)
    own = await signed_in(programme, ana, ANA)
    async with database.begin() as tx:
        for nth in range(20):
            await messages.write(tx, sister, f"She slept {nth} hours", now=clock.now(), alerts=ALERTS)
        with pytest.raises(TooMany):
            await messages.write(tx, sister, "She is well", now=clock.now(), alerts=ALERTS)
        assert not (await messages.write(tx, own, "See you on Friday", now=clock.now(), alerts=ALERTS)).crisis
        assert (
            await messages.write(tx, sister, "She told me: I want to die", now=clock.now(), alerts=ALERTS)
        ).crisis
        with pytest.raises(TooMany):
            await messages.write(tx, sister, "She is well again", now=clock.now(), alerts=ALERTS)
    async with database.begin() as tx:
        assert not await messages.hear_refused(
            tx, sister, "She is well again", now=clock.now(), alerts=ALERTS
        )
        assert await messages.hear_refused(tx, own, BOTH, now=clock.now(), alerts=ALERTS)
        written = await messages.write(tx, own, BOTH, now=clock.now(), alerts=ALERTS)
        ways = select(RiskSignal.toward).where(RiskSignal.source_id == written.id)
        assert {row.toward for row in await tx.all(ways)} == {"self", "others"}


@pytest.mark.parametrize("by", ["patient", "staff"])
async def test_a_number_that_is_not_safe_ends_every_session_and_refreshes_nothing(
    database: Database, clock: FakeClock, by: str
) -> None:
    programme = await Programme.open(database, clock)
    ana = await enrolled(programme, ANA)
    own, now = await signed_in(programme, ana, ANA), clock.now()
    async with database.begin() as tx:
        proven = codes.Proven(own.account, tx.vault.lookup(ANA))
        await sessions.start_device(tx, proven, "Phone", access="a" * 27, refresh="r" * 27, now=now)
        await tx.execute(update(PatientSession).values(push_platform="fcm", push_sealed="x"))
        marks = update(PatientPhone).where(PatientPhone.patient_id == ana.id)
        await tx.execute(marks.values(shared=True))
        refused = await sessions.refresh(tx, "r" * 27, access="b" * 27, next_refresh="s" * 27, now=now)
        assert refused == "refused"
        await tx.execute(marks.values(shared=False))
        if by == "patient":
            await changes.unsafe_to_text(tx, own, now=now)
        else:
            await tx.execute(marks.values(safe_to_text=False))
            await programme.schedule.contact_changed(tx, ana.id, now=now)
        open_ones = select(func.count()).where(
            or_(PatientSession.ended_at.is_(None), PatientSession.push_sealed.is_not(None))
        )
        assert await tx.scalar(open_ones) == 0
        assert (
            await sessions.refresh(tx, "r" * 27, access="b" * 27, next_refresh="s" * 27, now=now) == "refused"
        )


async def test_a_patient_tries_five_new_numbers_a_day_and_what_is_read_is_on_record(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    own = await signed_in(programme, await enrolled(programme, ANA), ANA)

    async def asks_for(tx: Tx, number: str) -> None:
        await codes.ask_for_new_number(
            tx, own.account, number, secret=new_token(), new_code=new_code, now=clock.now()
        )

    async with database.begin() as tx:
        for nth in range(5):
            await asks_for(tx, f"+1206555014{nth}")
        with pytest.raises(TooMany):
            await asks_for(tx, "+12065550149")
        clock.advance(hours=25)
        await asks_for(tx, "+12065550149")
        await reads.due_check_ins(tx, own, now=clock.now())
        await sessions.devices(tx, own, now=clock.now())
        done = {row.action for row in await tx.all(select(AuditEvent.action))}
    assert {"check_ins.read", "devices.read"} <= done


async def test_a_no_show_text_that_a_check_in_has_overtaken_is_not_sent(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    ana, now = await enrolled(programme, ANA), clock.now()
    async with database.begin() as tx:
        await no_show.ask(tx, programme.clinic.actor("care_manager"), ana.id, tx.new_id(), now=now)
        begun = update(CheckIn).where(CheckIn.patient_id == ana.id)
        assert (await tx.execute(begun.values(state="invited", invited_at=now))).rowcount == 1
    async with database.begin() as tx:
        await claims.claim(tx, now=now, limit=10)
        row: Any = await tx.first(select(Outbox.state, Outbox.reason).where(Outbox.kind == "no_show"))
    assert tuple(row) == ("suppressed", "turn_moved")


async def test_a_colleague_who_ends_texts_as_a_patient_is_an_alarm_too(
    database: Database, clock: FakeClock
) -> None:
    programme = await Programme.open(database, clock)
    own = await signed_in(programme, await enrolled(programme, ANA), ANA)
    async with database.begin() as tx:
        await tx.execute(
            update(Staff)
            .where(Staff.id == programme.clinic.clinician)
            .values(phone_key=own.phone_key, phone_verified_at=clock.now())
        )
        await messages.stop_texts(tx, own, now=clock.now())
        kinds = {row.kind for row in await tx.all(select(Task.kind))}
    assert "staff_stopped_alerts" in kinds


async def signed_in(
    programme: Programme, patient: PatientRows, phone: str, related_id: UUID | None = None
) -> SignedIn:
    async with programme.database.begin() as tx:
        account = Account(programme.clinic.id, patient.id, related_id, "en")
        secret, now = new_token(), programme.clock.now()
        proven = codes.Proven(account, tx.vault.lookup(phone))
        await sessions.start_browser(tx, proven, secret=secret, csrf="c", now=now)
        found = await sessions.load(tx, secret, "browser", now=now)
    assert found is not None
    return found


async def _patient(programme: Programme) -> PatientRows:
    async with programme.database.begin() as tx:
        row: Any = await tx.first(select(PatientPhone.id, PatientPhone.patient_id))
    return PatientRows(row.patient_id, row.patient_id, row.id, ANA)
