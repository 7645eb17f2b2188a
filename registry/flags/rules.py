"""The registry's rules R-*, each with its id, version, inputs and a sentence. Evaluated on every new fact and once a
day; boundaries are inclusive, days are the clinic's local dates, and what can't be judged says so.

The conditions and their sources stand at each rule; the numbers are a clinic's settings (`thresholds`).
"""

from __future__ import annotations

import calendar
from datetime import date
from typing import Final

from registry.flags import measures
from registry.flags.facts import Facts, Result, RuleId, day
from registry.flags.thresholds import Thresholds

IN_CARE: Final = frozenset({"active", "relapse_prevention"})
RULES: Final[tuple[RuleId, ...]] = (
    "R-SAFETY",
    "R-SEVERE",
    "R-WORSE",
    "R-RELAPSE",
    "R-STALL-A",
    "R-STALL-B",
    "R-NOSCORE",
    "R-NOCONTACT",
    "R-REVIEW",
    "R-RESP",
    "R-LONG",
    "R-NEW",
)


def evaluate(facts: Facts, numbers: Thresholds, today: date) -> tuple[Result, ...]:
    """Every rule, in the order of `RULES`. Outside care only R-SAFETY is judged."""
    safety = _safety(facts)
    if facts.status not in IN_CARE or facts.enrolled_on is None:
        words = "Judged while the patient is in care."
        return (safety, *(Result(rule, _version(rule), "not_applicable", words) for rule in RULES[1:]))
    enrolled = facts.enrolled_on
    return (
        safety,
        measures.severe(facts, numbers, today),
        measures.worse(facts, numbers, today),
        measures.relapse(facts, numbers, today),
        measures.stall_a(facts, numbers, today),
        measures.stall_b(facts, numbers, today),
        measures.no_score(facts, numbers, today),
        _no_contact(facts, enrolled, numbers, today),
        _review(facts, enrolled, numbers, today),
        measures.response(facts, numbers, today),
        _long(enrolled, numbers, today),
        _new(facts, enrolled, numbers, today),
    )


def _version(rule: RuleId) -> str:
    return measures.VERSION if rule in measures.RULES else "1"


def raised(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """What a registry line shows: rules that are met, and rules that could not be judged."""
    return tuple(result for result in results if result.outcome in ("met", "unknown"))


def _safety(facts: Facts) -> Result:
    inputs: dict[str, int | str | None] = {"tier": facts.open_risk or None}
    if facts.open_risk:
        return Result("R-SAFETY", "1", "met", f"A safety event of tier {facts.open_risk} is open.", inputs)
    return Result(
        "R-SAFETY", "1", "not_met", "No safety event is open, which says nothing about danger.", inputs
    )


def _no_contact(facts: Facts, enrolled: date, numbers: Thresholds, today: date) -> Result:
    """A contact in the first four weeks goes with improvement (Bao 2016: odds ratio 1.63)."""
    since = max(enrolled, facts.last_contact_on) if facts.last_contact_on is not None else enrolled
    last = (
        "none since enrolment"
        if facts.last_contact_on is None
        else f"the last on {day(facts.last_contact_on)}"
    )
    return _since(
        "R-NOCONTACT", since, numbers.no_contact_days, today, f"days without a successful contact, {last}"
    )


def _review(facts: Facts, enrolled: date, numbers: Thresholds, today: date) -> Result:
    """At least monthly until response, every two months in relapse prevention (University of Washington)."""
    limit = numbers.review_rp_days if facts.status == "relapse_prevention" else numbers.review_days
    since = enrolled if facts.last_review_on is None else facts.last_review_on
    last = "none yet" if facts.last_review_on is None else f"the last on {day(facts.last_review_on)}"
    return _since("R-REVIEW", since, limit, today, f"days without a case review, {last}")


def _since(rule: RuleId, since: date, limit: int, today: date, words: str) -> Result:
    days = (today - since).days
    inputs: dict[str, int | str | None] = {"since": since.isoformat(), "days": days, "limit": limit}
    return Result(
        rule, "1", "met" if days >= limit else "not_met", f"{days} {words}; {limit} or more raise it.", inputs
    )


def _new(facts: Facts, enrolled: date, numbers: Thresholds, today: date) -> Result:
    """New patients come first in the case review (AIMS Center); so does one that was never reviewed."""
    days = (today - enrolled).days
    inputs: dict[str, int | str | None] = {
        "days": days,
        "limit": numbers.new_days,
        "last_review_on": None if facts.last_review_on is None else facts.last_review_on.isoformat(),
    }
    ago = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    reviewed = "" if facts.last_review_on is not None else ", never reviewed"
    met = days <= numbers.new_days or facts.last_review_on is None
    return Result("R-NEW", "1", "met" if met else "not_met", f"Enrolled {ago}{reviewed}.", inputs)


def _long(enrolled: date, numbers: Thresholds, today: date) -> Result:
    """Nine months in SCOPE's caseload table; calendar months."""
    due = months_after(enrolled, numbers.long_months)
    inputs: dict[str, int | str | None] = {"enrolled_on": enrolled.isoformat(), "months": numbers.long_months}
    words = f"Enrolled on {day(enrolled)}; {numbers.long_months} months are over on {day(due)}."
    return Result("R-LONG", "1", "met" if today >= due else "not_met", words, inputs)


def months_after(start: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
