"""Writing a version of a plan, and a clinician's name under it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound
from registry.access import CARE, require
from registry.care_plans import contents
from registry.care_plans.contents import Content, PlanKind
from registry.care_plans.tables import CarePlan
from registry.episodes import records as episode_records
from registry.episodes import relapse_plan
from registry.filing import service as filing
from registry.filing.service import Filed
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.worklist import service as worklist

COPIES: Final[dict[PlanKind, Filed]] = {
    "care": "care_plan",
    "relapse": "relapse_plan",
    "safety": "safety_plan",
}
STALE: Final = "somebody else saved a newer version of this plan meanwhile"


async def save_plan(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    content: Content,
    *,
    base: int,
    agreed_on: date | None = None,
    now: datetime,
) -> UUID:
    """A new version; gives its id. `base` is the version the person looked at, 0 before the first.

    Sent twice it is saved once. Raises `Invalid` with every problem, `Conflict` (code stale) when somebody saved
    another version meanwhile, `NotFound` and `Conflict` as every command about a patient in care.
    """
    clinic_id = require(actor, *CARE, "consultant")
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    if episode.status == "referred":
        raise Conflict("the patient is not enrolled yet", code="not_enrolled")
    clinic = await organisation.clinic(tx, clinic_id)
    today = clinic.local_date(now)
    content, kind = contents.tidy(content), contents.kind_of(content)
    refuse(contents.check(content, today))
    if agreed_on is not None and agreed_on > today:
        raise Invalid.field("agreed_on", "is in the future")
    newest = await _newest(tx, episode.id, kind)
    known = 0 if newest is None else newest.version
    if newest is not None and known == base + 1 and _same(tx, newest, content, actor):
        saved: UUID = newest.id
        return saved
    if known != base:
        raise Conflict(STALE, code="stale")
    plan_id = await _insert(tx, actor, (clinic_id, patient_id, episode.id), content, base + 1, agreed_on, now)
    await filing.offer(
        tx, clinic_id, patient_id, episode.id, COPIES[kind], plan_id,
        owner_id=episode_records.staff_id(actor) or episode.care_manager_id, now=now,
    )  # fmt: skip
    if kind == "relapse":
        await worklist.close_tasks(tx, clinic_id, relapse_plan.key_of(episode.id), "written", now)
    if kind == "care":
        await _ask_to_sign(tx, clinic_id, patient_id, episode, plan_id, now)
    await audit.record(
        tx, actor, "care_plan.saved", "care_plan", plan_id,
        now=now, patient_id=patient_id, kind=kind, version=base + 1,
    )  # fmt: skip
    return plan_id


async def sign_plan(
    tx: Tx, actor: Actor, patient_id: UUID, kind: PlanKind, version: int, note: str | None, *, now: datetime
) -> None:
    """By a clinician, the newest version alone: nobody signs what was replaced while they read."""
    clinic_id = require(actor, "clinician")
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    newest = await _newest(tx, episode.id, kind)
    if newest is None:
        raise NotFound("plan")
    if newest.version != version:
        raise Conflict(STALE, code="stale")
    if newest.signed_at is not None:
        raise Conflict("this version is signed already")
    words = (note or "").strip()
    values = {
        "signed_at": now,
        "signed_by_id": episode_records.staff_id(actor),
        "sign_note_sealed": tx.vault.seal(words) if words else None,
    }
    await tx.execute(update(CarePlan).where(CarePlan.id == newest.id).values(**values))
    if kind == "care":
        await worklist.close_tasks(tx, clinic_id, _key(episode.id), "signed", now)
    await audit.record(
        tx, actor, "care_plan.signed", "care_plan", newest.id,
        now=now, patient_id=patient_id, kind=kind, version=version,
    )  # fmt: skip


async def _newest(tx: Tx, episode_id: UUID, kind: PlanKind) -> Any:
    return await tx.first(
        select(CarePlan.__table__)
        .where(CarePlan.episode_id == episode_id, CarePlan.kind == kind)
        .order_by(CarePlan.version.desc())
        .limit(1)
    )


def _same(tx: Tx, row: Any, content: Content, actor: Actor) -> bool:
    """The same words from the same person a moment ago: the form was sent twice."""
    stored = msgspec.json.decode(tx.vault.open(row.content_sealed), type=type(content))
    return bool(row.created_by_id == episode_records.staff_id(actor) and stored == content)


async def _insert(
    tx: Tx,
    actor: Actor,
    whose: tuple[UUID, UUID, UUID],
    content: Content,
    version: int,
    agreed_on: date | None,
    now: datetime,
) -> UUID:
    """`whose` is (clinic, patient, episode)."""
    plan_id = tx.new_id()
    values = {
        "id": plan_id,
        "clinic_id": whose[0],
        "patient_id": whose[1],
        "episode_id": whose[2],
        "kind": contents.kind_of(content),
        "version": version,
        "content_sealed": tx.vault.seal(msgspec.json.encode(content).decode()),
        "agreed_on": agreed_on,
        "created_at": now,
        "created_by_id": episode_records.staff_id(actor),
        "signed_at": None,
        "signed_by_id": None,
        "sign_note_sealed": None,
    }
    try:
        await tx.execute(insert(CarePlan), values)
    except IntegrityError:
        raise Conflict(STALE, code="stale") from None
    return plan_id


async def _ask_to_sign(
    tx: Tx, clinic_id: UUID, patient_id: UUID, episode: Any, plan_id: UUID, now: datetime
) -> None:
    """One task for the treating clinician, always about the newest version."""
    await worklist.close_tasks(tx, clinic_id, _key(episode.id), "newer_version", now)
    await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=episode.id,
        kind="plan_to_sign",
        dedupe_key=_key(episode.id),
        owner_id=episode.treating_clinician_id,
        ref_kind="care_plan",
        ref_id=plan_id,
        now=now,
    )


def _key(episode_id: UUID) -> str:
    return f"sign:{episode_id}"
