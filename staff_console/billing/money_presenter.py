"""Cents, seconds and counts as a biller reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

import msgspec

from billing.money.queries import DenialLine, Money
from billing.money.rules import DENIAL_REASONS, PANEL_SOURCE, PANELS, Plan, Under, WeekLine
from billing.money.service import BILLABLE
from billing.money.shadow import Shadow
from staff_console import formats, people
from staff_console.billing.money_views import (
    DenialGroupRow,
    DenialRow,
    FeeRow,
    MoneyPage,
    PatientRow,
    PersonRow,
    RevenueRow,
    ShadowRow,
    UnderRow,
    WeekRow,
)
from staff_console.formstate import Choice, FormState, filled
from staff_console.seen import sealed
from staff_console.time.presenter import hours

OUTCOMES: Final = {
    "open": "Open",
    "paid_after_correction": "Paid after a correction",
    "appealed": "Appealed",
    "written_off": "Written off",
}
ANYONE: Final = "Every other payer"


class Forms(msgspec.Struct, frozen=True):
    fee: FormState | None = None
    staffing: FormState | None = None
    denial: FormState | None = None
    shadow: FormState | None = None


def page(found: Money, refused: Forms, shadow: Shadow | None = None) -> MoneyPage:
    return MoneyPage(
        month=found.month,
        month_text=formats.month_text(found.month),
        standing="As closed." if found.closed else "Computed now; the month is not closed.",
        expected=dollars(found.revenue.expected_cents),
        held=dollars(found.revenue.held_cents),
        revenue=tuple(
            RevenueRow(line.payer or "No payer on record", line.code, str(line.units),
                       "no fee entered" if line.cents is None else dollars(line.cents))
            for line in found.revenue.lines
        ),
        fees=_fees(found),
        people=tuple(
            PersonRow(found.names.get(each.staff_id, "Someone else"), hours(each.counted_seconds),
                      hours(each.not_counted_seconds), str(each.patients))
            for each in found.people
        ),
        patients=tuple(
            PatientRow(people.name(each.family_name, each.given_name), f"{each.counted_minutes} min", each.lines,
                       each.payer or "none on record")
            for each in found.patients
        ),
        under=tuple(_under(each) for each in found.under),
        week=tuple(_week(each, found) for each in found.week),
        panels=PANELS,
        panel_source=PANEL_SOURCE,
        denials=tuple(_denial(each) for each in found.denials),
        denial_groups=tuple(
            DenialGroupRow(each.payer or "none", DENIAL_REASONS[each.reason_code], each.rule_id,
                           f"{each.count}, {each.open} open", dollars(each.cents))
            for each in found.denial_groups
        ),
        fee_form=refused.fee or fee_form(found.fees, found.charges),
        staffing_form=refused.staffing or staffing_form(found.plan, _hours(found)),
        denial_form=refused.denial or FormState("denial"),
        shadow_form=refused.shadow or FormState("shadow"),
        codes=tuple(Choice(code, code) for code in BILLABLE),
        lines=_lines(found),
        reasons=tuple(Choice(code, f"{code}: {words}") for code, words in DENIAL_REASONS.items()),
        outcomes=tuple(Choice(value, label) for value, label in OUTCOMES.items() if value != "open"),
        shadow=None if shadow is None else tuple(
            ShadowRow(each.name or "unknown", each.mrn or "none", each.theirs, each.ours, each.why)
            for each in shadow.differences
        ),
        agreeing=0 if shadow is None else shadow.agreeing,
    )  # fmt: skip


def dollars(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"


def _fees(found: Money) -> tuple[FeeRow, ...]:
    charges = dict(found.charges)
    priced = {code for payer, code, _ in found.fees if not payer}
    rows = [
        FeeRow(
            payer or ANYONE,
            code,
            dollars(cents),
            dollars(charges[code]) if not payer and code in charges else "",
        )
        for payer, code, cents in found.fees
    ]
    rows += [FeeRow(ANYONE, code, "", dollars(cents)) for code, cents in found.charges if code not in priced]
    return tuple(rows)


def _under(each: Under) -> UnderRow:
    missing = "nothing more changes" if each.missing is None else f"{each.missing} min to {each.next_line}"
    return UnderRow(
        people.name(each.family_name, each.given_name), f"{each.minutes} min", missing, " ".join(each.why)
    )


def _week(each: WeekLine, found: Money) -> WeekRow:
    if each.available is None:
        verdict, tone = "Enter the hours", "warn"
    elif each.short:
        verdict, tone = f"{hours(each.short * 60)} short", "bad"
    else:
        verdict, tone = "Fits", "good"
    over = " (over the target)" if each.panel > each.panel_target else ""
    return WeekRow(
        name=found.names.get(each.staff_id, "Someone else"),
        field=f"hours_{each.staff_id}",
        contacts=str(each.contacts),
        needed=hours(each.needed * 60),
        available="not entered" if each.available is None else hours(each.available * 60),
        verdict=verdict,
        tone=tone,
        panel=f"{each.panel} of {each.panel_target}{over}",
    )


def _denial(each: DenialLine) -> DenialRow:
    return DenialRow(
        patient=people.name(each.family_name, each.given_name),
        month=each.month,
        code=each.code,
        payer=each.payer or "none",
        reason=f"{each.reason_code}: {DENIAL_REASONS[each.reason_code]}",
        rule=each.rule_id,
        amount=dollars(each.amount_cents),
        denied_on=formats.day(each.denied_on),
        outcome=OUTCOMES[each.outcome],
        note=each.note,
        settle_action=f"/billing/money/denials/{each.id}" if each.outcome == "open" else "",
    )


def _lines(found: Money) -> tuple[Choice, ...]:
    """Only a closed month's lines can be denied."""
    return tuple(
        Choice(f"{each.episode_id} {line.split('x')[0]}",
               f"{people.name(each.family_name, each.given_name)}: {line.split('x')[0]}")
        for each in (found.patients if found.closed else ())
        if each.lines not in ("none", "undecided")
        for line in each.lines.split(";")
    )  # fmt: skip


def fee_form(fees: Collection[tuple[str, str, int]], charges: Collection[tuple[str, int]]) -> FormState:
    """Opens empty, below the fees it changes."""
    return sealed(FormState("fee"), sorted(fees), sorted(charges))


def staffing_form(plan: Plan, weekly_minutes: Mapping[UUID, int]) -> FormState:
    stored = {
        "contact_minutes": str(plan.contact_minutes),
        "buffer_percent": str(plan.buffer_percent),
        "panel_target": str(plan.panel_target),
    }
    stored |= {f"hours_{staff_id}": f"{minutes / 60:g}" for staff_id, minutes in weekly_minutes.items()}
    return sealed(filled("staffing", **stored))


def _hours(found: Money) -> dict[UUID, int]:
    return {UUID(each.staff_id): each.available for each in found.week if each.available is not None}
