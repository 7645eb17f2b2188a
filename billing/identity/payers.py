"""Which rule set a payer's months are worked out by: the clinic's default, and payers that ask for another."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from billing.own_rules.book import ASSIGNED_KEY, DEFAULT_KEY, rule_book
from billing.rule_sets import RuleBook, RuleSet
from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry.access import require
from registry.organisation.tables import Clinic
from registry.patients.tables import Coverage

PAYER_KEEPERS: Final[tuple[Role, ...]] = ("biller", "clinic_lead", "administrator")
LONGEST: Final = 120
MOST: Final = 500


class PayerLine(msgspec.Struct, frozen=True):
    """`rule_set` is the id the clinic assigned; None where the rule set's own payer, else the default, decides."""

    payer: str
    rule_set: str | None


class Payers(msgspec.Struct, frozen=True):
    """`default` is an id; `offered` the newest version of each shipped or own rule set, by title."""

    default: str
    lines: tuple[PayerLine, ...]
    offered: tuple[RuleSet, ...]


async def payers(tx: Tx, viewer: Actor) -> Payers:
    """Payers of the clinic's coverages and those with a rule set, by name; no patient is named: no audit row."""
    clinic_id = require(viewer, *PAYER_KEEPERS)
    book = await _book(tx, clinic_id)
    rows = await tx.all(
        select(Coverage.payer)
        .where(Coverage.clinic_id == clinic_id)
        .distinct()
        .order_by(Coverage.payer)
        .limit(MOST)
    )
    names = sorted({*book.assigned, *(row.payer for row in rows)}, key=str.casefold)
    lines = tuple(PayerLine(name, book.assigned.get(name)) for name in names)
    return Payers(book.default, lines, book.offered())


async def set_default(tx: Tx, actor: Actor, rule_set: str, *, now: datetime) -> None:
    """For every payer without a rule set of its own. Months that are closed keep the one they were closed with."""
    clinic_id = require(actor, *PAYER_KEEPERS)
    settings = await _settings(tx, clinic_id, locked=True)
    _known(rule_set, await rule_book(tx, clinic_id, settings))
    await _store(tx, actor, clinic_id, settings | {DEFAULT_KEY: rule_set}, DEFAULT_KEY, now)


async def assign(tx: Tx, actor: Actor, payer: str, rule_set: str | None, *, now: datetime) -> None:
    """`payer` is the name as coverages hold it; None takes the payer's rule set away. The payer's open months are
    worked out anew."""
    clinic_id = require(actor, *PAYER_KEEPERS)
    name = payer.strip()
    if not name or len(name) > LONGEST:
        raise Invalid.field("payer", f"needs 1 to {LONGEST} characters")
    if not name.isprintable():
        raise Invalid.field("payer", "holds characters that can't be seen")
    settings = await _settings(tx, clinic_id, locked=True)
    if rule_set is not None:
        _known(rule_set, await rule_book(tx, clinic_id, settings))
    assigned: dict[str, str] = dict(settings.get(ASSIGNED_KEY, {}))
    if rule_set is None:
        assigned.pop(name, None)
    elif name not in assigned and len(assigned) >= MOST:
        raise Conflict(f"{MOST} payers have a rule set already")
    else:
        assigned[name] = rule_set
    await _store(tx, actor, clinic_id, settings | {ASSIGNED_KEY: assigned}, ASSIGNED_KEY, now)


def _known(rule_set: str, book: RuleBook) -> None:
    if rule_set not in {each.id for each in book.known}:
        raise Invalid.field("rule_set", "is not one of the rule sets")


async def _book(tx: Tx, clinic_id: UUID) -> RuleBook:
    return await rule_book(tx, clinic_id, await _settings(tx, clinic_id))


async def _settings(tx: Tx, clinic_id: UUID, *, locked: bool = False) -> dict[str, Any]:
    wanted = select(Clinic.settings).where(Clinic.id == clinic_id)
    found: dict[str, Any] = await tx.scalar(wanted.with_for_update() if locked else wanted)
    return found


async def _store(
    tx: Tx, actor: Actor, clinic_id: UUID, settings: dict[str, Any], field: str, now: datetime
) -> None:
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=settings))
    await audit.record(tx, actor, "payers.changed", "clinic", clinic_id, now=now, fields=[field])
