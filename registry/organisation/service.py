"""Setting up the organisation: clinics, the numbers they text from, closed days, signed policies, going live."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from registry import zones
from registry.access import require
from registry.organisation import queries, rules
from registry.organisation.rules import ClinicForm, Deployment, OrganisationKind, Shift
from registry.organisation.tables import Clinic, Holiday, Organisation, Sender
from registry.phones import e164

Policy = Literal["item9", "minor"]


async def create_organisation(
    tx: Tx, actor: Actor, name: str, kind: OrganisationKind, *, now: datetime
) -> UUID:
    """One database serves one organisation: a second one is a `Conflict`."""
    if actor.kind != "system":
        raise Forbidden("is made on the server with the `evenkeel` command")
    if not name.strip():
        raise Invalid.field("name", "is empty")
    if await tx.first(select(Organisation.id).with_for_update()) is not None:
        raise Conflict("this database already serves an organisation")
    organisation_id = tx.new_id()
    values = {"id": organisation_id, "name": name.strip(), "kind": kind, "created_at": now}
    await tx.execute(insert(Organisation), values)
    await audit.record(tx, actor, "organisation.created", "organisation", organisation_id, now=now, kind=kind)
    return organisation_id


async def create_clinic(tx: Tx, actor: Actor, form: ClinicForm, *, now: datetime) -> UUID:
    """A new clinic only simulates texts. Raises `Invalid` with every problem, `Conflict` for a slug in use."""
    if actor.kind != "system":
        require(actor, "administrator")
    _refuse(rules.check_clinic(form))
    if await tx.first(select(Clinic.id).where(Clinic.slug == form.slug)) is not None:
        raise Conflict("slug: another clinic has it")
    clinic_id = tx.new_id()
    fixed: dict[str, Any] = {
        "id": clinic_id,
        "texting_mode": "simulation",
        "minor_policy_signed_on": None,
        "item9_policy_signed_on": None,
        "default_responsible_id": None,
        "settings": {},
        "created_at": now,
    }
    try:
        await tx.execute(insert(Clinic), fixed | _columns(form))
    except IntegrityError:
        raise Conflict("slug: another clinic has it") from None
    await audit.record(tx, actor, "clinic.created", "clinic", clinic_id, now=now)
    return clinic_id


async def change_clinic(tx: Tx, actor: Actor, clinic_id: UUID, form: ClinicForm, *, now: datetime) -> None:
    """A clinic that texts patients keeps what going live asked for."""
    before = await _administered(tx, actor, clinic_id)
    _refuse(rules.check_clinic(form))
    changed = sorted(k for k, v in _columns(form).items() if getattr(before, k) != v)
    try:
        await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(**_columns(form)))
    except IntegrityError:
        raise Conflict("slug: another clinic has it") from None
    await _keep_live(tx, clinic_id)
    await audit.record(tx, actor, "clinic.changed", "clinic", clinic_id, now=now, fields=changed)


async def hold(tx: Tx, clinic_id: UUID) -> None:
    """Whoever else holds the clinic's settings waits until this transaction has ended; new rows of the clinic don't."""
    await tx.execute(select(Clinic.id).where(Clinic.id == clinic_id).with_for_update(key_share=True))


async def add_sender(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    number: str,
    *,
    now: datetime,
    messaging_service_sid: str | None = None,
) -> UUID:
    """A number belongs to one clinic: one already in use is a `Conflict`."""
    await _administered(tx, actor, clinic_id)
    _refuse(tuple(p for p in [rules.phone_problem("number", number)] if p is not None))
    plain = e164(number)
    if await tx.first(select(Sender.id).where(Sender.number == plain)) is not None:
        raise Conflict("number: a clinic already texts from it")
    sender_id = tx.new_id()
    values = {
        "id": sender_id,
        "clinic_id": clinic_id,
        "number": plain,
        "messaging_service_sid": messaging_service_sid,
        "active": True,
    }
    await tx.execute(insert(Sender), values)
    await audit.record(tx, actor, "sender.added", "sender", sender_id, now=now)
    return sender_id


async def add_holiday(tx: Tx, actor: Actor, clinic_id: UUID, on: date, name: str, *, now: datetime) -> UUID:
    await _administered(tx, actor, clinic_id)
    if await tx.first(select(Holiday.id).where(Holiday.clinic_id == clinic_id, Holiday.on == on)) is not None:
        raise Conflict("on: that day is already closed")
    holiday_id = tx.new_id()
    await tx.execute(
        insert(Holiday), {"id": holiday_id, "clinic_id": clinic_id, "on": on, "name": name.strip()}
    )
    await audit.record(tx, actor, "holiday.added", "holiday", holiday_id, now=now)
    return holiday_id


async def sign_policy(
    tx: Tx, actor: Actor, clinic_id: UUID, policy: Policy, on: date | None, *, now: datetime
) -> None:
    """The day the clinical lead signed the item-9 policy or the adolescent policy; None takes it back.

    While a clinic texts item 9 its policy can't be taken back.
    """
    clinic = await _administered(tx, actor, clinic_id)
    if on is not None and on > zones.local_date(now, clinic.zone):
        raise Invalid.field("on", "is in the future")
    column = "item9_policy_signed_on" if policy == "item9" else "minor_policy_signed_on"
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values({column: on}))
    await _keep_live(tx, clinic_id)
    action = "policy.signed" if on is not None else "policy.withdrawn"
    await audit.record(tx, actor, action, "clinic", clinic_id, now=now, policy=policy)


async def set_default_responsible(
    tx: Tx, actor: Actor, clinic_id: UUID, staff_id: UUID, *, now: datetime
) -> None:
    """Whom alerts reach when an episode names nobody; must work in this clinic with patients."""
    await _administered(tx, actor, clinic_id)
    roles = await queries.roles_in(tx, clinic_id, staff_id)
    if roles.isdisjoint({"care_manager", "clinician", "consultant", "clinic_lead"}):
        raise Invalid.field("default_responsible_id", "has no clinical role in this clinic")
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(default_responsible_id=staff_id))
    await _keep_live(tx, clinic_id)
    await audit.record(
        tx, actor, "clinic.changed", "clinic", clinic_id, now=now, fields=["default_responsible_id"]
    )


async def go_live(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    deployment: Deployment,
    *,
    also_missing: tuple[Problem, ...],
    now: datetime,
) -> None:
    """From here on patients get real texts. `also_missing`: what other rooms ask for, see `registry/launch/going_live`.
    Raises `Invalid` with everything that is missing, all at once."""
    await _administered(tx, actor, clinic_id)
    missing = await queries.missing_for_live(tx, clinic_id, deployment)
    _refuse(missing + also_missing)
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(texting_mode="live"))
    await audit.record(tx, actor, "clinic.went_live", "clinic", clinic_id, now=now)


async def stop_texting(tx: Tx, actor: Actor, clinic_id: UUID, *, now: datetime) -> None:
    """Back to simulation: patients' texts stay in the outbox, alerts to staff still leave."""
    await _administered(tx, actor, clinic_id)
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(texting_mode="simulation"))
    await audit.record(tx, actor, "clinic.stopped_texting", "clinic", clinic_id, now=now)


async def _administered(tx: Tx, actor: Actor, clinic_id: UUID) -> Any:
    """The clinic's row, locked. Another clinic's is `NotFound` even for an administrator."""
    if actor.kind != "system":
        require(actor, "administrator", "clinic_lead")
        if actor.clinic_id != clinic_id:
            raise NotFound("clinic")
    row = await tx.first(select(Clinic.__table__).where(Clinic.id == clinic_id).with_for_update())
    if row is None:
        raise NotFound("clinic")
    return row


async def _keep_live(tx: Tx, clinic_id: UUID) -> None:
    """A change that would leave a live clinic without a safety item is refused."""
    clinic = await queries.clinic(tx, clinic_id)
    if clinic.texting_mode == "live":
        _refuse(await queries.missing_in_clinic(tx, clinic))


def _columns(form: ClinicForm) -> dict[str, Any]:
    return {
        "slug": form.slug,
        "name": form.name.strip(),
        "text_name": form.text_name.strip(),
        "zone": form.zone,
        "support_phone": e164(form.support_phone),
        "hours_text": form.hours_text.strip(),
        "privacy_url": form.privacy_url,
        "item9_channel": form.item9_channel,
        "bulk_answers": form.bulk_answers,
        "after_positive_item9": form.after_positive_item9,
        "staffed_hours": {str(day): [_pair(s) for s in shifts] for day, shifts in enumerate(form.staffed)},
        "window_start": form.window_start,
        "window_end": form.window_end,
        "npi": form.npi,
        "tax_id": None if form.tax_id is None else form.tax_id.replace("-", ""),
    }


def _pair(shift: Shift) -> list[str]:
    return [shift.start.isoformat("minutes"), shift.end.isoformat("minutes")]


def _refuse(problems: tuple[Problem, ...]) -> None:
    if problems:
        raise Invalid(*problems)
