"""Answers, one by one, from whichever channel. The item-9 rule lives here so that no channel can forget it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from kernel.crypto import Sealed
from kernel.db import Tx, insert_or_skip, pick
from kernel.errors import Conflict, Invalid, Problem
from questionnaires import catalog
from questionnaires.instrument import Instrument
from registry.measures import rules
from registry.measures.rules import AnswerChannel, Recorded, RunFacts
from registry.measures.tables import Answer, MeasureResult
from registry.ports import Alerts
from registry.safety import signals
from registry.safety.rules import Signal, SignalResult

_FIRST_ANSWER = insert_or_skip(Answer)
_ANSWER = insert(Answer)
_OF_ITEM = (Answer.run_id == bindparam("run"), Answer.item_no == bindparam("item"))
_REPLACE = update(Answer).where(*_OF_ITEM, Answer.replaced_at.is_(None)).values(replaced_at=bindparam("now"))
_LAST_REVISION = (
    select(Answer.id, Answer.revision, Answer.kind, Answer.value, Answer.replaced_at)
    .where(*_OF_ITEM)
    .order_by(Answer.revision.desc())
    .limit(1)
)
_PREVIOUS_ITEM9 = (
    select(MeasureResult.item9)
    .where(
        MeasureResult.patient_id == bindparam("patient"),
        MeasureResult.instrument_id == bindparam("instrument"),
        MeasureResult.run_id != bindparam("run"),
        MeasureResult.replaced_at.is_(None),
        MeasureResult.item9.in_(("0", "1", "2", "3")),
    )
    .order_by(MeasureResult.taken_at.desc(), MeasureResult.filed_at.desc())
    .limit(1)
)


async def record_answer(
    tx: Tx,
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
) -> Recorded:
    """`value` None: the patient was asked and declined. One statement for a new answer that signals nothing. A `raw`
    that is `Sealed` is stored as it is. `answered_at`: earlier than now where a device was offline; both are kept.

    An answer to a risk item of 1 or more, or a decline, opens or joins a risk event here, whatever the channel.
    The same answer again changes nothing. Raises Invalid naming the item, Conflict when the run is over.
    """
    _require_open(run)
    instrument = load_instrument(run)
    problem = rules.answer_problem(instrument, item_no, value)
    if problem is not None:
        raise Invalid(problem)
    row = answer_row(
        tx,
        run,
        item_no,
        1,
        value,
        raw=raw,
        channel=channel,
        source_id=source_id,
        at=now,
        given_at=answered_at,
    )
    changed = await tx.insert_once(pick(tx, _FIRST_ANSWER), row)
    if not changed:
        row, changed = await _revise(tx, run, item_no, row, now)
    risk = await alarm(tx, run, instrument, item_no, value, row["id"], channel, now, alerts, is_new=changed)
    return Recorded(revision=row["revision"], changed=changed, risk=risk)


async def add_unscored(
    tx: Tx,
    run: RunFacts,
    item_no: int,
    value: int | None,
    *,
    channel: AnswerChannel,
    source_id: UUID | None,
    now: datetime,
) -> bool:
    """The unscored question at a form's end, also when the form was filed meanwhile: no score waits for it or changes
    with it. True when the answer is new. Raises Invalid for a scored item, Conflict for a form that ended unfinished.
    """
    instrument = load_instrument(run)
    problem = rules.answer_problem(instrument, item_no, value)
    if problem is None and instrument.item(item_no).scored:
        problem = Problem(f"item_{item_no}", "belongs to the score")
    if problem is not None:
        raise Invalid(problem)
    if run.state == "closed_partial":
        raise Conflict("the questionnaire is no longer open")
    row = answer_row(tx, run, item_no, 1, value, raw=None, channel=channel, source_id=source_id, at=now)
    if await tx.insert_once(pick(tx, _FIRST_ANSWER), row):
        return True
    _, changed = await _revise(tx, run, item_no, row, now)
    return changed


async def withdraw_answer(tx: Tx, run: RunFacts, item_no: int, *, now: datetime) -> bool:
    """BACK: the answer stays on record and no longer stands. A risk event it opened stays as it is. False when no
    answer stood."""
    _require_open(run)
    done = await tx.execute(_REPLACE, {"run": run.id, "item": item_no, "now": now})
    return done.rowcount == 1


async def alarm(
    tx: Tx,
    run: RunFacts,
    instrument: Instrument,
    item_no: int,
    value: int | None,
    answer_id: UUID,
    channel: str,
    now: datetime,
    alerts: Alerts,
    *,
    is_new: bool = True,
) -> SignalResult | None:
    """None when the item is no risk item or its answer alarms nobody, which does not mean that there is no risk."""
    found = rules.alarm(value) if item_no in instrument.risk_item_numbers else None
    if found is None:
        return None
    result = await signals.signal(
        tx,
        Signal(
            clinic_id=run.clinic_id,
            patient_id=run.patient_id,
            episode_id=run.episode_id,
            trigger=found.trigger,
            tier=found.tier,
            toward="self",
            value=value,
            source_kind="answer",
            source_id=answer_id,
            channel=channel,
            rule_version=rules.RULE_VERSION,
        ),
        now=now,
        alerts=alerts,
    )
    if is_new:
        await _note_rise(tx, run, value, result.event_id, now)
    return result


async def previous_item9(tx: Tx, run: RunFacts) -> str | None:
    """Item 9 of the newest other result that has one, "0" to "3"."""
    key = {"patient": run.patient_id, "instrument": run.instrument_id, "run": run.id}
    found: str | None = await tx.scalar(_PREVIOUS_ITEM9, key)
    return found


def load_instrument(run: RunFacts) -> Instrument:
    """Exactly what was shown."""
    return catalog.load(run.instrument_id, run.language, run.instrument_version)


def answer_row(
    tx: Tx,
    run: RunFacts,
    item_no: int,
    revision: int,
    value: int | None,
    *,
    raw: str | None,
    channel: AnswerChannel,
    source_id: UUID | None,
    at: datetime,
    given_at: datetime | None = None,
) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "clinic_id": run.clinic_id,
        "run_id": run.id,
        "patient_id": run.patient_id,
        "item_no": item_no,
        "revision": revision,
        "kind": "declined" if value is None else "value",
        "value": value,
        "raw_sealed": raw if raw is None or isinstance(raw, Sealed) else tx.vault.seal(raw),
        "channel": channel,
        "source_id": source_id,
        "answered_at": given_at or at,
        "received_at": None if given_at is None else at,
        "replaced_at": None,
    }


async def next_revision(
    tx: Tx, run: RunFacts, item_no: int, row: dict[str, Any], now: datetime
) -> dict[str, Any]:
    """Writes `row` as the answer that stands from now on, beside the one it replaces."""
    written, _ = await _revise(tx, run, item_no, row, now)
    return written


async def replace_answer(tx: Tx, run: RunFacts, item_no: int, now: datetime) -> None:
    await tx.execute(_REPLACE, {"run": run.id, "item": item_no, "now": now})


async def _revise(
    tx: Tx, run: RunFacts, item_no: int, row: dict[str, Any], now: datetime
) -> tuple[dict[str, Any], bool]:
    """(the answer that stands, whether it is new)."""
    last = await tx.first(_LAST_REVISION, {"run": run.id, "item": item_no})
    standing = last is not None and last.replaced_at is None
    if last is not None and standing and (last.kind, last.value) == (row["kind"], row["value"]):
        return {**row, "id": last.id, "revision": last.revision}, False
    if standing:
        await replace_answer(tx, run, item_no, now)
    written = {**row, "revision": 1 if last is None else last.revision + 1}
    await tx.execute(_ANSWER, written)
    return written, True


async def _note_rise(tx: Tx, run: RunFacts, value: int | None, event_id: UUID, now: datetime) -> None:
    before = await previous_item9(tx, run)
    if rules.rose(before, value):
        await signals.act(tx, run.clinic_id, event_id, "item9_rose", None, now, before=before, answer=value)


def _require_open(run: RunFacts) -> None:
    if run.state != "open":
        raise Conflict("the questionnaire is no longer open")
