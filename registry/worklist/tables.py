"""What the registry shows, one row per episode, written with the fact that changed; and the tasks that wait."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import Base, ClinicRow, clinic_key, one_of, partial_index, partial_unique, same_clinic


class RegistryLine(Base):
    """Every column the registry sorts, filters or shows. Rebuildable from the facts; a check compares them."""

    __tablename__ = "registry_line"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        Index("ix_registry_line_order", "clinic_id", "sort_rank", "overdue_since", "name_key", "episode_id"),
        Index("ix_registry_line_rest", "clinic_id", "sort_rank", "name_key", "episode_id"),
        Index("ix_registry_line_overdue", "clinic_id", "overdue_since"),
        Index("ix_registry_line_manager", "clinic_id", "care_manager_id", "sort_rank"),
        Index("ix_registry_line_clinician", "clinic_id", "treating_clinician_id"),
        Index("ix_registry_line_consultant", "clinic_id", "consultant_id"),
        Index("ix_registry_line_name", "clinic_id", "name_key", "episode_id"),
        partial_index("ix_registry_line_discuss", "clinic_id", where="discuss_flag"),
        partial_index("ix_registry_line_unplanned", "clinic_id", where="next_contact_at IS NULL"),
        Index("ix_registry_line_judged", "clinic_id", "rules_on"),
        partial_index(
            "ix_registry_line_steps", "updated_at", where="steps_at IS NULL OR steps_at < updated_at"
        ),
    )

    episode_id: Mapped[UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[UUID]
    patient_id: Mapped[UUID] = mapped_column(index=True)
    status: Mapped[str]
    name_key: Mapped[str]
    family_name: Mapped[str]
    given_name: Mapped[str]
    mrn: Mapped[str | None]
    birth_date: Mapped[date | None]
    care_manager_id: Mapped[UUID | None]
    treating_clinician_id: Mapped[UUID | None]
    consultant_id: Mapped[UUID | None]
    referred_at: Mapped[datetime]
    enrolled_on: Mapped[date | None]
    phq9_first: Mapped[int | None]
    phq9_last: Mapped[int | None]
    phq9_last_at: Mapped[datetime | None]
    phq9_item9: Mapped[str | None]
    phq9_series: Mapped[list[Any]]  # the last 12 complete totals, oldest first
    other_scores: Mapped[list[Any] | None]  # complete totals of other instruments: instrument, first, last
    gad7_first: Mapped[int | None]
    gad7_last: Mapped[int | None]
    gad7_last_at: Mapped[datetime | None]
    check_in_state: Mapped[str | None]
    check_in_at: Mapped[datetime | None]
    no_answer_count: Mapped[int]
    opted_out: Mapped[bool]
    next_check_in_on: Mapped[date | None]
    last_contact_at: Mapped[datetime | None]
    next_contact_at: Mapped[datetime | None]
    next_contact_mode: Mapped[str | None]
    last_review_at: Mapped[datetime | None]
    changed_on: Mapped[date | None]  # the last treatment change
    rules: Mapped[list[Any]]  # R-* that are met or can't be judged, as of `rules_on` (registry/flags)
    rules_on: Mapped[date | None]  # the clinic's local date; None when the clinic's numbers changed since
    steps_at: Mapped[datetime | None]  # when stepped care last looked at it
    minutes_month: Mapped[str | None]  # YYYY-MM in the clinic's zone that the seconds belong to
    counted_seconds: Mapped[int]
    open_risk: Mapped[int]  # highest open tier, 0 = none open (which says nothing about risk)
    safety_flag: Mapped[bool]  # set by a person, as is discuss_flag; both live here alone
    severe_flag: Mapped[bool]  # a task about a severe total waits: a flag, never a tier
    discuss_flag: Mapped[bool]
    waiting_replies: Mapped[int]
    open_tasks: Mapped[int]
    sort_rank: Mapped[int]  # 0 safety, 1 discuss, 2 others
    overdue_since: Mapped[
        datetime
    ]  # from when the next contact counts as overdue; far future when it can't be
    updated_at: Mapped[datetime]


class RaisedRule(ClinicRow, Base):
    """The rules of a line once more, one a row, to filter and count by. Written with the line."""

    __tablename__ = "raised_rule"
    __table_args__ = (
        same_clinic("episode_id", "episode"),
        UniqueConstraint("episode_id", "rule"),
        Index("ix_raised_rule_rule", "clinic_id", "rule", "outcome", "episode_id"),
        one_of("outcome", "met", "unknown"),
    )

    episode_id: Mapped[UUID]
    rule: Mapped[str]
    outcome: Mapped[str]


class SavedView(ClinicRow, Base):
    """A person's own name for filters of the registry. Holds no patient: filters are states and staff."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("clinic_id", "staff_id", "name"),)

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    name: Mapped[str]
    query: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Task(ClinicRow, Base):
    """Something a person must do or read. Closed by a person, or by the same rule that opened it."""

    __tablename__ = "task"
    __table_args__ = (
        clinic_key(),
        same_clinic("patient_id", "patient"),
        partial_unique("uq_task_open", "clinic_id", "dedupe_key", where="done_at IS NULL"),
        partial_index("ix_task_open", "clinic_id", "due_at", where="done_at IS NULL"),
        partial_index("ix_task_patient", "patient_id", where="done_at IS NULL"),
    )

    patient_id: Mapped[UUID | None]
    episode_id: Mapped[UUID | None]
    kind: Mapped[str]  # see registry/worklist/tasks.py
    dedupe_key: Mapped[str]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ref_kind: Mapped[str | None]
    ref_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[UUID | None]
    outcome: Mapped[str | None]
