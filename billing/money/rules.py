"""What a month is worth, what it cost in minutes, and whether next week's people fit next week's patients. Pure.

Amounts are integer cents. A line without a fee is listed, never guessed. Panel sizes per full-time care manager:
AIMS Center, caseload guidance, July 2020.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from billing.statement.derivation import Inputs, derive
from billing.statement.rules import StatementRow
from registry.time_log.reasons import REASON_TEXT

ANY_PAYER: Final = ""
PANELS: Final = (
    ("Commercially insured, adequate support", "90-120", "80-100"),
    ("Medicaid, uninsured or vulnerable", "60-80", "50-75"),
)
PANEL_SOURCE: Final = "AIMS Center, caseload guidance, July 2020, per full-time care manager"
DENIAL_REASONS: Final[dict[str, str]] = {
    "CO-16": "Information is missing or wrong",
    "CO-18": "The same claim came before",
    "CO-97": "Paid as part of another service",
    "CO-B15": "The service it belongs to is not on the claim",
    "frequency": "Billed more often than the payer takes, or the wrong month's code",
    "bhi_same_month": "General integration was billed in the same month",
    "apcm_practitioner": "Advanced primary care was billed by another practitioner",
    "documentation": "Consent, scores or time log were asked for and not found",
    "other": "Another reason",
}

Outcome = Literal["open", "paid_after_correction", "appealed", "written_off"]
FeeTable = Mapping[tuple[str, str], int]  # (payer, code) -> cents a unit; an empty payer is everyone else's


class Plan(msgspec.Struct, frozen=True):
    """A contact's planned minutes, preparation and notes included; the buffer for what nobody planned; how many
    patients a full-time care manager should have here."""

    contact_minutes: int = 25
    buffer_percent: int = 20
    panel_target: int = 80


class RevenueLine(msgspec.Struct, frozen=True):
    """`cents` is None when no fee is on file for the payer and code."""

    payer: str
    code: str
    units: int
    cents: int | None


class Revenue(msgspec.Struct, frozen=True):
    """`held_cents` is what waits behind holds; `without_fee` names payer and code of every line nobody priced."""

    lines: tuple[RevenueLine, ...]
    expected_cents: int
    held_cents: int
    without_fee: tuple[tuple[str, str], ...]


class PersonMinutes(msgspec.Struct, frozen=True):
    """Seconds one member of staff logged in the month, and what of them counted."""

    staff_id: str
    counted_seconds: int
    not_counted_seconds: int
    patients: int


class Under(msgspec.Struct, frozen=True):
    """A month that reached no line. `missing` are the minutes to the first one; `why` names what did not count."""

    patient_id: str
    family_name: str
    given_name: str
    minutes: int
    missing: int | None
    next_line: str
    why: tuple[str, ...]


class WeekLine(msgspec.Struct, frozen=True):
    """`needed` and `available` are minutes; `available` is None until somebody enters the hours."""

    staff_id: str
    contacts: int
    needed: int
    available: int | None
    panel: int
    panel_target: int

    @property
    def short(self) -> int:
        return max(0, self.needed - self.available) if self.available is not None else 0


class DenialFacts(msgspec.Struct, frozen=True):
    payer: str
    reason_code: str
    rule_id: str
    amount_cents: int
    outcome: Outcome


class DenialGroup(msgspec.Struct, frozen=True):
    payer: str
    reason_code: str
    rule_id: str
    count: int
    cents: int
    open: int


def fee(fees: FeeTable, payer: str, code: str) -> int | None:
    return fees.get((payer, code), fees.get((ANY_PAYER, code)))


def revenue(rows: Iterable[StatementRow], fees: FeeTable) -> Revenue:
    """Ready and released lines by payer and code; held ones only as a sum. Not-separately-paid lines are worth 0."""
    units: dict[tuple[str, str], int] = defaultdict(int)
    held = 0
    for row in rows:
        payer = row.coverage.payer if row.coverage else ANY_PAYER
        free = any(flag.code == "not_separately_paid" for flag in row.flags)
        for line in () if free else row.lines:
            if row.status in ("ready", "released"):
                units[payer, line.code] += line.units
            elif row.status == "held":
                held += (fee(fees, payer, line.code) or 0) * line.units
    lines = tuple(
        RevenueLine(payer, code, count, None if (each := fee(fees, payer, code)) is None else each * count)
        for (payer, code), count in sorted(units.items())
    )
    return Revenue(
        lines=lines,
        expected_cents=sum(line.cents or 0 for line in lines),
        held_cents=held,
        without_fee=tuple((line.payer, line.code) for line in lines if line.cents is None),
    )


def minutes_by_person(inputs: Iterable[Inputs]) -> tuple[PersonMinutes, ...]:
    """Most counted time first. Seconds of other months are left out."""
    counted: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    patients: dict[str, set[str]] = defaultdict(set)
    for each in inputs:
        staff = {entry.id: entry.staff_id for entry in each.entries}
        for part in derive(each).count.slices:
            who = staff[part.entry_id]
            if part.reason == "other_month":
                continue
            (counted if part.counted else missed)[who] += part.seconds
            patients[who].add(each.facts.patient_id)
    found = [PersonMinutes(who, counted[who], missed[who], len(patients[who])) for who in patients]
    return tuple(sorted(found, key=lambda person: (-person.counted_seconds, person.staff_id)))


def under(rows: Iterable[StatementRow]) -> tuple[Under, ...]:
    """Months with time and no line, nearest to one first."""
    found = [_under(row) for row in rows if row.status == "nothing_to_bill" and row.decision is not None]
    return tuple(sorted(found, key=lambda each: (each.missing is None, each.missing or 0, each.family_name)))


def _under(row: StatementRow) -> Under:
    assert row.decision is not None
    facts = row.facts
    why = tuple(
        f"{seconds // 60} min: {REASON_TEXT[reason]}"
        for reason, seconds in sorted(row.excluded_seconds.items(), key=lambda pair: -pair[1])
    )
    return Under(
        facts.patient_id,
        facts.family_name,
        facts.given_name,
        row.minutes,
        row.decision.minutes_to_next,
        row.decision.next_line or "",
        why or ("All time counted; there was too little of it.",),
    )


def week(
    contacts: Mapping[str, int], panels: Mapping[str, int], hours: Mapping[str, int], plan: Plan
) -> tuple[WeekLine, ...]:
    """Contacts due in the next seven days, overdue ones included, against the minutes each person has. Rounded up
    once, after the buffer."""
    people = sorted({*contacts, *panels, *hours})
    return tuple(
        WeekLine(
            staff_id=who,
            contacts=contacts.get(who, 0),
            needed=-(-contacts.get(who, 0) * plan.contact_minutes * (100 + plan.buffer_percent) // 100),
            available=hours.get(who),
            panel=panels.get(who, 0),
            panel_target=plan.panel_target,
        )
        for who in people
    )


def denial_groups(denials: Sequence[DenialFacts]) -> tuple[DenialGroup, ...]:
    """By payer, reason and rule; the largest amount first."""
    groups: dict[tuple[str, str, str], list[DenialFacts]] = defaultdict(list)
    for each in denials:
        groups[each.payer, each.reason_code, each.rule_id].append(each)
    found = [
        DenialGroup(
            *key,
            count=len(group),
            cents=sum(each.amount_cents for each in group),
            open=sum(each.outcome == "open" for each in group),
        )
        for key, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.cents, group.payer, group.reason_code)))
