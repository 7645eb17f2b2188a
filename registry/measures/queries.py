"""Answers and scores: for the rooms that ask, without an audit row since no person sees it; for people, with one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, bindparam, select

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.instruments import queries as instruments
from registry.measures.rules import AnswerChannel, AnswerFacts, ResultFacts, RunFacts
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.patients.tables import Patient

HISTORY_LIMIT: Final = 400
ANSWERS_LIMIT: Final = 500

_RUNS: Final[Select[*tuple[Any, ...]]] = select(
    *(getattr(MeasureRun, name) for name in RunFacts.__struct_fields__)
)
_RUN = _RUNS.where(MeasureRun.id == bindparam("run"))
_RUNS_OF = _RUNS.where(MeasureRun.check_in_id == bindparam("check_in")).order_by(MeasureRun.position)
_CURRENT = (
    select(
        Answer.id, Answer.item_no, Answer.revision, Answer.value, Answer.channel, Answer.answered_at
    )
    .where(Answer.run_id == bindparam("run"), Answer.replaced_at.is_(None))
    .order_by(Answer.item_no)
)  # fmt: skip
_RUN_FIELDS: Final = len(RunFacts.__struct_fields__)
_GIVEN = (
    _RUNS.add_columns(
        Answer.run_id,
        Answer.item_no,
        Answer.value,
        Answer.source_id,
        Answer.replaced_at.is_(None).label("stands"),
    )
    .outerjoin(Answer, Answer.run_id == MeasureRun.id)
    .where(MeasureRun.check_in_id == bindparam("check_in"))
    .order_by(MeasureRun.position, Answer.item_no, Answer.revision)
)
_FROM_RUN = ("source", "entry_source")
_RESULTS: Final[Select[*tuple[Any, ...]]] = select(
    *(
        getattr(MeasureRun if name in _FROM_RUN else MeasureResult, name)
        for name in ResultFacts.__struct_fields__
    )
).join(MeasureRun, MeasureRun.id == MeasureResult.run_id)
_RESULT_OF = _RESULTS.where(MeasureResult.run_id == bindparam("run"), MeasureResult.replaced_at.is_(None))


class History(msgspec.Struct, frozen=True):
    """Scores of one patient, oldest first, of every instrument; the newest 400. Replaced ones only when asked for."""

    patient_id: UUID
    results: tuple[ResultFacts, ...]


class Revision(msgspec.Struct, frozen=True):
    """`value` None: declined. `raw`: what the patient wrote. `replaced_at` None: the answer that stands."""

    item_no: int
    revision: int
    value: int | None
    raw: str | None
    channel: AnswerChannel
    source_id: UUID | None
    answered_at: datetime
    replaced_at: datetime | None


class Given(msgspec.Struct, frozen=True):
    """One revision of an answer. `value` None: declined. `source_id`: the inbound text or portal visit it came by."""

    run_id: UUID
    item_no: int
    value: int | None
    source_id: UUID | None
    stands: bool


class RunAnswers(msgspec.Struct, frozen=True):
    """Every revision, by item and in order, and why results were replaced, oldest first."""

    run: RunFacts
    answers: tuple[Revision, ...]
    correction_reasons: tuple[str, ...]


async def run_facts(tx: Tx, run_id: UUID, *, lock: bool = False) -> RunFacts:
    """Raises NotFound."""
    row = await tx.first(_RUN.with_for_update() if lock else _RUN, {"run": run_id})
    if row is None:
        raise NotFound("questionnaire")
    await instruments.ensure(tx, (row.instrument_id,))
    return RunFacts(**row._mapping)


async def runs_of(tx: Tx, check_in_id: UUID) -> tuple[RunFacts, ...]:
    """In the order they are asked."""
    rows = await tx.all(_RUNS_OF, {"check_in": check_in_id})
    await instruments.ensure(tx, {row.instrument_id for row in rows})
    return tuple(RunFacts(**row._mapping) for row in rows)


async def current_answers(tx: Tx, run_id: UUID) -> tuple[AnswerFacts, ...]:
    """The answers that stand, by item number."""
    return tuple(AnswerFacts(**row._mapping) for row in await tx.all(_CURRENT, {"run": run_id}))


async def given(tx: Tx, check_in_id: UUID) -> tuple[tuple[RunFacts, ...], tuple[Given, ...]]:
    """The runs of a check-in in the order they are asked, and every revision in them, each item's oldest first."""
    rows = await tx.all(_GIVEN, {"check_in": check_in_id})
    await instruments.ensure(tx, {row.instrument_id for row in rows})
    runs = {row.id: row for row in rows}
    return (
        tuple(RunFacts(*row[:_RUN_FIELDS]) for row in runs.values()),
        tuple(Given(*row[_RUN_FIELDS:]) for row in rows if row.run_id is not None),
    )


async def result_of(tx: Tx, run_id: UUID) -> ResultFacts:
    """The result that stands. Raises NotFound."""
    found = await result_or_none(tx, run_id)
    if found is None:
        raise NotFound("result")
    return found


async def result_or_none(tx: Tx, run_id: UUID) -> ResultFacts | None:
    """None when the run ended without an answer."""
    row = await tx.first(_RESULT_OF, {"run": run_id})
    return None if row is None else _result(row)


async def history(
    tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime, with_replaced: bool = False
) -> History:
    """Raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    await _require_patient(tx, clinic_id, patient_id)
    wanted = _RESULTS.where(MeasureResult.patient_id == patient_id, MeasureResult.clinic_id == clinic_id)
    if not with_replaced:
        wanted = wanted.where(MeasureResult.replaced_at.is_(None))
    newest = wanted.order_by(
        MeasureResult.taken_at.desc(), MeasureResult.filed_at.desc(), MeasureResult.id.desc()
    )
    rows = await tx.all(newest.limit(HISTORY_LIMIT))
    await record(
        tx, viewer, "measures.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(rows)
    )
    return History(patient_id, tuple(_result(row) for row in reversed(rows)))


async def answers(tx: Tx, viewer: Actor, run_id: UUID, *, now: datetime) -> RunAnswers:
    """Raises NotFound for another clinic's questionnaire."""
    clinic_id = require(viewer, *CLINICAL)
    run = await run_facts(tx, run_id)
    if run.clinic_id != clinic_id:
        raise NotFound("questionnaire")
    rows = await tx.all(
        select(Answer.__table__)
        .where(Answer.run_id == run_id)
        .order_by(Answer.item_no, Answer.revision)
        .limit(ANSWERS_LIMIT)
    )
    reasons = await tx.all(
        select(MeasureResult.replaced_reason_sealed)
        .where(MeasureResult.run_id == run_id, MeasureResult.replaced_reason_sealed.is_not(None))
        .order_by(MeasureResult.filed_at, MeasureResult.id)
    )
    await record(
        tx, viewer, "answers.read", "measure_run", run_id, now=now, patient_id=run.patient_id, count=len(rows)
    )
    return RunAnswers(
        run=run,
        answers=tuple(_revision(tx, row) for row in rows),
        correction_reasons=tuple(tx.vault.open(row.replaced_reason_sealed) for row in reasons),
    )


async def latest_answers(
    tx: Tx, viewer: Actor, patient_id: UUID, run_ids: Sequence[UUID], *, now: datetime
) -> dict[UUID, dict[int, int | None]]:
    """By questionnaire and item the answers that stand, None where declined; at most 40 questionnaires. Those of
    another patient are left out. Raises NotFound for another clinic's patient."""
    clinic_id = require(viewer, *CLINICAL)
    await _require_patient(tx, clinic_id, patient_id)
    rows = await tx.all(
        select(Answer.run_id, Answer.item_no, Answer.value)
        .join(MeasureRun, MeasureRun.id == Answer.run_id)
        .where(
            Answer.run_id.in_(run_ids[:40]),
            Answer.replaced_at.is_(None),
            MeasureRun.patient_id == patient_id,
            MeasureRun.clinic_id == clinic_id,
        )
        .order_by(Answer.run_id, Answer.item_no)
    )
    found: dict[UUID, dict[int, int | None]] = {}
    for row in rows:
        found.setdefault(row.run_id, {})[row.item_no] = row.value
    await record(
        tx, viewer, "answers.read", "patient", patient_id, now=now, patient_id=patient_id, count=len(rows)
    )
    return found


async def _require_patient(tx: Tx, clinic_id: UUID, patient_id: UUID) -> None:
    mine = select(Patient.id).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    if await tx.first(mine) is None:
        raise NotFound("patient")


def _result(row: Row[Any]) -> ResultFacts:
    return ResultFacts(**row._mapping)


def _revision(tx: Tx, row: Row[Any]) -> Revision:
    return Revision(
        item_no=row.item_no,
        revision=row.revision,
        value=row.value,
        raw=tx.vault.open_or_none(row.raw_sealed),
        channel=cast(AnswerChannel, row.channel),
        source_id=row.source_id,
        answered_at=row.answered_at,
        replaced_at=row.replaced_at,
    )
