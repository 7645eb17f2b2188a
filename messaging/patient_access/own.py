"""What a signed-in patient sees and decides: the next contact, the plan, past scores, how to be reached, who may help."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select

from kernel import audit
from kernel.db import Tx
from kernel.errors import Forbidden
from messaging.consent import numbers
from messaging.consent import service as consent
from messaging.consent.scripts import script
from messaging.patient_access.rules import Scope
from messaging.patient_access.sessions import SignedIn
from messaging.schedule.tables import CheckIn
from questionnaires import catalog
from questionnaires.instrument import Instrument
from registry.care_plans.contents import CareContent
from registry.care_plans.tables import CarePlan
from registry.episodes.tables import Episode
from registry.instruments import queries as instruments
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.organisation.patient_pages import patient_pages
from registry.organisation.tables import Clinic, Staff
from registry.patients.forms import Channel
from registry.patients.tables import Patient, PatientPhone
from registry.plans import queries as plans
from registry.ports import ContentLevel
from registry.zones import local_date

OFFERED: Final = ("invited", "in_progress")
RESULTS_SHOWN: Final = 50
MOST_CHECK_INS: Final = 10
# The newest version that the patient agreed to; one that is still being written is the team's alone.
_AGREED: Final = (
    select(CarePlan.content_sealed, CarePlan.agreed_on)
    .join(Episode, Episode.id == CarePlan.episode_id)
    .where(
        CarePlan.patient_id == bindparam("patient"),
        CarePlan.clinic_id == bindparam("clinic"),
        CarePlan.kind == "care",
        CarePlan.agreed_on.is_not(None),
        Episode.status != "ended",
    )
    .order_by(CarePlan.version.desc())
    .limit(1)
)


class DueCheckIn(msgspec.Struct, frozen=True):
    """`answered` of `total` scored questions have an answer, from whichever channel."""

    id: UUID
    offered_at: datetime
    expires_at: datetime | None
    instruments: tuple[str, ...]
    answered: int
    total: int


class Contact(msgspec.Struct, frozen=True):
    """The next planned contact: when, how, and with whom; never about what. `zone` is the patient's, else the clinic's."""

    at: datetime
    mode: str
    zone: str
    care_manager: str | None


class PlanMeasure(msgspec.Struct, frozen=True):
    """Asked every `every_days` days at `local_time` on the patient's clock; `next_on` from today on."""

    instrument_id: str
    every_days: int
    local_time: time
    next_on: date


class PatientPlan(msgspec.Struct, frozen=True):
    """Goals and plan in the words that were agreed with the patient; empty before there are any. `measures`: what is
    asked, how often, and when next."""

    goals: tuple[str, ...]
    skill: str
    rhythm: str
    medications: tuple[str, ...]
    treatments: tuple[str, ...]
    agreed_on: date | None
    measures: tuple[PlanMeasure, ...]


class PastResult(msgspec.Struct, frozen=True):
    """`total` None where answers are missing. `answers`: item number -> value, None where declined."""

    instrument_id: str
    taken_at: datetime
    total: int | None
    highest: int
    answers: dict[int, int | None]


class Preferences(msgspec.Struct, frozen=True):
    """`phone_ends`: the last two digits of the number on file. `texting`: what may be sent to it, null without an
    agreement in force; `stopped`: the number has opted out, and only a text START from it undoes that.
    `agreement`: the approved words that agreeing to texts refers to."""

    language: str
    channel: Channel
    window_start: time | None
    window_end: time | None
    zone: str | None
    interpreter: bool
    phone_ends: str
    safe_to_text: bool
    texting: ContentLevel | None
    stopped: bool
    agreement: str
    code_word: str | None


async def due_check_ins(tx: Tx, signed_in: SignedIn, *, now: datetime) -> tuple[DueCheckIn, ...]:
    """Offered and not over. A related person has none: nobody answers for the patient."""
    if not signed_in.own:
        return ()
    rows = await tx.all(
        select(CheckIn.id, CheckIn.invited_at, CheckIn.due_at, CheckIn.expires_at, CheckIn.instruments)
        .where(
            CheckIn.patient_id == signed_in.patient_id,
            CheckIn.clinic_id == signed_in.clinic_id,
            CheckIn.state.in_(OFFERED),
        )
        .order_by(CheckIn.due_at)
        .limit(MOST_CHECK_INS)
    )
    open_ones = [row for row in rows if row.expires_at is None or now < row.expires_at]
    await _read(tx, signed_in, "check_ins.read", now)
    return tuple([await _due(tx, row) for row in open_ones])


async def next_contact(tx: Tx, signed_in: SignedIn, *, now: datetime) -> Contact | None:
    """Raises Forbidden outside a related person's scope."""
    _require(signed_in, "contacts")
    row = await tx.first(
        select(
            Episode.next_contact_at,
            Episode.next_contact_mode,
            Patient.zone,
            Clinic.zone.label("clinic_zone"),
            Staff.name,
        )
        .join(Patient, Patient.id == Episode.patient_id)
        .join(Clinic, Clinic.id == Episode.clinic_id)
        .outerjoin(Staff, Staff.id == Episode.care_manager_id)
        .where(
            Episode.patient_id == signed_in.patient_id,
            Episode.clinic_id == signed_in.clinic_id,
            Episode.status != "ended",
            Episode.next_contact_at > now,
        )
    )
    await _read(tx, signed_in, "contact.read", now)
    if row is None:
        return None
    return Contact(
        row.next_contact_at, row.next_contact_mode or "phone", row.zone or row.clinic_zone, row.name
    )


async def plan(tx: Tx, signed_in: SignedIn, *, now: datetime) -> PatientPlan:
    """Raises Forbidden outside a related person's scope."""
    _require(signed_in, "plan")
    today = local_date(now, await zone(tx, signed_in))
    lines = await plans.current_plan(tx, signed_in.patient_id)
    await instruments.ensure(tx, [line.instrument_id for line in lines])
    agreed = await tx.first(_AGREED, {"patient": signed_in.patient_id, "clinic": signed_in.clinic_id})
    care = CareContent()
    if agreed is not None:
        care = msgspec.json.decode(tx.vault.open(agreed.content_sealed), type=CareContent)
    await _read(tx, signed_in, "plan.read", now)
    return PatientPlan(
        goals=care.goals,
        skill=care.skill,
        rhythm=care.rhythm,
        medications=care.medications,
        treatments=care.treatments,
        agreed_on=None if agreed is None else agreed.agreed_on,
        measures=tuple(
            PlanMeasure(
                line.instrument_id,
                line.every_days,
                line.local_time,
                _next(line.anchor_on, line.every_days, today),
            )
            for line in lines
        ),
    )


async def results(tx: Tx, signed_in: SignedIn, *, now: datetime) -> tuple[PastResult, ...] | None:
    """Newest first; None where the clinic does not show them, and for a related person."""
    settings = await tx.scalar(select(Clinic.settings).where(Clinic.id == signed_in.clinic_id))
    if not signed_in.own or not patient_pages(settings).shows_answers:
        return None
    rows = await tx.all(
        select(
            MeasureResult.run_id,
            MeasureResult.instrument_id,
            MeasureResult.taken_at,
            MeasureResult.total,
            MeasureRun.instrument_version,
            MeasureRun.language,
        )
        .join(MeasureRun, MeasureRun.id == MeasureResult.run_id)
        .where(
            MeasureResult.patient_id == signed_in.patient_id,
            MeasureResult.clinic_id == signed_in.clinic_id,
            MeasureResult.replaced_at.is_(None),
        )
        .order_by(MeasureResult.taken_at.desc(), MeasureResult.id.desc())
        .limit(RESULTS_SHOWN)
    )
    await instruments.ensure(tx, [row.instrument_id for row in rows])
    answers = await tx.all(
        select(Answer.run_id, Answer.item_no, Answer.value)
        .where(Answer.run_id.in_([row.run_id for row in rows]), Answer.replaced_at.is_(None))
        .order_by(Answer.item_no)
    )
    by_run: dict[UUID, dict[int, int | None]] = {}
    for answer in answers:
        by_run.setdefault(answer.run_id, {})[answer.item_no] = answer.value
    await _read(tx, signed_in, "measures.read", now)
    return tuple(
        PastResult(
            row.instrument_id,
            row.taken_at,
            row.total,
            catalog.load(row.instrument_id, row.language, row.instrument_version).max_total,
            by_run.get(row.run_id, {}),
        )
        for row in rows
    )


async def preferences(tx: Tx, signed_in: SignedIn, *, now: datetime) -> Preferences:
    """Raises Forbidden for a related person."""
    require_own(signed_in)
    row = await tx.first(
        select(
            Patient.language, Patient.channel, Patient.window_start, Patient.window_end, Patient.zone,
            Patient.interpreter, Patient.code_word_sealed, PatientPhone.phone_sealed, PatientPhone.safe_to_text,
        )
        .outerjoin(
            PatientPhone, (PatientPhone.patient_id == Patient.id) & PatientPhone.replaced_at.is_(None)
        )
        .where(Patient.id == signed_in.patient_id, Patient.clinic_id == signed_in.clinic_id)
    )  # fmt: skip
    assert row is not None
    texting = await consent.content_level(tx, signed_in.patient_id)
    stopped = (await numbers.state(tx, signed_in.phone_key, signed_in.clinic_id)).stopped
    await _read(tx, signed_in, "preferences.read", now)
    number = tx.vault.open_or_none(row.phone_sealed) or ""
    return Preferences(
        language=row.language,
        channel=cast(Channel, row.channel),
        window_start=row.window_start,
        window_end=row.window_end,
        zone=row.zone,
        interpreter=bool(row.interpreter),
        phone_ends=number[-2:],
        safe_to_text=bool(row.safe_to_text),
        texting=texting,
        stopped=stopped,
        agreement=script("texting", signed_in.language).text,
        code_word=tx.vault.open_or_none(row.code_word_sealed),
    )


def require_own(signed_in: SignedIn) -> None:
    if not signed_in.own:
        raise Forbidden("only the patient may do this", code="not_the_patient")


def _require(signed_in: SignedIn, scope: Scope) -> None:
    if scope not in signed_in.scope:
        raise Forbidden("this is not part of what was agreed", code="scope_missing")


async def zone(tx: Tx, signed_in: SignedIn) -> str:
    """The patient's, else the clinic's."""
    row = await tx.first(
        select(Patient.zone, Clinic.zone.label("clinic_zone"))
        .join(Clinic, Clinic.id == Patient.clinic_id)
        .where(Patient.id == signed_in.patient_id)
    )
    assert row is not None
    return str(row.zone or row.clinic_zone)


def _next(anchor: date, every: int, today: date) -> date:
    """The first due date of the rhythm that is not over."""
    behind = max(0, (today - anchor).days)
    return anchor + timedelta(days=-(-behind // every) * every)


def _in_some_language(instrument_id: str) -> Instrument:
    """For counting its questions, which are the same in every language."""
    spoken = catalog.languages(instrument_id)
    return catalog.load(instrument_id, "en" if "en" in spoken else spoken[0])


async def _due(tx: Tx, row: Any) -> DueCheckIn:
    await instruments.ensure(tx, row.instruments)
    total = sum(len(_in_some_language(name).scored_items) for name in row.instruments)
    runs = await tx.all(
        select(MeasureRun.id, MeasureRun.instrument_id).where(MeasureRun.check_in_id == row.id)
    )
    answered = await tx.all(
        select(Answer.run_id, Answer.item_no).where(
            Answer.run_id.in_([run.id for run in runs]), Answer.replaced_at.is_(None)
        )
    )
    scored = {
        run.id: {item.number for item in _in_some_language(run.instrument_id).scored_items} for run in runs
    }
    done = sum(one.item_no in scored[one.run_id] for one in answered)
    return DueCheckIn(
        row.id, row.invited_at or row.due_at, row.expires_at, tuple(row.instruments), done, total
    )


Action = Literal["check_ins.read", "contact.read", "plan.read", "measures.read", "preferences.read"]


async def _read(tx: Tx, signed_in: SignedIn, action: Action, now: datetime) -> None:
    await audit.record(
        tx, signed_in.actor, action, "patient", signed_in.patient_id, now=now, patient_id=signed_in.patient_id
    )
