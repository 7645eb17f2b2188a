"""Keeps each patient's next check-in on file as the plan, the zone and the channel ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, update

from kernel.db import Tx, insert_many_or_skip, insert_or_skip, pick
from messaging.schedule import rules
from messaging.schedule.facts import PLAN, Reach, person
from messaging.schedule.rules import Occurrence, PlanLine, Scheduled
from messaging.schedule.staffed import good_invitation_moment, next_staffed
from messaging.schedule.tables import OPEN_STATES, CheckIn
from messaging.schedule.windows import next_opening
from questionnaires.catalog import INSTRUMENT_IDS
from registry.plans.tables import MeasurePlan
from registry.worklist import service as worklist

# The longest distance that two askings of one measure must keep is 7 days; one more covers a change of zone.
LOOK_BACK: Final = timedelta(days=8)
_INSERT = insert_or_skip(CheckIn, "patient_id", "local_due_date")
_INSERT_MANY = insert_many_or_skip(CheckIn, "patient_id", "local_due_date")


class Plan:
    """A patient's measure plan: lines in asking order, and the time of day they share (the earliest of theirs)."""

    __slots__ = ("at", "lines")

    def __init__(self, rows: Iterable[Row[Any]]) -> None:
        ordered = sorted(rows, key=lambda row: asking_position(row.instrument_id))
        self.lines = tuple(PlanLine(row.instrument_id, row.every_days, row.anchor_on) for row in ordered)
        self.at: time = min((row.local_time for row in ordered), default=rules.CHECK_IN_AT)


def asking_position(instrument_id: str) -> int:
    """PHQ-9 first, then GAD-7, then the others as the catalogue lists them."""
    known = INSTRUMENT_IDS
    return known.index(instrument_id) if instrument_id in known else len(known)


async def materialise(tx: Tx, patient_id: UUID, *, now: datetime) -> date | None:
    """Makes the unsent future check-ins what plan, zone and channel now ask for; gives the next date.

    Adds the next occurrence, moves or withdraws rows that were never sent, and leaves everything else alone: a date
    that ever had a row which was sent, ended or is due never gets another.
    """
    facts = await person(tx, patient_id, now)
    if facts is None:
        return None
    rows = await _on_file(tx, patient_id, now)
    ours = [row for row in rows if row.origin == "plan" or row.state != "scheduled"]
    if facts.episode_id is None:
        return None
    if not facts.may_be_planned:
        await _withdraw(tx, [row.id for row in ours if row.state == "scheduled" and row.due_at > now])
        return await note_next(tx, patient_id, facts.episode_id, now=now)
    plan = Plan(await tx.all(PLAN.where(MeasurePlan.patient_id == patient_id)))
    replan = rules.replan(
        tuple(_scheduled(row, plan.at) for row in rows),
        plan.lines,
        now,
        facts.calendar,
        at=plan.at,
        last_asked=last_asked(rows),
    )
    by_date = {row.local_due_date: row for row in ours}
    await _withdraw(tx, [by_date[day].id for day in replan.withdraw if day in by_date])
    for occurrence in replan.keep:
        if occurrence.local_due_date in by_date:
            await _move(tx, by_date[occurrence.local_due_date], occurrence, facts, now)
    if replan.add is not None:
        await tx.insert_once(pick(tx, _INSERT), new_row(tx, facts, facts.episode_id, replan.add, now))
    return await note_next(tx, patient_id, facts.episode_id, now=now)


async def note_next(tx: Tx, patient_id: UUID, episode_id: UUID, *, now: datetime) -> date | None:
    """Tells the registry the date of the earliest check-in that is planned and was not offered yet."""
    on: date | None = await tx.scalar(
        select(func.min(CheckIn.local_due_date)).where(
            CheckIn.patient_id == patient_id, CheckIn.state == "scheduled"
        )
    )
    await worklist.set_next_check_in(tx, episode_id, on, now=now)
    return on


async def insert_many(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert_many(_INSERT_MANY, rows)


def new_row(
    tx: Tx,
    facts: Reach,
    episode_id: UUID,
    occurrence: Occurrence,
    now: datetime,
    *,
    origin: str = "plan",
    invite_at: datetime | None = None,
) -> dict[str, Any]:
    at = invitation_moment(facts, occurrence.due_at) if invite_at is None else invite_at
    return {
        "id": tx.new_id(),
        "clinic_id": facts.clinic_id,
        "patient_id": facts.patient_id,
        "episode_id": episode_id,
        "local_due_date": occurrence.local_due_date,
        "local_time": occurrence.local_time,
        "zone": occurrence.zone,
        "instruments": list(occurrence.instruments),
        "due_at": occurrence.due_at,
        "not_after": too_late(facts, at),
        "state": "scheduled",
        "origin": origin,
        "content": None,
        "next_at": at,
        "prompts": 0,
        "queued_behind": False,
        "invited_at": None,
        "first_answer_at": None,
        "expires_at": None,
        "closed_at": None,
        "close_reason": None,
        "created_at": now,
    }


def invitation_moment(facts: Reach, due: datetime) -> datetime:
    """When to offer a check-in that is due: while staff are there to read the answer, inside the patient's window.

    A call waits for staffed hours only. Where window and staffed hours never meet, the next opening has to do.
    """
    if facts.way == "call" or facts.zone is None:
        return next_staffed(due, facts.site.staffed) or due
    good = _good_moment(due, facts.zone, facts.hours, facts.site.staffed)
    return good or next_opening(due, facts.zone, facts.hours) or due


def too_late(facts: Reach, invite_at: datetime) -> datetime:
    return _not_after(invite_at, facts.calendar if facts.zone is None else facts.zone, facts.hours)


# A sweep asks the same for all patients of a zone and a plan.
_good_moment = lru_cache(maxsize=512)(good_invitation_moment)
_not_after = lru_cache(maxsize=512)(rules.not_after)


def last_asked(rows: Iterable[Row[Any]]) -> dict[str, date]:
    """The newest date each measure was really offered on."""
    asked: dict[str, date] = {}
    for row in rows:
        if row.invited_at is not None:
            for instrument in row.instruments:
                asked[instrument] = max(asked.get(instrument, row.local_due_date), row.local_due_date)
    return asked


HISTORY: Final = select(
    CheckIn.id,
    CheckIn.patient_id,
    CheckIn.local_due_date,
    CheckIn.local_time,
    CheckIn.zone,
    CheckIn.due_at,
    CheckIn.next_at,
    CheckIn.instruments,
    CheckIn.state,
    CheckIn.origin,
    CheckIn.content,
    CheckIn.invited_at,
    CheckIn.queued_behind,
)


def recent(now: datetime) -> Any:
    """Rows that may still matter for what comes next: open ones, and those of the last days."""
    return or_(CheckIn.state.in_(OPEN_STATES), CheckIn.local_due_date > (now - LOOK_BACK).date())


async def _on_file(tx: Tx, patient_id: UUID, now: datetime) -> Sequence[Row[Any]]:
    return await tx.all(
        HISTORY.where(CheckIn.patient_id == patient_id, recent(now))
        .order_by(CheckIn.local_due_date)
        .with_for_update()
    )


def _scheduled(row: Row[Any], at: time) -> Scheduled:
    """A check-in that staff asked for counts as settled: the plan neither moves nor repeats it."""
    occurrence = Occurrence(row.local_due_date, at, row.zone, row.due_at, tuple(row.instruments))
    return Scheduled(occurrence, invited=row.state != "scheduled" or row.origin != "plan")


async def _withdraw(tx: Tx, ids: Sequence[UUID]) -> None:
    if ids:
        await tx.execute(delete(CheckIn).where(CheckIn.id.in_(ids), CheckIn.state == "scheduled"))


async def _move(tx: Tx, row: Row[Any], occurrence: Occurrence, facts: Reach, now: datetime) -> None:
    at = max(invitation_moment(facts, occurrence.due_at), now)
    await tx.execute(
        update(CheckIn)
        .where(CheckIn.id == row.id, CheckIn.state == "scheduled")
        .values(
            local_time=occurrence.local_time,
            zone=occurrence.zone,
            due_at=occurrence.due_at,
            instruments=list(occurrence.instruments),
            next_at=at,
            not_after=too_late(facts, at),
        )
    )
