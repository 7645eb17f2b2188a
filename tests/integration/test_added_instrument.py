"""A questionnaire that a clinic brings as data works like those that ship: by text, on the page, by staff, in the trend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from kernel.audit import system
from kernel.db import Database
from kernel.errors import Conflict, Invalid
from messaging.escalation.service import ALERTS
from messaging.links import answering
from messaging.links import service as links
from messaging.schedule import service as schedule
from questionnaires import catalog
from questionnaires.catalog import InvalidContent
from registry.instruments import queries, service
from registry.measures import service as measures
from registry.measures.rules import ItemsForm
from registry.measures.tables import MeasureResult
from registry.plans import service as plans
from registry.plans.rules import PlanLine
from registry.worklist.tables import RegistryLine
from tests.support.clock import FakeClock
from tests.support.conversations import Desk

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
ENGLISH, SPANISH = (EXAMPLES / f"calm3.{language}.json" for language in ("en", "es"))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test starts as a process that knows the shipped ones alone."""
    catalog._ADDED.clear()
    yield
    catalog._ADDED.clear()


@pytest.fixture
async def desk(database: Database, clock: FakeClock) -> Desk:
    made = await Desk.open(database, clock)
    async with database.begin() as tx:
        for file in (ENGLISH, SPANISH):
            await service.add(tx, system(None), file.read_bytes(), made.clinic.id, now=clock.now())
    return made


async def filed(desk: Desk) -> list[tuple[int | None, str | None, str, str]]:
    async with desk.database.begin() as tx:
        rows = await tx.all(
            select(MeasureResult.total, MeasureResult.band, MeasureResult.item9, MeasureResult.channel)
            .where(MeasureResult.instrument_id == "calm3")
            .order_by(MeasureResult.filed_at)
        )
    return [(row.total, row.band, row.item9, row.channel) for row in rows]


async def test_it_is_asked_by_text_in_its_own_words_and_filed(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("calm3",))
    assert "In the last 7 days:" in await ana.last()
    await ana.says("Most days", "1")
    assert "1 = Yes" in await ana.last()
    await ana.says("No")
    assert await ana.check_in_state() == "completed"
    assert await filed(desk) == [(3, "unsettled", "0", "sms")]
    assert await desk.events() == []
    async with desk.database.begin() as tx:
        shown = await tx.scalar(select(RegistryLine.other_scores))
    assert shown == [{"instrument": "calm3", "first": 3, "last": 3}]


async def test_its_risk_item_alarms_by_text_and_what_it_does_not_offer_is_asked_again(desk: Desk) -> None:
    ana = await desk.enrols(language="es")
    await desk.asks(ana, ("calm3",))
    await ana.says("Casi nunca", "all the time")  # the words of both languages
    await ana.says("1")
    assert await desk.events() == [(1, "self", "open")]
    assert await ana.last_kind() == "crisis"
    assert await filed(desk) == [(4, "unsettled", "1", "sms")]


async def test_a_value_outside_its_scale_to_the_risk_item_is_a_signal(desk: Desk) -> None:
    ana = await desk.enrols()
    await desk.asks(ana, ("calm3",))
    await ana.says("0", "0", "3")
    assert await desk.events() == [(1, "self", "open")]
    assert "from 0 to 1" in await ana.last()
    assert await filed(desk) == []


async def test_texts_and_page_fill_one_form(desk: Desk) -> None:
    ana = await desk.enrols()
    check_in_id = await desk.asks(ana, ("calm3",))
    await ana.says("2")
    async with desk.database.begin() as tx:
        await links.issue(tx, check_in_id, token="token-of-the-page-000000001", now=desk.clock.now())
        visit = await links.start_visit(
            tx, "token-of-the-page-000000001", secret="cookie", csrf="form", now=desk.clock.now()
        )
        assert visit is not None
        found = await answering.progress(tx, visit, "en", now=desk.clock.now())
        assert [one.item.text for one in found.asked][1:2] == ["I stayed away from people"]
        assert found.waiting is not None
        assert found.waiting.number == 2
        assert await answering.answer(tx, visit, 2, 3, "en", now=desk.clock.now(), alerts=ALERTS) == "saved"
        with pytest.raises(Invalid):
            await answering.answer(tx, visit, 3, 2, "en", now=desk.clock.now(), alerts=ALERTS)
        assert await answering.answer(tx, visit, 3, 1, "en", now=desk.clock.now(), alerts=ALERTS) == "danger"
    assert await filed(desk) == [(6, "unsettled", "1", "mixed")]
    assert await desk.events() == [(1, "self", "open")]


async def test_staff_plan_it_and_enter_it(desk: Desk) -> None:
    ana = await desk.enrols()
    now, manager = desk.clock.now(), desk.clinic.actor("care_manager")
    async with desk.database.begin() as tx:
        line = PlanLine("calm3", 7, now.time().replace(hour=10, minute=0), now.date())
        await plans.set_plan(tx, manager, ana.id, (line,), now=now, outreach=_Quiet())
        form = ItemsForm(ana.id, "calm3", {1: 3, 2: 3, 3: 1}, now.date(), "paper")
        result = await measures.enter_items(tx, manager, form, now=now, alerts=_Quiet())
        assert (result.total, result.item9) == (7, "1")


async def test_another_clinic_can_neither_ask_nor_replace_it(
    desk: Desk, database: Database, clock: FakeClock
) -> None:
    other = await Desk.open(database, clock)
    bob = await other.enrols()
    async with database.begin() as tx:
        names = [one.id for one in await queries.offered(tx, other.clinic.id)]
        assert names == ["phq9", "gad7", "phq2", "gad2"]
        with pytest.raises(Invalid, match="must be among"):
            await schedule.send_now(
                tx, other.clinic.actor("care_manager"), bob.id, ("calm3",), now=clock.now()
            )
        with pytest.raises(Conflict, match="belongs to another clinic"):
            await service.add(tx, system(None), ENGLISH.read_bytes(), other.clinic.id, now=clock.now())
        with pytest.raises(Conflict, match="is there already"):
            await service.add(tx, system(None), ENGLISH.read_bytes(), desk.clinic.id, now=clock.now())


async def test_what_is_wrong_with_a_file_is_said_all_at_once(desk: Desk) -> None:
    raw = (
        ENGLISH.read_bytes()
        .replace(b'"id": "calm3"', b'"id": "Calm 3"')
        .replace(b'"max_total": 7', b'"max_total": 9')
        .replace(b'"value": 1, "label": "Yes"', b'"value": 5, "label": "Yes"')
    )
    async with desk.database.begin() as tx:
        with pytest.raises(InvalidContent) as refused:
            await service.add(tx, system(None), raw, desk.clinic.id, now=desk.clock.now())
    assert "item 3 must number its choices 0, 1, 2 ... without a gap" in refused.value.problems
    assert "id needs 2 to 24 small letters and digits, a letter first" in refused.value.problems
    assert "max_total must be 11, the sum of the highest choices" in refused.value.problems


class _Quiet:
    """The rooms above, where nothing follows."""

    async def plan_changed(self, tx: object, patient_id: UUID, *, now: object) -> None: ...

    async def first_alert(self, tx: object, event_id: UUID, *, now: object) -> None: ...
