"""The questions of one check-in for a signed-in patient, and what an idempotency key has filed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from kernel import audit
from kernel.db import Tx
from kernel.errors import Invalid, NotFound
from messaging.conversation.filing import load_sheet
from messaging.links.service import spoken
from messaging.patient_access.answers import Submission
from messaging.patient_access.sessions import SignedIn
from messaging.patient_access.tables import SubmittedAnswers
from messaging.schedule.tables import CheckIn
from questionnaires import catalog
from questionnaires.catalog import UnknownInstrument
from questionnaires.instrument import Instrument
from registry.instruments import queries as instruments

LONGEST_KEY = 200


class ChoiceView(msgspec.Struct, frozen=True):
    value: int
    label: str


class ItemView(msgspec.Struct, frozen=True):
    """`answered`: has an answer from some channel; which one is not told. `scored` false: asked at the end, and only if
    some problem was reported."""

    number: int
    text: str
    scored: bool
    answered: bool
    choices: tuple[ChoiceView, ...]


class PartView(msgspec.Struct, frozen=True):
    instrument_id: str
    version: str
    language: str
    stem: str
    items: tuple[ItemView, ...]


class CheckInForm(msgspec.Struct, frozen=True):
    id: UUID
    state: str
    expires_at: datetime | None
    parts: tuple[PartView, ...]


async def form(tx: Tx, signed_in: SignedIn, check_in_id: UUID, *, now: datetime) -> CheckInForm:
    """Raises NotFound, also for a related person and for a check-in that was not offered yet."""
    row = await tx.first(
        select(CheckIn.id, CheckIn.state, CheckIn.expires_at, CheckIn.instruments).where(
            CheckIn.id == check_in_id,
            CheckIn.patient_id == signed_in.patient_id,
            CheckIn.clinic_id == signed_in.clinic_id,
            CheckIn.state != "scheduled",
        )
    )
    if row is None or not signed_in.own:
        raise NotFound("check-in")
    await instruments.ensure(tx, row.instruments)
    sheet = await load_sheet(tx, check_in_id)
    begun = {run.run.instrument_id: run for run in sheet.runs}
    parts = []
    for name in row.instruments:
        run = begun.get(name)
        version = None if run is None else run.run.instrument_version
        instrument = _shown(name, signed_in.language, version)
        parts.append(_part(instrument, frozenset(run.answers) if run is not None else frozenset()))
    await audit.record(
        tx, signed_in.actor, "check_in.read", "check_in", check_in_id,
        now=now, patient_id=signed_in.patient_id,
    )  # fmt: skip
    return CheckInForm(row.id, row.state, row.expires_at, tuple(parts))


async def recall(tx: Tx, signed_in: SignedIn, key: str | None, body: str) -> Submission | None:
    """What this key has filed; None for a new one. Raises Invalid for another body."""
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid.field("Idempotency-Key", f"needs 1 to {LONGEST_KEY} characters")
    row = await tx.first(
        select(SubmittedAnswers.body_hash, SubmittedAnswers.outcome).where(
            SubmittedAnswers.patient_id == signed_in.patient_id, SubmittedAnswers.key == key
        )
    )
    if row is None:
        return None
    if row.body_hash != body:
        raise Invalid.field("Idempotency-Key", "was used before with another request")
    return msgspec.convert(row.outcome, Submission)


async def remember(
    tx: Tx, signed_in: SignedIn, key: str | None, body: str, filed: Submission, *, now: datetime
) -> None:
    """In the transaction that filed; of two at once the second violates the primary key and rolls back."""
    if key is not None:
        values = {"patient_id": signed_in.patient_id, "key": key, "body_hash": body, "created_at": now}
        await tx.execute(insert(SubmittedAnswers), values | {"outcome": msgspec.to_builtins(filed)})


def _shown(name: str, language: str, version: str | None) -> Instrument:
    try:
        return (
            catalog.load(name, spoken(language), version) if version else catalog.load(name, spoken(language))
        )
    except UnknownInstrument:
        return catalog.load(name, catalog.languages(name)[0])


def _part(instrument: Instrument, answered: frozenset[int]) -> PartView:
    return PartView(
        instrument.id,
        instrument.version,
        instrument.language,
        instrument.stem,
        tuple(
            ItemView(
                item.number,
                item.text,
                item.scored,
                item.number in answered,
                tuple(ChoiceView(choice.value, choice.label) for choice in item.choices),
            )
            for item in instrument.items
        ),
    )
