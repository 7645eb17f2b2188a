"""Words and rows of the recommendation pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from registry.access import CARE
from registry.patients.queries import PatientPage
from registry.recommendations.queries import RecommendationLine, RecommendationPage, StepTaken
from registry.recommendations.rules import PARTS, STAGES, URGENCIES, Stage, Step, who_acts
from registry.treatment_changes.rules import KINDS
from staff_console import formats, people, words
from staff_console.approvals.views import ApprovalPage, ApprovalsPage, RecommendPage, Row, StepLine
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.whose import whose

DECISIONS: Final = {
    "accepted": "Accept",
    "modified": "Accept with a change",
    "declined": "Decline",
}
ELSEWHERE: Final = {"ehr": "In the EHR", "phone": "By phone", "in_person": "In person"}
STEPS: Final[Mapping[Step, str]] = {
    "sent": "Sent",
    "accepted": "Accepted",
    "modified": "Accepted with a change",
    "declined": "Declined",
    "ordered": "Ordered or arranged",
    "told": "Patient told",
    "taking": "In use",
    "withdrawn": "Withdrawn",
    "escalated": "Waited too long: the clinic lead was asked",
    "episode_ended": "Care has ended: nobody is asked any more",
}
_MOVES: Final[Mapping[Stage, str]] = {"accepted": "order", "ordered": "told", "told": "taking"}


def page(
    visit: Visit, mine: tuple[RecommendationLine, ...] | None, under_way: tuple[RecommendationLine, ...]
) -> ApprovalsPage:
    return ApprovalsPage(
        mine=None if mine is None else tuple(row(visit, line) for line in mine),
        under_way=tuple(row(visit, line) for line in under_way),
    )


def row(visit: Visit, line: RecommendationLine) -> Row:
    return Row(
        href=f"/approvals/{line.id}",
        patient=people.name(line.family_name, line.given_name),
        what=tuple(f"{PARTS[part.kind]}: {part.text}" for part in line.parts),
        urgency=URGENCIES[line.urgency],
        stage=STAGES[line.stage],
        waited=_waited(line.stage_since, visit.now),
        late=line.overdue,
        author=line.author,
        recipient=line.recipient,
        sent=visit.at(line.created_at),
    )


def move(visit: Visit, line: RecommendationLine, decides: bool) -> str:
    """The form to show: what this person can do next. Empty when it is somebody else's move."""
    if line.stage == "waiting":
        return "decide" if decides else "record" if visit.actor.has(*CARE) else ""
    return _MOVES.get(line.stage, "") if visit.actor.has(*CARE) else ""


def approval(
    visit: Visit, patient: PatientPage, found: RecommendationPage, decides: bool, refused: FormState | None
) -> ApprovalPage:
    line = found.line
    shown = move(visit, line, decides)
    form = refused if refused is not None and refused.id == shown else _blank(visit, shown, line)
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
        action=f"/approvals/{line.id}",
    )


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


def _blank(visit: Visit, shown: str, line: RecommendationLine) -> FormState:
    fields = {"version": str(line.version)}
    if shown == "record":
        fields |= {"decided_on": visit.today.isoformat(), "decided_by": line.recipient, "via": "ehr"}
    if shown == "order":
        fields |= {"on": visit.today.isoformat(), "by": line.recipient, "what": line.parts[0].text}
    return filled(shown or "none", **fields)


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
