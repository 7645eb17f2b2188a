"""Rows of an episode, written for this room's commands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict
from registry.episodes.forms import CareConsentForm
from registry.episodes.tables import CareConsent, Episode, StatusChange

NOT_IN_CARE = "the patient has no open episode of care"


async def newest(tx: Tx, patient_id: UUID) -> Any:
    """The patient's open episode, else the one that ended last, locked; None before any referral."""
    return await tx.first(
        select(Episode.__table__)
        .where(Episode.patient_id == patient_id)
        .order_by(Episode.status == "ended", Episode.created_at.desc(), Episode.id.desc())
        .limit(1)
        .with_for_update()
    )


async def is_over(tx: Tx, episode_id: UUID) -> bool:
    """Whether care in this episode has ended, by death or otherwise."""
    return bool(await tx.scalar(select(Episode.status == "ended").where(Episode.id == episode_id)))


async def open_episode(tx: Tx, patient_id: UUID) -> Any:
    """Raises `Conflict` when there is none."""
    row = await newest(tx, patient_id)
    if row is None or row.status == "ended":
        raise Conflict(NOT_IN_CARE, code="not_in_care")
    return row


async def change_episode(tx: Tx, episode_id: UUID, values: dict[str, Any], now: datetime) -> None:
    await tx.execute(
        update(Episode)
        .where(Episode.id == episode_id)
        .values(**values, updated_at=now, version=Episode.version + 1)
    )


async def note_status(
    tx: Tx,
    actor: Actor,
    episode: tuple[UUID, UUID],
    change: tuple[str | None, str, str],
    from_date: date,
    *,
    review_on: date | None = None,
    note: str | None = None,
    now: datetime,
) -> UUID:
    """`episode` is (clinic, episode), `change` (from status, to status, reason)."""
    change_id = tx.new_id()
    values = {
        "id": change_id,
        "clinic_id": episode[0],
        "episode_id": episode[1],
        "from_status": change[0],
        "to_status": change[1],
        "reason": change[2],
        "from_date": from_date,
        "review_on": review_on,
        "note_sealed": None if note is None else tx.vault.seal(note),
        "by_id": staff_id(actor),
        "at": now,
        "undone_by_id": None,
    }
    await tx.execute(insert(StatusChange), values)
    return change_id


async def insert_consent(
    tx: Tx, actor: Actor, clinic_id: UUID, episode_id: UUID, kind: str, form: CareConsentForm, now: datetime
) -> UUID:
    consent_id = tx.new_id()
    values = {
        "id": consent_id,
        "clinic_id": clinic_id,
        "episode_id": episode_id,
        "kind": kind,
        "method": form.method,
        "given_at": form.given_at,
        "recorded_by": form.recorded_by.strip(),
        "recorded_by_id": staff_id(actor),
        "wording_version": form.wording_version.strip(),
        "language": form.language,
        "created_at": now,
    }
    await tx.execute(insert(CareConsent), values)
    return consent_id


async def last_consent(tx: Tx, episode_id: UUID) -> Any:
    return await tx.first(
        select(CareConsent.__table__)
        .where(CareConsent.episode_id == episode_id)
        .order_by(CareConsent.created_at.desc(), CareConsent.id.desc())
        .limit(1)
    )


def staff_id(actor: Actor) -> UUID | None:
    return actor.id if actor.kind == "staff" else None
