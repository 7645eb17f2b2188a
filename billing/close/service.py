"""Closing a month and correcting a closed one. Each close is one transaction: a crash leaves all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billing.close import copies, record
from billing.close.files import Made, files
from billing.close.record import Standing
from billing.close.rules import Delta, Frozen, Sealed, deltas, encoded, freeze, month_hash
from billing.statement.derivation import Inputs
from billing.statement.elements import primary_coverages
from billing.statement.rules import batch_problems
from billing.statement.service import month_inputs
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry import zones
from registry.access import require
from registry.organisation.tables import Clinic
from registry.time_log import closing
from registry.time_log.closing import CLOSERS
from registry.time_log.months import Month


async def close_month(
    tx: Tx, actor: Actor, month: Month, *, now: datetime, despite: str | None = None
) -> UUID:
    """Freezes every patient-month with time, and stores the files. Closing twice is closing once: the second gives
    the first one's id. `despite` says why a month is closed in which patients look like duplicates.

    Raises Conflict while the month is not over, or with duplicates and no reason; Forbidden without the role.
    """
    clinic_id = require(actor, *CLOSERS)
    clinic = await _lock(tx, clinic_id)
    known = await record.versions(tx, clinic_id, month)
    if known:
        return known[0].id  # type: ignore[no-any-return]
    if month.last_day >= now.astimezone(zones.zone(clinic.zone)).date():
        raise Conflict("the month is not over yet", code="month_not_over")
    inputs = await month_inputs(tx, clinic_id, month, now=now, prepared_by=actor.name)
    frozen = await _frozen(tx, clinic_id, inputs)
    problems = batch_problems(each.row for each in frozen)
    if problems and not (despite or "").strip():
        raise Conflict("patients look like duplicates; say why the month is closed", code="duplicates")
    await closing.close_month(tx, actor, month, now=now)
    return await _store(tx, actor, clinic, month, 1, frozen, (), (despite or "").strip(), now)


async def adjust_month(
    tx: Tx, actor: Actor, month: Month, reason: str, *, now: datetime, despite: str | None = None
) -> UUID:
    """A new version of a closed month from the record as it is now, under the rule-set versions it was closed
    and the fees it was closed with. The earlier versions and their files stay. A month that was opened for a
    correction is closed again. `despite` says why it is adjusted though patients look like duplicates who did not
    when it was closed.

    Raises Conflict when the month was never closed (`month_open`), with new duplicates and no reason (`duplicates`),
    or when nothing differs (`nothing_changed`; then an opened month is closed again all the same, by `close_again`).
    """
    clinic_id = require(actor, *CLOSERS)
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    clinic = await _lock(tx, clinic_id)
    known = await record.versions(tx, clinic_id, month)
    if not known:
        raise Conflict("the month is not closed", code="month_open")
    before = await record.standing(tx, clinic_id, month)
    after = await current(tx, clinic_id, month, before, now=now, by=actor.name)
    changed = deltas([each.frozen for each in before.values()], after)
    if not changed:
        raise Conflict("nothing differs from what was closed", code="nothing_changed")
    stood = _stands(after, changed, before)
    new = set(batch_problems(each.row for each in stood)) - set(
        batch_problems(each.frozen.row for each in before.values())
    )
    if new and not (despite or "").strip():
        raise Conflict("patients look like duplicates; say why the month is adjusted", code="duplicates")
    await closing.close_month(tx, actor, month, now=now)
    said = ". ".join(part.strip() for part in (reason, despite or "") if part.strip())
    return await _store(tx, actor, clinic, month, known[-1].version + 1, after, changed, said, now, before)


async def open_for_correction(tx: Tx, actor: Actor, month: Month, reason: str, *, now: datetime) -> UUID:
    """Lets time of a closed month be corrected until it is adjusted or closed again."""
    return await closing.reopen_month(tx, actor, month, reason, now=now)


async def close_again(tx: Tx, actor: Actor, month: Month, *, now: datetime) -> UUID:
    """Ends a correction that changed nothing. Raises Conflict when something did: then it is an adjustment."""
    clinic_id = require(actor, *CLOSERS)
    await _lock(tx, clinic_id)
    before = await record.standing(tx, clinic_id, month)
    if not await record.versions(tx, clinic_id, month):
        raise Conflict("the month is not closed", code="month_open")
    after = await current(tx, clinic_id, month, before, now=now, by=actor.name)
    if deltas([each.frozen for each in before.values()], after):
        raise Conflict("the record differs from what was closed: make an adjustment", code="needs_adjustment")
    return await closing.close_month(tx, actor, month, now=now)


async def current(
    tx: Tx, clinic_id: UUID, month: Month, before: dict[str, Standing], *, now: datetime, by: str
) -> list[Frozen]:
    """The month as the record gives it now, each patient-month under the rule-set version it was closed with."""
    inputs = await month_inputs(tx, clinic_id, month, now=now, prepared_by=by)
    return await _frozen(tx, clinic_id, [_pinned(each, before.get(each.facts.episode.id)) for each in inputs])


def _pinned(inputs: Inputs, closed: Standing | None) -> Inputs:
    """Settings do not reach back into a closed month: the rule set stays while payer and plan do, and so does each
    fee the row was closed with. Another payer's set, and a fee that was missing, come in."""
    if closed is None:
        return inputs
    then = closed.frozen.inputs
    practice = inputs.facts.practice
    fees = {**practice.fees, **then.facts.practice.fees}
    facts = msgspec.structs.replace(inputs.facts, practice=msgspec.structs.replace(practice, fees=fees))
    same = _payer(inputs) == _payer(then) or then.rule_set.id == inputs.rule_set.id
    return msgspec.structs.replace(inputs, facts=facts, rule_set=then.rule_set if same else inputs.rule_set)


def _payer(inputs: Inputs) -> tuple[str, str | None] | None:
    cover = next(iter(primary_coverages(inputs.month, inputs.facts)), None)
    return None if cover is None else (cover.payer, cover.plan)


async def _lock(tx: Tx, clinic_id: UUID) -> Row[Any]:
    """Puts closes, corrections and time entries of a clinic in order."""
    clinic = await tx.first(
        select(Clinic.id, Clinic.name, Clinic.zone).where(Clinic.id == clinic_id).with_for_update()
    )
    assert clinic is not None
    return clinic


async def _frozen(tx: Tx, clinic_id: UUID, inputs: Sequence[Inputs]) -> list[Frozen]:
    claims = await record.claim_facts(tx, clinic_id, inputs)
    return [freeze(each, claims[each.facts.episode.id]) for each in inputs]


async def _store(
    tx: Tx,
    actor: Actor,
    clinic: Row[Any],
    month: Month,
    version: int,
    frozen: Sequence[Frozen],
    changed: Sequence[Delta],
    reason: str,
    now: datetime,
    before: dict[str, Standing] | None = None,
) -> UUID:
    old = before or {}
    sealed = {each.episode_id: encoded(each) for each in frozen}
    rows = (
        _rows(frozen, sealed, changed, old)
        if version > 1
        else [(f, sealed[f.episode_id], False) for f in frozen]
    )
    standing = _hashes(sealed, changed, old) if version > 1 else {key: s.sha256 for key, s in sealed.items()}
    version_id, content_hash = tx.new_id(), month_hash(standing)
    await record.store_version(
        tx,
        {
            "id": version_id,
            "clinic_id": clinic.id,
            "month": str(month),
            "version": version,
            "content_hash": content_hash,
            "rule_ids": sorted({each.inputs.rule_set.rule_id for each in frozen}),
            "patient_months": len(standing),
            "reason_sealed": tx.vault.seal(reason) if reason else None,
            "closed_at": now,
            "closed_by_id": actor.id,
            "closed_by": actor.name,
        },
    )
    await record.store_rows(tx, clinic.id, version_id, month, version, rows)
    await copies.offer(tx, clinic.id, month, [(each, removed) for each, _, removed in rows], now=now)
    made = Made(
        clinic=clinic.name,
        month=month,
        version=version,
        content_hash=content_hash,
        closed_by=actor.name,
        closed_at=now,
        reason=reason,
    )
    stand = _stands(frozen, changed, old) if version > 1 else frozen
    for file in await asyncio.to_thread(files, made, stand, changed):
        await record.store_file(tx, clinic.id, version_id, file, by=actor.id, now=now)
    await audit.record(
        tx, actor, "statement.closed" if version == 1 else "statement.adjusted", "statement_version", version_id,
        now=now, month=str(month), version=version, patient_months=len(standing), changed=len(changed),
        content_hash=content_hash,
    )  # fmt: skip
    return version_id


def _stands(frozen: Sequence[Frozen], changed: Sequence[Delta], old: dict[str, Standing]) -> list[Frozen]:
    """After an adjustment an unchanged patient-month stands as it was closed, not as it would be made today."""
    touched = {delta.episode_id for delta in changed}
    return [
        each if each.episode_id in touched or each.episode_id not in old else old[each.episode_id].frozen
        for each in frozen
    ]


def _rows(
    frozen: Sequence[Frozen], sealed: dict[str, Sealed], changed: Sequence[Delta], old: dict[str, Standing]
) -> list[tuple[Frozen, Sealed, bool]]:
    """Only what changed is stored again; what stands no longer keeps its last content, marked as removed."""
    new = {each.episode_id: each for each in frozen}
    found = []
    for delta in changed:
        if delta.kind == "removed":
            last = old[delta.episode_id].frozen
            found.append((last, encoded(last), True))
        else:
            found.append((new[delta.episode_id], sealed[delta.episode_id], False))
    return found


def _hashes(sealed: dict[str, Sealed], changed: Sequence[Delta], old: dict[str, Standing]) -> dict[str, str]:
    hashes = {episode: each.sha256 for episode, each in old.items()}
    for delta in changed:
        if delta.kind == "removed":
            hashes.pop(delta.episode_id)
        else:
            hashes[delta.episode_id] = sealed[delta.episode_id].sha256
    return hashes
