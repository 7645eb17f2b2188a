"""Numbers that must not be texted, and what follows in the same transaction.

A revocation takes effect with the text that carries it (47 CFR 64.1200(a)(10)): queued texts are suppressed, open
check-ins end as opted out, and a person is told which other channels are left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, or_, select, true, update

from kernel import audit
from kernel.audit import Actor, system
from kernel.db import Tx
from messaging.consent import emails
from messaging.consent.tables import NumberStop
from messaging.delivery import service as delivery
from messaging.delivery.tables import Outbox
from messaging.schedule import closing, occurrences
from registry.patients.tables import PatientPhone
from registry.worklist import service as worklist
from registry.worklist.tasks import TaskKind

StopKind = Literal["opt_out", "wrong_number", "carrier_opt_out", "paused", "invalid"]
By = Literal["patient", "carrier", "staff", "household"]
# Words a person may undo by START; a carrier's block or a wrong number needs more than that.
LIFTED_BY_START: tuple[StopKind, ...] = ("opt_out", "carrier_opt_out", "paused")
SOFT_FAILURES_TO_VERIFY = 2

TASK_OF: dict[StopKind, TaskKind] = {
    "opt_out": "opted_out",
    "carrier_opt_out": "opted_out",
    "wrong_number": "wrong_number",
    "paused": "opt_out_unclear",
    "invalid": "contact_invalid",
}


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """`wording` is what the person wrote, kept sealed; `source_id` the inbound text or outbox row."""

    clinic_id: UUID
    phone_key: str
    kind: StopKind
    by: By
    scope: Literal["organisation", "clinic"] = "organisation"
    wording: str | None = None
    source_id: UUID | None = None
    classifier_version: str | None = None


class NumberState(msgspec.Struct, frozen=True):
    stopped: bool
    paused: bool
    kinds: tuple[StopKind, ...]
    by_staff: bool


async def state(tx: Tx, phone_key: str, clinic_id: UUID) -> NumberState:
    rows = await tx.all(
        select(NumberStop.kind, NumberStop.by).where(
            NumberStop.phone_key == phone_key,
            NumberStop.lifted_at.is_(None),
            or_(NumberStop.scope == "organisation", NumberStop.clinic_id == clinic_id),
        )
    )
    kinds = tuple(row.kind for row in rows)
    return NumberState(
        stopped=any(kind != "paused" for kind in kinds),
        paused="paused" in kinds,
        kinds=kinds,
        by_staff=any(row.by == "staff" for row in rows),
    )


async def stop(tx: Tx, stopped: Stop, *, now: datetime) -> UUID:
    """Writes the ledger row and everything that follows. Repeating it adds a row and changes nothing else."""
    stop_id = tx.new_id()
    await tx.execute(
        insert(NumberStop),
        {
            "id": stop_id,
            "phone_key": stopped.phone_key,
            "kind": stopped.kind,
            "scope": stopped.scope,
            "clinic_id": stopped.clinic_id,
            "by": stopped.by,
            "wording_sealed": None if stopped.wording is None else tx.vault.seal(stopped.wording),
            "source_id": stopped.source_id,
            "classifier_version": stopped.classifier_version,
            "at": now,
            "lifted_at": None,
            "lifted_by": None,
            "lifted_source_id": None,
        },
    )
    await delivery.suppress(
        tx,
        phone_key=stopped.phone_key,
        reason="texts_paused" if stopped.kind == "paused" else "opted_out",
        now=now,
    )
    for clinic_id, patient_id in await _reached(
        tx, stopped.phone_key, stopped.clinic_id if stopped.scope == "clinic" else None
    ):
        await _tell(tx, msgspec.structs.replace(stopped, clinic_id=clinic_id), patient_id, stop_id, now)
    return stop_id


async def _tell(tx: Tx, stopped: Stop, patient_id: UUID, stop_id: UUID, now: datetime) -> None:
    goes_on = stopped.kind == "invalid" and await emails.in_use(tx, patient_id)
    if stopped.kind != "paused" and not goes_on:
        await closing.close_open(tx, patient_id, state="opted_out", reason=stopped.kind, now=now)
        await worklist.set_opted_out(tx, patient_id, True, now=now)
    if stopped.kind in ("wrong_number", "invalid"):
        await _mark_phone(tx, stopped, patient_id, now)
    await worklist.open_task(
        tx,
        clinic_id=stopped.clinic_id,
        patient_id=patient_id,
        episode_id=None,
        kind=TASK_OF[stopped.kind],
        dedupe_key=f"{TASK_OF[stopped.kind]}:{patient_id}",
        ref_kind="number_stop",
        ref_id=stop_id,
        detail={"by": stopped.by, "kind": stopped.kind},
        now=now,
    )
    await audit.record(
        tx,
        system(stopped.clinic_id),
        f"number.{stopped.kind}",
        "number_stop",
        stop_id,
        now=now,
        patient_id=patient_id,
        by=stopped.by,
        scope=stopped.scope,
    )


async def _mark_phone(tx: Tx, stopped: Stop, patient_id: UUID, now: datetime) -> None:
    await tx.execute(
        update(PatientPhone)
        .where(
            PatientPhone.patient_id == patient_id,
            PatientPhone.phone_key == stopped.phone_key,
            PatientPhone.replaced_at.is_(None),
        )
        .values(state="wrong" if stopped.kind == "wrong_number" else "unreachable")
    )


async def lift(
    tx: Tx,
    clinic_id: UUID,
    phone_key: str,
    *,
    kinds: tuple[StopKind, ...] = LIFTED_BY_START,
    by: str,
    source_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> int:
    """Texts may go to the number again. Nothing that was suppressed comes back; the next check-in is planned."""
    here = or_(NumberStop.scope == "organisation", NumberStop.clinic_id == clinic_id)
    # What staff recorded for a person is not undone by a text from the phone.
    theirs = NumberStop.by != "staff" if by == "patient" else true()
    lifted = await tx.execute(
        update(NumberStop)
        .where(
            NumberStop.phone_key == phone_key,
            NumberStop.lifted_at.is_(None),
            NumberStop.kind.in_(kinds),
            here,
            theirs,
        )
        .values(lifted_at=now, lifted_by=by, lifted_source_id=source_id)
    )
    if lifted.rowcount and not (await state(tx, phone_key, clinic_id)).stopped:
        for _, patient_id in await _reached(tx, phone_key, None):
            await worklist.set_opted_out(tx, patient_id, False, now=now)
            await occurrences.materialise(tx, patient_id, now=now)
            await audit.record(
                tx, actor, "number.lifted", "number_stop", None, now=now, patient_id=patient_id, by=by
            )
    return lifted.rowcount


async def tell_of_current(tx: Tx, patient_id: UUID, *, now: datetime) -> None:
    """After a change of number: a stop belongs to a number, so the registry says what holds for the new one, and what
    was asked about an earlier number, wrong or dead, is answered. What was asked of this one stays open, whatever else
    about the patient changed."""
    row = await tx.first(
        select(PatientPhone.clinic_id, PatientPhone.phone_key, PatientPhone.created_at).where(
            PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
        )
    )
    if row is None:
        return
    found = await state(tx, row.phone_key, row.clinic_id)
    if "opt_out" in found.kinds or "carrier_opt_out" in found.kinds:
        await worklist.set_opted_out(tx, patient_id, True, now=now)
    elif not found.stopped:
        await worklist.set_opted_out(tx, patient_id, False, now=now)
        for kind in ("wrong_number", "contact_invalid"):
            await worklist.close_tasks(
                tx, row.clinic_id, f"{kind}:{patient_id}", "number_changed", now, opened_by=row.created_at
            )


async def _reached(tx: Tx, phone_key: str, clinic_id: UUID | None) -> list[tuple[UUID, UUID]]:
    """(clinic, patient) of everyone whose current number this is, in every clinic this transaction may see unless
    one is named: one, several on a shared phone, or nobody."""
    statement = select(PatientPhone.clinic_id, PatientPhone.patient_id).where(
        PatientPhone.phone_key == phone_key, PatientPhone.replaced_at.is_(None)
    )
    if clinic_id is not None:
        statement = statement.where(PatientPhone.clinic_id == clinic_id)
    rows = await tx.all(statement.order_by(PatientPhone.created_at, PatientPhone.patient_id))
    return [(row.clinic_id, row.patient_id) for row in rows]


async def carrier_opt_out(tx: Tx, clinic_id: UUID, phone_key: str, outbox_id: UUID, *, now: datetime) -> None:
    """The provider said that this number opted out of our sender (error 21610): the same effect as STOP."""
    if "carrier_opt_out" not in (await state(tx, phone_key, clinic_id)).kinds:
        await stop(
            tx,
            Stop(
                clinic_id=clinic_id,
                phone_key=phone_key,
                kind="carrier_opt_out",
                by="carrier",
                source_id=outbox_id,
            ),
            now=now,
        )


async def contact_invalid(
    tx: Tx, clinic_id: UUID, patient_id: UUID | None, phone_key: str, outbox_id: UUID, *, now: datetime
) -> None:
    if patient_id is not None and "invalid" not in (await state(tx, phone_key, clinic_id)).kinds:
        await stop(
            tx,
            Stop(clinic_id=clinic_id, phone_key=phone_key, kind="invalid", by="carrier", source_id=outbox_id),
            now=now,
        )


async def soft_failure(
    tx: Tx, clinic_id: UUID, patient_id: UUID | None, phone_key: str, *, now: datetime
) -> None:
    """One undelivered text may be a phone that was off; the second in a row asks a person to verify the number."""
    if patient_id is None:
        return
    last = await tx.all(
        select(Outbox.provider_status)
        .where(Outbox.recipient_key == phone_key, Outbox.attempted_at.is_not(None))
        .order_by(Outbox.attempted_at.desc())
        .limit(SOFT_FAILURES_TO_VERIFY)
    )
    if len(last) < SOFT_FAILURES_TO_VERIFY or any(
        row.provider_status not in ("undelivered", "failed") for row in last
    ):
        return
    await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=None,
        kind="contact_invalid",
        dedupe_key=f"contact_invalid:{patient_id}",
        detail={"why": "undelivered_twice"},
        now=now,
    )
