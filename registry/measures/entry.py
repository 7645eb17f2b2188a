"""What staff enter from paper, phone or another record, and what they correct. Always with who, when and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select, update

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound, Problem
from questionnaires import catalog
from questionnaires.catalog import UnknownInstrument
from questionnaires.instrument import Instrument
from questionnaires.scoring import SEVERE_FROM, Item9
from registry import zones
from registry.access import CARE, require
from registry.episodes.tables import Episode
from registry.instruments import queries as instruments
from registry.measures import rules
from registry.measures.answers import alarm, answer_row, load_instrument, next_revision, replace_answer
from registry.measures.queries import current_answers, result_of, result_or_none, run_facts
from registry.measures.results import (
    ask_item9,
    call_key,
    file_result,
    insert_result,
    item9_key,
    open_severe_task,
    run_row,
)
from registry.measures.rules import AnswerFacts, ItemsForm, ResultFacts, RunFacts, TotalForm
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.organisation.tables import Clinic
from registry.ports import Alerts
from registry.working_time import noon
from registry.worklist import service as worklist

_EPISODE = (
    select(Episode.id, Clinic.zone)
    .join(Clinic, Clinic.id == Episode.clinic_id)
    .where(Episode.patient_id == bindparam("patient"), Episode.clinic_id == bindparam("clinic"))
    .order_by(Episode.ended_on.is_not(None), Episode.referred_at.desc())
    .limit(1)
)
_REPLACE_RESULT = (
    update(MeasureResult)
    .where(MeasureResult.run_id == bindparam("run"), MeasureResult.replaced_at.is_(None))
    .values(replaced_at=bindparam("now"), replaced_reason_sealed=bindparam("reason"))
)


async def enter_items(
    tx: Tx, actor: Actor, form: ItemsForm, *, now: datetime, alerts: Alerts, as_history: bool = False
) -> ResultFacts:
    """A form with its items. Its item 9 is treated as if the patient had just answered. Raises Invalid with every
    problem, items named `item_<number>`; NotFound for a patient of another clinic or without an episode.

    `as_history` files a form of more than 14 days ago as it was and opens nothing: its item 9 shows on the registry
    line and calls nobody today. A newer form is refused as history.
    """
    run, taken_at = await _new_run(tx, actor, form, "staff_items", now, as_history)
    instrument = load_instrument(run)
    given = {**form.answers, **dict.fromkeys(form.declined)}
    rows = [
        answer_row(tx, run, number, 1, value, raw=None, channel="staff", source_id=actor.id, at=taken_at)
        for number, value in sorted(given.items())
        if value is not None or number in form.declined
    ]
    await tx.execute(insert(MeasureRun), run_row(run, now))
    await tx.execute(insert(Answer), rows)
    current = [_facts(row) for row in rows]
    outcome = rules.outcome(instrument, current)
    result = await file_result(tx, run, current, outcome, now, as_history=as_history)
    if not as_history:
        await _alarms(tx, run, instrument, current, now, alerts)
    if outcome.item9 == "unknown" and not as_history:
        await ask_item9(tx, run, now)
    await _audit(tx, actor, "measure.entered", run, now)
    return result


async def enter_total(
    tx: Tx, actor: Actor, form: TotalForm, *, now: datetime, alerts: Alerts, as_history: bool = False
) -> ResultFacts:
    """A total without its items, as from another record. Raises as `enter_items` does; `as_history` as there.

    Such a score is complete: a total exists only for a complete form. What was answered to item 9 is unknown
    unless it is given, and then a person asks.
    """
    run, taken_at = await _new_run(tx, actor, form, "staff_total", now, as_history)
    instrument = load_instrument(run)
    await tx.execute(insert(MeasureRun), run_row(run, now))
    current: list[AnswerFacts] = []
    if form.item9 is not None or form.item9_declined:
        row = answer_row(
            tx,
            run,
            _risk_item(instrument),
            1,
            form.item9,
            raw=None,
            channel="staff",
            source_id=actor.id,
            at=taken_at,
        )
        await tx.execute(insert(Answer), row)
        current.append(_facts(row))
    item9 = rules.outcome(instrument, current).item9
    result = await _file_total(tx, run, instrument, form.total, item9, taken_at, now, as_history=as_history)
    if not as_history:
        await _alarms(tx, run, instrument, current, now, alerts)
    if item9 == "unknown" and not as_history:
        await ask_item9(tx, run, now)
    await _audit(tx, actor, "measure.entered", run, now)
    return result


async def correct_items(
    tx: Tx,
    actor: Actor,
    run_id: UUID,
    answers: Mapping[int, int | None],
    *,
    reason: str,
    now: datetime,
    alerts: Alerts,
) -> ResultFacts:
    """New revisions of the items named, None taking an answer away, and the result scored anew.

    A corrected answer keeps the time at which it was given; an item answered only now has its own. Lowering item 9
    never lowers or closes a risk event; raising it is a signal. Raises Invalid, NotFound, and Conflict while the
    patient is still answering or when only the total is known.
    """
    run = await _run_to_correct(tx, actor, run_id)
    instrument = load_instrument(run)
    if run.source == "staff_total" and set(answers) - {_risk_item(instrument)}:
        raise Conflict("only the total of this form is known; correct the total")
    problems = [rules.answer_problem(instrument, number, value) for number, value in sorted(answers.items())]
    nothing = None if answers else Problem("answers", "nothing to correct")
    _require(*problems, rules.reason_problem(reason), nothing)
    standing = await result_or_none(tx, run_id)
    if run.source == "staff_total" and standing is not None:
        _require(*_total_problems(run, instrument, standing.raw_sum, answers[_risk_item(instrument)], now))
    before = {answer.item_no: answer for answer in await current_answers(tx, run_id)}
    changed = await _correct(tx, actor, run, answers, before, now)
    current = await current_answers(tx, run_id)
    result = await _refile(tx, run, instrument, current, standing, reason, now)
    await _alarms(tx, run, instrument, changed, now, alerts)
    if result.item9 not in ("unknown", "not_asked"):
        await worklist.close_tasks(tx, run.clinic_id, item9_key(run), "item9_entered", now)
        await worklist.close_tasks(tx, run.clinic_id, call_key(run), "item9_entered", now)
    await _audit(tx, actor, "measure.corrected", run, now, items=[str(number) for number in sorted(answers)])
    return result


async def correct_total(
    tx: Tx, actor: Actor, run_id: UUID, total: int, *, reason: str, now: datetime
) -> ResultFacts:
    """Of a score that was entered as a total. Raises as `correct_items` does."""
    run = await _run_to_correct(tx, actor, run_id)
    if run.source != "staff_total":
        raise Conflict("this score comes from its items; correct the items")
    instrument = load_instrument(run)
    standing = await result_of(tx, run_id)
    given = next(
        (a.value for a in await current_answers(tx, run_id) if a.item_no == _risk_item(instrument)), None
    )
    _require(*_total_problems(run, instrument, total, given, now), rules.reason_problem(reason))
    await _replace_result(tx, run, reason, now)
    result = await _file_total(tx, run, instrument, total, standing.item9, standing.taken_at, now)
    await _audit(tx, actor, "measure.corrected", run, now, items=["total"])
    return result


async def _new_run(
    tx: Tx,
    actor: Actor,
    form: ItemsForm | TotalForm,
    source: rules.RunSource,
    now: datetime,
    as_history: bool,
) -> tuple[RunFacts, datetime]:
    """A run for a checked form, and when it was taken: noon of its day, or now if that is today."""
    clinic_id = require(actor, *CARE)
    episode = await tx.first(_EPISODE, {"patient": form.patient_id, "clinic": clinic_id})
    if episode is None:
        raise NotFound("patient in care")
    if not await instruments.may_use(tx, clinic_id, form.instrument_id):
        raise Invalid.field("instrument_id", "is not an instrument of this clinic")
    try:
        instrument = catalog.load(form.instrument_id, form.language)
    except UnknownInstrument:
        raise Invalid.field("instrument_id", "does not exist in this language") from None
    today = zones.local_date(now, episode.zone)
    _require(*_form_problems(instrument, form), rules.date_problem(form.taken_on, today))
    if as_history and not rules.is_history(form.taken_on, today):
        raise Invalid.field(
            "taken_on", f"is within {rules.HISTORY_AFTER_DAYS} days: it can't be filed as history"
        )
    run = RunFacts(
        id=tx.new_id(),
        clinic_id=clinic_id,
        patient_id=form.patient_id,
        episode_id=episode.id,
        check_in_id=None,
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        language=instrument.language,
        position=1,
        state="completed",
        source=source,
        entry_source=form.source,
    )
    return run, now if form.taken_on == today else noon(form.taken_on, episode.zone)


def _form_problems(instrument: Instrument, form: ItemsForm | TotalForm) -> Iterable[Problem]:
    if isinstance(form, TotalForm):
        return rules.total_problems(instrument, form)
    return rules.item_problems(instrument, form.answers, form.declined)


def _total_problems(
    run: RunFacts, instrument: Instrument, total: int, item9: int | None, now: datetime
) -> list[Problem]:
    form = TotalForm(
        patient_id=run.patient_id,
        instrument_id=run.instrument_id,
        total=total,
        taken_on=now.date(),
        source=run.entry_source or "paper",
        item9=item9,
    )
    return rules.total_problems(instrument, form)


async def _file_total(
    tx: Tx,
    run: RunFacts,
    instrument: Instrument,
    total: int,
    item9: Item9,
    taken_at: datetime,
    now: datetime,
    *,
    as_history: bool = False,
) -> ResultFacts:
    n_items = len(instrument.scored_items)
    values: dict[str, Any] = {
        "raw_sum": total,
        "n_answered": n_items,
        "n_items": n_items,
        "is_complete": True,
        "total": total,
        "prorated_total": None,
        "band": instrument.band_of(total).id,
        "item9": item9,
        "channel": "staff",
    }
    result = await insert_result(tx, run, taken_at, values, now)
    if not as_history and instrument.risk_item_numbers and total >= SEVERE_FROM:
        await open_severe_task(tx, run, now)
    await worklist.refresh(tx, run.episode_id, now)
    return result


async def _run_to_correct(tx: Tx, actor: Actor, run_id: UUID) -> RunFacts:
    clinic_id = require(actor, *CARE)
    run = await run_facts(tx, run_id, lock=True)
    if run.clinic_id != clinic_id:
        raise NotFound("questionnaire")
    if run.state == "open":
        raise Conflict("the patient is still answering this questionnaire")
    return run


async def _correct(
    tx: Tx,
    actor: Actor,
    run: RunFacts,
    answers: Mapping[int, int | None],
    before: Mapping[int, AnswerFacts],
    now: datetime,
) -> list[AnswerFacts]:
    """The answers that are new."""
    changed: list[AnswerFacts] = []
    for number, value in sorted(answers.items()):
        standing = before.get(number)
        if value is None:
            await replace_answer(tx, run, number, now)
            continue
        if standing is not None and standing.value == value:
            continue
        at = now if standing is None else standing.answered_at
        row = answer_row(tx, run, number, 1, value, raw=None, channel="staff", source_id=actor.id, at=at)
        changed.append(_facts(await next_revision(tx, run, number, row, now)))
    return changed


async def _refile(
    tx: Tx,
    run: RunFacts,
    instrument: Instrument,
    current: tuple[AnswerFacts, ...],
    standing: ResultFacts | None,
    reason: str,
    now: datetime,
) -> ResultFacts:
    await _replace_result(tx, run, reason, now)
    outcome = rules.outcome(instrument, current)
    if run.source == "staff_total" and standing is not None:
        return await _file_total(tx, run, instrument, standing.raw_sum, outcome.item9, standing.taken_at, now)
    state = "completed" if outcome.score.is_complete else run.state
    await tx.execute(update(MeasureRun).where(MeasureRun.id == run.id).values(state=state))
    return await file_result(tx, run, current, outcome, now)


async def _replace_result(tx: Tx, run: RunFacts, reason: str, now: datetime) -> None:
    await tx.execute(_REPLACE_RESULT, {"run": run.id, "now": now, "reason": tx.vault.seal(reason)})


async def _alarms(
    tx: Tx,
    run: RunFacts,
    instrument: Instrument,
    answers: Iterable[AnswerFacts],
    now: datetime,
    alerts: Alerts,
) -> None:
    for answer in answers:
        await alarm(tx, run, instrument, answer.item_no, answer.value, answer.id, "staff", now, alerts)


def _facts(row: Mapping[str, Any]) -> AnswerFacts:
    return AnswerFacts(**{name: row[name] for name in AnswerFacts.__struct_fields__})


async def _audit(
    tx: Tx, actor: Actor, action: str, run: RunFacts, now: datetime, items: list[str] | None = None
) -> None:
    await record(
        tx, actor, action, "measure_run", run.id,
        now=now, patient_id=run.patient_id, instrument=run.instrument_id, items=items,
    )  # fmt: skip


def _require(*problems: Problem | None) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise Invalid(*found)


def _risk_item(instrument: Instrument) -> int:
    """The item that a total comes with: item 9 of PHQ-9, the first risk item of another; 0 where there is none."""
    return next(iter(instrument.risk_item_numbers), 0)
