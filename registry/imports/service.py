"""Bringing in a file whole or not at all, through the same commands that a person uses, and trying it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, DomainError, Invalid, Problem
from registry.access import require
from registry.contacts import history
from registry.episodes import records as episode_records
from registry.episodes import service as episodes
from registry.imports import rules
from registry.imports.cells import Book, Judged
from registry.imports.contact_rows import ContactRow, judge_contacts
from registry.imports.files import ColumnMapping, ImportFile, ImportKind, rows_of
from registry.imports.queries import book_of, digest_known
from registry.imports.rules import BilledRow, PatientRow, ScoreRow, Verdict, verdict
from registry.imports.tables import BilledMonth, CarriedEpisode, ImportMapping, ImportRun
from registry.measures import entry
from registry.measures.rules import ItemsForm, is_history
from registry.ports import Alerts, Outreach

T = TypeVar("T")
IMPORTERS: Final = ("clinic_lead",)
MOST_NAMED: Final = 50
SAME_FILE: Final = "this file was brought in already"
# What a command calls a field -> what a mapping calls it.
_FIELDS: Final = {
    "treating_clinician_id": "clinician",
    "care_manager_id": "care_manager",
    "consultant_id": "consultant",
    "target_condition": "condition",
    "care_consent.given_at": "consent_on",
    "care_consent.recorded_by": "consent_by",
    "care_consent.wording_version": "consent_wording",
    "instrument_id": "instrument",
    "initiating_visit.on": "visit_on",
    "initiating_visit.code": "visit_code",
    "coverage[0].valid_from": "payer_from",
    "mrn_taken": "mrn",
    "phone_taken": "phone",
}


class Ports(msgspec.Struct, frozen=True):
    outreach: Outreach
    alerts: Alerts


class Report(msgspec.Struct, frozen=True):
    """A verdict for every row, in the order of the file."""

    kind: ImportKind
    verdicts: tuple[Verdict, ...]

    @property
    def refused(self) -> tuple[Verdict, ...]:
        return tuple(each for each in self.verdicts if not each.usable)


async def dry_run(
    tx: Tx,
    actor: Actor,
    kind: ImportKind,
    file: ImportFile,
    mapping: ColumnMapping,
    *,
    now: datetime,
    ports: Ports,
) -> Report:
    """What `run` would say, row by row: every row is really filed and then taken back, the alerts of its answers too.
    Only that somebody tried is kept, in the audit log."""
    clinic_id = require(actor, *IMPORTERS)
    trial = await tx.conn.begin_nested()
    try:
        await _refuse_known(tx, clinic_id, kind, file)
        _, report = await _file(tx, actor, clinic_id, kind, file, mapping, now, ports)
    finally:
        await trial.rollback()
    await audit.record(
        tx, actor, "import.tried", "clinic", clinic_id,
        now=now, kind=kind, rows=len(report.verdicts), refused=len(report.refused),
    )  # fmt: skip
    return report


async def run(
    tx: Tx,
    actor: Actor,
    kind: ImportKind,
    file: ImportFile,
    mapping: ColumnMapping,
    *,
    now: datetime,
    ports: Ports,
) -> UUID:
    """All rows, or none; gives the run's id and keeps the mapping under its name. Raises Invalid that names line,
    column and reason of the first fifty rows that can't be filed, and Conflict for a file that was brought in before.
    """
    clinic_id = require(actor, *IMPORTERS)
    await _refuse_known(tx, clinic_id, kind, file)
    run_id, report = await _file(tx, actor, clinic_id, kind, file, mapping, now, ports)
    if report.refused:
        raise Invalid(
            *(
                Problem("file", f"line {each.line}, {column}: {reason}")
                for each in report.refused[:MOST_NAMED]
                for column, reason in each.problems
            )
        )
    await save_mapping(tx, actor, kind, mapping, now=now)
    return run_id


async def save_mapping(
    tx: Tx, actor: Actor, kind: ImportKind, mapping: ColumnMapping, *, now: datetime
) -> None:
    """In place of one of the same name."""
    clinic_id = require(actor, *IMPORTERS)
    name = mapping.name.strip()
    values = {"columns": dict(mapping.columns), "dates": mapping.dates, "saved_at": now}
    same = (ImportMapping.clinic_id == clinic_id, ImportMapping.kind == kind, ImportMapping.name == name)
    known = await tx.scalar(select(ImportMapping.id).where(*same).with_for_update())
    if known is not None:
        await tx.execute(update(ImportMapping).where(ImportMapping.id == known).values(**values))
        return
    fresh = {"id": tx.new_id(), "clinic_id": clinic_id, "kind": kind, "name": name}
    await tx.execute(insert(ImportMapping), fresh | values)


async def _refuse_known(tx: Tx, clinic_id: UUID, kind: ImportKind, file: ImportFile) -> None:
    if await digest_known(tx, clinic_id, kind, file.digest):
        raise Conflict(SAME_FILE, code="same_file")


async def _file(
    tx: Tx, actor: Actor, clinic_id: UUID, kind: ImportKind, file: ImportFile, mapping: ColumnMapping,
    now: datetime, ports: Ports,
) -> tuple[UUID, Report]:  # fmt: skip
    rows = rows_of(file, kind, mapping)
    book = await book_of(tx, clinic_id, kind, [row.cells.get("mrn", "") for row in rows], now=now)
    run_id = await _note_run(tx, actor, clinic_id, kind, file.digest, mapping.name.strip(), len(rows), now)
    match kind:
        case "patients":
            verdicts = await _each(
                tx, mapping, rules.judge_patients(rows, mapping.dates, book),
                lambda said: _patient(tx, actor, clinic_id, run_id, said, book, now, ports),
            )  # fmt: skip
        case "scores":
            verdicts = await _each(
                tx, mapping, rules.judge_scores(rows, mapping.dates, book),
                lambda said: _score(tx, actor, said, book, now, ports),
            )  # fmt: skip
        case "contacts":
            filed: list[history.Filed] = []
            verdicts = await _each(
                tx, mapping, judge_contacts(rows, mapping.dates, book),
                lambda said: _contact(tx, actor, said, book, now, filed),
            )  # fmt: skip
            await history.settle(tx, actor, filed, now=now, outreach=ports.outreach)
        case "billed_months":
            verdicts = await _each(
                tx, mapping, rules.judge_billed(rows, mapping.dates, book),
                lambda said: _billed(tx, clinic_id, run_id, said),
            )  # fmt: skip
        case _ as never:
            assert_never(never)
    return run_id, Report(kind, verdicts)


async def _each(
    tx: Tx, mapping: ColumnMapping, judged: Sequence[Judged[T]], file: Callable[[T], Awaitable[None]]
) -> tuple[Verdict, ...]:
    """A row that its command refuses leaves nothing behind and the next is tried: one look tells everything."""
    found = []
    for row in judged:
        problems = row.problems
        if row.said is not None:
            try:
                async with tx.conn.begin_nested():
                    await file(row.said)
            except DomainError as error:
                problems = _problems(error)
        found.append(verdict(row.line, problems, mapping))
    return tuple(found)


def _problems(error: DomainError) -> tuple[Problem, ...]:
    given = error.problems if isinstance(error, Invalid) else (Problem(error.code, error.message),)
    return tuple(Problem(_field(problem.field), problem.message) for problem in given)


def _field(name: str) -> str:
    return _FIELDS.get(name) or name.removeprefix("coverage[0].")


async def _note_run(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    kind: ImportKind,
    digest: str,
    mapping: str,
    rows: int,
    now: datetime,
) -> UUID:
    run_id = tx.new_id()
    values: dict[str, Any] = {
        "id": run_id,
        "clinic_id": clinic_id,
        "kind": kind,
        "digest": digest,
        "mapping": mapping,
        "rows": rows,
        "by_id": episode_records.staff_id(actor),
        "by_name": actor.name,
        "at": now,
    }
    await tx.execute(insert(ImportRun), values)
    await audit.record(tx, actor, "import.run", "import_run", run_id, now=now, kind=kind, rows=rows)
    return run_id


async def _patient(
    tx: Tx,
    actor: Actor,
    clinic_id: UUID,
    run_id: UUID,
    said: PatientRow,
    book: Book,
    now: datetime,
    ports: Ports,
) -> None:
    done = await episodes.enrol(
        tx, actor, said.form, now=now, outreach=ports.outreach, started_on=said.started_on
    )
    values = {
        "id": tx.new_id(),
        "clinic_id": clinic_id,
        "episode_id": done.episode_id,
        "run_id": run_id,
        "started_on": said.started_on,
        "last_billed": said.last_billed,
        "imported_on": book.today,
    }
    await tx.execute(insert(CarriedEpisode), values)


async def _score(tx: Tx, actor: Actor, said: ScoreRow, book: Book, now: datetime, ports: Ports) -> None:
    """An item 9 of the last 14 days is an answer like any other; an older one is history."""
    old = is_history(said.form.taken_on, book.today)
    if isinstance(said.form, ItemsForm):
        await entry.enter_items(tx, actor, said.form, now=now, alerts=ports.alerts, as_history=old)
    else:
        await entry.enter_total(tx, actor, said.form, now=now, alerts=ports.alerts, as_history=old)


async def _contact(
    tx: Tx, actor: Actor, said: ContactRow, book: Book, now: datetime, filed: list[history.Filed]
) -> None:
    filed.append(await history.bring_in(tx, actor, said.patient_id, said.past, book.zone, now=now))


async def _billed(tx: Tx, clinic_id: UUID, run_id: UUID, said: BilledRow) -> None:
    episode = await episode_records.newest(tx, said.patient_id)
    if episode is None:
        raise Invalid.field("mrn", "has no episode of care")
    values = {
        "id": tx.new_id(),
        "clinic_id": clinic_id,
        "episode_id": episode.id,
        "run_id": run_id,
        "month": said.month,
        "month_type": said.month_type,
    }
    await tx.execute(insert(BilledMonth), values)
