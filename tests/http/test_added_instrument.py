"""A questionnaire that a clinic added as data, answered by a signed-in patient on the page and through the mobile API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from sqlalchemy import select

from api.wiring import Deps
from kernel.audit import system
from questionnaires import catalog
from registry.instruments import service
from registry.measures.tables import MeasureResult
from registry.safety.tables import RiskEvent
from tests.http.test_patient_home import ANA, Person, invited
from tests.integration.test_added_instrument import ENGLISH, SPANISH
from tests.support import app as support
from tests.support.clock import FakeClock
from tests.support.patients import PatientApp
from tests.support.programme import Programme


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test starts as a process that knows the shipped ones alone."""
    catalog._ADDED.clear()
    yield
    catalog._ADDED.clear()


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def client(deps: Deps, clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    """Of somebody whose three questions wait."""
    programme = await Programme.open(deps.system_db, clock)
    async with deps.system_db.begin() as tx:
        for file in (ENGLISH, SPANISH):
            await service.add(tx, system(None), file.read_bytes(), programme.clinic.id, now=clock.now())
    await invited(deps, programme, "calm3")
    async with support.browser(deps) as opened:
        yield opened


async def filed(deps: Deps) -> tuple[int | None, str | None, str, str]:
    async with deps.system_db.begin() as tx:
        (row,) = await tx.all(
            select(MeasureResult.total, MeasureResult.band, MeasureResult.item9, MeasureResult.channel).where(
                MeasureResult.instrument_id == "calm3"
            )
        )
    return (row.total, row.band, row.item9, row.channel)


async def events(deps: Deps) -> int:
    async with deps.system_db.begin() as tx:
        return len(await tx.all(select(RiskEvent.id)))


@pytest.mark.parametrize(("risk", "total", "danger"), [("0", 5, False), ("1", 6, True)])
async def test_on_the_page_it_is_asked_in_its_own_words_and_its_risk_item_brings_help(
    deps: Deps, client: httpx.AsyncClient, risk: str, total: int, danger: bool
) -> None:
    ana = await Person(client, deps).signs_in()
    assert "0 of 3 answered" in ana.text
    await ana.posts("/me/check-ins/" + ana.html.split('action="/me/check-ins/')[1].split('"')[0])
    assert "Question 1 of 3" in ana.text
    await ana.posts("/check-in/1", answer="3", go="next")
    assert "I stayed away from people" in ana.text
    await ana.posts("/check-in/2", answer="2", go="next")
    await ana.posts("/check-in/3", answer=risk, go="next")
    assert ("Talk to someone now" in ana.text) is danger
    assert await filed(deps) == (total, "unsettled", risk, "portal")
    assert await events(deps) == int(danger)
    assert "No questions wait for you." in (await ana.opens("/me")).text


@pytest.mark.parametrize(("risk", "total", "danger"), [(0, 5, False), (1, 6, True)])
async def test_through_the_mobile_api_it_is_offered_whole_and_its_risk_item_answers_with_help(
    deps: Deps, client: httpx.AsyncClient, risk: int, total: int, danger: bool
) -> None:
    ana = await PatientApp(client, deps).signs_in(ANA)
    (waiting,) = (await ana.gets("/check-ins"))["items"]
    (part,) = (await ana.gets(f"/check-ins/{waiting['id']}"))["parts"]
    assert (part["instrument_id"], len(part["items"])) == ("calm3", 3)
    assert [len(item["choices"]) for item in part["items"]] == [4, 4, 2]
    refused = await ana.answers(waiting["id"], ("calm3", 3, 2))
    assert refused.status_code == 422, refused.text
    answer = await ana.answers(waiting["id"], ("calm3", 1, 3), ("calm3", 2, 2), ("calm3", 3, risk))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["state"], told["crisis"], told["saved"]) == ("completed", danger, 3)
    assert await filed(deps) == (total, "unsettled", str(risk), "api")
    assert await events(deps) == int(danger)
