"""The month's statement as a biller reads it: every line, and every rule that made or holds it, in words."""

from __future__ import annotations

from typing import Final, Literal

from billing.rule_sets import RuleSet
from billing.rules import lines_for
from billing.statement.elements import Element
from billing.statement.rules import StatementRow
from billing.statement.service import EXPORTERS, Statement
from registry.access import CLINICAL
from registry.time_log.months import Month
from registry.time_log.reasons import REASON_TEXT
from staff_console import charts, formats, people, words
from staff_console.billing.views import (
    BillingPage,
    BillingRow,
    Check,
    CloseSection,
    Link,
    NotCounted,
    Summary,
)
from staff_console.pages import Visit
from staff_console.patient.presenter import minutes
from staff_console.time.presenter import hours

NEAR_MIN: Final = 10  # "near": this many minutes or fewer to the next line
TYPES: Final = {"initial": "First month", "subsequent": "Later month", "general": "General integration"}
_STATES: Final[dict[str, Literal["ready", "held", "none"]]] = {
    "nothing_to_bill": "none",
    "ready": "ready",
    "released": "ready",
    "held": "held",
}


def page(visit: Visit, found: Statement, close: CloseSection | None = None) -> BillingPage:
    """`close` is left out for people who may not close a month."""
    present = Month.of(visit.today)
    packets = close is not None and bool(close.versions)
    rows = tuple(
        _row(visit, row, inputs.rule_set, packets)
        for row, inputs in zip(found.rows, found.inputs, strict=True)
    )
    return BillingPage(
        month=str(found.month),
        month_text=formats.month_text(str(found.month)),
        previous_href=f"/billing/{found.month.plus(-1)}",
        next_href=f"/billing/{found.month.plus(1)}" if found.month < present else "",
        as_of=visit.at(visit.now),
        summary=_summary(found, rows),
        rows=rows,
        csv_href=f"/billing/{found.month}/export.csv" if visit.actor.has(*EXPORTERS) else "",
        rule_note=(f"Seconds are summed over the month and cut to whole minutes once. {_rule_sets(found)}"),
        near=_near(found) if found.month == present else (),
        problems=tuple(problem.words for problem in found.problems),
        close=close,
        copies_href=f"/billing/{found.month}/copies"
        if visit.actor.has(*CLINICAL) and found.month < present
        else "",
        links=()
        if close is None
        else (Link("Money and staffing", "/billing/money"), Link("Set-up", "/billing/setup")),
    )


def _rule_sets(found: Statement) -> str:
    used = "; ".join(f"{each.rule_id}, {each.title}" for each in found.rule_sets)
    return f"Suggested by each payer's rule set: {used}." if used else ""


def _summary(found: Statement, rows: tuple[BillingRow, ...]) -> tuple[Summary, ...]:
    states = [row.state for row in rows]
    counted = sum(row.counted_seconds for row in found.rows)
    missed = sum(sum(row.excluded_seconds.values()) for row in found.rows)
    return (
        Summary("Patients with time", str(len(rows))),
        Summary("Ready", str(states.count("ready"))),
        Summary("On hold", str(states.count("held")), "each says why"),
        Summary("Counted", hours(counted)),
        Summary("Not counted", hours(missed), "each minute says why"),
    )


def _row(visit: Visit, row: StatementRow, rule_set: RuleSet, packets: bool) -> BillingRow:
    facts, decision = row.facts, row.decision
    codes = tuple(line.code if line.units == 1 else f"{line.code} x{line.units}" for line in row.lines)
    clinical = visit.actor.has("care_manager", "clinic_lead", "clinician", "consultant")
    return BillingRow(
        line_id=facts.episode.id,
        patient=people.name(facts.family_name, facts.given_name),
        mrn=facts.mrn or "none",
        patient_href=f"/patients/{facts.patient_id}" if clinical else "",
        payer="No payer on record" if row.coverage is None else row.coverage.payer,
        rule_set=row.rule_id,
        month_type=TYPES[row.month_type] if row.month_type else "Month type to decide",
        bar=_bar(row, rule_set),
        counted=row.minutes,
        not_counted=tuple(
            NotCounted(minutes(seconds), REASON_TEXT[reason])
            for reason, seconds in row.excluded_seconds.items()
        ),
        codes=codes,
        no_code="" if codes else "No line",
        why=row.decision_text if decision is not None else f"{row.month_type_reason} {row.decision_text}",
        checks=(*(_check(element) for element in row.elements), *_notes(row)),
        state=_STATES[row.status],
        why_href=f"/billing/{row.month}/people/{facts.patient_id}",
        packet_href=f"/billing/{row.month}/packets/{facts.episode.id}" if packets else "",
    )


def _bar(row: StatementRow, rule_set: RuleSet) -> charts.MinutesBar:
    if row.month_type is None or row.decision is None:
        return charts.MinutesBar(f"{row.minutes} min: month type to decide", 0.0, (), False)
    thresholds: list[int] = []
    at = lines_for(row.month_type, 0, rule_set).next_at
    while at is not None and at <= (row.decision.next_at or row.minutes):
        thresholds.append(at)
        at = lines_for(row.month_type, at, rule_set).next_at
    names = " + ".join(line.code if line.units == 1 else f"{line.code} x{line.units}" for line in row.lines)
    return charts.minutes_bar(row.minutes, names, row.decision.next_at, thresholds)


def _check(element: Element) -> Check:
    match element.state:
        case "passed":
            return Check("passed", f"{element.label}: {element.words}")
        case "failed":
            return Check("held" if element.holds else "missing", f"{element.label}: {element.words}")
        case _:
            return Check("not_applicable", f"{element.label}: {element.words}")


def _notes(row: StatementRow) -> list[Check]:
    """Holds and flags that are not about an element."""
    ids = {element.id for element in row.elements}
    holds = [Check("held", note.words) for note in row.holds if note.code not in ids]
    flags = [Check("missing", note.words) for note in row.flags if note.code not in ids]
    return [*holds, *flags]


def _near(found: Statement) -> tuple[str, ...]:
    """Patients a few minutes below a line, while the month lasts."""
    close = [
        row
        for row in found.rows
        if row.decision is not None and row.decision.minutes_to_next is not None
        and row.decision.minutes_to_next <= NEAR_MIN
    ]  # fmt: skip
    return tuple(
        f"{people.name(row.facts.family_name, row.facts.given_name)}: {words.count(row.minutes, 'minute', 'minutes')},"
        f" next line at {row.decision.next_at if row.decision else ''}"
        for row in close
    )
