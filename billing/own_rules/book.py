"""The clinic's rule book from its rows: what every preview, close, list and roll-up works by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from billing.own_rules.tables import ClinicRuleSet
from billing.rule_sets import DEFAULT, RuleBook, RuleSet
from kernel.db import Tx
from registry.organisation.tables import Clinic

DEFAULT_KEY: Final = "rule_set"
ASSIGNED_KEY: Final = "payer_rule_sets"


async def rule_book(tx: Tx, clinic_id: UUID, settings: Mapping[str, Any]) -> RuleBook:
    """`settings` are the clinic's. Without audit: nothing of a patient."""
    return book_from(await own_sets(tx, clinic_id), settings)


async def whole_book(tx: Tx, clinic_id: UUID) -> RuleBook:
    """Settings and own sets in one statement."""
    rows = await tx.all(
        select(Clinic.settings, ClinicRuleSet.content)
        .outerjoin(ClinicRuleSet, ClinicRuleSet.clinic_id == Clinic.id)
        .where(Clinic.id == clinic_id)
        .order_by(ClinicRuleSet.rule_id)
    )
    settings = rows[0].settings if rows else {}
    return book_from(tuple(_read(row.content) for row in rows if row.content is not None), settings)


def book_from(own: tuple[RuleSet, ...], settings: Mapping[str, Any]) -> RuleBook:
    return RuleBook(own, settings.get(DEFAULT_KEY, DEFAULT), settings.get(ASSIGNED_KEY, {}))


async def own_sets(tx: Tx, clinic_id: UUID) -> tuple[RuleSet, ...]:
    """Every version the clinic brought in, by rule id."""
    rows = await tx.all(
        select(ClinicRuleSet.content)
        .where(ClinicRuleSet.clinic_id == clinic_id)
        .order_by(ClinicRuleSet.rule_id)
    )
    return tuple(_read(row.content) for row in rows)


def _read(content: dict[str, Any]) -> RuleSet:
    return msgspec.convert(content, RuleSet)
