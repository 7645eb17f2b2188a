"""What happened, newest first: scores, safety events, check-ins, changes of status and of treatment, agreements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from registry.contacts import chart
from staff_console import formats, people, words
from staff_console.pages import Visit
from staff_console.patient import advice
from staff_console.patient.facts import PatientFacts
from staff_console.patient.scores import band_label, total_text
from staff_console.patient.views import TimelineEvent
from staff_console.safety.presenter import done_in_words

MOST: Final = 40
NOTE_SHOWN: Final = 120
ENDS: Final = {
    "completed": "Check-in answered",
    "portal_completed": "Check-in answered on the private page",
    "declined": "Check-in declined",
    "skipped_outage": "Check-in left out after an outage",
    "missed": "Check-in not answered",
    "partial_expired": "Check-in ended unfinished",
    "cancelled": "Check-in cancelled",
    "opted_out": "Check-in ended: opted out",
}
TRACES: Final = {
    "patient.changed": "Details changed",
    "phone.changed": "Number changed",
    "phone.marked_shared": "Number marked as shared",
    "phone.released": "Number given up: another patient has it",
    "related_person.added": "Helper added",
    "related_person.changed": "Helper changed",
    "related_person.revoked": "Helper ended",
}
FIELDS: Final = {
    "address_sealed": "address",
    "emergency_name_sealed": "emergency contact",
    "emergency_relation": "emergency contact",
    "emergency_phone_sealed": "emergency contact",
    "mrn": "MRN",
    "channel": "how check-ins are answered",
    "window_start": "hours",
    "window_end": "hours",
    "zone": "time zone",
}

Dated = tuple[datetime, TimelineEvent]


def timeline(visit: Visit, facts: PatientFacts) -> tuple[TimelineEvent, ...]:
    found = [
        *_scores(visit, facts),
        *_safety(visit, facts),
        *_check_ins(visit, facts),
        *_episode(visit, facts),
        *_contacts(visit, facts),
        *_reviews(visit, facts),
        *_changes(visit, facts),
        *_details(visit, facts),
    ]
    found.sort(key=lambda dated: dated[0], reverse=True)
    return tuple(event for _, event in found[:MOST])


def _scores(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    for result in facts.results:
        label = words.instrument(result.instrument_id)
        by = words.shown(words.ANSWERED_BY, result.channel)
        title = f"{label} {total_text(result)}" + ("" if result.is_complete else ", incomplete")
        yield (
            result.taken_at,
            TimelineEvent(
                "score", visit.at(result.taken_at), title, band_label(result), f"by {by}", "#answers"
            ),
        )


def _contacts(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    for contact in facts.contacts:
        title = f"{chart.KINDS[contact.kind]}: {chart.OUTCOMES[contact.outcome].lower()}"
        href = f"/patients/{contact.patient_id}/contacts/{contact.id}"
        at = visit.at(contact.occurred_at)
        first = contact.note.split("\n", 1)[0][:NOTE_SHOWN]
        yield contact.occurred_at, TimelineEvent("contact", at, title, first, contact.staff_name or "", href)


def _reviews(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    for item in facts.reviews:
        if item.discussed_at is not None:
            said = (item.changed or item.note or "").split("\n", 1)[0][:NOTE_SHOWN]
            at, by = visit.at(item.discussed_at), ", ".join(item.people)
            href = f"/review/items/{item.id}"
            yield item.discussed_at, TimelineEvent("review", at, "Case review", said, by, href)


def _changes(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    """A recommendation and the change of treatment that it led to are one entry."""
    reviews = {item.id: item for item in facts.reviews}
    advised = {page.line.id: page for page in facts.advice}
    for change in facts.changes:
        page = None if change.source_id is None else advised.pop(change.source_id, None)
        if page is not None and change.recorded_at is not None:
            yield change.recorded_at, advice.changed(visit, change, page, reviews)
        elif change.recorded_at is not None:
            title, since = f"{change.label}: {change.what}", f"From {formats.day(change.on).text}"
            at = visit.at(change.recorded_at)
            yield change.recorded_at, TimelineEvent("change", at, title, since, change.recorded_by or "")
    for page in advised.values():
        yield page.line.stage_since, advice.entry(visit, page, reviews)
    for gone in facts.withdrawn:
        title = f"Withdrawn: {gone.label.lower()}, {gone.what}"
        detail = gone.reason or f"From {formats.day(gone.on).text}"
        at = visit.at(gone.withdrawn_at)
        yield gone.withdrawn_at, TimelineEvent("change", at, title, detail, gone.withdrawn_by or "")


def _details(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    """That something was changed and by whom; what it was before is nowhere shown."""
    for trace in facts.traces:
        named = [FIELDS.get(name, name.replace("_", " ")) for name in trace.fields]
        detail = ", ".join(dict.fromkeys(named))
        by = trace.by or ("the patient" if trace.by_patient else "")
        title = TRACES.get(trace.action, "Details changed")
        yield trace.at, TimelineEvent("change", visit.at(trace.at), title, detail, by)


def _safety(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    for event in facts.events:
        about = people.triggers(event.triggers)
        drill = "Drill: safety" if event.is_drill else "Safety"
        href = f"/safety/{event.id}"
        opened = f"{drill} event opened, tier {event.tier}"
        yield event.opened_at, TimelineEvent("safety", visit.at(event.opened_at), opened, about, "", href)
        if event.closed_at is not None:
            closed = f"{drill} event closed"
            yield event.closed_at, TimelineEvent("safety", visit.at(event.closed_at), closed, "", "", href)
    for deed in facts.deeds:
        if deed.kind == "closed":
            continue
        drill = "Drill: safety" if deed.is_drill else "Safety"
        title = f"{drill}: {done_in_words(deed)}"
        href = f"/safety/{deed.event_id}"
        note = (deed.note or "").split("\n", 1)[0][:NOTE_SHOWN]
        yield deed.at, TimelineEvent("safety", visit.at(deed.at), title, note, deed.by_name, href)


def _check_ins(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    for line in facts.check_ins:
        asked = ", ".join(words.instrument(name) for name in line.instruments)
        if line.invited_at is not None:
            yield (
                line.invited_at,
                TimelineEvent("text", visit.at(line.invited_at), "Check-in sent", asked, ""),
            )
        if line.closed_at is not None:
            title = ENDS.get(line.state, "Check-in ended")
            yield line.closed_at, TimelineEvent("text", visit.at(line.closed_at), title, asked, "")


def _episode(visit: Visit, facts: PatientFacts) -> Iterable[Dated]:
    episode = facts.patient.episode
    if episode is None:
        return
    for change in episode.history:
        if change.undone:
            continue
        title = words.shown(words.STATUSES, change.to_status)
        reason = change.reason.replace("_", " ")
        detail = reason if reason != title.lower() else ""
        if change.to_status == "referred" and episode.referral_reason:
            detail = episode.referral_reason
        yield (
            change.at,
            TimelineEvent("change", visit.at(change.at), title, change.note or detail, change.by or ""),
        )
    for consent in episode.consents:
        title = "Agreement to care" if consent.kind == "given" else "Agreement to care withdrawn"
        how = words.shown(words.METHODS, consent.method)
        yield (
            consent.given_at,
            TimelineEvent("consent", visit.at(consent.given_at), title, how, consent.recorded_by),
        )
