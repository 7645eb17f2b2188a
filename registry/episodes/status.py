"""Changes of status. Whatever pauses or ends care stops queued texts and prompts in the same transaction."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry import working_time
from registry.access import CARE, CLINICAL, require
from registry.episodes import ending, endings, records, relapse_plan, rules
from registry.episodes.forms import CareConsentForm, StatusForm
from registry.episodes.holds import key_of
from registry.episodes.rules import EpisodeState
from registry.episodes.tables import StatusChange
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.ports import Outreach, PauseReason
from registry.recommendations.tables import Recommendation
from registry.referrals.tables import Referral
from registry.safety import queries as safety
from registry.worklist import service as worklist

HANDOVER: Final = (
    "a referral that hands the patient over is not complete: complete it, or call it off with the reason"
)

CLOSING: Final = (
    "a patient whom nobody reaches is closed on the closing page, which asks what was tried and who decides"
)


async def change_status(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    form: StatusForm,
    *,
    now: datetime,
    outreach: Outreach,
    closing_form: bool = False,
) -> None:
    """Raises `Invalid` with every problem; `Conflict` when the version is stale, no episode is open, an open risk
    event keeps the episode from being ended or given up on, an unfinished handover keeps it from being ended, or
    somebody would be closed for not being reached without the form that asks who decided and what was tried
    (`closing_form`, of `registry.disengagement`)."""
    clinic_id = require(actor, *CARE)
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    row = await records.open_episode(tx, patient_id)
    patient_records.refuse_stale(row.version, form.version)
    clinic = await organisation.clinic(tx, clinic_id)
    state = EpisodeState(
        status=row.status,
        status_before_hold=row.status_before_hold,
        birth_date=patient.birth_date,
        open_risk_event=await safety.has_open_event(tx, patient_id),
    )
    refuse(rules.check_status(form, state, clinic.local_date(now)))
    if rules.waits_for_risk_event(form, state):
        raise Conflict("a safety event is open: close it first", code="open_risk_event")
    if rules.gives_up(form) and not closing_form:
        raise Conflict(CLOSING, code="closing_form")
    if form.status == "ended":
        await _check_ending(tx, actor, row, form, clinic.local_date(now), closing_form)
    if row.status == "on_hold" and form.status in rules.IN_CARE:
        await _contact_after_discharge(tx, clinic_id, patient_id, row, now)
    await records.change_episode(tx, row.id, _status_values(row, form), now)
    await records.note_status(
        tx,
        actor,
        (clinic_id, row.id),
        (row.status, form.status, form.reason),
        form.from_date,
        review_on=form.review_on,
        note=ending.note(form),
        now=now,
    )
    if form.reason == "consent_withdrawn":
        await _withdraw_consent(tx, actor, clinic_id, row.id, form, now)
    await _watch_hold(tx, clinic, patient_id, row.id, row.care_manager_id, form.status, form.review_on, now)
    await relapse_plan.watch(tx, clinic, patient_id, row, form.status, now)
    if form.status in rules.PAUSED:
        await outreach.care_paused(tx, patient_id, _pause_reason(form), now=now)
    elif row.status in rules.PAUSED:
        await outreach.plan_changed(tx, patient_id, now=now)
    await worklist.refresh(tx, row.id, now=now)
    await audit.record(
        tx,
        actor,
        "episode.status_changed",
        "episode",
        row.id,
        now=now,
        patient_id=patient_id,
        to=form.status,
        reason=form.reason,
    )


async def _check_ending(
    tx: Tx, actor: Actor, row: Any, form: StatusForm, today: date, closing_form: bool
) -> None:
    found = (await endings.read(tx, actor, row)).facts
    if ending.held_by_handover(form, found):
        raise Conflict(HANDOVER, code="handover_open")
    if not closing_form:
        refuse(ending.check(form, found, today))


async def _contact_after_discharge(
    tx: Tx, clinic_id: UUID, patient_id: UUID, episode: Any, now: datetime
) -> None:
    """Back from hospital or jail: somebody speaks with the patient within two business days."""
    held_for = await tx.scalar(
        select(StatusChange.reason)
        .where(
            StatusChange.episode_id == episode.id,
            StatusChange.to_status == "on_hold",
            StatusChange.undone_by_id.is_(None),
        )
        .order_by(StatusChange.at.desc(), StatusChange.id.desc())
        .limit(1)
    )
    if held_for not in ("hospital", "jail"):
        return
    hours = await worklist.working_time(tx, clinic_id)
    due = working_time.next_business_day(working_time.next_business_day(now, hours), hours)
    await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=episode.id,
        kind="after_discharge",
        dedupe_key=f"discharge:{episode.id}",
        due_at=due,
        owner_id=episode.care_manager_id,
        now=now,
    )


async def mark_deceased(
    tx: Tx, actor: Actor, patient_id: UUID, *, on: date | None = None, now: datetime, outreach: Outreach
) -> None:
    """One step, whatever else is open: nothing more goes out to the household. `on` is today when not known."""
    clinic_id = require(actor, *CLINICAL)
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    if patient.deceased_on is not None:
        raise Conflict("the patient is marked as deceased already", code="deceased")
    clinic = await organisation.clinic(tx, clinic_id)
    day = on or clinic.local_date(now)
    if day > clinic.local_date(now):
        raise Invalid.field("on", "is in the future")
    if patient.birth_date is not None and day < patient.birth_date:
        raise Invalid.field("on", "is before the patient was born")
    await patient_records.update_patient(tx, patient, {"deceased_on": day}, now)
    row = await records.newest(tx, patient_id)
    if row.status != "ended":
        values = {"status": "ended", "ended_on": day, "end_reason": "deceased"}
        await records.change_episode(tx, row.id, values, now)
    change = (row.status, "ended", "deceased")
    await records.note_status(tx, actor, (clinic_id, row.id), change, day, now=now)
    await _watch_hold(tx, clinic, patient_id, row.id, row.care_manager_id, "ended", None, now)
    await relapse_plan.watch(tx, clinic, patient_id, row, "ended", now)
    await outreach.care_paused(tx, patient_id, "deceased", now=now)
    await worklist.refresh(tx, row.id, now=now)
    await audit.record(tx, actor, "patient.deceased", "patient", patient_id, now=now, patient_id=patient_id)


async def undo_deceased(tx: Tx, actor: Actor, patient_id: UUID, *, now: datetime, outreach: Outreach) -> None:
    """Back to the status before, with the next contact and plan as they were; what was suppressed stays suppressed."""
    clinic_id = require(actor, *CLINICAL)
    patient = await patient_records.locked(tx, clinic_id, patient_id)
    if patient.deceased_on is None:
        raise Conflict("the patient is not marked as deceased", code="not_deceased")
    row = await records.newest(tx, patient_id)
    mistake = await tx.first(
        select(StatusChange.id, StatusChange.from_status)
        .where(
            StatusChange.episode_id == row.id,
            StatusChange.reason == "deceased",
            StatusChange.undone_by_id.is_(None),
        )
        .order_by(StatusChange.at.desc(), StatusChange.id.desc())
    )
    assert mistake is not None, "a death is always noted with its status change"
    clinic = await organisation.clinic(tx, clinic_id)
    await patient_records.update_patient(tx, patient, {"deceased_on": None}, now)
    if mistake.from_status != "ended":
        values = {"status": mistake.from_status, "ended_on": None, "end_reason": None}
        await records.change_episode(tx, row.id, values, now)
    change = ("ended", mistake.from_status, "undo")
    undo = await records.note_status(tx, actor, (clinic_id, row.id), change, clinic.local_date(now), now=now)
    await tx.execute(update(StatusChange).where(StatusChange.id == mistake.id).values(undone_by_id=undo))
    await _watch_hold(
        tx, clinic, patient_id, row.id, row.care_manager_id, mistake.from_status, row.hold_review_on, now
    )
    await relapse_plan.watch(tx, clinic, patient_id, row, mistake.from_status, now)
    await _ask_again(tx, row.id, now)
    await outreach.plan_changed(tx, patient_id, now=now)
    await worklist.refresh(tx, row.id, now=now)
    await audit.record(
        tx, actor, "patient.death_undone", "patient", patient_id, now=now, patient_id=patient_id
    )


async def _ask_again(tx: Tx, episode_id: UUID, now: datetime) -> None:
    """Advice and referrals that were not asked after any more once the episode had ended."""
    for model, over in (
        (Recommendation, Recommendation.stage.in_(("done", "declined", "withdrawn"))),
        (Referral, Referral.state.in_(("complete", "cancelled"))),
    ):
        quiet = (model.episode_id == episode_id, model.next_at.is_(None), ~over)
        await tx.execute(update(model).where(*quiet).values(next_at=now))


def _status_values(row: Any, form: StatusForm) -> dict[str, Any]:
    holding = form.status == "on_hold"
    before = row.status_before_hold if row.status == "on_hold" else row.status
    ended = form.status == "ended"
    return {
        "status": form.status,
        "status_before_hold": before if holding else None,
        "hold_review_on": form.review_on if holding else None,
        "ended_on": form.from_date if ended else None,
        "end_reason": form.reason if ended else None,
    }


def _pause_reason(form: StatusForm) -> PauseReason:
    if form.reason == "consent_withdrawn":
        return "consent_withdrawn"
    match form.status:
        case "on_hold":
            return "on_hold"
        case "inactive_disengaged":
            return "inactive"
        case _:
            return "ended"


async def _withdraw_consent(
    tx: Tx, actor: Actor, clinic_id: UUID, episode_id: UUID, form: StatusForm, now: datetime
) -> None:
    """Its own row in the words of the consent it takes back; nothing to take back before one was given."""
    given = await records.last_consent(tx, episode_id)
    if given is None:
        return
    withdrawn = CareConsentForm(
        method=form.said,
        given_at=now,
        recorded_by=actor.name or actor.kind,
        wording_version=given.wording_version,
        language=given.language,
    )
    await records.insert_consent(tx, actor, clinic_id, episode_id, "withdrawn", withdrawn, now)


async def _watch_hold(
    tx: Tx,
    clinic: ClinicFacts,
    patient_id: UUID,
    episode_id: UUID,
    owner_id: UUID | None,
    status: str,
    review_on: date | None,
    now: datetime,
) -> None:
    """A hold has a task on its review day; the task goes when the hold does."""
    key = key_of(episode_id)
    if status != "on_hold" or review_on is None:
        await worklist.close_tasks(tx, clinic.id, key, "hold_ended", now=now)
        return
    due_at = working_time.noon(review_on, clinic.zone)
    opened = await worklist.open_task(
        tx,
        clinic_id=clinic.id,
        patient_id=patient_id,
        episode_id=episode_id,
        kind="hold_review",
        dedupe_key=key,
        due_at=due_at,
        owner_id=owner_id,
        now=now,
    )
    if opened is None:
        await worklist.assign_task(tx, clinic.id, key, owner_id, due_at)
