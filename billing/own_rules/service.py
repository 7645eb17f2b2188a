"""Bringing in a clinic's own rule set: whole or not at all, never changed afterwards, and in force from its own dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from billing.identity import payers
from billing.own_rules import rules
from billing.own_rules.book import own_sets, rule_book
from billing.own_rules.tables import ClinicRuleSet
from billing.rule_sets import RuleBook, RuleSet, shipped
from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Invalid, NotFound, Problem
from registry.access import require
from registry.organisation.tables import Clinic

RULE_KEEPERS: Final[tuple[Role, ...]] = ("biller", "clinic_lead")
MOST: Final = 200  # versions of all ids of a clinic


class Known(msgspec.Struct, frozen=True):
    """`brought_in_by` is empty and `brought_in_at` None for a shipped set."""

    rule_set: RuleSet
    brought_in_by: str = ""
    brought_in_at: datetime | None = None
    sha256: str = ""


async def known(tx: Tx, viewer: Actor) -> tuple[Known, ...]:
    """Every version: the clinic's own, newest first, then the shipped ones. Nothing of a patient: no audit row."""
    clinic_id = require(viewer, *RULE_KEEPERS)
    rows = await tx.all(
        select(*ClinicRuleSet.__table__.c)
        .where(ClinicRuleSet.clinic_id == clinic_id)
        .order_by(ClinicRuleSet.brought_in_at.desc(), ClinicRuleSet.rule_id)
    )
    own = (
        Known(msgspec.convert(row.content, RuleSet), row.brought_in_by, row.brought_in_at, row.content_hash)
        for row in rows
    )
    return (*own, *(Known(each) for each in shipped().values()))


async def document(tx: Tx, viewer: Actor, rule_id: str) -> str:
    """One version as JSON, to read or to begin another from. Raises NotFound."""
    clinic_id = require(viewer, *RULE_KEEPERS)
    every = (*await own_sets(tx, clinic_id), *shipped().values())
    found = next((each for each in every if each.rule_id == rule_id), None)
    if found is None:
        raise NotFound("the rule set")
    return rules.text_of(found)


async def book_of(tx: Tx, clinic_id: UUID) -> RuleBook:
    return await rule_book(
        tx, clinic_id, await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id))
    )


async def checked(tx: Tx, clinic_id: UUID, text: str) -> RuleSet:
    """Raises Invalid with everything that keeps the document out, each problem by the field of the document."""
    rule_set, own = rules.parse(text), await own_sets(tx, clinic_id)
    problems = [*rules.check(rule_set, own)]
    if len(own) >= MOST:
        problems.append(Problem("document", f"{MOST} versions are kept already"))
    if problems:
        raise Invalid(*problems)
    return rule_set


async def bring_in(tx: Tx, actor: Actor, text: str, assigned_to: Sequence[str] = (), *, now: datetime) -> str:
    """Keeps the version and gives its rule id; `assigned_to` are payers, by the names that coverages hold. The same
    document a second time is the first time's. Raises Invalid by field of the document; nothing is half-saved."""
    clinic_id = require(actor, *RULE_KEEPERS)
    await tx.execute(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update())
    given = rules.parse(text)
    stands = await tx.scalar(
        select(ClinicRuleSet.content_hash).where(
            ClinicRuleSet.clinic_id == clinic_id, ClinicRuleSet.rule_id == given.rule_id
        )
    )
    if stands != rules.digest(given):
        await _keep(tx, actor, clinic_id, await checked(tx, clinic_id, text), assigned_to, now)
    for payer in assigned_to:
        await payers.assign(tx, actor, payer, given.id, now=now)
    return given.rule_id


async def _keep(
    tx: Tx, actor: Actor, clinic_id: UUID, rule_set: RuleSet, assigned_to: Sequence[str], now: datetime
) -> None:
    row_id, sha256 = tx.new_id(), rules.digest(rule_set)
    values = {
        "id": row_id, "clinic_id": clinic_id, "rule_id": rule_set.rule_id,
        "content": msgspec.to_builtins(rule_set), "content_hash": sha256,
        "brought_in_at": now, "brought_in_by_id": actor.id, "brought_in_by": actor.name,
    }  # fmt: skip
    await tx.execute(insert(ClinicRuleSet), values)
    await audit.record(
        tx, actor, "rule_set.brought_in", "clinic_rule_set", row_id, now=now, rule_id=rule_set.rule_id, sha256=sha256,
        effective_from=rule_set.effective_from.isoformat(), payers=len(assigned_to),
    )  # fmt: skip
