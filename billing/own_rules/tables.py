"""Rule sets that a clinic brought in itself. Rows are added and read, never changed: a correction is a version."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow


class ClinicRuleSet(ClinicRow, Base):
    """`content` is `billing.rule_sets.RuleSet` in full; `rule_id` is its id and version, `content_hash` the SHA-256 of
    its JSON as `billing.own_rules.rules.text_of` writes it."""

    __tablename__ = "clinic_rule_set"
    __table_args__ = (UniqueConstraint("clinic_id", "rule_id"),)

    rule_id: Mapped[str]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    brought_in_at: Mapped[datetime]
    brought_in_by_id: Mapped[UUID | None]
    brought_in_by: Mapped[str]
