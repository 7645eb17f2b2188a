"""The rules once a day for every line, all twelve for one patient, and a clinic's own numbers for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select, update

from kernel import log
from kernel.audit import Actor, record
from kernel.db import Database, Tx
from kernel.errors import Invalid, NotFound
from registry import zones
from registry.access import CLINICAL, require
from registry.episodes.tables import Episode
from registry.flags import thresholds
from registry.flags.facts import Facts, Result
from registry.flags.rules import evaluate
from registry.flags.thresholds import Thresholds
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.worklist.lines import facts_of, refresh, refresh_many
from registry.worklist.rules import CURRENT
from registry.worklist.tables import RegistryLine

BATCH: Final = 200
BATCHES: Final = 10  # of one clinic in one run
Counts = dict[str, int]


class Judged(msgspec.Struct, frozen=True):
    """Every rule of one patient on `day`, the clinic's date, with what they looked at and the clinic's numbers."""

    patient_id: UUID
    episode_id: UUID
    day: date
    results: tuple[Result, ...]
    facts: Facts
    numbers: Thresholds
    safety_flag: bool
    discuss_flag: bool


async def patient_rules(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> Judged:
    """All twelve rules, met or not, for the newest episode. Raises `NotFound` for another clinic's patient or one
    who was never referred."""
    clinic_id = require(viewer, *CLINICAL)
    episode_id = await tx.scalar(
        select(Episode.id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.patient_id == patient_id, Patient.clinic_id == clinic_id)
        .order_by(Episode.status == "ended", Episode.created_at.desc())
        .limit(1)
    )
    found = None if episode_id is None else await facts_of(tx, episode_id)
    if found is None or episode_id is None:
        raise NotFound("patient")
    facts, numbers, zone, told = found
    day = zones.local_date(now, zone)
    await record(tx, viewer, "rules.read", "episode", episode_id, now=now, patient_id=patient_id)
    results = evaluate(facts, numbers, day)
    return Judged(patient_id, episode_id, day, results, facts, numbers, told.safety_flag, told.discuss_flag)


async def clinic_thresholds(tx: Tx, viewer: Actor) -> Thresholds:
    clinic_id = require(viewer, *CLINICAL, "administrator")
    return thresholds.of_clinic(await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id)) or {})


async def set_thresholds(tx: Tx, actor: Actor, wanted: Thresholds, *, now: datetime) -> bool:
    """The clinic's numbers, as its lead decides; False when they are these already. Every line is judged again: by the sweep, and by whoever looks
    before it. Raises `Invalid` with every number outside its limits."""
    clinic_id = require(actor, "clinic_lead")
    problems = thresholds.check(wanted)
    if problems:
        raise Invalid(*problems)
    settings = await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update())
    before = thresholds.of_clinic(settings or {})
    if before == wanted:
        return False
    fresh = {**(settings or {}), thresholds.SETTING: thresholds.changed(wanted)}
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=fresh))
    await tx.execute(update(RegistryLine).where(RegistryLine.clinic_id == clinic_id).values(rules_on=None))
    fields = [n for n in Thresholds.__struct_fields__ if getattr(before, n) != getattr(wanted, n)]
    await record(tx, actor, "thresholds.changed", "clinic", clinic_id, now=now, fields=fields)
    tx.ring("due")
    return True


async def judge_due(database: Database, now: datetime) -> Counts:
    """Lines that were last judged on an earlier day of their clinic, a batch per clinic. A line that can't be judged
    is reported and waits until tomorrow, so that it does not hold up the others."""
    async with database.begin() as tx:
        clinics = [(row.id, row.zone) for row in await tx.all(select(Clinic.id, Clinic.zone))]
    done = failed = 0
    for clinic_id, zone in clinics:
        today = zones.local_date(now, zone)
        try:
            done += await _batches(database, clinic_id, today, now)
        except Exception:
            log.get().warning("judging.batch_failed", job="judge_rules", clinic_id=str(clinic_id))
            judged, lost = await _one_by_one(database, clinic_id, today, now)
            done, failed = done + judged, failed + lost
    return {"judged": done, "failed": failed}


async def _batches(database: Database, clinic_id: UUID, today: date, now: datetime) -> int:
    done = 0
    for _ in range(BATCHES):
        judged = await database.run(lambda tx: _batch(tx, clinic_id, today, now))
        done += judged
        if judged < BATCH:
            break
    return done


async def _batch(tx: Tx, clinic_id: UUID, today: date, now: datetime) -> int:
    due = await _due(tx, clinic_id, today)
    if due:
        await refresh_many(tx, due, now)
    return len(due)


async def _one_by_one(database: Database, clinic_id: UUID, today: date, now: datetime) -> tuple[int, int]:
    async with database.begin() as tx:
        due = await _due(tx, clinic_id, today)
    done = failed = 0
    for episode_id in due:
        try:
            await database.run(lambda tx, e=episode_id: refresh(tx, e, now))  # type: ignore[misc]
            done += 1
        except Exception as error:
            failed += 1
            log.get().error("judging.failed", job="judge_rules", exc_info=error)
            async with database.begin() as tx:
                here = RegistryLine.episode_id == episode_id
                await tx.execute(update(RegistryLine).where(here).values(rules_on=today))
    return done, failed


async def _due(tx: Tx, clinic_id: UUID, today: date) -> Sequence[UUID]:
    line = RegistryLine
    rows = await tx.all(
        select(line.episode_id)
        .where(line.clinic_id == clinic_id, line.status.in_(CURRENT))
        .where(or_(line.rules_on.is_(None), line.rules_on < today))
        .order_by(line.episode_id)
        .limit(BATCH)
    )
    return [row.episode_id for row in rows]
