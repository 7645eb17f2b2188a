"""Links and visits on both databases, also through the web role behind the clinic wall."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, select

from kernel.db import Database
from kernel.errors import NotFound
from messaging.escalation.service import ALERTS
from messaging.links import answering
from messaging.links import service as links
from messaging.links.service import Visit
from messaging.links.tables import CheckInLink, LinkVisit
from messaging.schedule import service as schedule
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer, MeasureResult
from registry.safety.tables import RiskEvent
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la

SEATTLE = ZoneInfo("America/Los_Angeles")


@pytest.fixture
async def programme(database: Database, clock: FakeClock) -> Programme:
    return await Programme.open(database, clock)


async def offered(programme: Programme, **person: Any) -> UUID:
    """A check-in whose invitation has just gone out."""
    tomorrow = (programme.clock.now().astimezone(SEATTLE) + timedelta(days=1)).date()
    patient = await programme.enrols(first_on=tomorrow, instruments=("phq9",), **person)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    await programme.sweep()
    async with programme.database.begin() as tx:
        found: UUID = await tx.scalar(
            select(CheckIn.id).where(CheckIn.patient_id == patient.id, CheckIn.state == "invited")
        )
    return found


async def linked(programme: Programme, check_in_id: UUID) -> str:
    token = programme.tokens()
    async with programme.database.begin() as tx:
        await links.issue(tx, check_in_id, token=token, now=programme.clock.now())
    return token


async def visit(database: Database, token: str, clock: FakeClock) -> Visit | None:
    async with database.begin() as tx:
        return await links.start_visit(tx, token, secret=f"cookie of {token}", csrf="form", now=clock.now())


async def test_only_the_hash_of_a_token_is_stored(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    check_in_id = await offered(programme)
    async with app_database.begin(programme.clinic.id) as tx:
        path = await links.issue(tx, check_in_id, token="a-secret-token-of-160-bits", now=clock.now())
        stored = [row.token_hash for row in await tx.all(select(CheckInLink.token_hash))]
    assert path == "/c/a-secret-token-of-160-bits"
    assert all("a-secret" not in value for value in stored)
    async with app_database.begin() as tx:
        found = await links.find(tx, "a-secret-token-of-160-bits", now=clock.now())
    assert found is not None
    assert (found.check_in_id, found.instruments) == (check_in_id, ("phq9",))


async def test_a_link_for_nothing_is_refused(
    programme: Programme, database: Database, clock: FakeClock
) -> None:
    with pytest.raises(NotFound):
        async with database.begin() as tx:
            await links.issue(tx, tx.new_id(), token="t" * 27, now=clock.now())


async def test_a_link_ends_with_its_check_in(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    await offered(programme)
    token = programme.tokens.made[-1]
    started = await visit(app_database, token, clock)
    assert started is not None
    async with app_database.begin() as tx:
        seen = await links.visit(tx, f"cookie of {token}", now=clock.now())
        assert seen == started
        assert await answering.answer(tx, started, 1, 2, "en", now=clock.now(), alerts=ALERTS) == "saved"
        ends = (await links.find(tx, token, now=clock.now())).expires_at  # type: ignore[union-attr]
    assert ends - clock.now() <= timedelta(hours=72)
    async with app_database.begin() as tx:
        assert await links.find(tx, token, now=ends - timedelta(seconds=1)) is not None
        assert await links.find(tx, token, now=ends) is None


async def test_revoking_takes_back_every_link_of_a_check_in(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    check_in_id = await offered(programme)
    async with app_database.begin(programme.clinic.id) as tx:
        await links.issue(tx, check_in_id, token="second", now=clock.now())
        assert await links.revoke(tx, check_in_id, now=clock.now()) == 2
    for token in ("second", programme.tokens.made[-1]):
        assert await visit(app_database, token, clock) is None
    async with app_database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(LinkVisit)) == 0


async def test_every_token_takes_the_same_statements(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    check_in_id = await offered(programme)
    good = await linked(programme, check_in_id)
    other_id = await offered(programme, phone="+12065550166")
    revoked = await linked(programme, other_id)
    async with app_database.begin(programme.clinic.id) as tx:
        await links.revoke(tx, other_id, now=clock.now())
    seen: dict[str, list[str]] = {}
    for name, token, now in (
        ("good", good, clock.now()),
        ("revoked", revoked, clock.now()),
        ("expired", good, clock.now() + timedelta(days=9)),
        ("unknown", "never-issued", clock.now()),
        ("odd", "\ud800" * 5, clock.now()),
    ):
        statements: list[str] = []

        def note(conn: Any, cursor: Any, statement: str, *_: Any, into: list[str] = statements) -> None:
            into.append(statement)

        event.listen(app_database.engine.sync_engine, "before_cursor_execute", note)
        async with app_database.begin() as tx:
            await links.find(tx, token, now=now)
        event.remove(app_database.engine.sync_engine, "before_cursor_execute", note)
        seen[name] = statements
    assert len({tuple(statements) for statements in seen.values()}) == 1


async def test_a_visit_sees_only_its_own_check_in(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    first = await visit(app_database, await linked(programme, await offered(programme)), clock)
    other_id = await offered(programme, phone="+12065550166")
    second = await visit(app_database, await linked(programme, other_id), clock)
    assert first is not None
    assert second is not None
    async with app_database.begin(programme.clinic.id) as tx:
        await answering.answer(tx, first, 1, 3, "en", now=clock.now(), alerts=ALERTS)
        other = await answering.progress(tx, second, "en", now=clock.now())
    assert all(one.standing is None for one in other.asked)


async def test_two_last_answers_at_once_make_one_result_and_one_event(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    """A double click, and a second browser with the same link."""
    await offered(programme)
    token = programme.tokens.made[-1]
    one = await visit(app_database, token, clock)
    async with app_database.begin() as tx:
        two = await links.start_visit(tx, token, secret="another browser", csrf="form", now=clock.now())
    assert one is not None
    assert two is not None
    for number in range(1, 9):
        async with app_database.begin(one.clinic_id) as tx:
            await answering.answer(tx, one, number, 0, "en", now=clock.now(), alerts=ALERTS)

    async def last(visit: Visit, value: int) -> str:
        return await app_database.run(
            lambda tx: answering.answer(tx, visit, 9, value, "en", now=clock.now(), alerts=ALERTS),
            one.clinic_id,
        )

    outcomes = await asyncio.gather(last(one, 2), last(one, 2), last(two, 1))
    assert "danger" in outcomes
    async with app_database.begin(one.clinic_id) as tx:
        assert await tx.scalar(select(func.count()).select_from(MeasureResult)) == 1
        assert await tx.scalar(select(func.count()).select_from(RiskEvent)) == 1
        standing = Answer.replaced_at.is_(None)
        assert (
            await tx.scalar(select(func.count()).select_from(Answer).where(Answer.item_no == 9, standing))
            == 1
        )
        assert (
            await tx.scalar(select(CheckIn.state).where(CheckIn.id == one.check_in_id)) == "portal_completed"
        )


async def test_a_cancelled_check_in_takes_no_answer(
    programme: Programme, app_database: Database, clock: FakeClock
) -> None:
    check_in_id = await offered(programme)
    started = await visit(app_database, programme.tokens.made[-1], clock)
    assert started is not None
    async with app_database.begin(programme.clinic.id) as tx:
        await schedule.close(tx, check_in_id, state="cancelled", reason="discharged", now=clock.now())
        assert await answering.answer(tx, started, 1, 3, "en", now=clock.now(), alerts=ALERTS) == "refused"
        assert await tx.scalar(select(func.count()).select_from(Answer)) == 0
