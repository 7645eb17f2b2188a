"""Recording a change of treatment, whoever decided it, and withdrawing one that was entered by mistake."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from registry.access import CARE, require
from registry.episodes import records as episode_records
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.stepped_care.service import propose_for
from registry.treatment_changes import rules
from registry.treatment_changes.rules import ChangeForm, ChangeWithdrawal
from registry.treatment_changes.tables import TreatmentChange
from registry.worklist import service as worklist


async def record_change(tx: Tx, actor: Actor, patient_id: UUID, form: ChangeForm, *, now: datetime) -> UUID:
    """For the patient's open episode; the registry's rules count from it at once, and a contact
    about side effects and a score are proposed. Raises `Invalid` with every
    problem, `NotFound` for another clinic's patient, `Conflict` without an open episode."""
    clinic_id = require(actor, *CARE, "consultant")
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    clinic = await organisation.clinic(tx, clinic_id)
    problems = rules.check(form, clinic.local_date(now), patient.birth_date)
    if problems:
        raise Invalid(*problems)
    change_id = tx.new_id()
    values = {
        "id": change_id,
        "clinic_id": clinic_id,
        "patient_id": patient_id,
        "episode_id": episode.id,
        "on": form.on,
        "kind": form.kind,
        "what_sealed": tx.vault.seal(form.what.strip()),
        "new_antidepressant": form.new_antidepressant,
        "source": form.source,
        "source_id": form.source_id,
        "recorded_by_id": episode_records.staff_id(actor),
        "recorded_at": now,
        "withdrawn_at": None,
        "withdrawn_by_id": None,
    }
    await tx.execute(insert(TreatmentChange), values)
    await worklist.refresh(tx, episode.id, now)
    await propose_for(tx, episode.id, now)
    await audit.record(
        tx, actor, "treatment_change.recorded", "treatment_change", change_id,
        now=now, patient_id=patient_id, kind=form.kind, source=form.source,
    )  # fmt: skip
    return change_id


async def withdraw_change(
    tx: Tx, actor: Actor, patient_id: UUID, change_id: UUID, form: ChangeWithdrawal, *, now: datetime
) -> None:
    """One that was entered by mistake: it counts no longer and stays readable with the reason. The rules and proposed
    steps are judged anew at once. Raises `Forbidden` for anybody but who entered it and the clinic lead, `Invalid`
    without a reason, `NotFound`, `Conflict` when it was withdrawn already."""
    clinic_id = require(actor, *CARE, "consultant")
    row = await tx.first(
        select(TreatmentChange.__table__)
        .where(
            TreatmentChange.id == change_id,
            TreatmentChange.patient_id == patient_id,
            TreatmentChange.clinic_id == clinic_id,
        )
        .with_for_update()
    )
    if row is None:
        raise NotFound("treatment change")
    staff_id = episode_records.staff_id(actor)
    leads = actor.kind == "system" or actor.has("clinic_lead")
    if not rules.may_withdraw(row.recorded_by_id, staff_id, leads=leads):
        raise Forbidden("only who entered the change or the clinic lead can withdraw it", code="not_yours")
    if problems := rules.check_reason(form):
        raise Invalid(*problems)
    if row.withdrawn_at is not None:
        raise Conflict("the change was withdrawn already")
    values = {
        "withdrawn_at": now,
        "withdrawn_by_id": staff_id,
        "withdrawn_why_sealed": tx.vault.seal(form.reason.strip()),
    }
    await tx.execute(update(TreatmentChange).where(TreatmentChange.id == change_id).values(**values))
    await worklist.refresh(tx, row.episode_id, now)
    await propose_for(tx, row.episode_id, now)
    await audit.record(
        tx, actor, "treatment_change.withdrawn", "treatment_change", change_id,
        now=now, patient_id=row.patient_id,
    )  # fmt: skip
