"""Safety events in words. Nothing here judges risk: it says what was answered, done and decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec

from messaging.conversation.thread import ReceivedText
from messaging.escalation.queries import SentLine
from registry.organisation.rules import ClinicFacts
from registry.patients.queries import PatientPage
from registry.safety import closing, rules
from registry.safety.assessing import DECIDES
from registry.safety.packs import Pack
from registry.safety.queries import ActionLine, HistoryLine, SignalLine
from registry.safety.queries import EventLine as Fact_
from registry.safety.queries import EventPage as Found
from registry.working_time import WorkingTime
from staff_console import formats, people, words
from staff_console.formstate import Choice, FormState, filled
from staff_console.marks import Tone
from staff_console.pages import Visit
from staff_console.safety import assessing
from staff_console.safety.forms import (
    BASES,
    CHANNELS,
    DECISIONS,
    DISPOSITIONS,
    LEVELS,
    OUTCOMES,
    SAFETY_STEPS,
    TOOLS,
)
from staff_console.safety.views import (
    EventLine,
    EventPage,
    Fact,
    LogLine,
    Other,
    SafetyPage,
    Step,
    StepState,
)

STEPS: Final[tuple[tuple[Step, str], ...]] = (
    ("acknowledge", "Acknowledge"),
    ("attempt", "Reach the patient"),
    ("assess", "Assess"),
    ("dispose", "Disposition and next contact"),
    ("confirm", "Close"),
)
_SOURCES: Final = {
    "sms": "by text",
    "portal": "on the private page",
    "staff": "told to staff",
    "api": "from another system",
}
_SENT: Final[dict[str, tuple[str, Tone]]] = {
    "waiting": ("waiting to go", "quiet"),
    "sending": ("going out", "quiet"),
    "accepted": ("accepted by the provider", "info"),
    "delivered": ("delivered", "good"),
    "unknown": ("not known if sent", "warn"),
    "failed": ("not delivered", "bad"),
    "suppressed": ("held back", "quiet"),
    "expired": ("not sent in time", "warn"),
    "simulated": ("simulated, not sent", "quiet"),
}


class Around(msgspec.Struct, frozen=True):
    """What the page shows besides the event: the person, the clinic's hours, texts and alerts."""

    patient: PatientPage | None
    hours: WorkingTime
    texts: Mapping[UUID, ReceivedText]
    sent: tuple[SentLine, ...]
    packs: tuple[Pack, ...] = ()


class Refused(msgspec.Struct, frozen=True):
    """A form of the page that was refused, shown again."""

    step: Step | Other
    form: FormState


def safety_page(
    visit: Visit,
    still_open: Sequence[Fact_],
    closed: Sequence[Fact_],
    clinic: ClinicFacts,
    responsible: str | None,
    hours: WorkingTime,
) -> SafetyPage:
    signed = clinic.item9_policy_signed_on
    return SafetyPage(
        as_of=visit.at(visit.now),
        open=tuple(event_line(visit, event, hours) for event in still_open),
        closed=tuple(event_line(visit, event, hours) for event in closed),
        alerted="the patient's care manager" + (f", else {responsible}" if responsible else ""),
        gap=""
        if responsible
        else "Nobody is named for patients without a care manager. Name somebody in Setup.",
        policy="not signed" if signed is None else f"signed {formats.day(signed).text}",
    )


def event_line(visit: Visit, event: Fact_, hours: WorkingTime) -> EventLine:
    words_of_clock, late = clock(visit, event)
    owner = event.acknowledged_by_name or (
        f"Alerted: {event.responsible_name}" if event.responsible_name else ""
    )
    return EventLine(
        href=f"/safety/{event.id}",
        patient=people.name(event.family_name, event.given_name),
        mrn=event.mrn or "none",
        trigger=people.triggers(event.triggers),
        tier=event.tier,
        opened=visit.at(event.opened_at),
        age=people.age(event.opened_at, event.closed_at or visit.now),
        clock=words_of_clock,
        late=late,
        owner=owner or "Nobody yet",
        state=words.shown(words.EVENT_STATES, event.state),
        drill=event.is_drill,
    )


def clock(visit: Visit, event: Fact_) -> tuple[str, bool]:
    """What the policy asks next and by when."""
    match event.state:
        case "closed":
            assert event.closed_at is not None
            return f"closed {visit.at(event.closed_at).day.text} {visit.at(event.closed_at).time}", False
        case "open":
            return people.clock(visit, event.acknowledge_by, "acknowledge")
        case "acknowledged" | "assessed":
            return people.clock(visit, event.next_action_at, "next step")
        case _:
            assert_never(event.state)


def event_page(visit: Visit, found: Found, around: Around, refused: Refused | None = None) -> EventPage:
    event, patient = found.event, around.patient
    step = step_due(found)
    words_of_clock, late = clock(visit, event)
    why_not = rules.why_not_close(
        1 if event.is_drill else event.tier,
        event.state,
        visit.staff_id,
        event.acknowledged_by_id,
        found.disposed_by_id,
    )
    phone = _phone(found, around)
    return EventPage(
        event_id=str(event.id),
        patient=people.name(event.family_name, event.given_name),
        patient_href=people.patient_href(event.patient_id),
        born=None if found.birth_date is None else formats.day(found.birth_date),
        mrn=event.mrn or "",
        phone="not on record" if phone is None else formats.phone(phone),
        tier=event.tier,
        trigger=people.triggers(event.triggers),
        opened=visit.at(event.opened_at),
        age=people.age(event.opened_at, event.closed_at or visit.now),
        clock=words_of_clock,
        late=late,
        owner=f"Code {event.code} · "
        + (event.acknowledged_by_name or event.responsible_name or "nobody yet"),
        facts=tuple(_facts(visit, found, around)),
        steps=tuple(_steps(step, event.tier)),
        step=step,
        form=refused.form if refused is not None and refused.step == step else _fresh(visit, step),
        log=tuple(_log(visit, found, around)),
        channels=words.choices(CHANNELS),
        outcomes=words.choices(OUTCOMES),
        tools=words.choices(TOOLS),
        levels=words.choices(LEVELS),
        dispositions=words.choices(DISPOSITIONS),
        modes=words.choices(words.CONTACT_MODES),
        contacts=tuple(_contacts(patient, phone)),
        may_close=why_not is None,
        may_not_close=""
        if why_not is None
        else f"This event {why_not}. Ask a colleague to read it and close it.",
        drill=event.is_drill,
        others=_others(visit, step, event.tier, refused),
        has_patient=event.patient_id is not None and (patient is None or patient.deceased_on is None),
        zone=visit.at(visit.now).zone,
        assess_with=assessing.tools(around.packs),
        assessments=assessing.cards(visit, found.assessments, around.packs),
        safety_steps=words.choices(SAFETY_STEPS),
        decisions=words.choices(DECISIONS),
        bases=words.choices(BASES),
        lower_tiers=tuple(Choice(str(tier), f"Tier {tier}") for tier in range(1, event.tier)),
        missing=_missing(visit, found),
    )


def _missing(visit: Visit, found: Found) -> tuple[str, ...]:
    """What a close would be refused for now."""
    if found.disposition is None or found.event.state == "closed":
        return ()
    problems = closing.missing_for(
        found.event.tier,
        found.disposition,
        closing.done_by(found.actions),
        is_drill=found.event.is_drill,
        closer_is_consultant=visit.actor.has("consultant"),
    )
    return tuple(f"The disposition {problem.message}." for problem in problems)


def step_due(found: Found) -> Step:
    """Acknowledge, reach, assess, decide, close; a step may be skipped by the people who do it, never by time."""
    done = {action.kind for action in found.actions}
    match found.event.state:
        case "closed":
            return "closed"
        case "open":
            return "acknowledge"
        case "acknowledged" | "assessed":
            if found.disposition is not None:
                return "confirm"
            if found.event.state == "assessed" or "assessment" in done:
                return "dispose"
            return "assess" if "attempt" in done else "attempt"
        case _:
            assert_never(found.event.state)


def _others(
    visit: Visit, step: Step, tier: int, refused: Refused | None
) -> tuple[tuple[Other, FormState], ...]:
    if step in ("acknowledge", "closed"):
        return ()
    possible: tuple[Other, ...] = ("attempt", "assess", "step", "decide", "dispose", "lower", "note")
    return tuple(
        (other, refused.form if refused is not None and refused.step == other else _fresh(visit, other))
        for other in possible
        if other != step and _may(visit, other, tier)
    )


def _may(visit: Visit, other: Other, tier: int) -> bool:
    """Decisions about others and a lower tier are a clinician's."""
    match other:
        case "decide":
            return visit.actor.has(*DECIDES)
        case "lower":
            return visit.actor.has(*DECIDES) and tier > 1
        case "attempt" | "assess" | "step" | "dispose" | "note":
            return True
        case _:
            assert_never(other)


def _fresh(visit: Visit, step: Step | Other) -> FormState:
    if step == "dispose":
        return filled("dispose", next_contact_mode="phone")
    return FormState(str(step))


def _steps(due: Step, tier: int) -> Iterable[StepState]:
    order = [key for key, _ in STEPS]
    at = order.index(due) if due in order else len(order)
    for index, (key, label) in enumerate(STEPS):
        state: StepState = StepState(label, "done" if index < at else "due" if index == at else "later")
        if key == "confirm" and tier > 1:
            state = msgspec.structs.replace(state, label="A second person closes")
        yield state


def _phone(found: Found, around: Around) -> str | None:
    if around.patient is not None:
        return None if around.patient.phone is None else around.patient.phone.number
    return next((text.phone for text in around.texts.values()), None)


def _facts(visit: Visit, found: Found, around: Around) -> Iterable[Fact]:
    for signal in found.signals:
        text = around.texts.get(signal.source_id)
        said = f"“{text.body}”, " if text is not None else ""
        href = f"/patients/{found.event.patient_id}#answers" if signal.source_kind == "answer" else ""
        yield Fact(words.shown(words.TRIGGERS, signal.trigger), said + _signal(visit, signal), href)
    for line in around.sent:
        if line.kind == "crisis":
            told = _SENT[line.delivery][0]
            yield Fact("Patient was told", f"988 and 911, {visit.at(line.at).time}: {told}")
    if found.disposition is not None:
        yield Fact("Disposition", words.shown(DISPOSITIONS, found.disposition))
    episode = None if around.patient is None else around.patient.episode
    if episode is not None and episode.next_contact_at is not None:
        at = visit.at(episode.next_contact_at)
        mode = words.shown(words.CONTACT_MODES, episode.next_contact_mode).lower()
        yield Fact("Next contact", f"{at.day.text} {at.time} {at.zone}, {mode}")


def _signal(visit: Visit, signal: SignalLine) -> str:
    value = f"answered {signal.value}, " if signal.value is not None else ""
    at = visit.at(signal.at)
    return f"{value}{words.shown(_SOURCES, signal.channel)}, {at.day.text} {at.time} {at.zone}"


def _contacts(patient: PatientPage | None, phone: str | None) -> Iterable[Fact]:
    if phone is not None:
        yield Fact("Patient" if patient is not None else "Who wrote", formats.phone(phone), f"tel:{phone}")
    if patient is not None and patient.emergency is not None:
        e = patient.emergency
        yield Fact("Emergency contact", f"{e.name}, {e.relation}, {formats.phone(e.phone)}", f"tel:{e.phone}")
    yield Fact("Crisis line", "988", "tel:988")
    yield Fact("Emergency", "911", "tel:911")


def _log(visit: Visit, found: Found, around: Around) -> Iterable[LogLine]:
    """Oldest first: signals, alerts and their delivery, and what people did."""
    dated: list[tuple[datetime, LogLine]] = []
    for signal in found.signals:
        what = words.shown(words.TRIGGERS, signal.trigger)
        dated.append(
            (signal.at, LogLine(visit.at(signal.at), "system", what, _signal(visit, signal), "warn"))
        )
    for line in around.sent:
        state, tone = _SENT[line.delivery]
        by = {"email": "e-mail", "voice": "call", "sms": "text"}[line.channel]
        what = f"Alert to {line.to} by {by}" if line.kind == "alert" else "Safety text to the patient"
        dated.append((line.at, LogLine(visit.at(line.at), "system", what, state.capitalize(), tone)))
    for action in found.actions:
        dated.append((action.at, _action(visit, action)))
    dated.sort(key=lambda pair: pair[0])
    return [line for _, line in dated]


def _action(visit: Visit, action: ActionLine) -> LogLine:
    return LogLine(visit.at(action.at), action.by_name or "system", done_in_words(action), action.note or "")


def done_in_words(action: ActionLine | HistoryLine) -> str:
    detail = action.detail
    match action.kind:
        case "acknowledged":
            what = "Acknowledged"
        case "attempt":
            how = words.shown(CHANNELS, detail.get("channel"))
            what = f"Attempt, {how.lower()}: {words.shown(OUTCOMES, detail.get('outcome')).lower()}"
        case "assessment":
            what = f"Assessment, {words.shown(TOOLS, detail.get('tool'))}: {words.shown(LEVELS, detail.get('level')).lower()}"
        case "step":
            what = f"{words.shown(SAFETY_STEPS, detail.get('step'))}: {action.who or ''}"
        case "decision":
            way = "decided for" if detail.get("go") == "yes" else "decided against"
            what = f"{words.shown(DECISIONS, detail.get('about'))}: {way}"
        case "whereabouts":
            what = "Where the patient is"
        case "tier_lowered":
            what = f"Tier lowered from {detail.get('from_tier')} to {detail.get('to_tier')}"
        case "note":
            what = "Note"
        case "disposition":
            what = f"Disposition: {words.shown(DISPOSITIONS, detail.get('disposition')).lower()}"
        case "closed":
            what = "Closed"
        case "tier_raised":
            what = f"Tier raised to {detail.get('to_tier')}" if detail.get("to_tier") else "Tier raised"
        case "reopened":
            what = "Open again: nothing was recorded in time"
        case "lapsed":
            what = "The clock ran out"
        case "item9_rose":
            what = "Item 9 rose"
        case _:
            assert_never(action.kind)
    return what
