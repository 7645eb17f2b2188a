"""The landing page out of the work list and what is to go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from messaging.schedule.queries import Outgoing
from registry.worklist import today as facts
from registry.worklist.queries import Today
from staff_console import formats, people, words
from staff_console.pages import Visit
from staff_console.tasks.presenter import task_href
from staff_console.today.views import (
    OutgoingLine,
    OverdueLine,
    SafetyLine,
    TodayPage,
    UnansweredLine,
    WaitingLine,
)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNANSWERED = {
    "invited": "Check-in sent, not begun",
    "in_progress": "Check-in begun, not finished",
    "missed": "Check-in not answered",
    "partial_expired": "Check-in ended unfinished",
}


def page(visit: Visit, found: Today, outgoing: Sequence[Outgoing]) -> TodayPage:
    simulated = visit.frame.texting_mode == "simulation"
    return TodayPage(
        heading=f"{WEEKDAYS[found.day.weekday()]}, {formats.day(found.day).text}",
        as_of=visit.at(visit.now),
        safety=tuple(_safety(visit, line) for line in found.safety),
        overdue=tuple(_overdue(visit, line) for line in found.overdue),
        waiting=tuple(_waiting(visit, line) for line in found.waiting),
        unanswered=tuple(_unanswered(visit, line) for line in found.unanswered),
        outgoing=tuple(_outgoing(visit, outgoing)),
        outgoing_note="The clinic is in simulation: these texts stay here." if simulated else "",
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


def _waiting(visit: Visit, line: facts.TaskLine) -> WaitingLine:
    return WaitingLine(
        href=task_href(line),
        patient=people.name(line.family_name, line.given_name) if line.patient_id or line.reply else "Clinic",
        what=line.label,
        since=people.age(line.opened_at, visit.now),
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
