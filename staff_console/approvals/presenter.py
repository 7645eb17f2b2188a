"""Words and rows of the recommendation pages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from registry.access import CARE
from registry.patients.queries import PatientPage
from registry.recommendations.queries import RecommendationLine, RecommendationPage, StepTaken
from registry.recommendations.rules import (
    PARTS,
    STAGES,
    URGENCIES,
    Stage,
    Step,
    proposed_change,
    turn,
    who_acts,
)
from registry.review.queries import ReviewLine
from registry.treatment_changes.rules import KINDS
from registry.worklist.task_list import TaskLine
from staff_console import formats, people, words
from staff_console.approvals.views import ApprovalPage, ApprovalsPage, PlanRow, RecommendPage, Row, StepLine
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.review.views import Fact
from staff_console.tasks.presenter import task_href
from staff_console.whose import whose

# The lines of the one-page summary that a decision needs.
KNOWN: Final = (
    "Diagnosis",
    "Weeks in treatment",
    "PHQ-9",
    "GAD-7",
    "Item 9",
    "Present treatment",
    "Changes",
    "Adherence",
    "Side effects",
    "Question",
)
DECISIONS: Final = {
    "accepted": "Accept",
    "modified": "Accept with a change",
    "declined": "Decline",
}
ELSEWHERE: Final = {"ehr": "In the EHR", "phone": "By phone", "in_person": "In person"}
USES: Final = {"yes": "In use", "no": "Not in use"}
STEPS: Final[Mapping[Step, str]] = {
    "sent": "Sent",
    "accepted": "Accepted",
    "modified": "Accepted with a change",
    "declined": "Declined",
    "ordered": "Ordered or arranged",
    "told": "Patient told",
    "taking": "In use",
    "not_taking": "Asked: not in use",
    "withdrawn": "Withdrawn",
    "escalated": "Waited too long: the clinic lead was asked",
    "episode_ended": "Care has ended: nobody is asked any more",
}
TO_DO: Final[Mapping[Stage, str]] = {
    "waiting": "Decide",
    "accepted": "Order or arrange it",
    "ordered": "Tell the patient",
    "told": "Ask whether it is in use",
}
NOBODY: Final = "no care manager yet"
_MOVES: Final[Mapping[Stage, str]] = {"accepted": "order", "ordered": "told", "told": "taking"}


def page(
    visit: Visit,
    mine: Sequence[RecommendationLine],
    plans: Sequence[TaskLine],
    under_way: Sequence[RecommendationLine],
) -> ApprovalsPage:
    """`mine` is everything that waits for the person, in whatever stage."""
    decides = [line for line in mine if line.stage == "waiting"]
    return ApprovalsPage(
        mine=tuple(row(visit, line) for line in decides) if visit.actor.has("clinician") or decides else None,
        to_do=tuple(row(visit, line) for line in mine if line.stage != "waiting"),
        plans=tuple(_plan(visit, line) for line in plans),
        under_way=tuple(row(visit, line) for line in under_way),
    )


def _plan(visit: Visit, line: TaskLine) -> PlanRow:
    return PlanRow(
        href=task_href(line),
        patient=people.name(line.family_name, line.given_name),
        waited=people.age(line.opened_at, visit.now),
        late=line.late,
        who=line.owner_name or "Nobody yet",
    )


def row(visit: Visit, line: RecommendationLine) -> Row:
    return Row(
        href=f"/approvals/{line.id}",
        patient=people.name(line.family_name, line.given_name),
        what=what(line),
        urgency=URGENCIES[line.urgency],
        stage=STAGES[line.stage],
        waited=_waited(line.stage_since, visit.now),
        late=line.overdue,
        author=line.author,
        recipient=line.recipient,
        sent=visit.at(line.created_at),
        next_step=TO_DO.get(line.stage, ""),
        next_by=next_by(line),
    )


def what(line: RecommendationLine) -> tuple[str, ...]:
    return tuple(f"{PARTS[part.kind]}: {part.text}" for part in line.parts)


def next_by(line: RecommendationLine) -> str:
    """The name of the person whose turn it is; empty when nothing more is awaited."""
    match turn(line.stage, {part.kind for part in line.parts}):
        case "recipient":
            return line.recipient
        case "care_manager":
            return line.care_manager or NOBODY
        case "nobody":
            return ""


def move(visit: Visit, line: RecommendationLine, decides: bool) -> str:
    """The form to show: what this person can do next. Empty when it is somebody else's move."""
    if line.stage == "waiting":
        return "decide" if decides else "record" if visit.actor.has(*CARE) else ""
    return _MOVES.get(line.stage, "") if visit.actor.has(*CARE) else ""


class Grounds(msgspec.Struct, frozen=True):
    """`review` is the discussion it came out of, `facts` are lines of the one-page summary."""

    review: ReviewLine | None
    facts: tuple[Fact, ...]
    disclaimer: str


def approval(
    visit: Visit,
    patient: PatientPage,
    found: RecommendationPage,
    decides: bool,
    grounds: Grounds,
    refused: FormState | None,
) -> ApprovalPage:
    line = found.line
    shown = move(visit, line, decides)
    form = refused if refused is not None and refused.id == shown else _blank(visit, shown, found)
    return ApprovalPage(
        whose=whose(patient),
        row=row(visit, line),
        parts=tuple((PARTS[part.kind], part.text) for part in line.parts),
        if_then=found.if_then or "",
        target=None if line.target_on is None else formats.day(line.target_on),
        steps=tuple(_step(visit, step) for step in found.steps),
        next_move=who_acts(line.stage),
        move=shown,
        form=form,
        withdraw=_withdraw(visit, line, refused),
        decisions=words.choices(DECISIONS),
        vias=words.choices(ELSEWHERE),
        changes=words.choices(KINDS),
        uses=words.choices(USES),
        action=f"/approvals/{line.id}",
        why=tuple(_why(found, grounds.review)),
        facts=grounds.facts,
        disclaimer=grounds.disclaimer,
    )


def _why(found: RecommendationPage, item: ReviewLine | None) -> Iterable[Fact]:
    """The reason as it was sent, and what the case review said."""
    if found.why:
        yield Fact("Why", found.why)
    if item is None:
        return
    for label, said in (
        ("What changes, and why", item.changed),
        ("Impression", item.impression),
        ("Discussed", item.note),
    ):
        if said:
            yield Fact(label, said)


def recommend(
    patient: PatientPage, recipients: Mapping[str, str], form: FormState, action: str, back: str
) -> RecommendPage:
    return RecommendPage(
        whose=whose(patient),
        form=form,
        parts=words.choices(PARTS),
        urgencies=words.choices(URGENCIES),
        recipients=words.choices(recipients),
        action=action,
        back=back,
    )


def new_recommendation(patient: PatientPage) -> FormState:
    clinician = None if patient.episode is None else patient.episode.treating_clinician
    return filled("recommend", urgency="routine", recipient_id="" if clinician is None else str(clinician.id))


def _blank(visit: Visit, shown: str, found: RecommendationPage) -> FormState:
    line = found.line
    fields = {"version": str(line.version)}
    if shown == "record":
        fields |= {"decided_on": visit.today.isoformat(), "decided_by": line.recipient, "via": "ehr"}
    if shown == "order":
        fields |= _order(visit, found)
    if shown == "taking":
        fields |= {"in_use": "yes"}
    return filled(shown or "none", **fields)


def _order(visit: Visit, found: RecommendationPage) -> dict[str, str]:
    """What was decided, and the change of treatment that it makes."""
    line = found.line
    instead = next((step.text for step in found.steps if step.step == "modified"), None)
    change = proposed_change(line.parts, instead)
    fields = {"on": visit.today.isoformat(), "by": line.recipient, "what": instead or line.parts[0].text}
    return fields if change is None else fields | {"change_kind": change[0], "change_what": change[1]}


def _withdraw(visit: Visit, line: RecommendationLine, refused: FormState | None) -> FormState | None:
    may = visit.actor.name == line.author or visit.actor.has("clinic_lead")
    if not may or line.stage not in ("waiting", "accepted", "ordered", "told"):
        return None
    if refused is not None and refused.id == "withdraw":
        return refused
    return filled("withdraw", version=str(line.version))


def _step(visit: Visit, step: StepTaken) -> StepLine:
    who = step.by or "Evenkeel"
    if step.who and step.who != step.by:
        who = f"{step.who}, written down by {who}"
    if step.via in ELSEWHERE:
        where = ELSEWHERE[step.via]
        who = f"{who} ({where[0].lower()}{where[1:]}{', read back' if step.read_back else ''})"
    if step.on is not None:
        who = f"{who}, on {formats.day(step.on).text}"
    return StepLine(visit.at(step.at), STEPS[step.step], who, step.text or "")


def _waited(since: datetime, now: datetime) -> str:
    return formats.waited(people.minutes_since(since, now))
