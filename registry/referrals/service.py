"""Sending a referral, and finding out what became of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Database, Tx
from kernel.errors import Conflict, NotFound
from registry.access import CARE, require
from registry.episodes import records as episode_records
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.referrals import rules
from registry.referrals.rules import STATES, OutwardReferral, ReferralState, ReferralStep, ReferralStepForm
from registry.referrals.tables import Referral, ReferralEvent
from registry.worklist import service as worklist

AGAIN: Final = timedelta(days=7)


async def send(tx: Tx, actor: Actor, patient_id: UUID, form: OutwardReferral, *, now: datetime) -> UUID:
    """Raises `Invalid` with every problem, `Conflict` without an open episode."""
    clinic_id = require(actor, *CARE)
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    clinic = await organisation.clinic(tx, clinic_id)
    refuse(rules.check(form, clinic.local_date(now)))
    made = tx.new_id()
    values = {
        "id": made,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode.id,
        "kind": form.kind,
        "to_sealed": tx.vault.seal(form.to.strip()),
        "why_sealed": tx.vault.seal(form.why.strip()),
        "sent_on": form.sent_on,
        "hands_over": form.hands_over,
        "state": "sent",
        "state_since": now,
        "appointment_on": None,
        "result_on": None,
        "next_at": rules.ask_at("sent", now, None, clinic.zone),
        "created_at": now,
        "created_by_id": episode_records.staff_id(actor),
        "version": 1,
    }
    await tx.execute(insert(Referral), values)
    await _note(tx, actor, clinic_id, made, "sent", form.sent_on, None, now)
    await audit.record(
        tx, actor, "referral.sent", "referral", made, now=now, patient_id=patient_id, kind=form.kind
    )
    return made


async def take_step(
    tx: Tx, actor: Actor, referral_id: UUID, form: ReferralStepForm, *, version: int | None, now: datetime
) -> None:
    """Raises `Invalid` naming the field, `Conflict` when the step can't follow or the form is stale."""
    clinic_id = require(actor, *CARE)
    row = await tx.first(
        select(Referral.__table__)
        .where(Referral.id == referral_id, Referral.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("referral")
    patient_records.refuse_stale(row.version, version)
    clinic = await organisation.clinic(tx, clinic_id)
    state = rules.after(cast(ReferralState, row.state), form.step)
    if state is None:
        raise Conflict(f"it stands at: {STATES[cast(ReferralState, row.state)].lower()}", code="state")
    refuse(rules.check_step(form, clinic.local_date(now), row.sent_on, row.result_on is not None))
    appointment = form.on if form.step == "appointment" else row.appointment_on
    changed = {
        "state": state,
        "state_since": now,
        "appointment_on": appointment,
        "result_on": form.on if form.step == "result" else row.result_on,
        "next_at": rules.ask_at(state, now, appointment, clinic.zone),
        "version": row.version + 1,
    }
    await tx.execute(update(Referral).where(Referral.id == referral_id).values(**changed))
    await _note(tx, actor, clinic_id, referral_id, form.step, form.on, form.note, now)
    await worklist.close_tasks(tx, clinic_id, f"referral:{referral_id}", form.step, now)
    await audit.record(
        tx, actor, f"referral.{form.step}", "referral", referral_id, now=now, patient_id=row.patient_id
    )


async def ask_after(database: Database, now: datetime, *, limit: int = 200) -> dict[str, int]:
    """Referrals nobody has heard of in time become a task of the care manager, again every week."""

    async def body(tx: Tx) -> int:
        rows = await tx.all(
            select(Referral.__table__)
            .where(Referral.next_at <= now)
            .order_by(Referral.next_at, Referral.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        for row in rows:
            await _ask(tx, row, now)
        return len(rows)

    return {"asked": await database.run(body)}


async def _ask(tx: Tx, row: Row[Any], now: datetime) -> None:
    """After the end of its episode nobody is asked any more: it stays open, with an event that says so."""
    if await episode_records.is_over(tx, row.episode_id):
        await _note(tx, None, row.clinic_id, row.id, "episode_ended", None, None, now)
        await worklist.close_tasks(tx, row.clinic_id, f"referral:{row.id}", "episode_ended", now)
        await tx.execute(update(Referral).where(Referral.id == row.id).values(next_at=None))
        return
    episode = await episode_records.newest(tx, row.patient_id)
    opened = await worklist.open_task(
        tx, clinic_id=row.clinic_id, patient_id=row.patient_id, episode_id=row.episode_id,
        kind="referral_follow_up", dedupe_key=f"referral:{row.id}", owner_id=episode.care_manager_id,
        ref_kind="referral", ref_id=row.id, detail={"state": row.state}, now=now,
    )  # fmt: skip
    if opened is not None:
        await _note(tx, None, row.clinic_id, row.id, "asked_after", None, None, now)
    await tx.execute(update(Referral).where(Referral.id == row.id).values(next_at=now + AGAIN))


async def _note(
    tx: Tx,
    actor: Actor | None,
    clinic_id: UUID,
    referral_id: UUID,
    step: ReferralStep,
    on: date | None,
    note: str | None,
    now: datetime,
) -> None:
    await tx.execute(
        insert(ReferralEvent),
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "referral_id": referral_id,
            "step": step,
            "on": on,
            "note_sealed": None if note is None or not note.strip() else tx.vault.seal(note.strip()),
            "at": now,
            "by_id": None if actor is None else episode_records.staff_id(actor),
        },
    )
