"""One answer set, whichever channel: what is asked next, when a questionnaire is complete, when the check-in ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, and_, bindparam, select

from kernel.db import Tx
from kernel.errors import NotFound
from messaging.conversation.copy import spoken_language
from messaging.conversation.decision import Moved, OpenTask, UnknownPair, WakeAt
from messaging.conversation.rules import step
from messaging.conversation.saving import save_state
from messaging.conversation.script import RunSheet, Script, Sheet, items_of
from messaging.conversation.state import Asking, Confirming, Idle, OptIn, Paused, from_json
from messaging.conversation.tables import SmsThread
from messaging.schedule import closing
from messaging.schedule import service as schedule
from messaging.schedule.tables import CheckIn
from questionnaires import catalog
from questionnaires.catalog import UnknownInstrument
from questionnaires.instrument import Instrument
from registry.instruments import queries as instruments
from registry.measures import service as measures
from registry.measures.results import call_key
from registry.measures.rules import AnswerChannel, RunFacts
from registry.measures.tables import Answer, MeasureRun
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.ports import Alerts
from registry.safety.rules import SignalResult
from registry.worklist import service as worklist

_RUN_COLUMNS: Final = tuple(RunFacts.__struct_fields__)
_SHEET = (
    select(
        *(getattr(MeasureRun, name) for name in _RUN_COLUMNS),
        Answer.item_no,
        Answer.value,
    )
    .outerjoin(Answer, and_(Answer.run_id == MeasureRun.id, Answer.replaced_at.is_(None)))
    .where(MeasureRun.check_in_id == bindparam("check_in"))
    .order_by(MeasureRun.position, Answer.item_no)
)
_CHECK_IN = (
    select(
        CheckIn.id,
        CheckIn.clinic_id,
        CheckIn.patient_id,
        CheckIn.episode_id,
        CheckIn.state,
        CheckIn.first_answer_at,
        CheckIn.instruments,
        Patient.language,
        Clinic.item9_channel,
        Clinic.settings,
    )
    .join(Patient, Patient.id == CheckIn.patient_id)
    .join(Clinic, Clinic.id == CheckIn.clinic_id)
    .where(CheckIn.id == bindparam("check_in"))
)
_LOCK_THREAD = (
    select(SmsThread.id).where(SmsThread.active_check_in_id == bindparam("check_in")).with_for_update()
)
_LOCK_CHECK_IN = _CHECK_IN.with_for_update(of=CheckIn)
_THREAD = select(SmsThread.id, SmsThread.turn, SmsThread.state).where(
    SmsThread.active_check_in_id == bindparam("check_in")
)


class CheckInFacts(msgspec.Struct, frozen=True):
    """A check-in with its answers as they stand."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID
    episode_id: UUID
    state: str
    begun: bool
    language: str
    item9_channel: str
    sheet: Sheet
    item9_wait: timedelta

    @property
    def is_open(self) -> bool:
        return self.state in ("scheduled", "invited", "in_progress")


class Filed(msgspec.Struct, frozen=True):
    """What filing an answer did. `facts` as they stand afterwards; `next_item` None when nothing is left to ask."""

    facts: CheckInFacts
    run_completed: bool
    check_in_completed: bool
    risk: SignalResult | None
    next_item: tuple[RunSheet, int] | None


async def check_in(tx: Tx, check_in_id: UUID, *, now: datetime, lock: bool = False) -> CheckInFacts:
    """Opens the runs that are missing. With `lock` the thread and the check-in are locked first, in the order in
    which an inbound turn locks them. Raises NotFound."""
    key = {"check_in": check_in_id}
    if lock:
        await tx.first(_LOCK_THREAD, key)
    row = await tx.first(_LOCK_CHECK_IN if lock else _CHECK_IN, key)
    if row is None:
        raise NotFound("check-in")
    sheet = await load_sheet(tx, check_in_id)
    if len(sheet.runs) < len(row.instruments):
        await open_runs(tx, row, now)
        sheet = await load_sheet(tx, check_in_id)
    return CheckInFacts(
        id=row.id,
        clinic_id=row.clinic_id,
        patient_id=row.patient_id,
        episode_id=row.episode_id,
        state=row.state,
        begun=row.first_answer_at is not None,
        language=row.language,
        item9_channel=row.item9_channel,
        sheet=sheet,
        item9_wait=item9_wait(row.settings),
    )


def item9_wait(settings: Mapping[str, Any]) -> timedelta:
    """How long item 9 may wait on the secure page before a person asks it."""
    return timedelta(hours=settings.get("item9_link_wait_hours", 24))


async def open_runs(tx: Tx, row: Row[Any], now: datetime) -> None:
    for position, instrument_id in enumerate(row.instruments, start=1):
        await measures.open_run(
            tx,
            patient_id=row.patient_id,
            episode_id=row.episode_id,
            clinic_id=row.clinic_id,
            check_in_id=row.id,
            instrument_id=instrument_id,
            language=spoken_language(row.language),
            position=position,
            now=now,
        )


async def load_sheet(tx: Tx, check_in_id: UUID) -> Sheet:
    rows = await tx.all(_SHEET, {"check_in": check_in_id})
    await instruments.ensure(tx, {row.instrument_id for row in rows})
    return sheet_of(rows)


def sheet_of(rows: Sequence[Row[Any]]) -> Sheet:
    runs: dict[UUID, tuple[RunFacts, dict[int, int | None]]] = {}
    for row in rows:
        if row.id not in runs:
            runs[row.id] = (RunFacts(*row[: len(_RUN_COLUMNS)]), {})
        if row.item_no is not None:
            runs[row.id][1][row.item_no] = row.value
    return Sheet(tuple(RunSheet(run, _instrument(run), answers) for run, answers in runs.values()))


def _instrument(run: RunFacts) -> Instrument:
    return catalog.load(run.instrument_id, run.language, run.instrument_version)


def shown_in(sheet: Sheet, language: str) -> tuple[Instrument, ...]:
    """Each run's instrument in the language it is asked in now; as it was opened where that language lacks it."""
    shown = []
    for run in sheet.runs:
        try:
            shown.append(catalog.load(run.run.instrument_id, language, run.run.instrument_version))
        except UnknownInstrument:
            shown.append(run.instrument)
    return tuple(shown)


async def save(
    tx: Tx,
    facts: CheckInFacts,
    run: RunFacts,
    item_no: int,
    value: int | None,
    *,
    raw: str | None,
    channel: AnswerChannel,
    source_id: UUID | None,
    now: datetime,
    alerts: Alerts,
    answered_at: datetime | None = None,
) -> tuple[CheckInFacts, SignalResult | None]:
    """Records the answer and, if it is the first, starts the check-in's days. Completes nothing."""
    recorded = await measures.record_answer(
        tx, run, item_no, value, raw=raw, channel=channel, source_id=source_id, now=now, alerts=alerts,
        answered_at=answered_at,
    )  # fmt: skip
    if not facts.begun:
        await schedule.started(tx, facts.id, now=now)
    asked = next(sheet.instrument for sheet in facts.sheet.runs if sheet.run.id == run.id)
    if item_no in asked.risk_item_numbers:
        await worklist.close_tasks(tx, facts.clinic_id, call_key(run), "answered", now)
    sheet = facts.sheet.with_answer(run.id, item_no, value)
    return msgspec.structs.replace(facts, begun=True, sheet=sheet), recorded.risk


async def file_answer(
    tx: Tx,
    facts: CheckInFacts,
    run: RunFacts,
    item_no: int,
    value: int | None,
    *,
    raw: str | None,
    channel: AnswerChannel,
    source_id: UUID | None,
    now: datetime,
    alerts: Alerts,
    answered_at: datetime | None = None,
) -> Filed:
    """An answer given outside the texts (`value` None = declined), with all that follows: the run's result, the end
    of the check-in, the thread moved on so that nothing is asked twice. `facts` come from `check_in(lock=True)`."""
    after, risk = await save(
        tx, facts, run, item_no, value, raw=raw, channel=channel, source_id=source_id, now=now, alerts=alerts,
        answered_at=answered_at,
    )  # fmt: skip
    sheet = next(found for found in after.sheet.runs if found.run.id == run.id)
    if sheet.all_asked:
        await measures.complete_run(tx, run.id, now=now)
    follows = after.sheet.next_open
    if follows is None:
        ended = "completed" if channel in ("sms", "staff") else "portal_completed"
        await closing.close(tx, facts.id, state=cast(closing.EndState, ended), reason=channel, now=now)
    else:
        await follow(tx, after, now=now)
    return Filed(after, sheet.all_asked, follows is None, risk, follows)


async def withdraw(tx: Tx, facts: CheckInFacts, run: RunFacts, item_no: int, *, now: datetime) -> None:
    """BACK outside the texts. Raises Conflict when the questionnaire is scored already."""
    await measures.withdraw_answer(tx, run, item_no, now=now)
    sheet = await load_sheet(tx, facts.id)
    await follow(tx, msgspec.structs.replace(facts, sheet=sheet), now=now)


async def follow(tx: Tx, facts: CheckInFacts, *, now: datetime) -> None:
    """The thread on which this check-in is asked goes on from where the other channel stopped. A question that still
    waits to be sent belongs to an older turn from here on and is suppressed by its claim."""
    row = await tx.first(_THREAD, {"check_in": facts.id})
    if row is None:
        return
    state = from_json(row.state)
    match state:
        case Idle() | OptIn():
            return
        case Asking() | Confirming() | Paused():
            language = spoken_language(facts.language)
            script = Script(
                language=language,
                name="",
                phone="",
                hours="",
                items=items_of(facts.sheet, shown_in(facts.sheet, language)),
                item9=cast(Any, facts.item9_channel),
                item9_wait=facts.item9_wait,
            )
    moved = step(state, Moved(), script, now)
    if await save_state(tx, row.id, row.turn, state, moved, script) is None:
        return
    for effect in moved.effects:
        match effect:
            case OpenTask(kind="call_and_ask_item9"):
                await _ask_item9_by_phone(tx, facts, now)
            case WakeAt():
                continue  # stored with the thread
            case _:
                raise UnknownPair(state, f"moved with {type(effect).__name__}")


async def _ask_item9_by_phone(tx: Tx, facts: CheckInFacts, now: datetime) -> None:
    run = next(sheet.run for sheet in facts.sheet.runs if sheet.instrument.risk_item_numbers)
    await worklist.open_task(
        tx,
        clinic_id=facts.clinic_id,
        patient_id=facts.patient_id,
        episode_id=facts.episode_id,
        kind="call_and_ask_item9",
        dedupe_key=call_key(run),
        ref_kind="measure_run",
        ref_id=run.id,
        detail={"check_in": str(facts.id)},
        now=now,
    )
