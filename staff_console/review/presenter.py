"""Words and rows of the case-review pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from itertools import groupby
from uuid import UUID

from registry.patients.queries import PatientPage
from registry.recommendations.queries import RecommendationPage
from registry.recommendations.rules import PARTS, STAGES, URGENCIES
from registry.review.chart import took_part
from registry.review.queries import ReviewLine, ReviewMeeting, ReviewPage
from registry.review.rules import DISCUSSIONS, GROUPS, MINUTES_A_PATIENT
from registry.review.wording import Wording
from staff_console import formats, marks, people, words
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.review import summary
from staff_console.review.forms import NOT_TODAY, advice_only, minutes_of
from staff_console.review.summary import Sheet
from staff_console.review.views import (
    AgendaGroup,
    AgendaPage,
    AgendaRow,
    Fact,
    ItemPage,
    MeetingRow,
    MinutesPage,
    Participant,
    ReviewsPage,
)
from staff_console.whose import whose

STATES = {"planned": "Planned", "open": "Open", "closed": "Closed"}
ITEM_STATES = {"listed": "To discuss", "discussed": "Discussed", "passed": "Passed over"}
UNSAVED = {"note": "Note", "impression": "Impression", "changed": "What changes, and why"}
Staff = Mapping[UUID, str]


def reviews(
    visit: Visit,
    found: tuple[ReviewMeeting, ...],
    consultants: Staff,
    managers: Staff,
    text: Wording,
    refused: FormState | None,
) -> ReviewsPage:
    ahead = [meeting for meeting in found if meeting.state != "closed"]
    plan = filled("plan", on=visit.today.isoformat(), at=time(9).isoformat("minutes"), minutes="60")
    wording = filled("wording", version=str(text.version), body=text.body)
    return ReviewsPage(
        ahead=tuple(_row(visit, meeting) for meeting in reversed(ahead)),
        held=tuple(_row(visit, meeting) for meeting in found if meeting.state == "closed"),
        form=refused if refused is not None and refused.id == "plan" else plan,
        consultants=words.choices({str(key): name for key, name in consultants.items()}),
        managers=words.choices({str(key): name for key, name in managers.items()}),
        zone=visit.frame.zone,
        may_plan=visit.actor.has("consultant", "care_manager", "clinic_lead"),
        disclaimer=text.body,
        wording=None
        if not visit.actor.has("clinic_lead")
        else refused
        if refused is not None and refused.id == "wording"
        else wording,
    )


def _row(visit: Visit, meeting: ReviewMeeting) -> MeetingRow:
    return MeetingRow(
        href=f"/review/{meeting.id}",
        at=visit.at(meeting.starts_at),
        who=who(meeting),
        state=STATES[meeting.state],
        counts="" if meeting.state == "planned" else f"{meeting.discussed} of {meeting.listed} discussed",
    )


def who(meeting: ReviewMeeting) -> str:
    return f"{meeting.consultant} with {meeting.care_manager or 'all care managers'}"


def agenda(
    visit: Visit,
    found: ReviewPage,
    counts: tuple[tuple[str, int], ...],
    text: Wording,
    refused: FormState | None,
) -> AgendaPage:
    """Before the meeting opens, `found.items` is what would stand on it now."""
    meeting = found.meeting
    groups = tuple(
        AgendaGroup(GROUPS[group], tuple(_agenda_row(visit, item) for item in items))
        for group, items in groupby(found.items, key=lambda item: item.group)
    )
    listed = next((item for item in found.items if item.state == "listed"), None)
    return AgendaPage(
        title="Case review",
        at=visit.at(meeting.starts_at),
        who=who(meeting),
        state=meeting.state,
        action=f"/review/{meeting.id}",
        groups=groups,
        numbers=tuple((label, str(number)) for label, number in counts),
        first_href="" if listed is None or meeting.state != "open" else f"/review/items/{listed.id}",
        close=refused or filled("close"),
        may_act=visit.actor.has("consultant", "care_manager", "clinic_lead"),
        note=found.note or "",
        disclaimer=text.body,
    )


def because(item: ReviewLine) -> str:
    """Rules by the words of their flags; a safety rule says no more than the open event beside it."""
    shown = [mark if mark[:2] != "R-" else _flag_word(mark) for mark in item.because if mark != "R-SAFETY"]
    return ", ".join(dict.fromkeys(shown))


def _flag_word(rule: str) -> str:
    return marks.flag(marks.OF_RULE[rule], "").word.lower() if rule in marks.OF_RULE else rule


def _agenda_row(visit: Visit, item: ReviewLine) -> AgendaRow:
    by = item.offer_by
    return AgendaRow(
        number=item.position,
        href=f"/review/items/{item.id}",
        patient=people.name(item.family_name, item.given_name),
        because=because(item),
        beyond=not item.offered and item.state == "listed",
        offer_by=None if by is None else formats.day(by),
        late=by is not None and by < visit.today and item.state != "discussed",
        state=ITEM_STATES[item.state] + (f": {item.passed_reason}" if item.passed_reason else ""),
        minutes="" if item.minutes is None else f"{item.minutes} min",
    )


def one(
    visit: Visit,
    found: ReviewPage,
    item: ReviewLine,
    sheet: Sheet,
    sent: tuple[RecommendationPage, ...],
    names: tuple[Staff, Staff],
    refused: FormState | None,
) -> ItemPage:
    """`names` are of those who can take part, and of the clinicians a recommendation can go to."""
    ids = [each.id for each in found.items]
    at = ids.index(item.id)
    acts = found.meeting.state == "open" and visit.actor.has("consultant", "care_manager", "clinic_lead")
    opened = acts and item.state != "discussed"
    form = _discuss_form(found.meeting, item, sheet.patient, names[0], refused) if opened else None
    expected, others = _participants(found.meeting, sheet.patient, names[0])
    return ItemPage(
        whose=whose(sheet.patient),
        position=f"{at + 1} of {len(ids)}",
        group=GROUPS[item.group],
        because=because(item),
        agenda_href=f"/review/{item.review_id}",
        previous_href=f"/review/items/{ids[at - 1]}" if at else "",
        next_href=f"/review/items/{ids[at + 1]}" if at + 1 < len(ids) else "",
        facts=summary.facts(visit, sheet),
        sparks=summary.sparks(sheet),
        state=ITEM_STATES[item.state],
        discussed=_said(item),
        copy_href=f"/review/items/{item.id}/copy" if item.state == "discussed" else "",
        discuss=form,
        discussions=words.choices(DISCUSSIONS),
        people=expected,
        others=others,
        others_open=form is not None and any(_touched(form, person) for person in others),
        unsaved=() if opened or refused is None else _unsaved(refused),
        problem="" if opened or refused is None else refused.problem,
        recommend=_recommend_form(sheet.patient, acts, refused) if form is None else None,
        parts=words.choices(PARTS),
        urgencies=words.choices(URGENCIES),
        recipients=words.choices({str(key): name for key, name in names[1].items()}),
        under_way=tuple(
            (f"/approvals/{each.line.id}", f"{_what(each)}: {STAGES[each.line.stage].lower()}")
            for each in sent
        ),
        action=f"/review/items/{item.id}",
    )


def minutes(
    visit: Visit, found: ReviewPage, sent: Mapping[UUID, tuple[RecommendationPage, ...]], text: Wording
) -> MinutesPage:
    return MinutesPage(
        at=visit.at(found.meeting.starts_at),
        who=who(found.meeting),
        state=STATES[found.meeting.state],
        items=tuple(
            (
                people.name(item.family_name, item.given_name),
                f"{GROUPS[item.group]} ({because(item)})",
                (*_said(item), *(_advice(each) for each in sent.get(item.patient_id, ()))),
            )
            for item in found.items
        ),
        note=found.note or "",
        disclaimer=text.body,
        back=f"/review/{found.meeting.id}",
    )


def _discuss_form(
    meeting: ReviewMeeting, item: ReviewLine, patient: PatientPage, people: Staff, refused: FormState | None
) -> FormState:
    """A refused form without a version stands against the item as the page now shows it."""
    current = {"version": (str(item.version),)}
    if refused is not None:
        return FormState("discuss", {**current, **refused.values}, refused.errors, refused.problem)
    present = _present(meeting, patient)
    values = {
        **current,
        "discussion": ("joint",),
        "people": tuple(str(person) for person in people if person in present),
        **{minutes_of(person): (str(MINUTES_A_PATIENT),) for person in people},
    }
    return FormState("discuss", {**values, **_recommend(patient)})


def _present(meeting: ReviewMeeting, patient: PatientPage) -> frozenset[UUID]:
    """The consultant and whoever manages this patient's care."""
    manager = None if patient.episode is None else patient.episode.care_manager
    return frozenset({meeting.consultant_id} if manager is None else {meeting.consultant_id, manager.id})


def _participants(
    meeting: ReviewMeeting, patient: PatientPage, people: Staff
) -> tuple[tuple[Participant, ...], tuple[Participant, ...]]:
    present = _present(meeting, patient)
    all_ = {person: Participant(str(person), name, minutes_of(person)) for person, name in people.items()}
    return (
        tuple(shown for person, shown in all_.items() if person in present),
        tuple(shown for person, shown in all_.items() if person not in present),
    )


def _touched(form: FormState, person: Participant) -> bool:
    return form.chosen("people", person.value) or bool(form.error(person.minutes))


def _unsaved(refused: FormState) -> tuple[Fact, ...]:
    return tuple(
        Fact(label, refused.value(name))
        for name, label in (*UNSAVED.items(), (NOT_TODAY, "Why not today"))
        if refused.value(name).strip()
    )


def _recommend_form(patient: PatientPage, acts: bool, refused: FormState | None) -> FormState | None:
    """For one more after the discussion; what was typed for it stays in it."""
    if refused is None:
        return FormState("recommend", _recommend(patient)) if acts else None
    if refused.id == "recommend":
        return refused
    typed = advice_only(refused.values)
    return FormState("recommend", typed) if typed else None


def _recommend(patient: PatientPage) -> dict[str, tuple[str, ...]]:
    clinician = None if patient.episode is None else patient.episode.treating_clinician
    return {"urgency": ("routine",), "recipient_id": ("" if clinician is None else str(clinician.id),)}


def _said(item: ReviewLine) -> tuple[Fact, ...]:
    if item.state != "discussed" or item.discussion is None:
        return (Fact("Passed over", item.passed_reason),) if item.passed_reason else ()
    return (
        Fact("How", f"{DISCUSSIONS[item.discussion]}: {took_part(item)}"),
        *((Fact("Impression", item.impression),) if item.impression else ()),
        Fact("Note", item.note or ""),
        *((Fact("What changes, and why", item.changed),) if item.changed else ()),
    )


def _advice(found: RecommendationPage) -> Fact:
    return Fact(
        "Recommended", f"{_what(found)}, to {found.line.recipient}: {STAGES[found.line.stage].lower()}"
    )


def _what(found: RecommendationPage) -> str:
    return "; ".join(f"{PARTS[part.kind]}: {part.text}" for part in found.line.parts)
