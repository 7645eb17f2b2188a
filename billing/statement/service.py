"""The month's statement from the record: minutes, lines, and what each rests on. A biller reviews it; no claim is sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billing.export.csv import CsvFile, Profile
from billing.export.statement_columns import statement_csv
from billing.own_rules.book import rule_book
from billing.rule_sets import RuleBook, RuleSet
from billing.statement.derivation import Inputs, derive
from billing.statement.elements import primary_coverages
from billing.statement.facts import PatientFacts
from billing.statement.record import facts_of
from billing.statement.rules import BatchProblem, StatementRow, batch_problems
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from registry import zones
from registry.access import require
from registry.organisation.tables import Clinic
from registry.time_log.ledger import month_log
from registry.time_log.months import Month

READERS: tuple[audit.Role, ...] = ("biller", "clinic_lead", "care_manager")
EXPORTERS: tuple[audit.Role, ...] = ("biller", "clinic_lead")
BY_PAYER: Final = "by_payer"


class Statement(msgspec.Struct, frozen=True):
    """One row per episode with time in the month, by family name; `inputs` holds what each was derived from, in the
    same order. `problems` concern the whole export."""

    month: Month
    zone: str
    rows: tuple[StatementRow, ...]
    inputs: tuple[Inputs, ...]
    problems: tuple[BatchProblem, ...]

    @property
    def rule_sets(self) -> tuple[RuleSet, ...]:
        used = {each.rule_set.rule_id: each.rule_set for each in self.inputs}
        return tuple(used[rule_id] for rule_id in sorted(used))


async def statement(
    tx: Tx, viewer: Actor, month: Month, *, now: datetime, rule_set_name: str = BY_PAYER
) -> Statement:
    """Computed from the record as it stands, each row under its payer's rule set; a named rule set is used for all
    rows instead, to see what it would give. Raises Forbidden without a billing role."""
    clinic_id = require(viewer, *READERS)
    built = await _build(tx, viewer, clinic_id, month, now, rule_set_name)
    await audit.record(
        tx, viewer, "statement.read", "clinic", clinic_id, now=now, month=str(month), rows=len(built.rows)
    )
    return built


async def export_csv(
    tx: Tx,
    viewer: Actor,
    month: Month,
    *,
    now: datetime,
    profile: Profile = "spreadsheet",
    rule_set_name: str = BY_PAYER,
) -> CsvFile:
    """The month as a file, with one audit row that says how much left the system."""
    clinic_id = require(viewer, *EXPORTERS)
    built = await _build(tx, viewer, clinic_id, month, now, rule_set_name)
    await audit.record(
        tx,
        viewer,
        "statement.exported",
        "clinic",
        clinic_id,
        now=now,
        month=str(month),
        rows=len(built.rows),
        profile=profile,
        rule_set=rule_set_name,
    )
    return statement_csv(built.rows, f"evenkeel-{month}", profile)


async def month_inputs(
    tx: Tx,
    clinic_id: UUID,
    month: Month,
    *,
    now: datetime,
    prepared_by: str,
    rule_set_name: str = BY_PAYER,
    episode_id: UUID | None = None,
    also: Collection[UUID] = (),
    book: RuleBook | None = None,
) -> list[Inputs]:
    """What every row of the month is derived from, by family name; of one episode when asked, even without time, and
    of those of `also`. `book` stands for the clinic's own, to see what it would give.
    Without audit: the caller records what it does with them. Raises Invalid for an unknown rule set."""
    clinic = await _clinic(tx, clinic_id)
    zone = zones.zone(clinic.zone)
    logs = await month_log(tx, clinic_id, month, clinic.zone, episode_id, also)
    book = book or await rule_book(tx, clinic_id, clinic.settings)
    named = None if rule_set_name == BY_PAYER else book.named(rule_set_name)
    facts = await facts_of(tx, clinic_id, clinic, logs, month, zone, book, named)
    found = [
        Inputs(
            month=month,
            zone=clinic.zone,
            today=now.astimezone(zone).date(),
            prepared_by=prepared_by,
            rule_set=named or rule_set_of(facts[log.episode_id], month, book),
            facts=facts[log.episode_id],
            window=log.window,
            entries=log.entries,
        )
        for log in logs
    ]
    return sorted(found, key=_by_name)


async def _build(
    tx: Tx, viewer: Actor, clinic_id: UUID, month: Month, now: datetime, rule_set_name: str
) -> Statement:
    inputs = await month_inputs(
        tx, clinic_id, month, now=now, prepared_by=viewer.name, rule_set_name=rule_set_name
    )
    rows = tuple(derive(each).row for each in inputs)
    zone_name: str = (await _clinic(tx, clinic_id)).zone
    return Statement(month, zone_name, rows, tuple(inputs), batch_problems(rows))


def _by_name(inputs: Inputs) -> tuple[str, str, str, str]:
    facts = inputs.facts
    return facts.family_name, facts.given_name, facts.patient_id, facts.episode.id


async def _clinic(tx: Tx, clinic_id: UUID) -> Row[Any]:
    clinic = await tx.first(
        select(Clinic.zone, Clinic.npi, Clinic.tax_id, Clinic.settings).where(Clinic.id == clinic_id)
    )
    assert clinic is not None
    return clinic


def rule_set_of(facts: PatientFacts, month: Month, book: RuleBook) -> RuleSet:
    """The payer's rule set of the month."""
    cover = next(iter(primary_coverages(month, facts)), None)
    return book.of(month, cover.payer if cover else None, cover.plan if cover else None)
