"""The patients' pages, as a browser without scripts sees them, over the real application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import func, select

from api.wiring import Deps
from kernel.audit import AuditEvent
from messaging.conversation.tables import SmsThread
from messaging.delivery.tables import Outbox
from messaging.escalation.service import ALERTS
from messaging.links.tables import CheckInLink, LinkVisit
from messaging.schedule import service as schedule
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.organisation.tables import Organisation
from registry.safety.tables import RiskEvent, RiskSignal
from registry.worklist.tables import Task
from tests.support import app as support
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la
from tests.support.visitor import Visitor

SEATTLE = ZoneInfo("America/Los_Angeles")
CALM = (1, 1, 0, 2, 0, 1, 0, 0, 0)
PHQ9_ITEM1 = "Little interest or pleasure in doing things"
PHQ9_ITEM1_ES = "Poco interés o placer en hacer cosas"


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


@pytest.fixture
def visitor(client: httpx.AsyncClient) -> Visitor:
    return Visitor(client)


@pytest.fixture
async def programme(deps: Deps, clock: FakeClock) -> Programme:
    return await Programme.open(deps.system_db, clock)


async def invited(programme: Programme, *instruments: str, **person: Any) -> PatientRows:
    """A patient whose link was just texted; its token is the newest."""
    tomorrow = (programme.clock.now().astimezone(SEATTLE) + timedelta(days=1)).date()
    patient = await programme.enrols(first_on=tomorrow, instruments=instruments or ("phq9",), **person)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    await programme.sweep()
    await programme.all_accepted()
    return patient


def link(programme: Programme) -> str:
    return f"/c/{programme.tokens.made[-1]}"


async def rows(deps: Deps, *columns: Any, where: Any = True) -> list[Any]:
    async with deps.system_db.begin() as tx:
        return list(await tx.all(select(*columns).where(where)))


async def count(deps: Deps, table: Any, where: Any = True) -> int:
    async with deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(where)))


async def state_of(deps: Deps) -> str:
    found = await rows(deps, CheckIn.state, where=CheckIn.invited_at.is_not(None))
    return str(found[0].state)


async def test_a_check_in_is_answered_one_question_a_screen(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await visitor.opens(link(programme))
    assert "Your check-in is ready" in visitor.text
    await visitor.presses()
    assert visitor.path == "/check-in/1"
    assert "Question 1 of 9" in visitor.text
    assert PHQ9_ITEM1 in visitor.text
    await visitor.answers(*CALM)
    assert "Question 10 of 10" in visitor.text
    await visitor.answers(1)
    assert visitor.path == "/check-in/thanks"
    assert "Thank you" in visitor.text
    assert await state_of(deps) == "portal_completed"
    results = await rows(deps, MeasureResult.total, MeasureResult.item9, MeasureResult.channel)
    assert [tuple(row) for row in results] == [(5, "0", "portal")]


async def test_the_difficulty_question_is_asked_only_after_a_problem_and_changes_no_score(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 9)
    assert visitor.path == "/check-in/thanks"
    assert await count(deps, Answer, Answer.item_no == 10) == 0


async def test_a_score_does_not_wait_for_the_difficulty_question(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*CALM)
    assert await state_of(deps) == "portal_completed"
    assert await count(deps, MeasureResult) == 1
    await visitor.presses("skip")
    assert visitor.path == "/check-in/thanks"
    kinds = await rows(deps, Answer.kind, where=Answer.item_no == 10)
    assert [row.kind for row in kinds] == ["declined"]


async def test_opening_a_link_never_uses_it_up(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, visitor: Visitor
) -> None:
    await invited(programme)
    path = link(programme)
    for agent in ("Mimecast", "facebookexternalhit/1.1", "Slackbot-LinkExpanding"):
        for method in ("GET", "HEAD", "OPTIONS") * 7:
            answer = await client.request(method, path, headers={"user-agent": agent})
            assert (answer.status_code == 200) or (method == "OPTIONS" and answer.status_code < 500)
    assert await count(deps, LinkVisit) == 0
    assert await count(deps, Answer) == 0
    await (await visitor.opens(path)).presses()
    assert visitor.path == "/check-in/1"


async def test_links_that_cannot_be_used_all_look_the_same(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    await invited(programme)
    used = link(programme)
    visitor = await (await Visitor(client).opens(used)).presses()
    await visitor.answers(*[0] * 9)
    client.cookies.clear()
    cancelled = await invited(programme, phone="+12065550177")
    revoked = link(programme)
    async with deps.system_db.begin() as tx:
        mine = CheckIn.patient_id == cancelled.id, CheckIn.state == "invited"
        check_in_id = await tx.scalar(select(CheckIn.id).where(*mine))
        await schedule.close(tx, check_in_id, state="cancelled", reason="discharged", now=clock.now())
    assert (await client.get(revoked)).status_code == 404
    await invited(programme, phone="+12065550178")
    expired = link(programme)
    assert (await client.get(expired)).status_code == 200
    clock.advance(days=8)
    answers = [await client.get(path) for path in ("/c/never-issued-0123456789ABC", used, revoked, expired)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    posted = [
        await client.post(path, data={"_csrf": deps.vault.lookup(f"check-in start {path[3:]}")})
        for path in ("/c/never-issued-0123456789ABC", used, revoked, expired)
    ]
    assert {answer.status_code for answer in posted} == {404}
    assert {answer.text for answer in posted} == {answers[0].text}
    assert all("set-cookie" not in answer.headers for answer in posted)


async def test_a_form_that_was_not_loaded_starts_nothing(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    await invited(programme)
    for path in (link(programme), "/c/never-issued-0123456789ABC"):
        for fields in ({}, {"_csrf": "guess"}):
            answer = await client.post(path, data=fields)
            assert answer.status_code == 403
            assert "Call or text 988" in answer.text
    assert await count(deps, LinkVisit) == 0


async def test_a_positive_item_9_is_stored_and_the_crisis_panel_comes_at_once(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, "phq9", "gad7")
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8, 2)
    assert visitor.path == "/check-in/support"
    for words in ("Talk to someone now", "Call 988", "911", "not around the clock"):
        assert words in visitor.text
    assert {"tel:988", "sms:988", "tel:911", "tel:+12065550100"} <= set(visitor.page.links)
    events = await rows(deps, RiskEvent.tier, RiskEvent.state)
    assert [tuple(row) for row in events] == [(2, "open")]
    assert await count(deps, Outbox, Outbox.kind == "alert") >= 1
    results = await rows(deps, MeasureResult.total, MeasureResult.item9)
    assert [tuple(row) for row in results] == [(2, "2")]
    await visitor.presses("next")
    assert "Question 10 of 17" in visitor.text
    await visitor.presses("skip")
    await visitor.answers(*[0] * 7)
    assert visitor.path == "/check-in/thanks"
    assert "Talk to someone now" in visitor.text
    assert await state_of(deps) == "portal_completed"


async def test_leaving_after_a_positive_item_9_still_alerts_and_scores(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, "phq9", "gad7")
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[1] * 8, 1)
    assert await count(deps, RiskEvent) == 1
    assert await count(deps, Outbox, Outbox.kind == "alert") >= 1
    assert [row.total for row in await rows(deps, MeasureResult.total)] == [9]


async def test_skipping_item_9_makes_a_person_look(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8)
    await visitor.presses("skip")
    assert [row.tier for row in await rows(deps, RiskEvent.tier)] == [1]
    assert [row.item9 for row in await rows(deps, MeasureResult.item9)] == ["declined"]


async def test_correcting_item_9_down_never_closes_the_event(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, "gad7", "phq9")
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8, 1)
    assert visitor.path == "/check-in/support"
    await visitor.opens("/check-in/9")
    assert visitor.path != "/check-in/9"  # the form is filed: staff correct it from here on
    assert [row.state for row in await rows(deps, RiskEvent.state)] == ["open"]


async def test_back_shows_only_answers_of_this_visit_and_a_new_answer_is_a_new_revision(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    assert "back" not in visitor.page.buttons
    await visitor.answers(1, 2)
    await visitor.presses("back")
    assert visitor.path == "/check-in/2"
    assert visitor.page.checked == ["2"]
    await visitor.presses("next", 3)
    assert visitor.path == "/check-in/3"
    revisions = await rows(deps, Answer.revision, Answer.value, where=Answer.item_no == 2)
    assert sorted(tuple(row) for row in revisions) == [(1, 2), (2, 3)]


async def test_a_second_visit_resumes_and_reads_nothing_back(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, visitor: Visitor, clock: FakeClock
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(3, 2, 1)
    client.cookies.clear()
    clock.advance(hours=2)
    again = await (await Visitor(client).opens(link(programme))).presses()
    assert again.path == "/check-in/4"
    assert "Question 4 of 9" in again.text
    assert "back" not in again.page.buttons
    for earlier in (1, 2, 3):
        await again.opens(f"/check-in/{earlier}")
        assert again.path == "/check-in/4"
        assert again.page.checked == []


async def test_questions_ahead_cannot_be_reached(deps: Deps, programme: Programme, visitor: Visitor) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    token = visitor.page.hidden["_csrf"]
    for ahead in (2, 9, 10, 11, 0, 999):
        await visitor.opens(f"/check-in/{ahead}")
        assert visitor.path == "/check-in/1"
        await visitor.client.post(f"/check-in/{ahead}", data={"_csrf": token, "answer": "3", "go": "next"})
    assert await count(deps, Answer) == 0


@pytest.mark.parametrize(
    "written", ["4", "-1", "1.5", "", "two", "²", "١", "1; DROP TABLE answer", "0" * 5000]
)
async def test_what_cannot_be_read_is_asked_again_and_loses_nothing(
    deps: Deps, programme: Programme, visitor: Visitor, written: str
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(2)
    await visitor.presses("next", written)
    assert (visitor.status, visitor.path) == (422, "/check-in/2")
    assert "Choose an answer" in visitor.text
    assert await count(deps, Answer) == 1
    await visitor.answers(1)
    assert visitor.path == "/check-in/3"


async def test_next_without_an_answer_says_so_at_the_question(programme: Programme, visitor: Visitor) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.presses("next")
    assert visitor.status == 422
    assert "Choose an answer" in visitor.text


async def test_a_double_click_answers_one_question_once(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    fields = {**visitor.page.hidden, "answer": "2", "go": "next"}
    places = [(await visitor.client.post("/check-in/1", data=fields)).headers["location"] for _ in range(3)]
    assert places == ["/check-in/2"] * 3
    assert await count(deps, Answer) == 1


async def test_a_double_click_on_the_last_question_keeps_the_crisis_panel(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8)
    fields = {**visitor.page.hidden, "answer": "3", "go": "next"}
    places = [(await visitor.client.post("/check-in/9", data=fields)).headers["location"] for _ in range(2)]
    assert places == ["/check-in/support"] * 2
    assert await count(deps, MeasureResult) == 1
    assert await count(deps, RiskEvent) == 1


def shows_the_crisis_panel(visitor: Visitor) -> bool:
    return visitor.status == 200 and "Talk to someone now" in visitor.text and "Call 988" in visitor.text


async def too_late(deps: Deps) -> list[tuple[int, str, int | None]]:
    """(tier, channel, value) of the signals of item 9 that are on file as no answer."""
    async with deps.system_db.begin() as tx:
        answers = list((await tx.execute(select(Answer.id))).scalars())
        signals = await tx.all(
            select(RiskSignal.tier, RiskSignal.channel, RiskSignal.value, RiskSignal.source_id)
        )
    return [(row.tier, row.channel, row.value) for row in signals if row.source_id not in answers]


async def test_item_9_changed_after_its_form_was_scored_is_heard(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, "phq9", "gad7")
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 9)
    await visitor.posts("/check-in/9", answer=2)
    assert visitor.path == "/check-in/support"
    assert shows_the_crisis_panel(visitor)
    assert await too_late(deps) == [(2, "portal", 2)]
    assert await count(deps, Task, Task.kind == "late_answer") == 1
    assert await count(deps, Answer, Answer.value == 2) == 0
    await visitor.presses("next")
    assert visitor.path == "/check-in/11"


async def test_item_9_sent_after_the_visit_ended_is_heard(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    token = visitor.page.hidden["_csrf"]
    await visitor.answers(*[0] * 9)
    await visitor.posts("/check-in/9", _csrf=token, answer=1)
    assert shows_the_crisis_panel(visitor)
    assert "next" not in visitor.page.buttons
    assert await too_late(deps) == [(1, "portal", 1)]


@pytest.mark.parametrize("value", [0, 3])
async def test_item_9_sent_when_the_check_in_is_over_is_heard(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock, value: int
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8)
    async with deps.system_db.begin() as tx:
        check_in_id: UUID = await tx.scalar(select(CheckIn.id).where(CheckIn.state == "in_progress"))
        await schedule.close(tx, check_in_id, state="cancelled", reason="discharged", now=clock.now())
    await visitor.presses("next", value)
    assert shows_the_crisis_panel(visitor) is (value == 3)
    assert await too_late(deps) == ([(2, "portal", 3)] if value else [])


@pytest.mark.parametrize("value", [0, 2])
async def test_item_9_sent_from_an_idle_page_is_heard(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock, value: int
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 8)
    clock.advance(minutes=40)
    await visitor.presses("next", value)
    assert shows_the_crisis_panel(visitor) is (value == 2)
    assert await too_late(deps) == ([(2, "portal", 2)] if value else [])
    assert await count(deps, Answer, Answer.item_no == 9) == 0
    assert await count(deps, Task, Task.kind == "late_answer") == (1 if value else 0)


async def test_an_idle_page_needs_its_token_too(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    clock.advance(minutes=40)
    await visitor.posts("/check-in/9", _csrf="guess", answer=3)
    assert visitor.status == 403
    assert await count(deps, RiskEvent) == 0


async def test_the_panel_is_shown_only_after_an_answer_that_alarmed(
    programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 3)
    await visitor.opens("/check-in/support")
    assert visitor.path == "/check-in/4"


async def test_spanish_from_the_first_screen_to_the_last(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, language="en")
    await visitor.opens(f"{link(programme)}?lang=es")
    assert visitor.page.language == "es"
    assert "Sus preguntas están listas" in visitor.text
    await visitor.presses()
    assert visitor.page.language == "es"
    assert PHQ9_ITEM1 not in visitor.text
    assert "Pregunta 1 de 9" in visitor.text
    await visitor.answers(*[0] * 9)
    assert "Gracias" in visitor.text
    assert [row.language for row in await rows(deps, MeasureRun.language)] == ["es"]


async def test_the_language_can_change_at_a_question(programme: Programme, visitor: Visitor) -> None:
    await invited(programme, language="es")
    await (await visitor.opens(link(programme))).presses()
    assert visitor.page.language == "es"
    await visitor.opens("/check-in/1?lang=en")
    assert PHQ9_ITEM1 in visitor.text
    await visitor.presses("next", 1)
    assert visitor.page.language == "en"
    assert visitor.path == "/check-in/2"


async def test_a_link_shows_no_name_score_measure_or_kind_of_clinic(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme, family_name="Canaryfamily", given_name="Canarygiven", mrn="CANARY-77")
    seen = [(await visitor.opens(link(programme))).html]
    await visitor.presses()
    for value in (*CALM, 1):
        seen.append(visitor.html)
        await visitor.presses("next", value)
    seen.append(visitor.html)
    for html in seen:
        for word in ("Canary", "CANARY", "PHQ", "Depress", "psych", "Moderate", "Mild", "score"):
            assert word not in html


async def test_thanks_tells_when_and_how_the_next_contact_is(
    programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    patient = await invited(programme)
    await programme.meets(patient, la(3, 12, 14, 30), "phone")
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(*[0] * 9)
    assert "Your next contact: Thursday, March 12, 2:30 PM. A phone call." in visitor.text


async def test_a_visit_ends_after_twenty_idle_minutes_and_keeps_what_was_saved(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(1)
    clock.advance(minutes=19)
    await visitor.answers(1)
    clock.advance(minutes=20)
    await visitor.opens("/check-in")
    assert visitor.status == 404
    assert await count(deps, Answer) == 2
    await (await visitor.opens(link(programme))).presses()
    assert visitor.path == "/check-in/3"


async def test_a_finished_visit_answers_nothing_more(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    token = visitor.page.hidden["_csrf"]
    await visitor.answers(*[0] * 9)
    for number in range(1, 11):
        await visitor.client.post(f"/check-in/{number}", data={"_csrf": token, "answer": "3", "go": "next"})
    assert await count(deps, Answer, Answer.value == 3) == 0
    assert (await visitor.opens(link(programme))).status == 404


async def test_an_answer_needs_the_visits_own_token(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    for headers, fields in (
        ({}, {"answer": "1"}),
        ({}, {"answer": "1", "_csrf": "guess"}),
        ({"origin": "https://elsewhere.example"}, {"answer": "1", **visitor.page.hidden}),
        ({"sec-fetch-site": "cross-site"}, {"answer": "1", **visitor.page.hidden}),
    ):
        answer = await visitor.client.post("/check-in/1", data=fields, headers=headers)
        assert answer.status_code == 403
    assert await count(deps, Answer) == 0


async def test_a_cookie_we_never_made_opens_nothing(client: httpx.AsyncClient, programme: Programme) -> None:
    client.cookies.set("evenkeel-checkin", "never-made")
    for path in ("/check-in", "/check-in/1", "/check-in/thanks", "/check-in/support"):
        assert (await client.get(path)).status_code == 404


async def test_the_portal_goes_on_where_the_texts_stopped(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    from messaging.conversation import filing

    await invited(programme)
    async with deps.system_db.begin() as tx:
        check_in_id: UUID = await tx.scalar(select(CheckIn.id).where(CheckIn.state == "invited"))
        for item in (1, 2, 3, 4, 5):
            facts = await filing.check_in(tx, check_in_id, now=clock.now(), lock=True)
            await filing.file_answer(
                tx, facts, facts.sheet.runs[0].run, item, 1,
                raw="1", channel="sms", source_id=None, now=clock.now(), alerts=ALERTS)  # fmt: skip
    await (await visitor.opens(link(programme))).presses()
    assert visitor.path == "/check-in/6"
    assert "Question 6 of 9" in visitor.text
    await visitor.answers(0, 0, 0, 0)
    results = await rows(deps, MeasureResult.total, MeasureResult.channel)
    assert [tuple(row) for row in results] == [(5, "mixed")]
    assert await count(deps, SmsThread, SmsThread.active_check_in_id.is_not(None)) == 0


async def test_a_check_in_that_was_finished_by_text_is_not_answered_again(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    from messaging.conversation import filing

    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    async with deps.system_db.begin() as tx:
        check_in_id: UUID = await tx.scalar(select(CheckIn.id).where(CheckIn.state == "invited"))
        for item in range(1, 10):
            facts = await filing.check_in(tx, check_in_id, now=clock.now(), lock=True)
            await filing.file_answer(
                tx, facts, facts.sheet.runs[0].run, item, 0,
                raw="0", channel="sms", source_id=None, now=clock.now(), alerts=ALERTS)  # fmt: skip
    await visitor.presses("next", 3)
    assert visitor.path == "/check-in/thanks"
    assert [tuple(r) for r in await rows(deps, MeasureResult.total, MeasureResult.channel)] == [(0, "sms")]


async def test_too_many_tries_get_a_page_with_the_help_line(
    client: httpx.AsyncClient, programme: Programme
) -> None:
    answers = [await client.get(f"/c/guess-{number:04d}") for number in range(130)]
    assert [a.status_code for a in answers].count(404) == 120
    last = answers[-1]
    assert last.status_code == 429
    assert "tel:988" in last.text
    assert "Please wait a moment" in last.text


async def test_every_error_page_speaks_the_patients_language_and_has_the_help_line(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, visitor: Visitor
) -> None:
    answer = await client.get("/check-in/nonsense", headers={"accept-language": "es-MX,es;q=0.9"})
    assert answer.status_code == 404
    assert 'lang="es"' in answer.text
    assert "Llame o escriba al 988" in answer.text
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await deps.db.close()
    async with deps.system_db.engine.begin() as conn:
        await conn.exec_driver_sql("ALTER TABLE check_in RENAME TO check_in_gone")
    broken = await client.get("/check-in", headers={"accept-language": "es"})
    assert broken.status_code in (500, 503)
    assert 'lang="es"' in broken.text or 'lang="en"' in broken.text
    assert "tel:988" in broken.text
    assert "check_in_gone" not in broken.text


async def test_pages_are_never_cached_indexed_or_referred_from(
    programme: Programme, client: httpx.AsyncClient
) -> None:
    await invited(programme)
    for path in (link(programme), "/c/unknown", "/check-in"):
        headers = (await client.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-robots-tag"].startswith("noindex")
        assert "script-src 'self'" in headers["content-security-policy"]


async def test_no_page_needs_a_script_or_another_host(programme: Programme, visitor: Visitor) -> None:
    await invited(programme)
    await visitor.opens(link(programme))
    await visitor.presses()
    assert "<script" not in visitor.html
    outside = [href for href in visitor.page.links if href.startswith("http")]
    assert outside == ["https://www.weather.gov/"]


async def test_each_answer_leaves_a_trace_without_its_value(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    patient = await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(1, 0, 2)
    trace = await rows(
        deps, AuditEvent.actor_kind, AuditEvent.actor_id, AuditEvent.patient_id, AuditEvent.object_id,
        AuditEvent.object_type, AuditEvent.detail, where=AuditEvent.action == "answer.saved",
    )  # fmt: skip
    (run_id,) = [row.id for row in await rows(deps, MeasureRun.id)]
    assert [tuple(row) for row in trace] == [
        ("patient", patient.id, patient.id, run_id, "measure_run", {"item": item}) for item in (1, 2, 3)
    ]


async def test_starting_a_visit_leaves_a_trace_without_the_token(
    deps: Deps, programme: Programme, visitor: Visitor
) -> None:
    patient = await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    found = await rows(
        deps, AuditEvent.patient_id, AuditEvent.actor_kind, where=AuditEvent.action == "link_visit.started"
    )
    assert [tuple(row) for row in found] == [(patient.id, "patient")]
    hashes = await rows(deps, CheckInLink.token_hash)
    assert programme.tokens.made[-1] not in {row.token_hash for row in hashes}


async def test_a_visit_never_outlives_its_check_in(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    await visitor.answers(1)
    async with deps.system_db.begin() as tx:
        check_in_id = await tx.scalar(select(CheckIn.id).where(CheckIn.state == "in_progress"))
        await schedule.close(tx, check_in_id, state="cancelled", reason="discharged", now=clock.now())
    await visitor.presses("next", 1)
    assert visitor.status == 404
    assert await count(deps, Answer) == 1


async def test_texts_are_quiet_while_the_patient_answers_here(
    deps: Deps, programme: Programme, visitor: Visitor, clock: FakeClock
) -> None:
    await invited(programme)
    await (await visitor.opens(link(programme))).presses()
    clock.advance(minutes=2)
    await visitor.answers(1)
    found = await rows(deps, LinkVisit.last_answer_at, LinkVisit.started_at)
    assert [row.last_answer_at - row.started_at for row in found] == [timedelta(minutes=2)]


async def test_pages_of_several_clinics_do_not_guess_which(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    from tests.support import builders

    async with deps.system_db.begin() as tx:
        await builders.clinic(tx, deps.clock.now(), name="Second Clinic", text_name="Second Clinic")
        assert await tx.scalar(select(func.count()).select_from(Organisation)) == 0
    page = await client.get("/c/unknown")
    assert "Harbor Clinic" not in page.text
    assert "Second Clinic" not in page.text
    assert "tel:988" in page.text
