"""A patient's episodes as screens show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select

from kernel.db import Tx
from registry import zones
from registry.episodes.forms import ConsentMethod, ContactMode, Status
from registry.episodes.rules import Change, HoldSpan, hold_spans, waiting_days
from registry.episodes.tables import CareConsent, Episode, StatusChange
from registry.organisation.tables import Staff

MOST_EPISODES: Final = 20
MOST_CHANGES: Final = 100


class Person(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class ConsentLine(msgspec.Struct, frozen=True):
    kind: str  # given | withdrawn
    method: ConsentMethod
    given_at: datetime
    recorded_by: str
    wording_version: str
    language: str


class StatusLine(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
    from_status: str | None
    to_status: str
    reason: str
    from_date: date
    review_on: date | None
    note: str | None
    by: str | None
    undone: bool


class EpisodeFacts(msgspec.Struct, frozen=True):
    """Referral reason, purpose of the next contact and notes are None for a viewer who sees no clinical text.
    `waiting_days` counts for a referral only. `consents` and `history` are newest first."""

    id: UUID
    version: int
    status: Status
    referred_at: datetime
    waiting_days: int | None
    referred_by: str
    referral_reason: str | None
    enrolled_on: date | None
    target_condition: str | None
    treating_clinician: Person | None
    care_manager: Person | None
    consultant: Person | None
    initiating_visit_on: date | None
    initiating_visit_code: str | None
    next_contact_at: datetime | None
    next_contact_mode: ContactMode | None
    next_contact_purpose: str | None
    ended_on: date | None
    end_reason: str | None
    status_before_hold: Status | None
    hold_review_on: date | None
    consents: tuple[ConsentLine, ...]
    history: tuple[StatusLine, ...]


class EarlierEpisode(msgspec.Struct, frozen=True):
    id: UUID
    referred_at: datetime
    enrolled_on: date | None
    ended_on: date | None
    end_reason: str | None


_EPISODES = (
    select(Episode.__table__)
    .where(Episode.patient_id == bindparam("patient"))
    .order_by(Episode.status == "ended", Episode.created_at.desc(), Episode.id.desc())
    .limit(MOST_EPISODES)
)
_CONSENTS = (
    select(CareConsent.__table__)
    .where(CareConsent.episode_id == bindparam("episode"))
    .order_by(CareConsent.created_at.desc(), CareConsent.id.desc())
    .limit(MOST_CHANGES)
)
_CHANGES = (
    select(StatusChange.__table__)
    .where(StatusChange.episode_id == bindparam("episode"))
    .order_by(StatusChange.at.desc(), StatusChange.id.desc())
    .limit(MOST_CHANGES)
)


async def episodes_of(
    tx: Tx, patient_id: UUID, *, clinical: bool, zone: str, now: datetime
) -> tuple[EpisodeFacts | None, tuple[EarlierEpisode, ...]]:
    """(the open episode, else the last one; the earlier ones). For other rooms' reads, which write the audit row."""
    rows = await tx.all(_EPISODES, {"patient": patient_id})
    if not rows:
        return None, ()
    newest, *others = rows
    consents = await tx.all(_CONSENTS, {"episode": newest.id})
    changes = await tx.all(_CHANGES, {"episode": newest.id})
    names = await _names(tx, newest, changes)
    today = zones.local_date(now, zone)
    waited = waiting_days(zones.local_date(newest.referred_at, zone), today)
    earlier = tuple(
        EarlierEpisode(r.id, r.referred_at, r.enrolled_on, r.ended_on, r.end_reason) for r in others
    )
    return _facts(tx, newest, consents, changes, names, clinical, waited), earlier


async def holds(tx: Tx, episode_ids: Collection[UUID]) -> Mapping[UUID, tuple[HoldSpan, ...]]:
    """Each episode's stays and other holds. For counting a month, which shows them to nobody by itself."""
    wanted = (
        select(StatusChange.__table__)
        .where(StatusChange.episode_id.in_(episode_ids))
        .order_by(StatusChange.at, StatusChange.id)
    )
    changes: dict[UUID, list[Change]] = {}
    for row in await tx.all(wanted):
        change = Change(row.to_status, row.reason, row.from_date, row.undone_by_id is not None)
        changes.setdefault(row.episode_id, []).append(change)
    return {episode_id: hold_spans(found) for episode_id, found in changes.items()}


async def _names(tx: Tx, episode: Any, changes: Sequence[Any]) -> dict[UUID, str]:
    wanted = {episode.treating_clinician_id, episode.care_manager_id, episode.consultant_id}
    wanted |= {change.by_id for change in changes}
    wanted.discard(None)
    if not wanted:
        return {}
    rows = await tx.all(select(Staff.id, Staff.name).where(Staff.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def _facts(
    tx: Tx,
    row: Any,
    consents: Sequence[Any],
    changes: Sequence[Any],
    names: Mapping[UUID, str],
    clinical: bool,
    waited: int,
) -> EpisodeFacts:
    def person(staff_id: UUID | None) -> Person | None:
        return None if staff_id is None else Person(staff_id, names.get(staff_id, ""))

    return EpisodeFacts(
        id=row.id,
        version=row.version,
        status=cast(Status, row.status),
        referred_at=row.referred_at,
        waiting_days=waited if row.status == "referred" else None,
        referred_by=row.referred_by,
        referral_reason=tx.vault.open(row.referral_reason_sealed) if clinical else None,
        enrolled_on=row.enrolled_on,
        target_condition=row.target_condition,
        treating_clinician=person(row.treating_clinician_id),
        care_manager=person(row.care_manager_id),
        consultant=person(row.consultant_id),
        initiating_visit_on=row.initiating_visit_on,
        initiating_visit_code=row.initiating_visit_code,
        next_contact_at=row.next_contact_at,
        next_contact_mode=row.next_contact_mode,
        next_contact_purpose=tx.vault.open_or_none(row.next_contact_purpose_sealed) if clinical else None,
        ended_on=row.ended_on,
        end_reason=row.end_reason,
        status_before_hold=row.status_before_hold,
        hold_review_on=row.hold_review_on,
        consents=tuple(_consent(consent) for consent in consents),
        history=tuple(_change(tx, change, names, clinical) for change in changes),
    )


def _consent(row: Any) -> ConsentLine:
    return ConsentLine(row.kind, row.method, row.given_at, row.recorded_by, row.wording_version, row.language)


def _change(tx: Tx, row: Any, names: Mapping[UUID, str], clinical: bool) -> StatusLine:
    return StatusLine(
        id=row.id,
        at=row.at,
        from_status=row.from_status,
        to_status=row.to_status,
        reason=row.reason,
        from_date=row.from_date,
        review_on=row.review_on,
        note=tx.vault.open_or_none(row.note_sealed) if clinical else None,
        by=None if row.by_id is None else names.get(row.by_id),
        undone=row.undone_by_id is not None,
    )
