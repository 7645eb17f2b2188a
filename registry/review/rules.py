"""Who is on the agenda of a case review, in which order, and who must be offered a place by when. Pure.

Order after the AIMS Center's guidance for systematic caseload review (patients who need a treatment change or are new
come first) and best practices for systematic case review (Psychiatric Services, appi.ps.201900085). That each patient
who does not improve is discussed at least monthly is the SCOPE workflow's rule; consultation for those not improved at
8 to 12 weeks: Bao et al. 2016 (appi.ps.201400577).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from kernel.errors import Problem

Group = Literal["safety", "new", "stalled", "flagged", "not_reviewed", "responded", "ending"]
Discussion = Literal["joint", "phone", "message", "chart_only"]
# To a place in the meeting: "always" has one, "keeps" the one that the order gives, "gives" it to one who must have it.
Claim = Literal["always", "keeps", "gives"]

GROUPS: Final[Mapping[Group, str]] = {
    "safety": "Open safety items",
    "new": "New patients",
    "stalled": "Not improving, or worse",
    "flagged": "Flagged for discussion",
    "not_reviewed": "Not reviewed for 30 days, or on hold too long",
    "responded": "Response met: relapse prevention",
    "ending": "Relapse prevention near its end, or disengaged",
}
DISCUSSIONS: Final[Mapping[Discussion, str]] = {
    "joint": "Together, in the meeting",
    "phone": "By phone",
    "message": "By message",
    "chart_only": "Consultant alone, from the chart",
}
NOT_IMPROVING: Final = frozenset({"R-STALL-A", "R-STALL-B", "R-WORSE", "R-SEVERE", "R-RELAPSE"})
OFFER_WITHIN: Final = timedelta(days=30)
MINUTES_A_PATIENT: Final = 7  # a weekly hour is eight patients
MAX_NOTE: Final = 10_000
MOST_MINUTES: Final = 120
_ORDER: Final = {group: number for number, group in enumerate(GROUPS)}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A patient in care, as the registry line shows them. `rules` are the R-* rules that are met; `medication`: the
    question for the consultant is about a medication; `hold_overdue`: on hold past the day of the next look;
    `unassigned`: on a caseload's agenda without being in one. Dates are the clinic's."""

    patient_id: UUID
    episode_id: UUID
    name_key: str
    status: str
    rules: frozenset[str]
    open_risk: int = 0
    safety_flag: bool = False
    discuss_flag: bool = False
    medication: bool = False
    ending_proposed: bool = False
    hold_overdue: bool = False
    unassigned: bool = False
    enrolled_on: date | None = None
    last_review_on: date | None = None


class Place(msgspec.Struct, frozen=True):
    """`offered`: within the time of the meeting. `offer_by`: until when one who does not improve must be offered a
    place; None for the others."""

    patient_id: UUID
    episode_id: UUID
    group: Group
    because: tuple[str, ...]
    offered: bool
    offer_by: date | None


def group_of(patient: Candidate) -> Group | None:
    """The first group that fits; None when nothing asks for a discussion."""
    if patient.open_risk or patient.safety_flag or "R-SAFETY" in patient.rules:
        return "safety"
    if patient.last_review_on is None or "R-NEW" in patient.rules:
        return "new"
    if patient.rules & NOT_IMPROVING:
        return "stalled"
    if patient.discuss_flag:
        return "flagged"
    if "R-REVIEW" in patient.rules or patient.hold_overdue:
        return "not_reviewed"
    if "R-RESP" in patient.rules and patient.status != "relapse_prevention":
        return "responded"
    if patient.ending_proposed or patient.status == "inactive_disengaged":
        return "ending"
    return None


def offer_by(patient: Candidate) -> date | None:
    """Monthly from the last review, or from enrolment for one never reviewed."""
    if not patient.rules & NOT_IMPROVING:
        return None
    since = patient.last_review_on or patient.enrolled_on
    return None if since is None else since + OFFER_WITHIN


def agenda(patients: Iterable[Candidate], *, next_on: date, minutes: int) -> tuple[Place, ...]:
    """Everyone who is to be discussed, in order; the first that fit into `minutes` are offered. An open safety item, a
    patient flagged by a person, and whoever must be offered a place before `next_on` (the next meeting) have one
    whatever the time: beyond it they take that of the last who has no such claim and was reviewed before, else the
    meeting runs over."""
    grouped = [(group, patient) for patient in patients if (group := group_of(patient)) is not None]
    grouped.sort(key=lambda one: (_ORDER[one[0]], *_within(one[1])))
    places = max(1, minutes // MINUTES_A_PATIENT)
    taken = _taken([(one.patient_id, _claim(group, one, next_on)) for group, one in grouped], places)
    return tuple(
        Place(
            patient.patient_id,
            patient.episode_id,
            group,
            _because(patient),
            patient.patient_id in taken,
            offer_by(patient),
        )
        for group, patient in grouped
    )


def _claim(group: Group, patient: Candidate, next_on: date) -> Claim:
    by = offer_by(patient)
    if group == "safety" or patient.discuss_flag or (by is not None and by < next_on):
        return "always"
    return "keeps" if patient.last_review_on is None else "gives"


def _within(patient: Candidate) -> tuple[bool, date, str, str]:
    """Medication questions first, then the longest not reviewed, then by name."""
    last = patient.last_review_on or date.min
    return (not patient.medication, last, patient.name_key, str(patient.patient_id))


def _taken(order: list[tuple[UUID, Claim]], places: int) -> set[UUID]:
    kept = order[:places]
    for one in order[places:]:
        if one[1] != "always":
            continue
        spare = next((other for other in reversed(kept) if other[1] == "gives"), None)
        if spare is not None:
            kept.remove(spare)
        kept.append(one)  # without a spare place the meeting runs over
    return {who for who, _ in kept}


def _because(patient: Candidate) -> tuple[str, ...]:
    marks = (
        ("open safety event", patient.open_risk > 0),
        ("safety flag", patient.safety_flag),
        ("medication question", patient.medication),
        ("flagged for discussion", patient.discuss_flag),
        ("never reviewed", patient.last_review_on is None),
        ("closing is proposed", patient.ending_proposed),
        ("on hold past its review day", patient.hold_overdue),
        ("no care manager", patient.unassigned),
    )
    return (*(words for words, set_ in marks if set_), *sorted(patient.rules))


class OwnMinutes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one of those who took part spent on the patient, getting ready for the talk included."""

    staff_id: UUID
    minutes: int


class DiscussionForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was said about one patient. `minutes` is what everybody in `people` spent whom `own_minutes` does not name;
    they become each person's time entry, and what several spent at once counts once. `changed` is what changes and
    why, in the words of the month's record."""

    discussion: Discussion
    people: tuple[UUID, ...]
    minutes: int | None = None
    note: str
    impression: str | None = None
    changed: str | None = None
    own_minutes: tuple[OwnMinutes, ...] = ()


def spent(form: DiscussionForm) -> dict[UUID, int]:
    """Minutes of each person of a checked form, in the order they were named."""
    own = {each.staff_id: each.minutes for each in form.own_minutes}
    return {person: own.get(person, form.minutes or 0) for person in form.people}


def check(form: DiscussionForm, consultants: Collection[UUID]) -> list[Problem]:
    """`consultants`: who of the clinic holds that role. Without one it is no case review, in whatever form."""
    found: list[Problem] = []
    if not form.people:
        found.append(Problem("people", "is empty: name who took part"))
    elif form.discussion == "joint" and len(set(form.people)) < 2:
        found.append(Problem("people", "a joint discussion has at least two people"))
    if form.people and not any(person in consultants for person in form.people):
        found.append(Problem("people", "name the psychiatric consultant who took part"))
    found += _check_minutes(form)
    if not form.note.strip():
        found.append(Problem("note", "is needed"))
    for field, text in (("note", form.note), ("impression", form.impression), ("changed", form.changed)):
        if text is not None and len(text) > MAX_NOTE:
            found.append(Problem(field, f"is longer than {MAX_NOTE} characters"))
    return found


def _check_minutes(form: DiscussionForm) -> Iterator[Problem]:
    named = [each.staff_id for each in form.own_minutes]
    if form.minutes is None and not set(form.people) <= set(named):
        yield Problem("minutes", "is needed for those without minutes of their own")
    elif form.minutes is not None and not 0 < form.minutes <= MOST_MINUTES:
        yield Problem("minutes", f"must be 1 to {MOST_MINUTES}")
    for at, each in enumerate(form.own_minutes):
        if each.staff_id not in form.people:
            yield Problem(f"own_minutes[{at}].staff_id", "did not take part: name them in `people` too")
        elif each.staff_id in named[:at]:
            yield Problem(f"own_minutes[{at}].staff_id", "is named twice")
        if not 0 < each.minutes <= MOST_MINUTES:
            yield Problem(f"own_minutes[{at}].minutes", f"must be 1 to {MOST_MINUTES}")
