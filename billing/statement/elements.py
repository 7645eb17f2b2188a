"""What has to be on file for a month's line: each element passed, failed or not applicable, with its row ids.

Required elements as payers restate them: Regence, collaborative care codes; Horizon NJ, collaborative care
management services; NGS Medicare, Mental health. Initiating visit within a year: BCBS Michigan, The Record,
May 2022. Relapse-prevention planning: UT Austin Collaborative Care Center. Missing evidence holds or flags a
row; it never changes its minutes.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from billing.month_types import MonthType
from billing.rule_sets import RuleSet
from billing.statement.facts import Coverage, Dated, PatientFacts
from billing.statement.fixes import FIXES
from kernel.audit import Role
from registry.time_log.months import Month

ElementState = Literal["passed", "failed", "not_applicable"]


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """`holds`: when it fails the line waits for a named biller; otherwise the row is only flagged. `refs` are the
    rows it rests on; a failed one says in `fix` what to do and in `fixers` which roles can."""

    id: str
    label: str
    state: ElementState
    holds: bool
    words: str
    refs: tuple[Dated, ...] = ()
    fix: str = ""
    fixers: tuple[Role, ...] = ()

    @property
    def row_ids(self) -> tuple[str, ...]:
        return tuple(ref.id for ref in self.refs)


FRESH_DAYS: Final = 2


class _Asked(NamedTuple):
    facts: PatientFacts
    rule_set: RuleSet
    month: Month
    month_type: MonthType | None
    month_index: int | None


def elements(
    facts: PatientFacts, rule_set: RuleSet, month: Month, month_type: MonthType | None, index: int | None
) -> tuple[Element, ...]:
    """Every element of a month, in the order an auditor asks. `index` is the month of the episode, from 1."""
    asked = _Asked(facts, rule_set, month, month_type, index)
    return (
        _consent(asked),
        _initiating_visit(asked),
        _diagnosis(asked),
        _coverage(asked),
        _practitioner(asked),
        _one_practitioner(asked),
        _prior_authorisation(asked),
        *_care(asked),
    )


def _element(
    id: str, label: str, passed: bool, words: str, refs: Iterable[Dated] = (), *, holds: bool = False
) -> Element:
    fix, fixers = ("", ()) if passed else FIXES[id]
    return Element(
        id=id,
        label=label,
        state="passed" if passed else "failed",
        holds=holds,
        words=words,
        refs=tuple(refs),
        fix=fix,
        fixers=fixers,
    )


def _not_applicable(id: str, label: str, words: str) -> Element:
    return Element(id=id, label=label, state="not_applicable", holds=False, words=words)


def _consent(asked: _Asked) -> Element:
    consent, label = asked.facts.consent, "Consent to collaborative care"
    if consent is None:
        return _element("consent", label, False, "No consent is on record.", holds=True)
    ids = (Dated(consent.id, consent.given_on, "care_consent"),)
    if consent.given_on > asked.month.last_day:
        return _element("consent", label, False, "Consent was given after the month.", ids, holds=True)
    if consent.withdrawn_on is not None and consent.withdrawn_on < asked.month.first_day:
        return _element("consent", label, False, "Consent was withdrawn before the month.", ids, holds=True)
    if consent.method not in asked.rule_set.consent_methods:
        return _element(
            "consent", label, False, f"This payer does not take {consent.method} consent.", ids, holds=True
        )
    if asked.rule_set.consent_extra_elements_required and not consent.extra_elements:
        words = "This payer also wants the optional lines of the consent, and they were not told."
        return _element("consent", label, False, words, ids, holds=True)
    words = f"Given on {consent.given_on.isoformat()} ({consent.method})."
    return _element("consent", label, True, words, ids, holds=True)


def _initiating_visit(asked: _Asked) -> Element:
    id, label = "initiating_visit", "Initiating visit"
    if not asked.facts.visit_required:
        return _not_applicable(id, label, "The patient was seen within a year before the episode.")
    visit, started = asked.facts.initiating_visit, asked.facts.episode.started_on
    if visit is None:
        return _element(id, label, False, "A visit is required and none is on record.", holds=True)
    failure = _visit_failure(visit.on, visit.code, started, asked.rule_set)
    words = failure or f"Visit on {visit.on.isoformat()}."
    return _element(id, label, failure is None, words, (Dated(visit.id, visit.on, "episode"),), holds=True)


def _visit_failure(on: date, code: str | None, started: date, rule_set: RuleSet) -> str | None:
    if on > started:
        return "The visit came after the episode began."
    if on < _months_before(started, rule_set.initiating_visit_months):
        return f"The visit is more than {rule_set.initiating_visit_months} months older than the episode."
    if code in ("90791", "90792") and not rule_set.initiating_visit_accepts_9079x:
        return f"This rule set does not take {code} as the visit."
    return None


def _months_before(day: date, months: int) -> date:
    earlier = Month.of(day).plus(-months)
    return date(earlier.year, earlier.month, min(day.day, earlier.last_day.day))


def _diagnosis(asked: _Asked) -> Element:
    label, known = "Diagnosis", asked.facts.diagnoses
    usable = [dx for dx in known if not dx.suspected or asked.rule_set.dx_policy == "suspected_allowed"]
    if usable:
        words = f"{len(usable)} on record."
    elif known:
        words = "Only a suspected condition is on record and this payer wants a diagnosis."
    else:
        words = "No diagnosis is on record."
    started = asked.facts.episode.started_on
    refs = (Dated(dx.id, started, "episode") for dx in known)
    return _element("diagnosis", label, bool(usable), words, refs, holds=True)


def covered_days(month: Month, ended_on: date | None) -> tuple[date, date]:
    """First and last day of the month that coverage must reach over; `ended_on` is the last day of care."""
    last = month.last_day if ended_on is None else max(month.first_day, min(month.last_day, ended_on))
    return month.first_day, last


def primary_coverages(month: Month, facts: PatientFacts) -> list[Coverage]:
    return primary_of(facts.coverages, month, facts.episode.ended_on)


class _Cover(Protocol):
    """A coverage as facts or as a row of the record."""

    @property
    def id(self) -> Any: ...
    @property
    def rank(self) -> int: ...
    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


C = TypeVar("C", bound=_Cover)


def primary_of(coverages: Iterable[C], month: Month, ended_on: date | None) -> list[C]:
    """By their first day; the first one's payer decides the rule set."""
    first, last = covered_days(month, ended_on)
    fitting = [
        cover
        for cover in coverages
        if cover.rank == 1
        and cover.valid_from <= last
        and (cover.valid_to is None or cover.valid_to >= first)
    ]
    return sorted(fitting, key=lambda cover: (cover.valid_from, str(cover.id)))


def _coverage(asked: _Asked) -> Element:
    found = primary_coverages(asked.month, asked.facts)
    failure = _coverage_failure(found, *covered_days(asked.month, asked.facts.episode.ended_on))
    words = failure or "One payer for the whole month."
    refs = (Dated(cover.id, cover.valid_from, "coverage") for cover in found)
    return _element("coverage", "Coverage", failure is None, words, refs, holds=True)


def _coverage_failure(found: Sequence[Coverage], first: date, last: date) -> str | None:
    if not found:
        return "No primary coverage is on record for the month."
    for before, after in pairwise(found):
        if before.valid_to is None or before.valid_to >= after.valid_from:
            return "Two primary coverages overlap in the month."
    starts_late, ends = found[0].valid_from > first, found[-1].valid_to
    if len(found) > 1:
        return "The primary coverage changes inside the month."
    if starts_late or (ends is not None and ends < last):
        return "The primary coverage leaves part of the month uncovered."
    return None


def _practitioner(asked: _Asked) -> Element:
    label, practice = "Billing practitioner", asked.facts.practice
    missing = [
        word for word, value in (("NPI", practice.billing_npi), ("tax id", practice.billing_tin)) if not value
    ]
    words = f"Missing: {', '.join(missing)}." if missing else "NPI and tax id are on record."
    return _element("billing_practitioner", label, not missing, words)


def _one_practitioner(asked: _Asked) -> Element:
    """One practitioner reports a patient's month: BCBS Michigan, The Record, May 2022."""
    practice = asked.facts.practice
    others = set(practice.other_billing_npis) - {practice.billing_npi}
    words = "Another practitioner reports this month too." if others else "No one else is known to report it."
    return _element("one_practitioner", "One billing practitioner", not others, words)


def _prior_authorisation(asked: _Asked) -> Element:
    """MICMT, Collaborative care: one payer wants it after the first twelve months."""
    id, label, after = "prior_authorisation", "Prior authorisation", asked.rule_set.prior_auth_after_months
    if after is None:
        return _not_applicable(id, label, "This payer does not ask for it.")
    if asked.month_index is None or asked.month_index <= after:
        return _not_applicable(id, label, f"Asked for after month {after}.")
    found = _until(asked.facts.evidence.prior_authorisations, asked.month)
    words = "On record." if found else f"Asked for after month {after} and not on record."
    return _element(id, label, bool(found), words, found)


def _care(asked: _Asked) -> tuple[Element, ...]:
    """The elements of care. With the month type undecided, those of a first month are asked: they hold."""
    evidence, month = asked.facts.evidence, asked.month
    first = asked.month_type in ("initial", None)
    scale = "Initial rating scale" if first else "Progress on a rating scale"
    common = (
        _on_file("scales", scale, _within(evidence.scales, month)),
        _on_file("care_plan", "Care plan", _until(evidence.care_plans, month)),
        _plan_update(asked),
    )
    if asked.month_type == "general":
        return *common, _freshness(asked), _next_contact(asked)
    return (
        *(
            (_on_file("direction", "Directed by the treating clinician", _until(evidence.directions, month)),)
            if first
            else ()
        ),
        *common,
        _on_file(
            "consultant_review",
            "Psychiatric consultant's review",
            _within(evidence.consultant_reviews, month),
            holds=first,
        ),
        _review_outcome(asked),
        _on_file("registry", "Registry follow-up", _within(evidence.registry_updates, month)),
        _freshness(asked),
        _on_file(
            "caseload_consultation",
            "Caseload consultation, weekly for the caseload as a whole",
            _within(evidence.caseload_consultations, month),
        ),
        _on_file("brief_intervention", "Brief intervention", _within(evidence.brief_interventions, month)),
        *(() if first else (_collaboration(asked), _relapse_plan(asked))),
        _next_contact(asked),
    )


def _plan_update(asked: _Asked) -> Element:
    """A plan follows what the review changed (NGS Medicare, Mental health: revision per the consultant)."""
    id, label = "plan_update", "Plan brought up to date"
    written = _within(asked.facts.evidence.care_plans, asked.month)
    called_for = _within(asked.facts.evidence.plan_changes_called_for, asked.month)
    unmet = [change for change in called_for if not any(plan.on >= change.on for plan in written)]
    if unmet:
        words = f"A change was recommended on {unmet[0].on.isoformat()} and the plan was not rewritten since."
        return _element(id, label, False, words, unmet)
    if written:
        return _element(id, label, True, f"Rewritten on {written[-1].on.isoformat()}.", written)
    return _not_applicable(id, label, "Nothing on record called for a change.")


def _review_outcome(asked: _Asked) -> Element:
    id, label = "review_outcome", "What the review changed"
    reviews = _within(asked.facts.evidence.consultant_reviews, asked.month)
    if not reviews:
        return _not_applicable(id, label, "No review in the month.")
    found = _within(asked.facts.evidence.review_outcomes, asked.month)
    words = f"Recorded for {found[-1].on.isoformat()}." if found else "The review has no recorded outcome."
    return _element(id, label, bool(found), words, found or reviews)


def _freshness(asked: _Asked) -> Element:
    """A programme's own measure: what happened stands in the registry within two days."""
    id, label = "registry_freshness", "Contacts written down within 2 days"
    contacts = [each for each in asked.facts.evidence.contacts if Month.of(each.on) == asked.month]
    if not contacts:
        return _not_applicable(id, label, "No contact on record in the month.")
    late = [each for each in contacts if (each.recorded_on - each.on).days > FRESH_DAYS]
    words = f"{len(late)} of {len(contacts)} were written down later." if late else f"All {len(contacts)}."
    return _element(id, label, not late, words, (Dated(c.id, c.on, "contact") for c in late or contacts))


def _next_contact(asked: _Asked) -> Element:
    id, label, coming = "next_contact", "Next contact and its purpose", asked.facts.next_contact
    ended = asked.facts.episode.ended_on
    if ended is not None and ended <= asked.month.last_day:
        return _not_applicable(id, label, "Care ended in the month or before.")
    if coming is None or coming.on < asked.month.first_day:
        return _element(id, label, False, "No next contact is agreed.")
    refs = (Dated(coming.id, coming.on, "episode"),)
    words = f"Agreed for {coming.on.isoformat()}" + ("." if coming.has_purpose else ", without its purpose.")
    return _element(id, label, coming.has_purpose, words, refs)


def _collaboration(asked: _Asked) -> Element:
    found = _within(asked.facts.evidence.clinician_collaborations, asked.month)
    return _on_file("collaboration", "Collaboration with the treating clinician", found)


def _relapse_plan(asked: _Asked) -> Element:
    id, label = "relapse_plan", "Relapse-prevention plan"
    if not asked.facts.episode.in_relapse_prevention:
        return _not_applicable(id, label, "The patient is not in relapse prevention.")
    return _on_file(id, label, _until(asked.facts.evidence.relapse_plans, asked.month))


def _on_file(id: str, label: str, found: Sequence[Dated], *, holds: bool = False) -> Element:
    words = f"On file: {', '.join(row.on.isoformat() for row in found)}." if found else "Nothing on file."
    return _element(id, label, bool(found), words, found, holds=holds)


def _within(rows: Iterable[Dated], month: Month) -> list[Dated]:
    return _sorted(row for row in rows if Month.of(row.on) == month)


def _until(rows: Iterable[Dated], month: Month) -> list[Dated]:
    """The newest row on file by the month's end."""
    return _sorted(row for row in rows if row.on <= month.last_day)[-1:]


def _sorted(rows: Iterable[Dated]) -> list[Dated]:
    return sorted(rows, key=lambda row: (row.on, row.id))
