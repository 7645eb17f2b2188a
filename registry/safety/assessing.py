"""What a person found: a structured assessment with its tool and version, and the tier that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update

from kernel.audit import Actor, Role, record
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, Problem
from registry.safety import packs
from registry.safety.handling import note_problem, open_for_work, refuse, restart_clock, take
from registry.safety.packs import ON_PAPER, Pack
from registry.safety.rules import RiskLevel, Tier
from registry.safety.signals import act
from registry.safety.tables import AssessmentPack, RiskAssessment, RiskEvent
from registry.worklist import service as worklist

DECIDES: tuple[Role, ...] = ("clinician", "consultant")


class Assessment(msgspec.Struct, frozen=True):
    """`tool` is a pack's id, or `cssrs` for the clinic's own form on paper, which has no `answers` here.

    `level` is the person's. Below what the answers suggest it needs a `level_reason`.
    """

    tool: str
    level: RiskLevel
    findings: str
    answers: Mapping[str, str] = {}
    level_reason: str | None = None
    mitigation: str | None = None


async def log_assessment(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    tool: str,
    level: RiskLevel,
    findings: str,
    answers: Mapping[str, str] | None = None,
    level_reason: str | None = None,
    mitigation: str | None = None,
    by_id: UUID | None = None,
    now: datetime,
) -> None:
    """Takes the event if nobody has it, restarts its clock, and raises its tier when the answers call for a higher
    one. It never lowers a tier and never closes an event. Raises Invalid naming each field, also `answers.<field>`."""
    event, by = await open_for_work(tx, actor, event_id, by_id)
    found = Assessment(tool, level, findings, answers or {}, level_reason, mitigation)
    pack = await _pack_of(tx, found)
    suggestion = packs.Suggestion(None, None) if pack is None else packs.suggest(pack, found.answers)
    refuse(*_problems(found, pack, suggestion.level))
    await take(tx, by, event, now)
    assessment_id = await _store(tx, event, found, pack, suggestion.level, by, now)
    await tx.execute(
        update(RiskEvent)
        .where(RiskEvent.id == event_id)
        .values(state="assessed", version=RiskEvent.version + 1)
    )
    await act(
        tx, event.clinic_id, event_id, "assessment", by, now,
        note=findings, tool=tool, level=level, version=_version(pack), assessment_id=str(assessment_id),
    )  # fmt: skip
    if suggestion.tier is not None and suggestion.tier > event.tier:
        await _set_tier(tx, event, suggestion.tier, "tier_raised", None, None, now)
    await restart_clock(tx, await _again(tx, event_id), now)
    await record(
        tx, actor, "risk_event.assessed", "risk_event", event_id, now=now, patient_id=event.patient_id
    )


async def lower_tier(tx: Tx, actor: Actor, event_id: UUID, *, tier: Tier, reason: str, now: datetime) -> None:
    """A clinician's act, with a reason. Raises Forbidden for others, Conflict unless it is lower than now."""
    if not actor.has(*DECIDES):
        raise Forbidden("a tier is lowered by a clinician or a consultant", code="clinician_needed")
    event, by = await open_for_work(tx, actor, event_id, None)
    refuse(None if reason.strip() else Problem("reason", "is needed"), note_problem(reason, "reason"))
    if tier >= event.tier:
        raise Conflict(f"the event is of tier {event.tier}: only a lower tier can be chosen")
    await take(tx, by, event, now)
    await _set_tier(tx, event, tier, "tier_lowered", by, reason, now)
    await restart_clock(tx, await _again(tx, event_id), now)
    await record(
        tx, actor, "risk_event.tier_lowered", "risk_event", event_id, now=now, patient_id=event.patient_id
    )


async def usable_packs(tx: Tx) -> tuple[Pack, ...]:
    """The built-in questions first, then the newest version of each imported pack that is not retired."""
    rows = await tx.all(
        select(AssessmentPack.document)
        .where(AssessmentPack.retired_at.is_(None))
        .order_by(AssessmentPack.pack_id, AssessmentPack.imported_at.desc(), AssessmentPack.id)
    )
    newest: dict[str, Pack] = {}
    for row in rows:
        pack = msgspec.convert(row.document, Pack)
        newest.setdefault(pack.id, pack)
    return packs.shipped(), *newest.values()


async def _pack_of(tx: Tx, found: Assessment) -> Pack | None:
    if found.tool == ON_PAPER:
        return None
    for pack in await usable_packs(tx):
        if pack.id == found.tool:
            return pack
    raise Invalid.field("tool", "is not known here")


def _problems(found: Assessment, pack: Pack | None, suggested: RiskLevel | None) -> list[Problem | None]:
    answered = () if pack is None else packs.check_answers(pack, found.answers)
    below = packs.is_below(found.level, suggested) and not (found.level_reason or "").strip()
    return [
        Problem("answers", "belong to a pack: findings alone are typed here")
        if pack is None and found.answers
        else None,
        *answered,
        None if found.findings.strip() else Problem("findings", "is needed"),
        note_problem(found.findings, "findings"),
        note_problem(found.mitigation, "mitigation"),
        Problem("level_reason", f"is needed: the answers suggest {suggested}") if below else None,
    ]


def _version(pack: Pack | None) -> str:
    return "paper" if pack is None else pack.version


async def _store(
    tx: Tx,
    event: Row[Any],
    found: Assessment,
    pack: Pack | None,
    suggested: RiskLevel | None,
    by: UUID,
    now: datetime,
) -> UUID:
    assessment_id = tx.new_id()

    def sealed(text: str | None) -> str | None:
        return tx.vault.seal(text) if text else None

    await tx.execute(
        insert(RiskAssessment),
        {
            "id": assessment_id,
            "clinic_id": event.clinic_id,
            "event_id": event.id,
            "tool": found.tool,
            "tool_version": _version(pack),
            "level": found.level,
            "suggested": suggested,
            "answers_sealed": sealed(msgspec.json.encode(dict(found.answers)).decode())
            if found.answers
            else None,
            "level_reason_sealed": sealed(found.level_reason),
            "mitigation_sealed": sealed(found.mitigation),
            "by_id": by,
            "at": now,
        },
    )
    return assessment_id


async def _set_tier(
    tx: Tx,
    event: Row[Any],
    tier: Tier,
    kind: Any,
    by: UUID | None,
    reason: str | None,
    now: datetime,
) -> None:
    await tx.execute(
        update(RiskEvent).where(RiskEvent.id == event.id).values(tier=tier, version=RiskEvent.version + 1)
    )
    await act(tx, event.clinic_id, event.id, kind, by, now, note=reason, from_tier=event.tier, to_tier=tier)
    if event.patient_id is not None:
        await worklist.refresh_patient(tx, event.patient_id, now)


async def _again(tx: Tx, event_id: UUID) -> Row[Any]:
    return cast("Row[Any]", await tx.first(select(RiskEvent.__table__).where(RiskEvent.id == event_id)))
