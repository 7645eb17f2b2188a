"""Runs from their opening to the filed result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from kernel.db import Tx, insert_or_skip, pick
from questionnaires import catalog
from questionnaires.instrument import Instrument
from questionnaires.scoring import floor_total_reached
from registry.episodes.tables import Episode
from registry.instruments import queries as instruments
from registry.measures import rules
from registry.measures.answers import load_instrument, previous_item9
from registry.measures.queries import current_answers, result_of, result_or_none, run_facts
from registry.measures.rules import AnswerFacts, Outcome, ResultFacts, RunFacts, RunState
from registry.measures.tables import MeasureResult, MeasureRun
from registry.safety.queries import has_open_event
from registry.working_time import same_day
from registry.worklist import service as worklist
from registry.worklist.tasks import TaskKind

_OPEN_RUN = insert_or_skip(MeasureRun, "check_in_id", "instrument_id")


async def open_run(
    tx: Tx,
    *,
    patient_id: UUID,
    episode_id: UUID,
    clinic_id: UUID,
    check_in_id: UUID | None,
    instrument_id: str,
    language: str,
    position: int,
    now: datetime,
) -> UUID:
    """One run per check-in and instrument, in the newest version of that language; the same call again gives the
    same run. Raises `UnknownInstrument` for a measure or language that does not ship."""
    await instruments.ensure(tx, (instrument_id,))
    run_id = tx.new_id()
    facts = RunFacts(
        id=run_id,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=episode_id,
        check_in_id=check_in_id,
        instrument_id=instrument_id,
        instrument_version=catalog.load(instrument_id, language).version,
        language=language,
        position=position,
        state="open",
        source="check_in",
        entry_source=None,
    )
    if await tx.insert_once(pick(tx, _OPEN_RUN), run_row(facts, now)):
        return run_id
    existing: UUID = await tx.scalar(
        select(MeasureRun.id).where(
            MeasureRun.check_in_id == check_in_id, MeasureRun.instrument_id == instrument_id
        )
    )
    return existing


async def complete_run(tx: Tx, run_id: UUID, *, now: datetime) -> ResultFacts:
    """Scores the answers that stand and files the result. A run with a result already gives it again.

    A missing item is never 0: the form then has no total. A missing item 9 is "unknown", and a person asks.
    """
    run = await run_facts(tx, run_id, lock=True)
    if run.state != "open":
        return await result_of(tx, run_id)
    return await _finish(tx, run, await current_answers(tx, run_id), "completed", now)


async def close_partial(tx: Tx, run_id: UUID, *, now: datetime) -> ResultFacts | None:
    """The check-in ended before the form did: answers are kept, no total is filed. None when nothing was answered.

    If everything was answered after all, the form counts as completed. An item 9 that was never reached is an
    ordinary matter, unless it was positive before or an event is open: then staff call the same day.
    """
    run = await run_facts(tx, run_id, lock=True)
    if run.state != "open":
        return await result_or_none(tx, run_id)
    current = await current_answers(tx, run_id)
    if current:
        whole = rules.outcome(load_instrument(run), current).score.is_complete
        return await _finish(tx, run, current, "completed" if whole else "closed_partial", now)
    await _close(tx, run_id, "closed_partial", now)
    await _call_if_worrying(tx, run, load_instrument(run), now)
    return None


async def file_result(
    tx: Tx,
    run: RunFacts,
    current: Sequence[AnswerFacts],
    outcome: Outcome,
    now: datetime,
    *,
    as_history: bool = False,
) -> ResultFacts:
    """Files the score, opens the task about a severe one unless it is history, and writes the registry line anew."""
    taken_at = max((answer.answered_at for answer in current), default=now)
    score = outcome.score
    values = {
        "raw_sum": score.raw_sum,
        "n_answered": score.n_answered,
        "n_items": score.n_items,
        "is_complete": score.is_complete,
        "total": score.total,
        "prorated_total": score.prorated_total,
        "band": score.band,
        "item9": outcome.item9,
        "channel": rules.channel_of(current),
    }
    result = await insert_result(tx, run, taken_at, values, now)
    if not as_history and floor_total_reached(
        load_instrument(run), {answer.item_no: answer.value for answer in current}
    ):
        await open_severe_task(tx, run, now)
    await worklist.refresh(tx, run.episode_id, now)
    return result


async def insert_result(
    tx: Tx, run: RunFacts, taken_at: datetime, values: Mapping[str, Any], now: datetime
) -> ResultFacts:
    """`values`: the columns of a score, from raw_sum to channel."""
    named: dict[str, Any] = {
        "id": tx.new_id(),
        "run_id": run.id,
        "instrument_id": run.instrument_id,
        "taken_at": taken_at,
        "filed_at": now,
        "replaced_at": None,
    }
    await tx.execute(
        insert(MeasureResult),
        {
            **named,
            **values,
            "clinic_id": run.clinic_id,
            "patient_id": run.patient_id,
            "episode_id": run.episode_id,
            "scoring_version": rules.SCORING_VERSION,
            "replaced_reason_sealed": None,
        },
    )
    return ResultFacts(**named, **values, source=run.source, entry_source=run.entry_source)


async def ask_item9(tx: Tx, run: RunFacts, now: datetime) -> None:
    """A score without item 9: somebody finds out and enters it."""
    await _open_task(tx, run, "complete_item9", item9_key(run), now)


async def open_severe_task(tx: Tx, run: RunFacts, now: datetime) -> None:
    """One at a time per patient; it also flags the line. A soft trigger, no tier: item 9 has its own rule."""
    await _open_task(tx, run, "severe_score", f"severe_score:{run.patient_id}", now)


def item9_key(run: RunFacts) -> str:
    return f"complete_item9:{run.id}"


def call_key(run: RunFacts) -> str:
    return f"call_and_ask_item9:{run.id}"


def run_row(run: RunFacts, now: datetime) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in RunFacts.__struct_fields__},
        "created_at": now,
        "closed_at": None if run.state == "open" else now,
    }


async def _finish(
    tx: Tx, run: RunFacts, current: Sequence[AnswerFacts], state: RunState, now: datetime
) -> ResultFacts:
    instrument = load_instrument(run)
    outcome = rules.outcome(instrument, current)
    await _close(tx, run.id, state, now)
    result = await file_result(tx, run, current, outcome, now)
    if outcome.item9 == "unknown" and state == "completed":
        await ask_item9(tx, run, now)
    elif outcome.item9 == "unknown":
        await _call_if_worrying(tx, run, instrument, now)
    return result


async def _close(tx: Tx, run_id: UUID, state: RunState, now: datetime) -> None:
    await tx.execute(update(MeasureRun).where(MeasureRun.id == run_id).values(state=state, closed_at=now))


async def _call_if_worrying(tx: Tx, run: RunFacts, instrument: Instrument, now: datetime) -> None:
    if not instrument.risk_item_numbers:
        return
    before = await previous_item9(tx, run)
    if before in ("1", "2", "3") or await has_open_event(tx, run.patient_id):
        due = same_day(now, await worklist.working_time(tx, run.clinic_id))
        await _open_task(tx, run, "call_and_ask_item9", call_key(run), now, due_at=due)


async def _open_task(
    tx: Tx, run: RunFacts, kind: TaskKind, key: str, now: datetime, *, due_at: datetime | None = None
) -> None:
    owner = await tx.scalar(select(Episode.care_manager_id).where(Episode.id == run.episode_id))
    await worklist.open_task(
        tx,
        clinic_id=run.clinic_id,
        patient_id=run.patient_id,
        episode_id=run.episode_id,
        kind=kind,
        dedupe_key=key,
        due_at=due_at,
        owner_id=owner,
        ref_kind="measure_run",
        ref_id=run.id,
        now=now,
    )
