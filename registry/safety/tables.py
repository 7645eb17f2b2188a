"""Risk events: opened in the transaction of the answer or text that signalled danger, never closed by a machine."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, partial_unique, same_clinic


class RiskEvent(ClinicRow, Base):
    __tablename__ = "risk_event"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        same_clinic("protocol_id", "safety_protocol"),
        UniqueConstraint("clinic_id", "code"),
        # Duplicates attach to the open event; drills never mix with it.
        partial_unique(
            "uq_risk_event_open",
            "patient_id",
            "toward",
            where="state <> 'closed' AND patient_id IS NOT NULL AND is_drill = false",
        ),
        partial_unique(
            "uq_risk_event_open_number",
            "clinic_id",
            "phone_key",
            "toward",
            where="state <> 'closed' AND patient_id IS NULL AND is_drill = false",
        ),
        partial_index("ix_risk_event_next", "next_action_at", where="state <> 'closed'"),
        one_of("state", "open", "acknowledged", "assessed", "closed"),
        one_of("toward", "self", "others"),
    )

    patient_id: Mapped[UUID | None]  # null: an unknown or shared number wrote it
    phone_key: Mapped[str | None]  # of that number, so that its further texts join
    episode_id: Mapped[UUID | None]
    code: Mapped[str]  # what an alert names, e.g. K7Q2
    tier: Mapped[int]
    toward: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    protocol_id: Mapped[
        UUID | None
    ]  # the policy it was opened under, which it keeps; null: the shipped template
    acknowledge_by: Mapped[datetime]
    contact_by: Mapped[datetime]
    assess_by: Mapped[datetime]
    responsible_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    next_action_at: Mapped[datetime]
    step: Mapped[int]  # rungs of the ladder that were sent in this round
    round_at: Mapped[datetime]  # when this round of alerting began: opened, raised or reopened
    rung_at: Mapped[datetime | None]  # when the last rung was sent
    disposition_sealed: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]
    is_drill: Mapped[bool]
    is_canary: Mapped[bool]  # made by the machine for the machine: alerts go to the sink, not to people
    version: Mapped[int]


class RiskSignal(ClinicRow, Base):
    """Each answer or text that opened or joined the event. UNIQUE(source): a replay adds nothing."""

    __tablename__ = "risk_signal"
    __table_args__ = (
        same_clinic("event_id", "risk_event"),
        UniqueConstraint("source_kind", "source_id", "trigger", "toward"),
        Index("ix_risk_signal_event", "event_id", "at"),
    )

    event_id: Mapped[UUID]
    trigger: Mapped[
        str
    ]  # item9 | item9_unreadable | item9_declined | crisis_text | severe_total | staff_concern
    tier: Mapped[int]
    toward: Mapped[str]  # a text may threaten both the patient and others: two events
    value: Mapped[int | None]
    source_kind: Mapped[str]  # inbound | answer | staff
    source_id: Mapped[UUID]
    channel: Mapped[str]
    rule_version: Mapped[str]
    at: Mapped[datetime]


class RiskAction(ClinicRow, Base):
    """Acknowledgements, attempts, notes and the close, in order. Append-only."""

    __tablename__ = "risk_action"
    __table_args__ = (same_clinic("event_id", "risk_event"), Index("ix_risk_action_event", "event_id", "at"))

    event_id: Mapped[UUID]
    kind: Mapped[str]  # see registry/safety/rules.py: acknowledged, attempt, note, closed, tier_raised, ...
    by_id: Mapped[UUID | None]
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    note_sealed: Mapped[str | None]
    who_sealed: Mapped[str | None]  # whom a step went to, as the person who took it wrote it


class RiskAssessment(ClinicRow, Base):
    """What an assessment found, with its tool and version. Append-only; beside it stands the action's line."""

    __tablename__ = "risk_assessment"
    __table_args__ = (
        same_clinic("event_id", "risk_event"),
        Index("ix_risk_assessment_event", "event_id", "at"),
        one_of("level", "low", "moderate", "high"),
    )

    event_id: Mapped[UUID]
    tool: Mapped[str]  # id of a pack, or cssrs for one on paper
    tool_version: Mapped[str]
    level: Mapped[str]  # as the person decided
    suggested: Mapped[str | None]  # by the pack's rules
    answers_sealed: Mapped[str | None]
    level_reason_sealed: Mapped[str | None]  # why below what the rules suggest
    mitigation_sealed: Mapped[str | None]
    by_id: Mapped[UUID]
    at: Mapped[datetime]


class AssessmentPack(Base):
    """Imported questions, for all clinics of the organisation. No patient data. A version never changes."""

    __tablename__ = "assessment_pack"
    __table_args__ = (UniqueConstraint("pack_id", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pack_id: Mapped[str]
    version: Mapped[str]
    title: Mapped[str]
    language: Mapped[str]
    sha256: Mapped[str]
    document: Mapped[dict[str, Any]]
    imported_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
