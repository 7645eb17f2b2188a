"""How a patient's episode stands with what an end asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, get_args
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.care_plans.tables import CarePlan
from registry.episodes import ending, records
from registry.episodes.ending import Ask, EndingFacts
from registry.episodes.forms import EndReason
from registry.episodes.tables import Episode
from registry.flags.facts import LABELS, Facts, day
from registry.flags.measures import MEASURES
from registry.organisation.tables import Staff
from registry.referrals import queries as referrals
from registry.safety import queries as safety
from registry.stepped_care import stability
from registry.worklist.lines import facts_of


class Found(msgspec.Struct, frozen=True):
    """`stability` and `last_score` in words; `plan_version` 0 without a plan against relapse."""

    facts: EndingFacts
    stability: str
    last_score: str
    plan_version: int


class EndingStanding(msgspec.Struct, frozen=True):
    """`asks`: by reason, what the person who ends the episode still has to say. `handover_open` and `open_risk_event`
    hold the end; withdrawing the agreement is held by neither. `plan_version` 0: no plan against relapse."""

    handover_open: bool
    open_risk_event: bool
    stable: bool
    stability: str
    last_score: str
    plan_version: int
    treating_clinician: str | None
    asks: Mapping[EndReason, tuple[Ask, ...]]


async def read(tx: Tx, actor: Actor, episode: Any) -> Found:
    """`episode` is its row. For this room's commands and reads, which write the audit row."""
    known = await facts_of(tx, episode.id)
    found = stability.Stability(False, stability.NO_SCORE) if known is None else stability.judge(*known[:2])
    last = "" if known is None else _last_score(known[0])
    newest = select(func.max(CarePlan.version)).where(
        CarePlan.episode_id == episode.id, CarePlan.kind == "relapse"
    )
    plan_version = await tx.scalar(newest) or 0
    clinician = episode.treating_clinician_id
    facts = EndingFacts(
        enrolled_on=episode.enrolled_on,
        preventing="relapse_prevention" in (episode.status, episode.status_before_hold),
        plan_written=plan_version > 0,
        stable=found.stable,
        scored=bool(last),
        told=clinician is None or clinician == records.staff_id(actor),
        handover_open=await referrals.handover_under_way(tx, episode.id),
    )
    return Found(facts, found.sentence, last, plan_version)


async def standing(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> EndingStanding:
    """Of the open episode, else of the last one. Raises NotFound for another clinic's patient, or without any."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(Episode.__table__)
        .where(Episode.patient_id == patient_id, Episode.clinic_id == clinic_id)
        .order_by(Episode.status == "ended", Episode.created_at.desc(), Episode.id.desc())
        .limit(1)
    )
    if row is None:
        raise NotFound("patient")
    found = await read(tx, viewer, row)
    who = select(Staff.name).where(Staff.id == row.treating_clinician_id)
    await record(tx, viewer, "ending.read", "episode", row.id, now=now, patient_id=patient_id)
    return EndingStanding(
        handover_open=found.facts.handover_open,
        open_risk_event=await safety.has_open_event(tx, patient_id),
        stable=found.facts.stable,
        stability=found.stability,
        last_score=found.last_score,
        plan_version=found.plan_version,
        treating_clinician=await tx.scalar(who),
        asks={reason: ending.open_asks(reason, found.facts) for reason in get_args(EndReason)},
    )


def _last_score(facts: Facts) -> str:
    newest: list[tuple[date, str]] = []
    for measure in MEASURES:
        if scores := facts.scores(measure):
            newest.append((scores[-1].on, f"{LABELS[measure]} {scores[-1].total} on {day(scores[-1].on)}"))
    return ", ".join(text for _, text in sorted(newest, reverse=True))
