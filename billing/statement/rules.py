"""One patient's month as a biller gets it: lines, what holds them back, what is flagged, and the evidence.

It is a work list, not a claim. Date of service: the calendar month is the period, its last day the date,
never later than the end of care (death included) and never in the future.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Final, Literal

import msgspec

from billing.codes import ADVANCED_PRIMARY_CARE, conflicts, not_in_force
from billing.month_types import MonthType, MonthTypeDecision, month_type
from billing.rule_sets import RuleSet
from billing.rules import Line, Lines, addon_for, lines_for, minutes_needed, text_of
from billing.statement.elements import Element, elements, primary_coverages
from billing.statement.facts import Coverage, Dated, PatientFacts, Release
from registry.time_log.months import Month
from registry.time_log.rules import Count, Reason, moment_reached

# A biller may overrule a missing paper, never the calendar or an undecided month type.
_NOT_RELEASABLE: Final = frozenset({"month_open", "episode_over", "month_type", "code_not_in_force"})
_HOLDING_WARNINGS: Final = frozenset({"g2214_minimum_contested"})

Status = Literal["nothing_to_bill", "ready", "held", "released"]


class Note(msgspec.Struct, frozen=True):
    """A reason to hold or flag a row, in words, with the rows of the record it rests on."""

    code: str
    words: str
    row_ids: tuple[str, ...] = ()


class StatementLine(msgspec.Struct, frozen=True):
    """One code line. `charge_cents` is units times fee; None when not charged or no fee is on file."""

    code: str
    units: int
    modifiers: tuple[str, ...]
    charge_cents: int | None


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """`lines` is empty when nothing is reached or a person must decide the month type first. `holds` are
    those still open; `released` those a biller let go. `excluded_seconds` leaves out time of other months."""

    month: Month
    facts: PatientFacts
    coverage: Coverage | None
    month_type: MonthType | None
    month_type_reason: str
    episode_month_index: int | None
    counted_seconds: int
    minutes: int
    excluded_seconds: dict[Reason, int]
    lines: tuple[StatementLine, ...]
    decision: Lines | None
    decision_text: str
    rule_id: str
    date_of_service: date | None
    place_of_service: str
    elements: tuple[Element, ...]
    holds: tuple[Note, ...]
    released: tuple[Note, ...]
    releases: tuple[Release, ...]
    flags: tuple[Note, ...]
    status: Status
    prepared_by: str
    locked_at: datetime | None


class BatchProblem(msgspec.Struct, frozen=True):
    code: Literal["duplicate_patient_month", "same_person_twice"]
    words: str
    patient_ids: tuple[str, ...]


def lines_text(row: StatementRow) -> str:
    """The lines as reported, `99492x1;99494x2`: an untimed addition where that stands for the month. `none` without a
    line, `undecided` while a person must decide the month type."""
    if row.decision is None:
        return "undecided"
    return text_of(tuple(Line(line.code, line.units) for line in row.lines))


def statement_row(
    facts: PatientFacts,
    count: Count,
    rule_set: RuleSet,
    month: Month,
    *,
    zone: tzinfo,
    today: date,
    prepared_by: str,
    locked_at: datetime | None = None,
    late: Sequence[Dated] = (),
) -> StatementRow:
    """Builds the row. Minutes come from `count` alone: what is missing holds or flags, it never adds or takes
    a minute. `late` are entries written on a later day than the work. Raises ValueError when the count is of
    another month."""
    if count.month != month:
        raise ValueError("month: the count is of another month")
    kind, typed = _month_type(facts, rule_set, month)
    decision = None if kind is None else lines_for(kind, count.minutes, rule_set)
    index = None if typed is None else typed.episode_month_index
    checked = elements(facts, rule_set, month, kind, index)
    lines = _priced(_reported(decision, facts, rule_set), facts, rule_set)
    served = _date_of_service(facts, count, rule_set, month, decision, zone, today)
    holds = _holds(facts, count, rule_set, month, decision, checked, today)
    let_go = {code for release in facts.releases for code in release.holds} - _NOT_RELEASABLE
    released = tuple(hold for hold in holds if hold.code in let_go)
    still = tuple(hold for hold in holds if hold not in released)
    return StatementRow(
        month=month,
        facts=facts,
        coverage=next(iter(primary_coverages(month, facts)), None),
        month_type=kind,
        month_type_reason="General integration." if typed is None else typed.reason_text,
        episode_month_index=index,
        counted_seconds=count.counted_seconds,
        minutes=count.minutes,
        excluded_seconds={
            reason: seconds for reason, seconds in count.excluded_by_reason.items() if reason != "other_month"
        },
        lines=lines,
        decision=decision,
        decision_text=_undecided_text(count, rule_set) if decision is None else decision.reason_text,
        rule_id=rule_set.rule_id,
        date_of_service=served,
        place_of_service=rule_set.pos,
        elements=checked,
        holds=still,
        released=released,
        releases=facts.releases,
        flags=_flags(facts, rule_set, month, decision, checked, late),
        status=_status(_possible_codes(facts, count, rule_set, decision), still, released),
        prepared_by=prepared_by,
        locked_at=locked_at,
    )


def batch_problems(rows: Iterable[StatementRow]) -> tuple[BatchProblem, ...]:
    """Checks a whole export: one row per patient and month, and no two patients who look like one person
    (same name and birth date). Duplicate months were the largest finding of the HHS OIG chronic-care audits
    A-07-17-05101 (2019) and its 2021 follow-up."""
    by_patient: dict[tuple[str, Month], list[str]] = defaultdict(list)
    by_person: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for row in rows:
        facts = row.facts
        by_patient[facts.patient_id, row.month].append(facts.patient_id)
        name = f"{facts.family_name} {facts.given_name}".casefold()
        if facts.birth_date is not None:
            by_person[name, facts.birth_date, row.month].add(facts.patient_id)
    twice = [
        BatchProblem("duplicate_patient_month", f"Two rows for one patient in {month}.", (patient,))
        for (patient, month), ids in sorted(by_patient.items())
        if len(ids) > 1
    ]
    alike = [
        BatchProblem("same_person_twice", "Two records share name and birth date.", tuple(sorted(ids)))
        for ids in by_person.values()
        if len(ids) > 1
    ]
    return (*twice, *sorted(alike, key=lambda problem: problem.patient_ids))


def _month_type(
    facts: PatientFacts, rule_set: RuleSet, month: Month
) -> tuple[MonthType | None, MonthTypeDecision | None]:
    if facts.episode.programme == "general_integration":
        return "general", None
    decided = month_type(month, facts.history, rule_set)
    return decided.kind, decided


def _reported(decision: Lines | None, facts: PatientFacts, rule_set: RuleSet) -> tuple[Line, ...]:
    """The lines of the minutes, or the untimed addition where the payer's path is advanced primary care."""
    if decision is None:
        return ()
    if rule_set.apcm_addons == "use" and ADVANCED_PRIMARY_CARE & set(facts.other_codes) and decision.minutes:
        return (Line(addon_for(decision.month_type), 1),)
    return decision.lines


def _undecided_text(count: Count, rule_set: RuleSet) -> str:
    first = lines_for("initial", count.minutes, rule_set).text
    later = lines_for("subsequent", count.minutes, rule_set).text
    return f"As a first month: {first}. As a later month: {later}."


def _priced(lines: tuple[Line, ...], facts: PatientFacts, rule_set: RuleSet) -> tuple[StatementLine, ...]:
    fees = facts.practice.fees if rule_set.separately_paid else {}
    return tuple(
        StatementLine(line.code, line.units, (), fees[line.code] * line.units if line.code in fees else None)
        for line in lines
    )


def _last_day(facts: PatientFacts, month: Month) -> date:
    ended = facts.episode.ended_on
    return month.last_day if ended is None else min(month.last_day, ended)


def _date_of_service(
    facts: PatientFacts,
    count: Count,
    rule_set: RuleSet,
    month: Month,
    decision: Lines | None,
    zone: tzinfo,
    today: date,
) -> date | None:
    if decision is None or not _reported(decision, facts, rule_set):
        return None
    day = _last_day(facts, month)
    if rule_set.dos_rule == "threshold_date" and decision.lines:
        needed = minutes_needed(decision.month_type, decision.lines[0].code, rule_set)
        reached = moment_reached(count, needed)
        if reached is not None:
            day = min(day, reached.astimezone(zone).date())
    return day if month.first_day <= day <= today else None


def _holds(
    facts: PatientFacts,
    count: Count,
    rule_set: RuleSet,
    month: Month,
    decision: Lines | None,
    checked: Iterable[Element],
    today: date,
) -> tuple[Note, ...]:
    possible = _possible_codes(facts, count, rule_set, decision)
    if not possible:
        return ()
    found = [_note(element) for element in checked if element.holds and element.state == "failed"]
    if decision is None:
        found.append(Note("month_type", "A person must decide whether this is a first month."))
    found += _date_holds(facts, rule_set, month, today)
    gone = not_in_force(possible, month)
    if gone:
        found.append(Note("code_not_in_force", f"Not in force for the whole month: {', '.join(gone)}."))
    found += [
        Note("conflicting_code", conflict.text)
        for conflict in conflicts(possible, frozenset(facts.other_codes))
    ]
    found += _line_holds(decision, facts, rule_set)
    return tuple(found)


def _line_holds(decision: Lines | None, facts: PatientFacts, rule_set: RuleSet) -> list[Note]:
    """What the reported lines themselves wait for. An addition to advanced primary care is reported by the
    practitioner who reports that care (CMS-1832-F), which no code on file says."""
    if decision is None:
        return []
    if _reported(decision, facts, rule_set) != decision.lines:
        words = "Confirm that the same practitioner reports the month's advanced primary care."
        return [Note("same_practitioner", words)]
    return [Note(each.code, each.words) for each in decision.warnings if each.code in _HOLDING_WARNINGS]


def _possible_codes(
    facts: PatientFacts, count: Count, rule_set: RuleSet, decision: Lines | None
) -> frozenset[str]:
    """The codes of the row; with the month type undecided, those of either answer."""
    kinds: tuple[MonthType, ...] = ("initial", "subsequent")
    answers = [lines_for(kind, count.minutes, rule_set) for kind in kinds] if decision is None else [decision]
    return frozenset(line.code for answer in answers for line in _reported(answer, facts, rule_set))


def _date_holds(facts: PatientFacts, rule_set: RuleSet, month: Month, today: date) -> list[Note]:
    last = _last_day(facts, month)
    tests = (
        (last > today, Note("month_open", "The month is not over; no line is dated in the future.")),
        (last < month.first_day, Note("episode_over", "The episode ended before the month began.")),
        (
            not rule_set.covers(month),
            Note("rule_set", f"{rule_set.rule_id} is not in force for the whole month."),
        ),
    )
    return [note for holds, note in tests if holds]


def _flags(
    facts: PatientFacts,
    rule_set: RuleSet,
    month: Month,
    decision: Lines | None,
    checked: Iterable[Element],
    late: Sequence[Dated],
) -> tuple[Note, ...]:
    found = [_note(element) for element in checked if not element.holds and element.state == "failed"]
    if late:
        words = (
            f"{len(late)} time {'entry was' if len(late) == 1 else 'entries were'} written on a later day."
        )
        found.append(Note("late_entries", words, tuple(entry.id for entry in late)))
    if decision is not None:
        found += [
            Note(warning.code, warning.words)
            for warning in decision.warnings
            if warning.code not in _HOLDING_WARNINGS
            and _reported(decision, facts, rule_set) == decision.lines
        ]
        found += _price_flags(_reported(decision, facts, rule_set), facts, rule_set)
    if month.last_day > rule_set.reviewed_through:
        found.append(
            Note("rule_set_not_reviewed", f"{rule_set.rule_id} has not been checked for this month.")
        )
    if rule_set.setting == "rhc_fqhc":
        found.append(
            Note("institutional_claim", "A rural clinic or health centre uses another claim format.")
        )
    return tuple(found)


def _price_flags(lines: tuple[Line, ...], facts: PatientFacts, rule_set: RuleSet) -> list[Note]:
    if not lines:
        return []
    if not rule_set.separately_paid:
        return [Note("not_separately_paid", "This payer covers the month without paying for it apart.")]
    missing = [line.code for line in lines if line.code not in facts.practice.fees]
    return [Note("no_fee", f"No fee is on file for {', '.join(missing)}.")] if missing else []


def _note(element: Element) -> Note:
    return Note(element.id, f"{element.label}: {element.words}", element.row_ids)


def _status(possible: frozenset[str], holds: tuple[Note, ...], released: tuple[Note, ...]) -> Status:
    if not possible:
        return "nothing_to_bill"
    if holds:
        return "held"
    return "released" if released else "ready"
