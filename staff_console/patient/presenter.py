"""The patient's page out of its facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from registry.access import CARE
from registry.time_log import activities
from registry.time_log.activities import Role
from registry.time_log.queries import EntryLine
from registry.treatment_changes.rules import Change, may_withdraw
from staff_console import formats, marks, people, words
from staff_console.formstate import Choice, FormState, filled
from staff_console.marks import Tone
from staff_console.pages import Visit
from staff_console.patient import advice, care, scores, texting
from staff_console.patient.facts import PatientFacts
from staff_console.patient.forms import EVERY
from staff_console.patient.history import timeline
from staff_console.patient.views import (
    Banner,
    ConsentLine,
    EmailPart,
    NextPanel,
    PatientPage,
    TimeLine,
    TimePanel,
    TreatmentChange,
)
from staff_console.registry.presenter import check_in, minutes_bar

CONTENT: Final = {"link_only": "links and reminders", "items_by_sms": "questions by text"}
MODALITIES: Final = {
    "phone": "By phone", "video": "By video", "in_person": "In person", "portal": "In the portal", "text": "By text",
    "chart": "In the chart",
}  # fmt: skip
NO_RULES: Final = "Counted from enrolment on"


class Forms(msgspec.Struct, frozen=True):
    """Refused forms of the page, shown again; None for one that was not sent."""

    reply: FormState | None = None
    time: FormState | None = None
    contact: FormState | None = None
    plan: FormState | None = None
    email: FormState | None = None
    withdraw: tuple[UUID, FormState] | None = None


def _email(visit: Visit, facts: PatientFacts, forms: Forms) -> EmailPart | None:
    """Only where e-mail is the patient's second channel."""
    if facts.patient.second_channel != "email" or not visit.actor.has(*CARE):
        return None
    known = facts.email
    return EmailPart(
        form=forms.email or FormState("email"),
        address="" if known is None else known.address,
        state={"given": "agreed to", "withdrawn": "taken back", "bounced": "refused by the mail server"}.get(
            "" if known is None else known.kind, "none yet"
        ),
        stands=known is not None and known.kind == "given",
    )


def page(visit: Visit, facts: PatientFacts, forms: Forms) -> PatientPage:
    line = facts.line
    return PatientPage(
        patient_id=str(facts.patient.id),
        banner=_banner(visit, facts),
        flags=() if line is None else people.flags(visit, line, on_page=True),
        check_in=marks.check_in_pill("none") if line is None else check_in(visit, line),
        trends=scores.trends(visit, facts),
        changes=tuple(_change(visit, facts, change, forms) for change in facts.changes),
        answers=scores.answers(visit, facts),
        thread=texting.thread_days(visit, facts),
        thread_zone=visit.at(visit.now).zone,
        reply=texting.reply(visit, facts, forms.reply),
        next=_next(visit, facts, forms),
        time=_time(visit, facts, forms.time),
        consents=tuple(_consents(visit, facts)),
        email=_email(visit, facts, forms),
        may_change_texting=visit.actor.has(*CARE) and facts.patient.phone is not None,
        number="" if facts.patient.phone is None else facts.patient.phone.number,
        timeline=timeline(visit, facts),
        team=tuple(_team(facts)),
        care=care.panel(visit, facts),
        advice=advice.panel(visit, facts.advice),
        older_texts_href=texting.older_href(facts),
        unread=texting.unread(facts),
    )


def _change(visit: Visit, facts: PatientFacts, change: Change, forms: Forms) -> TreatmentChange:
    text = f"{change.label}: {change.what}"
    mine = may_withdraw(change.recorded_by_id, visit.staff_id, leads=visit.actor.has("clinic_lead"))
    if not mine:
        return TreatmentChange(change.number, formats.day(change.on), text)
    refused = forms.withdraw is not None and forms.withdraw[0] == change.id
    form = forms.withdraw[1] if refused and forms.withdraw else FormState(f"withdraw-{change.id}")
    href = f"/patients/{facts.patient.id}/treatment-changes/{change.id}/withdraw"
    return TreatmentChange(change.number, formats.day(change.on), text, href, form)


def _banner(visit: Visit, facts: PatientFacts) -> Banner:
    patient, episode = facts.patient, facts.patient.episode
    born = patient.birth_date
    consent, consent_tone = _care_consent(visit, facts)
    text, text_tone = _texting(facts)
    risk, risk_tone, risk_href = _risk(visit, facts)
    status = "" if episode is None else words.shown(words.STATUSES, episode.status)
    if (
        episode is not None
        and episode.enrolled_on is not None
        and episode.status in ("active", "relapse_prevention")
    ):
        status = f"{status}, week {(visit.today - episode.enrolled_on).days // 7 + 1}"
    return Banner(
        name=people.name(patient.family_name, patient.given_name),
        born=None if born is None else formats.day(born),
        age="" if patient.age is None else f"{patient.age} y",
        mrn=patient.mrn or "none",
        status="Died" if patient.deceased_on is not None else status,
        language=words.language(patient.language),
        consent=consent,
        consent_tone=consent_tone,
        texting=text,
        texting_tone=text_tone,
        risk=risk,
        risk_tone=risk_tone,
        risk_href=risk_href,
    )


def _care_consent(visit: Visit, facts: PatientFacts) -> tuple[str, Tone]:
    episode = facts.patient.episode
    newest = episode.consents[0] if episode is not None and episode.consents else None
    if newest is None:
        return "No agreement to care yet", "warn"
    day = visit.at(newest.given_at).day.text
    if newest.kind == "withdrawn":
        return f"Agreement to care withdrawn {day}", "bad"
    return f"Agreed to care {day}", "good"


def _texting(facts: PatientFacts) -> tuple[str, Tone]:
    if facts.blocked is not None:
        return {"opted_out": "Opted out of texts", "no_consent": "No agreement to texts"}.get(
            facts.blocked, "No texts"
        ), "warn"
    return f"Answers by {words.shown(words.CHANNELS, facts.patient.channel)}", "good"


def _risk(visit: Visit, facts: PatientFacts) -> tuple[str, Tone, str]:
    """An open event, else the newest answer to item 9 with its date: a statement, never a verdict."""
    still_open = [event for event in facts.events if event.state != "closed" and not event.is_drill]
    if still_open:
        highest = max(still_open, key=lambda event: event.tier)
        return f"Open safety event, tier {highest.tier}", "bad", f"/safety/{highest.id}"
    asked = [result for result in facts.results if result.item9 != "not_asked"]
    if not asked:
        return "Item 9 not asked yet", "quiet", ""
    newest = asked[-1]
    said = {"declined": "declined", "unknown": "not known"}.get(newest.item9, newest.item9)
    tone: Tone = "warn" if newest.item9 != "0" else "quiet"
    return f"Item 9: {said} on {visit.at(newest.taken_at).day.text}", tone, "#answers"


def _team(facts: PatientFacts) -> Iterable[tuple[str, str]]:
    episode = facts.patient.episode
    if episode is None:
        return
    for label, person in (
        ("Treating clinician", episode.treating_clinician),
        ("Care manager", episode.care_manager),
        ("Psychiatric consultant", episode.consultant),
    ):
        yield label, "not named yet" if person is None else person.name
    yield "Referred by", episode.referred_by


def _consents(visit: Visit, facts: PatientFacts) -> Iterable[ConsentLine]:
    patient, episode = facts.patient, facts.patient.episode
    for row in () if episode is None else episode.consents[:1]:
        given = row.kind == "given"
        how = f"{words.shown(words.METHODS, row.method)}, {visit.at(row.given_at).day.text}, taken by {row.recorded_by}"
        yield ConsentLine(
            "Collaborative care",
            "given" if given else "withdrawn",
            "good" if given else "bad",
            f"{how}, text {row.wording_version}",
        )
    yield _texting_consent(visit, facts)
    if patient.phone is not None:
        voicemail = patient.phone.voicemail_ok
        yield ConsentLine(
            "Voicemail", "given" if voicemail else "not given", "good" if voicemail else "quiet", ""
        )
    yield from _before_calling(facts)
    if patient.emergency is not None:
        e = patient.emergency
        yield ConsentLine("Emergency contact", "named", "good", f"{e.name}, {e.relation}, {e.phone}")


def _before_calling(facts: PatientFacts) -> Iterable[ConsentLine]:
    patient = facts.patient
    if patient.code_word is not None:
        yield ConsentLine("Code word", "agreed", "good", f"Say it first when you call: {patient.code_word}")
    if patient.interpreter:
        yield ConsentLine("Interpreter", "asked for", "warn", f"Language: {patient.language}. By phone only.")
    if patient.phone is not None and not patient.phone.safe_to_text:
        yield ConsentLine("Number", "not safe to text", "warn", "Somebody else may read along.")


def _texting_consent(visit: Visit, facts: PatientFacts) -> ConsentLine:
    found, phone = facts.texting, facts.patient.phone
    if found is None:
        return ConsentLine("Texts", "not asked", "quiet", "No texts go out without it.")
    day = visit.at(found.recorded_at).day.text
    detail = f"{CONTENT[found.content_level]}, {words.shown(words.METHODS, found.method).lower()}, {day}, text {found.wording_version}"
    if found.kind == "withdrawn":
        return ConsentLine("Texts", "withdrawn", "warn", detail)
    if not found.in_force_for(None if phone is None else phone.key):
        return ConsentLine("Texts", "for an earlier number", "warn", detail)
    return ConsentLine("Texts", "given", "good", detail)


def _next(visit: Visit, facts: PatientFacts, forms: Forms) -> NextPanel:
    episode = facts.patient.episode
    assert episode is not None
    at, plan = episode.next_contact_at, facts.plan
    in_care = episode.status in ("active", "relapse_prevention")
    contact, check_ins = _contact_words(visit, at, episode.next_contact_mode), _plan_words(facts)
    nothing = in_care and at is None and not plan.lines
    care = visit.actor.has("care_manager", "clinician", "clinic_lead")
    advises = care or visit.actor.has("consultant")
    alive = episode.status != "ended" and facts.patient.deceased_on is None
    return NextPanel(
        contact=contact,
        purpose=episode.next_contact_purpose or "",
        late=people.age(at, visit.now) + " ago" if at is not None and at < visit.now and in_care else "",
        check_ins=check_ins,
        next_check_in=_next_check_in(facts),
        missing="Nothing is planned for this patient: set the next contact or the check-ins."
        if nothing
        else "",
        zone=visit.at(visit.now).zone,
        contact_form=forms.contact or _contact_form(visit, facts, at),
        modes=words.choices(words.CONTACT_MODES),
        plan_form=forms.plan or _plan_form(facts),
        cadences=words.choices(EVERY),
        discuss=facts.line is not None and facts.line.discuss_flag,
        enrol_href=f"/enrol/{facts.patient.id}" if care and episode.status == "referred" else "",
        may_set_contact=advises and alive,
        may_set_plan=advises and alive and episode.status != "referred",
        may_mark=advises and alive and facts.line is not None,
    )


def _contact_words(visit: Visit, at: datetime | None, mode: str | None) -> str:
    if at is None:
        return "not planned"
    shown = visit.at(at)
    return f"{shown.day.text} {shown.time} {shown.zone}, {words.shown(words.CONTACT_MODES, mode).lower()}"


def _plan_words(facts: PatientFacts) -> str:
    if not facts.plan.lines:
        return "none"
    channel = words.shown(words.CHANNELS, facts.patient.channel)
    named = " and ".join(words.instrument(line.instrument_id) for line in facts.plan.lines)
    rhythm = facts.plan.lines[0]
    return f"{named} every {rhythm.every_days} days at {rhythm.local_time:%H:%M} on the patient's clock, by {channel}"


def _next_check_in(facts: PatientFacts) -> str:
    planned = [line for line in facts.check_ins if line.state == "scheduled"]
    if not planned:
        return "not scheduled"
    first = min(planned, key=lambda line: line.local_due_date)
    return f"{formats.day(first.local_due_date).text} {first.local_time:%H:%M}, patient's time"


def _contact_form(visit: Visit, facts: PatientFacts, at: datetime | None) -> FormState:
    episode = facts.patient.episode
    assert episode is not None
    local = None if at is None or at < visit.now else at.astimezone(visit.zone)
    return filled(
        "contact",
        version=str(episode.version),
        on="" if local is None else local.date().isoformat(),
        at="" if local is None else f"{local:%H:%M}",
        mode=episode.next_contact_mode or "phone",
        purpose=episode.next_contact_purpose or "",
    )


def _plan_form(facts: PatientFacts) -> FormState:
    first = next(iter(facts.plan.lines), None)
    every = "14" if first is None else str(first.every_days)
    return filled(
        "plan",
        version=str(facts.plan.version),
        every_days=every if every in EVERY else "14",
        anchor_on="" if first is None else first.anchor_on.isoformat(),
        local_time="" if first is None else f"{first.local_time:%H:%M}",
    )


def _time(visit: Visit, facts: PatientFacts, form: FormState | None) -> TimePanel:
    found = facts.month
    bar = minutes_bar(facts.billed)
    counted, not_counted = counted_words(found.counted_seconds, found.logged_seconds)
    return TimePanel(
        month=formats.month_text(found.month),
        bar=bar,
        counted=counted,
        not_counted=not_counted,
        lines=tuple(_time_line(visit, entry) for entry in reversed(found.entries)),
        form=form or filled("time", on=visit.today.isoformat()),
        activities=loggable(visit),
        rule_set="" if bar is not None else NO_RULES,
        zone=visit.at(visit.now).zone,
        coverage_href=f"/patients/{facts.patient.id}/coverage" if visit.actor.has(*CARE) else "",
        modalities=tuple(Choice(value, label) for value, label in MODALITIES.items()),
    )


def loggable(visit: Visit) -> tuple[Choice, ...]:
    """What the person's roles may log, each once, in display order."""
    held: tuple[Role, ...] = ("care_manager", "clinician", "consultant", "clinic_lead")
    offered = {
        activity.id: activity.label
        for role in held
        if visit.actor.has(role)  # type: ignore[arg-type]
        for activity in activities.loggable_by(role)
    }
    return tuple(Choice(a.id, a.label) for a in activities.ACTIVITIES if a.id in offered)


def _time_line(visit: Visit, entry: EntryLine) -> TimeLine:
    own = entry.staff_id == visit.staff_id or visit.actor.has("clinic_lead")
    return TimeLine(
        id=str(entry.id),
        on=visit.at(entry.started_at).day,
        who=entry.staff_name,
        activity=entry.activity_label,
        minutes=minutes(entry.seconds),
        note="entered later" if entry.late else "",
        not_counted=reasons(entry.why_not),
        edit_href=f"/time/{entry.id}" if own else "",
    )


def counted_words(counted: int, logged: int) -> tuple[str, str]:
    """Both to the second, as each entry shows its length: rounded apart they would not add up. Seconds."""
    missed = logged - counted
    rest = f"{minutes(missed)} min not counted" if missed else "every minute counts"
    return f"{minutes(counted)} min counted", rest


def minutes(seconds: int) -> str:
    whole, rest = divmod(seconds, 60)
    return str(whole) if rest == 0 else f"{whole}:{rest:02d}"


def reasons(why_not: tuple[tuple[str, str, int], ...]) -> str:
    return " ".join(f"{minutes(seconds)} min: {text}" for _, text, seconds in why_not)
