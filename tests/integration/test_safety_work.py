"""Working an event: structured assessments, steps with who and when, decisions, and what a close must rest on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from kernel.audit import Actor
from kernel.db import Database, Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.safety import packs, queries, service
from registry.safety.importing import import_pack, retire_pack
from registry.safety.tables import RiskAction, RiskAssessment, RiskEvent
from tests.integration.test_safety import ASSESSED, Scene
from tests.support import builders
from tests.support.alerts import NotedAlerts

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # Monday 10:00 in Seattle
HOUR = timedelta(hours=1)
NEXT_WEEK = NOW + timedelta(days=7)
PACK = {
    "format": packs.FORMAT, "id": "house_form", "version": "2", "title": "House form", "language": "en",
    "licence": "Licensed to Harbor Health", "source": "The clinic's own form",
    "fields": [
        {"id": "q1", "label": "First question", "choices": [
            {"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]},
        {"id": "said", "label": "In the person's words", "kind": "text", "required": False},
    ],
    "rules": [{"level": "high", "tier": 3, "when": {"q1": ["yes"]}}],
}  # fmt: skip


@pytest.fixture
async def scene(database: Database) -> Scene:
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, NOW)
        return Scene(clinic, await builders.patient(tx, clinic, NOW), NotedAlerts())


async def taken(tx: Tx, scene: Scene, tier: int = 2) -> UUID:
    event_id = (await scene.raise_(tx, tier)).event_id
    await service.acknowledge(tx, scene.casey, event_id, now=NOW)
    return event_id


async def assess(tx: Tx, actor: Actor, event_id: UUID, **changes: Any) -> None:
    given: dict[str, Any] = {"tool": "structured", "level": "low", "findings": "Spoke at length."}
    given |= {"answers": ASSESSED, "now": NOW}
    await service.log_assessment(tx, actor, event_id, **(given | changes))


def fields(error: Invalid) -> list[str]:
    return [problem.field for problem in error.problems]


async def tier_of(tx: Tx, event_id: UUID) -> int:
    return int(await tx.scalar(select(RiskEvent.tier).where(RiskEvent.id == event_id)))


async def test_an_assessment_keeps_its_tool_version_answers_and_plan(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        await assess(tx, scene.dana, event_id, mitigation="Her partner keeps the pills.")
        page = await queries.event(tx, scene.casey, event_id, now=NOW)
        [line] = page.assessments
        assert (line.tool, line.tool_version, line.level, line.suggested) == ("structured", "1", "low", "low")
        assert line.answers == ASSESSED
        assert (line.mitigation, line.by_name) == ("Her partner keeps the pills.", "Dana Clark")
        stored = await tx.first(select(RiskAssessment.__table__))
        assert "wish_to_be_dead" not in str(stored)
        assert page.event.state == "assessed"


async def test_answers_raise_the_tier_and_never_lower_it(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene, 2)
        await assess(tx, scene.dana, event_id)
        assert await tier_of(tx, event_id) == 2
        await assess(tx, scene.dana, event_id, level="high", answers=ASSESSED | {"plan": "yes"})
        assert await tier_of(tx, event_id) == 3
        await assess(tx, scene.dana, event_id)
        assert await tier_of(tx, event_id) == 3
        raised = await tx.first(select(RiskAction.detail).where(RiskAction.kind == "tier_raised"))
        assert raised is not None
        assert (raised.detail["from_tier"], raised.detail["to_tier"]) == (2, 3)


async def test_a_level_below_the_answers_needs_its_reason(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        recent = ASSESSED | {"behaviour": "recent"}
        with pytest.raises(Invalid) as refused:
            await assess(tx, scene.dana, event_id, level="moderate", answers=recent)
        assert fields(refused.value) == ["level_reason"]
        await assess(
            tx, scene.dana, event_id, level="moderate", answers=recent, level_reason="Six weeks ago."
        )
        [line] = (await queries.event(tx, scene.casey, event_id, now=NOW)).assessments
        assert (line.level, line.suggested, line.level_reason) == ("moderate", "high", "Six weeks ago.")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tool": "unheard_of"}, ["tool"]),
        ({"answers": {}}, [f"answers.{field}" for field in ASSESSED]),
        ({"answers": ASSESSED | {"plan": "perhaps"}}, ["answers.plan"]),
        ({"answers": ASSESSED | {"shoe_size": "9"}}, ["answers.shoe_size"]),
        ({"findings": " "}, ["findings"]),
        ({"tool": "cssrs"}, ["answers"]),
        ({"mitigation": "x" * 10_001}, ["mitigation"]),
    ],
)
async def test_an_assessment_that_can_not_be_used_names_its_fields_and_leaves_nothing(
    database: Database, scene: Scene, changes: dict[str, Any], named: list[str]
) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        with pytest.raises(Invalid) as refused:
            await assess(tx, scene.dana, event_id, **changes)
        assert fields(refused.value) == named
        assert await tx.scalar(select(func.count()).select_from(RiskAssessment)) == 0


async def test_an_imported_pack_is_asked_until_it_is_retired(database: Database, scene: Scene) -> None:
    raw = msgspec.json.encode(PACK)
    async with database.begin() as tx:
        await import_pack(tx, raw, now=NOW)
        assert await import_pack(tx, raw, now=NOW + HOUR) == await import_pack(tx, raw, now=NOW + HOUR)
        with pytest.raises(Conflict, match="version 2"):
            await import_pack(tx, msgspec.json.encode(PACK | {"title": "Another"}), now=NOW)
        event_id = await taken(tx, scene)
        await assess(tx, scene.dana, event_id, tool="house_form", level="high", answers={"q1": "yes"})
        assert await tier_of(tx, event_id) == 3
        await retire_pack(tx, "house_form", now=NOW)
        with pytest.raises(Invalid):
            await assess(tx, scene.dana, event_id, tool="house_form", level="high", answers={"q1": "yes"})
        [line] = (await queries.event(tx, scene.casey, event_id, now=NOW)).assessments
        assert (line.tool, line.tool_version) == ("house_form", "2")
        with pytest.raises(NotFound):
            await retire_pack(tx, "house_form", now=NOW)


async def test_only_a_clinician_lowers_a_tier_and_says_why(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene, 3)
        with pytest.raises(Forbidden):
            await service.lower_tier(tx, scene.casey, event_id, tier=1, reason="calm", now=NOW)
        with pytest.raises(Invalid):
            await service.lower_tier(tx, scene.dana, event_id, tier=1, reason=" ", now=NOW)
        with pytest.raises(Conflict):
            await service.lower_tier(tx, scene.dana, event_id, tier=3, reason="same", now=NOW)
        await service.lower_tier(tx, scene.dana, event_id, tier=1, reason="A line of a song.", now=NOW)
        assert await tier_of(tx, event_id) == 1
        await scene.raise_(tx, 2, NOW + HOUR)
        assert await tier_of(tx, event_id) == 2


async def test_a_step_says_who_and_when(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        for changes, named in (
            ({"who": " "}, ["who"]),
            ({"at": NOW + HOUR}, ["at"]),
            ({"at": NOW - timedelta(days=2)}, ["at"]),
            ({"who": "x" * 201}, ["who"]),
        ):
            given: dict[str, Any] = {"step": "crisis_team", "who": "Mobile team", "at": NOW, "now": NOW}
            with pytest.raises(Invalid) as refused:
                await service.take_step(tx, scene.casey, event_id, **(given | changes))
            assert fields(refused.value) == named
        await service.take_step(
            tx, scene.casey, event_id, step="crisis_team", who="Mobile team north", at=NOW, now=NOW
        )
        action = (await queries.event(tx, scene.casey, event_id, now=NOW)).actions[-1]
        assert (action.kind, action.who, action.detail["step"]) == (
            "step",
            "Mobile team north",
            "crisis_team",
        )
        assert action.detail["at"] == NOW.isoformat()


@pytest.mark.parametrize("about", ["emergency_contact", "welfare_check"])
async def test_telling_others_is_a_clinicians_decision_with_a_reason(
    database: Database, scene: Scene, about: Any
) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        with pytest.raises(Conflict, match="a clinician decides"):
            await service.log_attempt(tx, scene.casey, event_id, channel=about, outcome="reached", now=NOW)
        with pytest.raises(Conflict, match="a clinician decides"):
            await service.take_step(tx, scene.casey, event_id, step=about, who="Luis", at=NOW, now=NOW)
        with pytest.raises(Forbidden):
            await service.decide(tx, scene.casey, event_id, about=about, go=True, reason="silent", now=NOW)
        with pytest.raises(Invalid):
            await service.decide(tx, scene.dana, event_id, about=about, go=True, reason="", now=NOW)
        await service.decide(
            tx, scene.dana, event_id, about=about, go=True, reason="Four calls unanswered.",
            basis="safety_exception", now=NOW,
        )  # fmt: skip
        await service.log_attempt(tx, scene.casey, event_id, channel=about, outcome="reached", now=NOW)
        await service.decide(tx, scene.dana, event_id, about=about, go=False, reason="He called.", now=NOW)
        with pytest.raises(Conflict, match="a clinician decides"):
            await service.take_step(tx, scene.casey, event_id, step=about, who="Luis", at=NOW, now=NOW)


async def test_the_emergency_contact_is_told_on_a_named_basis(database: Database, scene: Scene) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene)
        with pytest.raises(Invalid) as refused:
            await service.decide(
                tx, scene.dana, event_id, about="emergency_contact", go=True, reason="silent", now=NOW
            )
        assert fields(refused.value) == ["basis"]


Step = Callable[[Tx, Scene, UUID], Any]


async def _attempt(tx: Tx, scene: Scene, event_id: UUID) -> None:
    await service.log_attempt(tx, scene.casey, event_id, channel="phone", outcome="no_answer", now=NOW)


async def _against_check(tx: Tx, scene: Scene, event_id: UUID) -> None:
    await service.decide(
        tx, scene.dana, event_id, about="welfare_check", go=False, reason="At work, seen by sister.", now=NOW
    )


async def _assessed(tx: Tx, scene: Scene, event_id: UUID) -> None:
    await assess(tx, scene.dana, event_id)


@pytest.mark.parametrize(
    ("disposition", "done", "missing"),
    [
        ("assessed_plan_made", (), "needs an assessment"),
        ("assessed_plan_made", (_assessed,), None),
        ("unreachable_followed_policy", (), "at least one attempt"),
        ("unreachable_followed_policy", (_attempt,), "for or against a welfare check"),
        ("unreachable_followed_policy", (_attempt, _against_check), None),
        ("welfare_check", (_against_check,), "decision for a welfare check"),
        ("drill", (), "for drills alone"),
        ("crisis_team", (), None),
    ],
)
async def test_an_outcome_rests_on_what_is_in_the_record(
    database: Database, scene: Scene, disposition: Any, done: tuple[Step, ...], missing: str | None
) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene, 2)
        for step in done:
            await step(tx, scene, event_id)
        consultant = scene.clinic.actor("consultant")  # who is informed by being the one who closes
        given = {"disposition": disposition, "next_contact_at": NEXT_WEEK, "now": NOW}
        if missing is None:
            await service.close(tx, consultant, event_id, **given)
            assert (await queries.event(tx, consultant, event_id, now=NOW)).event.state == "closed"
            return
        with pytest.raises(Invalid, match=missing):
            await service.close(tx, consultant, event_id, **given)


async def test_a_key_reports_for_a_named_person_what_they_did_and_takes_nothing(
    database: Database, scene: Scene
) -> None:
    key = Actor("token", scene.clinic.administrator, scene.clinic.id, frozenset({"care_manager"}), "EHR")
    async with database.begin() as tx:
        event_id = (await scene.raise_(tx, 2)).event_id
        given: dict[str, Any] = {"channel": "phone", "outcome": "no_answer", "now": NOW}
        with pytest.raises(Conflict, match="nobody has acknowledged"):
            await service.log_attempt(tx, key, event_id, by_id=scene.clinic.clinician, **given)
        await service.acknowledge(tx, scene.casey, event_id, now=NOW)
        for by_id in (None, scene.clinic.biller, event_id):
            with pytest.raises(Invalid) as refused:
                await service.log_attempt(tx, key, event_id, by_id=by_id, **given)
            assert fields(refused.value) == ["by_id"]
        await service.log_attempt(tx, key, event_id, by_id=scene.clinic.clinician, **given)
        assert (await queries.event(tx, scene.casey, event_id, now=NOW)).actions[-1].by_name == "Dana Clark"


async def test_the_history_and_the_agenda_show_events_and_leave_drills_to_the_report(
    database: Database, scene: Scene
) -> None:
    async with database.begin() as tx:
        event_id = await taken(tx, scene, 2)
        await scene.raise_(tx, 2, is_drill=True)
        await service.add_note(tx, scene.casey, event_id, "At her sister's.", kind="whereabouts", now=NOW)
        told = await queries.history_of(tx, scene.casey, scene.ana.id, now=NOW)
        assert [(line.kind, line.note) for line in told] == [
            ("whereabouts", "At her sister's."),
            ("acknowledged", None),
        ]
        agenda = await queries.for_review(tx, scene.casey, since=NOW, now=NOW)
        assert [line.event_id for line in agenda] == [event_id]
        await service.close(
            tx, scene.clinic.actor("consultant"), event_id, disposition="urgent_visit",
            next_contact_at=NEXT_WEEK, now=NOW + HOUR,
        )  # fmt: skip
        assert len(await queries.for_review(tx, scene.casey, since=NOW, now=NOW)) == 1
        assert await queries.for_review(tx, scene.casey, since=NOW + 2 * HOUR, now=NOW) == ()
