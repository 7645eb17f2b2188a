"""The fictional clinic: whole, consistent, the same for the same seed; its phones and its clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import phonenumbers
import pytest
from sqlalchemy import func, select

from api.demo import people, story
from api.demo.dice import Dice
from api.demo.routes import TIME_TO_READ
from api.demo.seed import access_lines, opening_moment, seed
from api.wiring import Deps
from kernel.clock import ShiftedClock
from kernel.errors import Conflict
from messaging.conversation.tables import InboundMessage
from messaging.delivery.tables import Outbox
from messaging.schedule.tables import CheckIn
from questionnaires.catalog import load
from registry.episodes.tables import Episode
from registry.flags.rules import RULES
from registry.measures.tables import MeasureRun
from registry.organisation import queries as organisation
from registry.patients.tables import Patient, PatientPhone
from registry.recommendations.tables import RecommendationStep
from registry.referrals.tables import Referral
from registry.safety.tables import RiskEvent
from registry.stepped_care.tables import StepProposal
from registry.time_log.tables import TimeEntry
from registry.worklist import service as worklist
from registry.worklist.tables import RaisedRule, RegistryLine, Task
from tests.support import app as support
from tests.support import databases
from tests.support.clock import FakeClock
from tests.support.demo import WEDNESDAY, MovedClock, as_demo
from tests.support.visitor import PageReader, Visitor

SEATTLE = ZoneInfo("America/Los_Angeles")


@pytest.fixture
async def deps(demo_file: Path, tmp_path: Path) -> AsyncIterator[Deps]:
    """A copy of the seeded demo of its own."""
    url = databases.sqlite_copy(demo_file, tmp_path / "demo.db")
    async with support.test_deps(url, MovedClock(WEDNESDAY), mode="demo") as made:
        yield as_demo(made)


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


async def rows(deps: Deps, *columns: Any, where: Any = True) -> list[Any]:
    async with deps.system_db.begin() as tx:
        return list(await tx.all(select(*columns).where(where)))


async def test_registry_lines_say_what_the_facts_say(deps: Deps) -> None:
    async with deps.system_db.begin() as tx:
        for clinic in await organisation.clinics(tx):
            assert await worklist.drift(tx, clinic.id, deps.clock.now()) == []
            assert await worklist.find_lost(tx, clinic.id, deps.clock.now()) == []


async def test_it_holds_the_courses_of_care_it_promises(deps: Deps) -> None:
    statuses = Counter(row.status for row in await rows(deps, Episode.status))
    assert statuses["active"] >= 40
    assert {"referred", "relapse_prevention", "on_hold", "inactive_disengaged", "ended"} <= set(statuses)
    states = {row.state for row in await rows(deps, CheckIn.state)}
    assert {
        "scheduled", "invited", "in_progress", "completed", "portal_completed", "partial_expired",
        "opted_out", "missed",
    } <= states  # fmt: skip
    real = RiskEvent.is_drill.is_(False)  # the scheduled drill runs in the demo too
    events = [(row.tier, row.state) for row in await rows(deps, RiskEvent.tier, RiskEvent.state, where=real)]
    assert sorted(events) == [(1, "closed"), (2, "open")]
    kinds = {row.kind for row in await rows(deps, Task.kind, where=Task.done_at.is_(None))}
    assert {
        "safety_event", "severe_score", "inbound_text", "opted_out", "unknown_number", "unanswered_check_in",
        "hold_review",
    } <= kinds  # fmt: skip


async def test_it_shows_every_rule_and_each_state_beside_the_scores(deps: Deps) -> None:
    met = {row.rule for row in await rows(deps, RaisedRule.rule, where=RaisedRule.outcome == "met")}
    assert met == set(RULES)
    assert {row.state for row in await rows(deps, Referral.state)} == {
        "sent",
        "appointment",
        "not_seen",
        "seen",
    }
    steps = {row.step for row in await rows(deps, RecommendationStep.step)}
    assert {"sent", "accepted", "declined", "ordered", "told", "escalated"} <= steps
    proposed = {row.kind for row in await rows(deps, StepProposal.kind, where=StepProposal.state == "open")}
    assert {"step_up", "side_effects", "score"} <= proposed


async def test_contacts_are_due_today_overdue_and_ahead(deps: Deps) -> None:
    now = deps.clock.now()
    at = [row.next_contact_at for row in await rows(deps, Episode.next_contact_at) if row.next_contact_at]
    today = now.astimezone(SEATTLE).date()
    assert sum(moment < now for moment in at) >= 3
    assert sum(moment >= now and moment.astimezone(SEATTLE).date() == today for moment in at) >= 3
    assert sum(moment > now + timedelta(days=1) for moment in at) >= 20


async def test_every_stored_score_is_the_score_of_its_answers(deps: Deps) -> None:
    from registry.measures import queries, rules

    async with deps.system_db.begin() as tx:
        runs = await tx.all(
            select(MeasureRun.id)
            .where(MeasureRun.state != "open", MeasureRun.source != "staff_total")  # a total has no answers
            .order_by(MeasureRun.id)
            .limit(900)
        )
        for run_id in [row.id for row in runs][::7]:
            run = await queries.run_facts(tx, run_id)
            answers = await queries.current_answers(tx, run_id)
            result = await queries.result_or_none(tx, run_id)
            if result is None:
                assert answers == ()
                continue
            instrument = load(run.instrument_id, run.language, run.instrument_version)
            expected = rules.outcome(instrument, answers)
            assert (result.total, result.band, result.item9) == (
                expected.score.total, expected.score.band, expected.item9,
            )  # fmt: skip


async def test_nobody_works_on_two_patients_at_once_and_nothing_lies_in_the_future(deps: Deps) -> None:
    now = deps.clock.now()
    by_person: dict[Any, list[tuple[datetime, datetime]]] = {}
    console = TimeEntry.created_at < now
    for row in await rows(deps, TimeEntry.staff_id, TimeEntry.started_at, TimeEntry.seconds, where=console):
        ends = row.started_at + timedelta(seconds=row.seconds)
        assert ends <= now
        by_person.setdefault(row.staff_id, []).append((row.started_at, ends))
    for spans in by_person.values():
        spans.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(spans))


async def test_minutes_make_months_of_every_size_and_some_do_not_count(deps: Deps) -> None:
    minutes = [row.counted_seconds // 60 for row in await rows(deps, RegistryLine.counted_seconds)]
    assert min(minutes) == 0
    assert len(set(minutes)) >= 10
    activities = {row.activity for row in await rows(deps, TimeEntry.activity)}
    assert {"clerical", "oversight", "psychotherapy", "case_review", "patient_contact"} <= activities


async def test_every_person_is_invented(deps: Deps) -> None:
    async with deps.system_db.begin() as tx:
        numbers = [tx.vault.open(row.phone_sealed) for row in await tx.all(select(PatientPhone.phone_sealed))]
    assert len(set(numbers)) == len(numbers) == 65
    for number in (*numbers, people.HARBOR.number, people.PINE.number):
        assert number[-7:-2] == "55501"
        assert phonenumbers.is_valid_number(phonenumbers.parse(number))
    names = await rows(deps, Patient.given_name, Patient.family_name, where=Patient.is_test.is_(False))
    assert len({tuple(row) for row in names}) == 65


async def test_spanish_speakers_are_written_to_in_spanish(deps: Deps) -> None:
    async with deps.system_db.begin() as tx:
        texts = await tx.all(
            select(Outbox.body_sealed)
            .join(Patient, Patient.id == Outbox.patient_id)
            .where(Patient.language == "es", Outbox.kind == "invitation")
        )
        bodies = [tx.vault.open(row.body_sealed) for row in texts]
    assert bodies
    assert all("your check-in" not in body for body in bodies)


async def test_no_text_left_and_every_row_has_its_reason(deps: Deps) -> None:
    found = await rows(deps, Outbox.state, Outbox.kind, Outbox.channel)
    assert {row.state for row in found if row.channel == "sms" and row.kind != "alert"} == {"simulated"}


def test_the_same_seed_tells_the_same_story() -> None:
    today = WEDNESDAY.date()
    told = story.cast(60, today, Dice(20), scenes=True)
    assert told == story.cast(60, today, Dice(20), scenes=True)
    assert told != story.cast(60, today, Dice(21), scenes=True)


@pytest.mark.parametrize("total", range(28))
def test_answers_add_up_to_their_total(total: int) -> None:
    values = story.spread(total, 9, ("any",), Dice(1))
    assert sum(values.values()) == total
    assert set(values.values()) <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-18T10:30", "2026-03-18T10:30"),  # Wednesday, in office hours
        ("2026-03-18T07:00", "2026-03-18T10:15"),
        ("2026-03-18T16:30", "2026-03-19T10:15"),
        ("2026-03-19T18:00", "2026-03-25T10:15"),  # Thursday evening: the next Wednesday
        ("2026-03-21T12:00", "2026-03-25T10:15"),  # Saturday
        ("2026-03-16T09:00", "2026-03-18T10:15"),  # Monday
        ("2026-03-31T09:00", "2026-04-15T10:15"),  # the month must have some days behind it
    ],
)
def test_it_opens_on_a_working_day(now: str, opens: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=SEATTLE).astimezone(UTC)
    expected = datetime.fromisoformat(opens).replace(tzinfo=SEATTLE)
    assert opening_moment(moment, "America/Los_Angeles") == expected


async def test_seeding_again_changes_nothing_and_goes_on_where_the_clock_was(deps: Deps) -> None:
    before = await rows(deps, func.count(Patient.id))
    clock = ShiftedClock(WEDNESDAY - timedelta(days=30) - datetime.now(UTC))
    again = msgspec.structs.replace(deps, clock=clock)
    await seed(again)
    assert await rows(deps, func.count(Patient.id)) == before
    assert clock.now() >= WEDNESDAY - timedelta(minutes=1)


async def test_a_real_organisations_database_is_refused(sqlite_url: str, clock: FakeClock) -> None:
    async with support.test_deps(sqlite_url, clock, mode="demo") as deps:
        await support.found_clinic(deps)
        with pytest.raises(Conflict):
            await seed(deps)
        assert [row.kind for row in await rows(deps, Patient.id)] == []


async def test_a_real_deployment_is_refused(sqlite_url: str, clock: FakeClock) -> None:
    async with support.test_deps(sqlite_url, clock, mode="standard") as deps:
        with pytest.raises(Conflict):
            await seed(deps)


async def test_the_demo_never_goes_live(deps: Deps) -> None:
    from api.demo.clinics import OPERATOR
    from kernel.errors import Invalid
    from registry.launch.going_live import go_live

    async with deps.system_db.begin() as tx:
        clinic = (await organisation.clinics(tx))[0]
        with pytest.raises(Invalid):
            await go_live(tx, OPERATOR, clinic.id, deps.deployment, now=deps.clock.now())


async def test_the_lines_printed_name_every_role(deps: Deps) -> None:
    given = await seed(deps)
    text = "\n".join(access_lines(given))
    for role in ("care_manager", "clinician", "consultant", "clinic_lead", "biller", "administrator"):
        assert f"/demo/sign-in/{role}" in text
    assert text.startswith("DEMO")


async def test_every_role_signs_in_with_one_click_and_sees_its_first_page(
    deps: Deps, client: httpx.AsyncClient
) -> None:
    for role in (await seed(deps)).roles:
        client.cookies.clear()
        visitor = await Visitor(client).opens(f"/demo/sign-in/{role.key}")
        assert visitor.status == 200, (role.key, visitor.path)
        assert "DEMO" in visitor.html.upper()
        assert visitor.path not in ("/sign-in", "/demo")


async def test_an_unknown_role_signs_nobody_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/demo/sign-in/root")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


async def test_a_real_deployment_has_no_demo_pages(sqlite_url: str, clock: FakeClock) -> None:
    async with support.test_deps(sqlite_url, clock) as deps, support.browser(deps) as client:
        for path in ("/demo", "/phone", "/demo/sign-in/administrator"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post("/demo/clock", data={"jump": "day"})).status_code == 404


async def test_the_landing_page_leads_everywhere(client: httpx.AsyncClient) -> None:
    visitor = await Visitor(client).opens("/demo")
    assert "DEMO" in visitor.html
    assert {"/phone", "/demo/sign-in/care_manager", "/demo/sign-in/biller"} <= set(visitor.page.links)


async def test_a_reply_on_the_phone_is_answered_at_once(deps: Deps, client: httpx.AsyncClient) -> None:
    visitor = await Visitor(client).opens("/phone")
    assert visitor.path.startswith("/demo/phones/")
    assert "DEMO" in visitor.html
    assert "Little interest or pleasure" in visitor.text
    await _post(visitor, "reply", {"quick": "1"})
    assert "(2 of" in visitor.text
    assert "Read as the answer 1" in visitor.text
    found = await rows(deps, InboundMessage.via, where=InboundMessage.received_at == WEDNESDAY + TIME_TO_READ)
    assert [row.via for row in found] == ["simulator"]


async def test_an_empty_reply_is_asked_for_again(client: httpx.AsyncClient) -> None:
    visitor = await Visitor(client).opens("/phone")
    await _post(visitor, "reply", {"body": "   "})
    assert visitor.status == 422
    assert "Write something first" in visitor.text


async def test_stop_on_the_phone_opts_out(deps: Deps, client: httpx.AsyncClient) -> None:
    visitor = await Visitor(client).opens("/phone")
    patient = visitor.path.rsplit("/", 1)[-1]
    await _post(visitor, "reply", {"body": "STOP"})
    assert "opt-out" in visitor.text
    lines = await rows(
        deps, RegistryLine.opted_out, where=RegistryLine.patient_id == func.replace(patient, "-", "")
    )
    assert [row.opted_out for row in lines] == [True]


async def test_the_next_due_moment_brings_a_text(deps: Deps, client: httpx.AsyncClient) -> None:
    visitor = await Visitor(client).opens("/phone")
    before = len(await rows(deps, Outbox.id))
    start = deps.clock.now()
    for _ in range(12):
        await _post(visitor, "/demo/clock", {"jump": "next"})
    assert deps.clock.now() > start
    assert len(await rows(deps, Outbox.id)) > before


async def test_a_day_passes_as_it_would_have_passed(deps: Deps, client: httpx.AsyncClient) -> None:
    """Jumping a day is no outage: what came due meanwhile left at its time."""
    due = await rows(
        deps, CheckIn.id, CheckIn.next_at,
        where=(CheckIn.state == "scheduled") & (CheckIn.next_at < WEDNESDAY + timedelta(days=1)),
    )  # fmt: skip
    assert due
    visitor = await Visitor(client).opens("/phone")
    await _post(visitor, "/demo/clock", {"jump": "day"})
    assert deps.clock.now() == WEDNESDAY + timedelta(days=1)
    after = {row.id: row for row in await rows(deps, CheckIn.id, CheckIn.state, CheckIn.invited_at)}
    for row in due:
        assert after[row.id].state not in ("scheduled", "skipped_outage", "missed")
        assert after[row.id].invited_at - row.next_at < timedelta(minutes=2)


async def test_the_clock_moves_by_our_own_form_alone(deps: Deps, client: httpx.AsyncClient) -> None:
    for fields in ({"jump": "day"}, {"jump": "day", "_csrf": "guess"}):
        assert (await client.post("/demo/clock", data=fields)).status_code == 403
    assert deps.clock.now() == WEDNESDAY


async def test_a_link_on_the_phone_opens_the_check_in(deps: Deps, client: httpx.AsyncClient) -> None:
    waiting = await rows(deps, RegistryLine.patient_id, where=RegistryLine.check_in_state == "invited")
    opened = 0
    for row in waiting:
        visitor = await Visitor(client).opens(f"/demo/phones/{row.patient_id}")
        links = [href for href in visitor.page.links if href.startswith("/c/")]
        if not links:
            continue
        await visitor.opens(links[-1])
        await visitor.presses()
        assert visitor.path == "/check-in/1"
        assert "made-up" in visitor.text.lower() or "inventadas" in visitor.text.lower()
        opened += 1
    assert opened >= 3


async def _post(visitor: Visitor, action: str, fields: dict[str, str]) -> None:
    """The page has two forms; each posts to its own address."""
    path = action if action.startswith("/") else f"{visitor.path}/{action}"
    token = PageReader(visitor.html).hidden["_csrf"]
    page = visitor.path
    response = await visitor.client.post(
        path, data={"_csrf": token, "patient_id": page.rsplit("/", 1)[-1], **fields}
    )
    await visitor._follow(response, page)
