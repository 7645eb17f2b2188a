"""One patient on one page, as a consultant asks for it: the lines of a case-review sheet (AIMS Center, best practices
for systematic case review, Psychiatric Services appi.ps.201900085). What nobody documented says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from questionnaires import catalog
from registry.care_plans.contents import CareContent
from registry.care_plans.queries import PlanVersion
from registry.contacts.queries import ContactFacts
from registry.intake.contents import CONSIDERED, Considered, IntakeContent
from registry.intake.service import IntakeFacts
from registry.measures.rules import ResultFacts
from registry.patients.queries import PatientPage
from registry.treatment_changes.rules import Change
from staff_console import charts, formats, words
from staff_console.charts import Sparkline
from staff_console.pages import Visit
from staff_console.review.views import Fact

ADHERENCE: Final = {
    "as_prescribed": "as prescribed",
    "some_missed": "some doses missed",
    "stopped": "stopped",
    "not_started": "not started",
    "none_prescribed": "none prescribed",
}
SHOWN: Final = ("phq9", "gad7")
DIFFICULTY: Final = 10
NEWEST: Final = 6
CONTACTS: Final = 20


class Sheet(msgspec.Struct, frozen=True):
    """What the page was read from."""

    patient: PatientPage
    results: tuple[ResultFacts, ...]
    changes: tuple[Change, ...]
    contacts: tuple[ContactFacts, ...]
    plans: tuple[PlanVersion, ...]
    safety_plans: tuple[PlanVersion, ...]
    intake: IntakeFacts | None
    answers: Mapping[UUID, Mapping[int, int | None]]


def facts(visit: Visit, sheet: Sheet) -> tuple[Fact, ...]:
    episode = sheet.patient.episode
    plan = _plan(sheet)
    spoken = [contact for contact in sheet.contacts if contact.spoken]
    clinician = None if episode is None else episode.treating_clinician
    return (
        Fact("Age", "" if sheet.patient.age is None else f"{sheet.patient.age}"),
        Fact("Treating clinician", "" if clinician is None else clinician.name),
        Fact("Diagnosis", _joined((episode.target_condition if episode else None, plan.diagnosis))),
        Fact("Weeks in treatment", _weeks(visit.today, episode.enrolled_on if episode else None)),
        *(Fact(_name(measure), _scores(visit, sheet.results, measure)) for measure in SHOWN),
        Fact("Item 9", _item9(visit, sheet.results)),
        Fact("Function", _function(visit, sheet)),
        Fact("Present treatment", _treatment(visit, sheet)),
        Fact("Changes", _changes(sheet.changes)),
        Fact("Adherence", _latest(visit, spoken, "adherence", ADHERENCE)),
        Fact("Side effects", _latest(visit, spoken, "side_effects", {})),
        Fact("Skill", plan.skill or ""),
        Fact("Contacts", _spoken(visit, sheet, spoken)),
        Fact("Safety plan", _safety_plan(visit, sheet)),
        Fact("Goals", _joined(plan.goals)),
        Fact("Barriers", _joined(plan.barriers)),
        *_found_first(sheet.intake),
        Fact("Question", next((c.question for c in sheet.contacts if c.question), "") or ""),
    )


def _treatment(visit: Visit, sheet: Sheet) -> str:
    """What the plan says, each change recorded after it was written, and for how long nothing changed: a plan that was
    not renewed names the old dose, and a dose is judged by its weeks."""
    newest = sheet.plans[0] if sheet.plans else None
    plan = _plan(sheet)
    written = _joined(plan.medications + plan.treatments)
    told = [c for c in sheet.changes if newest is None or _after(c, newest.created_at, visit)]
    last = max((c.on for c in sheet.changes), default=None)
    return _joined(
        (
            f"{written} (plan of {visit.at(newest.created_at).day.text})" if newest and written else written,
            *(f"since {formats.day(c.on).text} {c.label.lower()}: {c.what}" for c in told[-4:]),
            _unchanged(visit.today, last),
        )
    )


def _after(change: Change, written: datetime, visit: Visit) -> bool:
    """Whether the plan was written without it."""
    if change.recorded_at is not None:
        return change.recorded_at > written
    return change.on > written.astimezone(visit.zone).date()


def _unchanged(today: date, last: date | None) -> str:
    if last is None or last > today:
        return ""
    return f"last changed {words.count((today - last).days // 7, 'week', 'weeks')} ago"


def _spoken(visit: Visit, sheet: Sheet, spoken: Sequence[ContactFacts]) -> str:
    """How many, and when the last was; of a patient with more entries than are read at least so many."""
    if not spoken:
        return ""
    least = "at least " if len(sheet.contacts) >= CONTACTS else ""
    when = visit.at(spoken[0].occurred_at).day.text
    return f"{least}{words.count(len(spoken), 'contact', 'contacts')}, the last on {when}"


def _safety_plan(visit: Visit, sheet: Sheet) -> str:
    if not sheet.safety_plans:
        return ""
    newest = sheet.safety_plans[0]
    return f"version {newest.version} of {visit.at(newest.created_at).day.text}"


def _found_first(found: IntakeFacts | None) -> tuple[Fact, ...]:
    """What was found when care began, for a consultant who never saw the patient."""
    first = IntakeContent() if found is None else found.content
    return (
        Fact("Substances", first.substances),
        Fact("Bipolar disorder", _considered(first.bipolar, first.bipolar_note)),
        Fact("PTSD", _considered(first.ptsd, first.ptsd_note)),
        Fact("Pregnancy", _considered(first.pregnancy, first.pregnancy_note)),
        Fact("Medical factors", first.medical_causes),
        Fact("History", first.history),
        Fact("Medications at the start", _joined(first.medications)),
    )


def _considered(state: Considered, note: str) -> str:
    return "" if state == "not_documented" else _joined((CONSIDERED[state].lower(), note.strip()))


def sparks(sheet: Sheet) -> tuple[Sparkline, ...]:
    return tuple(
        charts.sparkline(_name(measure), totals, catalog.load(measure, "en").max_total)
        for measure in SHOWN
        if (totals := _totals(sheet.results, measure))
    )


def _plan(sheet: Sheet) -> CareContent:
    newest = sheet.plans[0].content if sheet.plans else None
    return newest if isinstance(newest, CareContent) else CareContent()


def _name(measure: str) -> str:
    return words.instrument(measure)


def _weeks(today: date, enrolled_on: date | None) -> str:
    """As the registry counts them: the week of enrolment is the first."""
    return "" if enrolled_on is None else str((today - enrolled_on).days // 7 + 1)


def _totals(results: Iterable[ResultFacts], measure: str) -> list[int]:
    return [r.total for r in results if r.instrument_id == measure and r.total is not None]


def _scores(visit: Visit, results: Sequence[ResultFacts], measure: str) -> str:
    complete = [r for r in results if r.instrument_id == measure and r.total is not None]
    if not complete:
        return ""
    first, last = complete[0], complete[-1]
    best = min(complete, key=lambda r: (r.total or 0, r.taken_at))
    return ", ".join(
        f"{label} {r.total} ({visit.at(r.taken_at).day.text})"
        for label, r in (("first", first), ("best", best), ("last", last))
    )


def _item9(visit: Visit, results: Sequence[ResultFacts]) -> str:
    return ", ".join(f"{r.item9} ({visit.at(r.taken_at).day.text})" for r in _asked(results))


def function_runs(results: Sequence[ResultFacts]) -> tuple[UUID, ...]:
    """The questionnaires whose answers `Sheet.answers` holds."""
    return tuple(result.run_id for result in _asked(results))


def _asked(results: Sequence[ResultFacts]) -> list[ResultFacts]:
    return [result for result in results if result.instrument_id == "phq9"][-NEWEST:]


def _function(visit: Visit, sheet: Sheet) -> str:
    """What PHQ-9 asks last, and counts in no total: how difficult the problems make work, home and other people."""
    item = catalog.load("phq9", "en").item(DIFFICULTY)
    answered = [(result, sheet.answers.get(result.run_id, {})) for result in _asked(sheet.results)]
    return ", ".join(
        f"{'declined' if value is None else item.choice(value).label} ({visit.at(result.taken_at).day.text})"
        for result, given in answered
        if DIFFICULTY in given
        for value in (given[DIFFICULTY],)
    )


def _changes(changes: Sequence[Change]) -> str:
    return "; ".join(f"{formats.day(c.on).text} {c.label.lower()}: {c.what}" for c in changes[-4:])


def _latest(visit: Visit, contacts: Sequence[ContactFacts], field: str, shown: dict[str, str]) -> str:
    for contact in contacts:
        value = getattr(contact, field)
        if value is None:
            continue
        note = getattr(contact, f"{field}_note")
        return f"{shown.get(value, value)}{f', {note}' if note else ''} ({visit.at(contact.occurred_at).day.text})"
    return ""


def _joined(parts: Iterable[str | None]) -> str:
    return "; ".join(part for part in parts if part)
