"""The contact form, the copy for the chart and the clinic's templates out of their facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from registry.contacts import chart, rules
from registry.contacts.forms import ContactKind, ContactOutcome
from registry.contacts.past import IMPORTED
from registry.contacts.queries import ContactFacts
from registry.contacts.templates import Template
from registry.disengagement.rules import Policy
from registry.filing.service import CopyState, Filed
from registry.patients.queries import PatientPage
from registry.recommendations import rules as recommendations
from registry.recommendations.queries import RecommendationPage
from registry.recommendations.rules import Answer
from registry.treatment_changes.rules import KINDS as CHANGES
from registry.treatment_changes.rules import OF_MEDICATION
from registry.worklist.queries import Line
from staff_console import words
from staff_console.contact.forms import tick
from staff_console.contact.views import ContactLine, ContactPage, CopyPage, TemplateForm, TemplatesPage
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit
from staff_console.patient import advice
from staff_console.patient.presenter import loggable
from staff_console.review.views import Fact
from staff_console.seen import sealed
from staff_console.whose import whose

TITLES: Final[Mapping[Filed, str]] = {
    "contact": "Contact",
    "care_plan": "Care plan",
    "relapse_plan": "Plan against relapse",
    "safety_plan": "Safety plan",
    "closing_note": "Closing note",
    "case_review": "Case review",
    "month": "Month",
}
# The lines of the one-page summary that a talk needs.
KNOWN: Final = ("Present treatment", "Goals", "Side effects", "Adherence", "Question")
NOTE_LINES: Final = 4
NOTE_SHOWN: Final = 400
APPROVALS: Final = (
    Choice("lead", "The clinic lead or a clinician"),
    Choice("care_manager", "The care manager too"),
)
FIRST_OUTCOME: Final[Mapping[str, ContactOutcome]] = {"no_show": "did_not_come", "attempt": "no_answer"}


class Asked(msgspec.Struct, frozen=True):
    """What is needed during the talk: lines of the one-page summary, and what was recommended, newest first."""

    facts: tuple[Fact, ...]
    advice: tuple[RecommendationPage, ...]


def _boxes(found: Sequence[RecommendationPage]) -> Iterable[Choice]:
    """What a contact can bring for each recommendation that waits for the patient."""
    for page in found:
        line = page.line
        answers: tuple[tuple[Answer, str], ...] = ()
        if line.stage == "ordered":
            answers = (("told", "Told the patient"), ("in_use", "Told, and in use already"))
        elif line.stage == "told":
            answers = (("in_use", "In use"), ("not_in_use", "Not in use"))
        ordered = next((step.text for step in page.steps if step.step == "ordered"), None)
        about = ordered or "; ".join(part.text for part in line.parts)
        for answer, said in answers:
            yield Choice(tick(line.id, line.version, answer), f"{said}: {about}")


def _last_time(visit: Visit, before: Sequence[ContactFacts]) -> Iterable[Fact]:
    """What was agreed and noted when they last spoke."""
    last = next((contact for contact in before if contact.spoken), None)
    if last is None:
        return
    skill = chart.SKILLS[last.skill] if last.skill else ""
    agreed = "; ".join(filter(None, (skill, last.homework)))
    note = [text for text in last.note.splitlines() if text.strip()][:NOTE_LINES]
    on = visit.at(last.occurred_at).day.text
    yield Fact(f"Agreed on {on}", agreed)
    yield Fact(f"Noted on {on}", "\n".join(note)[:NOTE_SHOWN])


def page(
    visit: Visit,
    patient: PatientPage,
    line: Line | None,
    before: Sequence[ContactFacts],
    copies: Mapping[UUID, CopyState],
    form: FormState,
    blocked: str,
    asked: Asked,
) -> ContactPage:
    opened = _opened(form, visit.now)
    form = msgspec.structs.replace(form, values={**form.values, "opened_at": (opened.isoformat(),)})
    return ContactPage(
        whose=whose(patient),
        form=form,
        kinds=words.choices(chart.KINDS),
        outcomes=words.choices(chart.OUTCOMES),
        channels=words.choices(chart.CHANNELS),
        adherence=words.choices(chart.ADHERENCE),
        side_effects=words.choices(chart.SIDE_EFFECTS),
        skills=words.choices(chart.SKILLS),
        changes=words.choices({k: v for k, v in CHANGES.items() if k in OF_MEDICATION}),
        activities=loggable(visit),
        modes=words.choices(words.CONTACT_MODES),
        zone=visit.at(visit.now).zone,
        opened=_clock(opened, visit),
        planned=_planned(visit, patient),
        scores=_scores(visit, line),
        before=lines(visit, before, copies),
        advice=tuple(_boxes(asked.advice)),
        known=(*asked.facts, *_last_time(visit, before)),
        open_advice=advice.panel(
            visit, [page for page in asked.advice if page.line.stage in recommendations.OPEN]
        ),
        text_blocked=blocked,
        timer=timed(visit, patient.id),
    )


def _opened(form: FormState, now: datetime) -> datetime:
    """Now, for a form that came back without the moment it was first shown: its note is not lost for that."""
    try:
        opened = datetime.fromisoformat(form.value("opened_at"))
    except ValueError:
        return now
    return opened if opened.tzinfo is not None else now


def _clock(opened: datetime, visit: Visit) -> str:
    at = visit.at(opened)
    return f"{at.time} {at.zone}"


def start(
    visit: Visit,
    patient: PatientPage,
    templates: Mapping[ContactKind, Template],
    kind: ContactKind | None,
    outcome: ContactOutcome | None,
) -> FormState:
    """Today, the planned way of speaking, and the next contact if it still lies ahead."""
    episode = patient.episode
    assert episode is not None
    chosen: ContactKind = kind or episode.next_contact_mode or "phone"
    ahead = episode.next_contact_at is not None and episode.next_contact_at > visit.now
    local = episode.next_contact_at.astimezone(visit.zone) if ahead and episode.next_contact_at else None
    return filled(
        "contact",
        kind=chosen,
        outcome=outcome or FIRST_OUTCOME.get(chosen, "reached"),
        on=visit.today.isoformat(),
        channel="" if chosen in rules.CONVERSATIONS else "phone",
        note=templates[chosen].body,
        **({"from_timer": "yes"} if timed(visit, patient.id) else {"since_opened": "yes"}),
        opened_at=visit.now.isoformat(),
        activity="patient_contact" if chosen in rules.CONVERSATIONS else "outreach",
        next_on="" if local is None else local.date().isoformat(),
        next_at="" if local is None else f"{local:%H:%M}",
        next_mode=episode.next_contact_mode or "phone",
        next_purpose=(episode.next_contact_purpose or "") if ahead else "",
        version=str(episode.version),
    )


def timed(visit: Visit, patient_id: UUID) -> bool:
    """Whether the person's timer runs for this patient."""
    running = visit.frame.timer
    return running is not None and running.patient_id == patient_id


def with_template(form: FormState, templates: Mapping[ContactKind, Template]) -> FormState:
    """The kind's template in place of another one that was left as it was; what was typed stays."""
    written = form.value("note").replace("\r\n", "\n").strip()
    untouched = written in {template.body.strip() for template in templates.values()} | {""}
    kind = next((kind for kind in templates if kind == form.value("kind")), None)
    if kind is None:
        return form
    spoken = kind in rules.CONVERSATIONS
    values = {
        **form.values,
        "outcome": (FIRST_OUTCOME.get(kind, "reached"),),
        "channel": ("" if spoken else form.value("channel") or "phone",),
        "activity": ("patient_contact" if spoken else "outreach",),
    }
    if untouched:
        values["note"] = (templates[kind].body,)
    return FormState(form.id, values)


def lines(
    visit: Visit, found: Sequence[ContactFacts], copies: Mapping[UUID, CopyState]
) -> tuple[ContactLine, ...]:
    return tuple(_line(visit, contact, copies.get(contact.id)) for contact in found)


def _line(visit: Visit, contact: ContactFacts, copy: CopyState | None) -> ContactLine:
    how = chart.CHANNELS.get(contact.channel, contact.channel).lower()
    title = chart.KINDS[contact.kind] + ("" if contact.kind in rules.CONVERSATIONS else f", {how}")
    parts = [chart.OUTCOMES[contact.outcome]]
    if contact.seconds:
        parts.append(f"{chart.minutes_text(contact.seconds)} min")
    return ContactLine(
        id=str(contact.id),
        at=visit.at(contact.occurred_at),
        title=title,
        detail=", ".join(parts),
        who=contact.staff_name or "",
        href=f"/patients/{contact.patient_id}/contacts/{contact.id}",
        unfiled=copy is not None and copy.filed_at is None,
    )


def copy_page(
    visit: Visit,
    patient: PatientPage,
    kind: Filed,
    ref_id: UUID,
    text: str,
    copy: CopyState | None,
    fresh: str = "",
) -> CopyPage:
    filed = changed = ""
    if copy is not None and copy.changed_at is not None:
        at = visit.at(copy.changed_at)
        changed = f"Changed {at.day.text} {at.time} {at.zone}, since it was filed in the EHR. File this version too."
    if copy is not None and copy.filed_at is not None:
        at = visit.at(copy.filed_at)
        filed = f"Filed in the EHR: {at.day.text} {at.time} {at.zone}, ticked by {copy.filed_by or 'a key'}."
    return CopyPage(
        whose=whose(patient),
        title=f"{TITLES[kind]}: copy for the chart",
        text=text,
        kind=kind,
        ref_id=str(ref_id),
        filed=filed,
        may_file=copy is not None
        and visit.actor.has("care_manager", "clinician", "clinic_lead", "consultant"),
        fresh=fresh,
        changed=changed,
    )


def fresh(visit: Visit, contact: ContactFacts) -> str:
    if contact.source == IMPORTED:
        return f"Brought in from another registry on {visit.at(contact.recorded_at).day.text}."
    if rules.is_fresh(contact.occurred_at, contact.recorded_at, visit.frame.zone):
        return ""
    at = visit.at(contact.recorded_at)
    return f"Written down on {at.day.text}, more than {rules.FRESH_DAYS} days after the contact."


def templates_page(
    templates: Mapping[ContactKind, Template],
    policy: Policy,
    refused: tuple[str, FormState] | None,
    rule: FormState | None,
) -> TemplatesPage:
    return TemplatesPage(
        tuple(_template(template, refused) for template in templates.values()),
        rule or rule_form(policy),
        APPROVALS,
    )


def rule_form(policy: Policy) -> FormState:
    form = filled(
        "rule",
        attempts=str(policy.attempts),
        channels=str(policy.channels),
        days=str(policy.days),
        approval="lead" if policy.lead_approves else "care_manager",
    )
    return sealed(form)


def _template(template: Template, refused: tuple[str, FormState] | None) -> TemplateForm:
    form = filled(f"template-{template.kind}", body=template.body, version=str(template.version))
    if refused is not None and refused[0] == template.kind:
        form = refused[1]
    note = "As it comes." if template.version == 0 else f"Your clinic's version {template.version}."
    return TemplateForm(chart.KINDS[template.kind], f"/setup/note-templates/{template.kind}", form, note)


def _planned(visit: Visit, patient: PatientPage) -> str:
    episode = patient.episode
    if episode is None or episode.next_contact_at is None:
        return ""
    at = visit.at(episode.next_contact_at)
    return f"{at.day.text} {at.time} {at.zone}: {episode.next_contact_purpose or 'nothing noted'}"


def _scores(visit: Visit, line: Line | None) -> tuple[str, ...]:
    """First and last complete totals with their day; item 9 as it was answered last."""
    if line is None:
        return ()
    found = []
    for label, first, last, at in (
        ("PHQ-9", line.phq9_first, line.phq9_last, line.phq9_last_at),
        ("GAD-7", line.gad7_first, line.gad7_last, line.gad7_last_at),
    ):
        if last is not None and at is not None:
            found.append(f"{label} {first} → {last} on {visit.at(at).day.text}")
    if line.phq9_item9 is not None:
        found.append(f"Item 9: {line.phq9_item9.replace('_', ' ')}")
    return tuple(found)
