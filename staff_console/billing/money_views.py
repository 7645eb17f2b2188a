"""A month in money, minutes and people. Template `billing/money.html`.

Gets: `/billing/money` (month). Posts: `/billing/money/fees` (payer, code, expected, charge), `/billing/money/denials`
(month, line, reason_code, amount, denied_on, note), `/billing/money/denials/{id}` (outcome), `/billing/money/staffing`
(contact_minutes, buffer_percent, panel_target, hours_{staff}), `/billing/money/shadow` (month, csv).
"""

from msgspec import Struct

from staff_console.formats import Day
from staff_console.formstate import Choice, FormState


class RevenueRow(Struct, frozen=True):
    payer: str
    code: str
    units: str
    amount: str


class FeeRow(Struct, frozen=True):
    payer: str
    code: str
    expected: str
    charge: str


class PersonRow(Struct, frozen=True):
    name: str
    counted: str
    not_counted: str
    patients: str


class PatientRow(Struct, frozen=True):
    patient: str
    minutes: str
    lines: str
    payer: str


class UnderRow(Struct, frozen=True):
    patient: str
    minutes: str
    missing: str
    why: str


class WeekRow(Struct, frozen=True):
    """`verdict` says in words whether the planned contacts fit the hours; `tone` colours it."""

    name: str
    field: str
    contacts: str
    needed: str
    available: str
    verdict: str
    tone: str
    panel: str


class DenialRow(Struct, frozen=True):
    """`settle_action` is empty once an outcome is known."""

    patient: str
    month: str
    code: str
    payer: str
    reason: str
    rule: str
    amount: str
    denied_on: Day
    outcome: str
    note: str
    settle_action: str


class DenialGroupRow(Struct, frozen=True):
    payer: str
    reason: str
    rule: str
    count: str
    amount: str


class ShadowRow(Struct, frozen=True):
    patient: str
    mrn: str
    theirs: str
    ours: str
    why: str


class MoneyPage(Struct, frozen=True):
    """`shadow` is None until a bill was compared; then an empty tuple means that all lines agree."""

    month: str
    month_text: str
    standing: str
    expected: str
    held: str
    revenue: tuple[RevenueRow, ...]
    fees: tuple[FeeRow, ...]
    people: tuple[PersonRow, ...]
    patients: tuple[PatientRow, ...]
    under: tuple[UnderRow, ...]
    week: tuple[WeekRow, ...]
    panels: tuple[tuple[str, str, str], ...]
    panel_source: str
    denials: tuple[DenialRow, ...]
    denial_groups: tuple[DenialGroupRow, ...]
    fee_form: FormState
    staffing_form: FormState
    denial_form: FormState
    shadow_form: FormState
    codes: tuple[Choice, ...]
    lines: tuple[Choice, ...]
    reasons: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    shadow: tuple[ShadowRow, ...] | None = None
    agreeing: int = 0
