"""The landing page out of the work list and what is to go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from messaging.schedule.queries import Outgoing
from registry.access import CARE
from registry.cover.rules import CoverFacts
from registry.recommendations.queries import RecommendationLine
from registry.recommendations.rules import Stage
from registry.stepped_care.queries import ProposalLine
from registry.stepped_care.rules import Kind
from registry.worklist import today as facts
from registry.worklist.queries import Today
from registry.worklist.task_list import TaskLine, waits_since
from staff_console import formats, people, words
from staff_console.approvals.presenter import next_by
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.tasks.presenter import task_href
from staff_console.today.views import (
    CoverLine,
    CoverPanel,
    DueLine,
    OutgoingLine,
    OverdueLine,
    ReferralLine,
    SafetyLine,
    StepLine,
    TodayPage,
    UnansweredLine,
    UnplannedLine,
    WaitingLine,
)

SHORT: Final = 10
SIMULATED: Final = "The clinic is in simulation: these texts stay here."
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNANSWERED = {
    "invited": "Check-in sent, not begun",
    "in_progress": "Check-in begun, not finished",
    "missed": "Check-in not answered",
    "partial_expired": "Check-in ended unfinished",
}


STEPS_IN_ORDER: Final[tuple[Kind, ...]] = (
    "relapse",
    "step_up",
    "side_effects",
    "score",
    "step_down",
    "graduate",
)
APPROVALS: Final[Mapping[Stage, str]] = {
    "waiting": "decide",
    "accepted": "order or arrange it",
    "ordered": "tell the patient",
    "told": "ask whether it is in use",
}


class Beside(msgspec.Struct, frozen=True):
    """`standing_in`: absent colleagues by id; `colleagues`: clinical staff by id."""

    outgoing: Sequence[Outgoing]
    approvals: Sequence[RecommendationLine]
    steps: Sequence[ProposalLine]
    covers: Sequence[CoverFacts]
    colleagues: Mapping[UUID, str]
    whose: Literal["mine", "clinic"]
    refused: FormState | None = None


def page(visit: Visit, found: Today, beside: Beside) -> TodayPage:
    steps = tuple(_step(visit, line) for line in in_order(beside.steps))
    simulated = visit.frame.texting_mode == "simulation"
    return TodayPage(
        heading=f"{WEEKDAYS[found.day.weekday()]}, {formats.day(found.day).text}",
        as_of=visit.at(visit.now),
        safety=tuple(_safety(visit, line) for line in found.safety),
        overdue=tuple(_overdue(visit, line) for line in found.overdue),
        due=tuple(_due(visit, line) for line in found.due),
        due_more=found.due_count - len(found.due),
        referrals=tuple(_referral(visit, line) for line in found.referrals),
        referrals_more=found.referrals_count - len(found.referrals),
        waiting=(
            *(_approval(visit, line) for line in beside.approvals),
            *(_waiting(visit, line) for line in found.waiting),
        ),
        unanswered=tuple(_unanswered(visit, line) for line in found.unanswered),
        outgoing=tuple(_outgoing(visit, beside.outgoing)),
        unplanned=tuple(
            UnplannedLine(
                people.patient_href(line.patient_id), people.name(line.family_name, line.given_name)
            )
            for line in found.unplanned
        ),
        unplanned_more=found.unplanned_count - len(found.unplanned),
        steps=steps[:SHORT],
        later_steps=steps[SHORT:],
        cover=_cover(visit, beside),
        whose=beside.whose,
        outgoing_note=SIMULATED if simulated else "",
        safety_more=found.safety_count - len(found.safety),
        overdue_more=found.overdue_count - len(found.overdue),
        waiting_more=found.waiting_count - len(found.waiting),
        unanswered_more=found.unanswered_count - len(found.unanswered),
    )


def _safety(visit: Visit, line: facts.SafetyLine) -> SafetyLine:
    clock, late = people.clock(visit, line.acknowledge_by, "acknowledge")
    return SafetyLine(
        href=f"/safety/{line.event_id}",
        patient=people.name(line.family_name, line.given_name),
        trigger=f"Code {line.code}",
        tier=line.tier,
        age=people.age(line.opened_at, visit.now),
        clock=clock,
        late=late,
        owner=line.responsible_name or "Nobody is responsible yet",
        drill=line.is_drill,
    )


def _overdue(visit: Visit, line: facts.OverdueLine) -> OverdueLine:
    due = visit.at(line.next_contact_at or line.overdue_since).day
    late = (visit.today - date.fromisoformat(due.iso)).days
    return OverdueLine(
        href=people.patient_href(line.patient_id),
        patient=people.name(line.family_name, line.given_name),
        due=due,
        late_by=f"{words.count(late, 'day', 'days')} late",
        action=words.shown(words.CONTACT_MODES, line.next_contact_mode),
    )


def _due(visit: Visit, line: facts.DueLine) -> DueLine:
    return DueLine(
        href=people.patient_href(line.patient_id),
        patient=people.name(line.family_name, line.given_name),
        time=visit.at(line.next_contact_at).time,
        action=words.shown(words.CONTACT_MODES, line.next_contact_mode),
        record_href=f"{people.patient_href(line.patient_id)}/contact" if visit.actor.has(*CARE) else "",
    )


def _referral(visit: Visit, line: facts.ReferralLine) -> ReferralLine:
    return ReferralLine(
        href=f"/enrol/{line.patient_id}" if visit.actor.has(*CARE) else people.patient_href(line.patient_id),
        patient=people.name(line.family_name, line.given_name),
        since=people.age(line.referred_at, visit.now),
    )


def _waiting(visit: Visit, line: TaskLine) -> WaitingLine:
    return WaitingLine(
        href=task_href(line),
        patient=people.name(line.family_name, line.given_name) if line.patient_id or line.reply else "Clinic",
        what=line.label,
        since=people.age(waits_since(line), visit.now),
        who=line.owner_name or "Nobody yet",
    )


def _unanswered(visit: Visit, line: facts.UnansweredLine) -> UnansweredLine:
    what = UNANSWERED.get(line.check_in_state or "", "Check-ins not answered")
    if line.no_answer_count > 1:
        what = f"{what}, {line.no_answer_count} in a row"
    return UnansweredLine(
        href=people.patient_href(line.patient_id),
        patient=people.name(line.family_name, line.given_name),
        since=None if line.since is None else visit.at(line.since),
        what=what,
    )


def _outgoing(visit: Visit, found: Sequence[Outgoing]) -> Iterable[OutgoingLine]:
    """By hour of the clinic; what is late already goes in this hour."""
    check_ins: Counter[str] = Counter()
    reminders: Counter[str] = Counter()
    for line in found:
        hour = _hour(visit, line)
        (check_ins if line.what == "invitation" else reminders)[hour] += 1
    for hour in sorted(check_ins | reminders):
        yield OutgoingLine(hour, check_ins[hour], reminders[hour])


def _hour(visit: Visit, line: Outgoing) -> str:
    shown = visit.at(max(line.at, visit.now))
    local = max(line.at, visit.now).astimezone(visit.zone)
    ends = (local + timedelta(hours=1)).hour
    return f"{local.hour:02d}:00–{ends:02d}:00 {shown.zone}"


def _approval(visit: Visit, line: RecommendationLine) -> WaitingLine:
    return WaitingLine(
        href=f"/approvals/{line.id}",
        patient=people.name(line.family_name, line.given_name),
        what=f"Recommendation: {APPROVALS[line.stage]}",
        since=people.age(line.stage_since, visit.now),
        who="You" if next_by(line) == visit.actor.name else next_by(line),
    )


def in_order(lines: Sequence[ProposalLine]) -> list[ProposalLine]:
    """Soonest due first; of steps due on one day, those of patients who do worse."""
    return sorted(lines, key=lambda line: (line.due_on, STEPS_IN_ORDER.index(line.kind)))


def _step(visit: Visit, line: ProposalLine) -> StepLine:
    return StepLine(
        href=f"/patients/{line.patient_id}/rules#steps",
        patient=people.name(line.family_name, line.given_name),
        what=line.label,
        by=formats.day(line.due_on),
        late=line.due_on < visit.today,
    )


def _cover(visit: Visit, beside: Beside) -> CoverPanel:
    lead = visit.actor.has("clinic_lead")
    standing_in = [
        cover.absent_name
        for cover in beside.covers
        if cover.covering_id == visit.staff_id and cover.from_on <= visit.today <= cover.until_on
    ]
    others = {str(who): name for who, name in beside.colleagues.items() if who != visit.staff_id or lead}
    absent = beside.colleagues if lead else {visit.staff_id: visit.actor.name}
    return CoverPanel(
        standing_in=", ".join(standing_in),
        lines=tuple(
            CoverLine(
                f"{cover.covering_name} for {cover.absent_name}, {formats.day(cover.from_on).text} to"
                f" {formats.day(cover.until_on).text}",
                f"/cover/{cover.id}/end"
                if lead or visit.staff_id in (cover.absent_id, cover.covering_id)
                else "",
            )
            for cover in beside.covers
        ),
        form=beside.refused
        or filled("cover", absent_id=str(visit.staff_id), from_on=visit.today.isoformat()),
        absent=words.choices({str(who): name for who, name in absent.items()}),
        colleagues=words.choices(others),
    )
