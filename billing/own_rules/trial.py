"""What a rule set would change before it is brought in: this month and the last one, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billing.close.tables import StatementVersion
from billing.own_rules.service import RULE_KEEPERS, book_of, checked
from billing.rule_sets import RuleBook, RuleSet
from billing.statement.derivation import Inputs, derive
from billing.statement.rules import StatementRow, lines_text
from billing.statement.service import month_inputs
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry import zones
from registry.access import require
from registry.organisation.tables import Clinic
from registry.time_log.months import Month

MOST_NAMED: Final = 200


class RuleSetOutcome(msgspec.Struct, frozen=True):
    """`lines` as `99492x1;99494x1` or `none`; `status` as the month's page has it."""

    rule_id: str
    lines: str
    minutes: int
    status: str


class RuleSetChange(msgspec.Struct, frozen=True):
    """A patient-month whose line, minutes or status would differ."""

    patient_id: str
    episode_id: str
    name: str
    before: RuleSetOutcome
    after: RuleSetOutcome


class MonthTrial(msgspec.Struct, frozen=True):
    """`patient_months` are all with time, `reached` those that the rule set would hold for. A `closed` month keeps
    the rules it was closed with and is not worked out; at most 200 changes are named of `changed`."""

    month: Month
    closed: bool
    patient_months: int = 0
    reached: int = 0
    changed: int = 0
    changes: tuple[RuleSetChange, ...] = ()


class Trial(msgspec.Struct, frozen=True):
    rule_set: RuleSet
    months: tuple[MonthTrial, ...]


async def trial(tx: Tx, viewer: Actor, text: str, assigned_to: Sequence[str] = (), *, now: datetime) -> Trial:
    """The last and the present month of the clinic with and without the document; nothing is kept but the audit row.
    Raises Invalid as `bring_in` does."""
    clinic_id = require(viewer, *RULE_KEEPERS)
    rule_set = await checked(tx, clinic_id, text)
    book = await book_of(tx, clinic_id)
    zone_name: str = await tx.scalar(select(Clinic.zone).where(Clinic.id == clinic_id))
    present = Month.at(now, zones.zone(zone_name))
    after = with_set(book, rule_set, assigned_to)
    months = tuple(
        [await _month(tx, viewer, clinic_id, month, after, now) for month in (present.plus(-1), present)]
    )
    await audit.record(
        tx, viewer, "rule_set.tried", "clinic", clinic_id, now=now, rule_id=rule_set.rule_id,
        changed=sum(each.changed for each in months),
    )  # fmt: skip
    return Trial(rule_set, months)


def with_set(book: RuleBook, rule_set: RuleSet, assigned_to: Sequence[str]) -> RuleBook:
    """The book as it would be, the set brought in and assigned."""
    assigned = {**book.assigned, **{payer.strip(): rule_set.id for payer in assigned_to}}
    return msgspec.structs.replace(book, own=(*book.own, rule_set), assigned=assigned)


async def _month(
    tx: Tx, viewer: Actor, clinic_id: UUID, month: Month, after: RuleBook, now: datetime
) -> MonthTrial:
    closed = await tx.scalar(
        select(StatementVersion.id)
        .where(StatementVersion.clinic_id == clinic_id, StatementVersion.month == str(month))
        .limit(1)
    )
    if closed is not None:
        return MonthTrial(month, closed=True)
    now_and_then = [
        await month_inputs(tx, clinic_id, month, now=now, prepared_by=viewer.name, book=book)
        for book in (None, after)
    ]
    return compared(month, *now_and_then)


def compared(month: Month, before: Sequence[Inputs], after: Sequence[Inputs]) -> MonthTrial:
    """Of the same patient-months in the same order. Only those of which anything differs are derived."""
    pairs = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    reached = sum(old.rule_set != new.rule_set for old, new in pairs)
    rows = [(derive(old).row, derive(new).row) for old, new in pairs]
    changes = [_change(*pair) for pair in rows if _outcome(pair[0])[1:] != _outcome(pair[1])[1:]]
    return MonthTrial(month, False, len(before), reached, len(changes), tuple(changes[:MOST_NAMED]))


def _change(before: StatementRow, after: StatementRow) -> RuleSetChange:
    facts = after.facts
    name = f"{facts.family_name}, {facts.given_name}"
    return RuleSetChange(
        facts.patient_id,
        facts.episode.id,
        name,
        RuleSetOutcome(*_outcome(before)),
        RuleSetOutcome(*_outcome(after)),
    )


def _outcome(row: StatementRow) -> tuple[str, str, int, str]:
    return row.rule_id, lines_text(row), row.minutes, row.status
