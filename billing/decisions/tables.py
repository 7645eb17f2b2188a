"""What a named person decided about a patient's billing, each with a reason. A decision is withdrawn, never edited."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow, clinic_key, one_of, same_clinic


class BillingDecision(ClinicRow, Base):
    """`month` (YYYY-MM) is the month it is for, or the first one it holds for; null for the episode as a whole."""

    __tablename__ = "billing_decision"
    __table_args__ = (
        clinic_key(),
        same_clinic("episode_id", "episode"),
        Index("ix_billing_decision_episode", "episode_id", "month"),
        one_of(
            "kind",
            "month_type",
            "programme",
            "release",
            "visit_not_needed",
            "reported_code",
            "other_practitioner",
            "prior_authorisation",
            "further_diagnosis",
        ),
    )

    episode_id: Mapped[UUID]
    month: Mapped[str | None]
    kind: Mapped[str]
    value: Mapped[str]  # see billing/decisions/rules.py
    reason: Mapped[str]
    by_id: Mapped[UUID | None]
    by_name: Mapped[str]  # as it was then: a closed month is read without the staff list
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[UUID | None]
    withdrawn_reason: Mapped[str | None]
