"""Every end of a check-in goes through here, so that nothing about it stays behind: no text, link, question or wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import aliased

from kernel.db import Tx
from messaging.conversation.tables import SmsThread
from messaging.delivery import service as delivery
from messaging.links.tables import CheckInLink
from messaging.schedule import occurrences
from messaging.schedule.tables import OPEN_STATES, CheckIn
from registry.measures import service as measures
from registry.measures.tables import MeasureRun
from registry.patients.tables import PatientPhone
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine

EndState = Literal[
    "completed",
    "portal_completed",
    "partial_expired",
    "declined",
    "cancelled",
    "opted_out",
    "missed",
    "skipped_outage",
]
# The conversation engine's state of a thread on which nothing is asked.
IDLE_STATE: Final[dict[str, Any]] = {"mode": "idle"}
ANSWERED: Final = frozenset({"completed", "portal_completed"})
# Nobody answered, so the call that was asked for is still owed.
STILL_OWED: Final = frozenset({"missed", "partial_expired", "skipped_outage"})
ABOUT_A_CHECK_IN: Final = ("invitation", "reminder", "question", "link")

_END = (
    update(CheckIn)
    .where(CheckIn.id == bindparam("key"), CheckIn.state.in_(OPEN_STATES))
    .values(
        state=bindparam("end"),
        close_reason=bindparam("why"),
        closed_at=bindparam("at"),
        next_at=None,
        queued_behind=False,
    )
    .returning(CheckIn.patient_id, CheckIn.episode_id, CheckIn.clinic_id, CheckIn.invited_at)
)
_OPEN_OF_PATIENT = (
    select(CheckIn.id, CheckIn.episode_id, CheckIn.state, CheckIn.due_at)
    .where(CheckIn.patient_id == bindparam("patient"), CheckIn.state.in_(OPEN_STATES))
    .order_by(CheckIn.local_due_date)
)
_OPEN_RUNS = select(MeasureRun.id).where(
    MeasureRun.check_in_id == bindparam("key"), MeasureRun.state == "open"
)
_FREE_THREAD = (
    update(SmsThread)
    .where(SmsThread.active_check_in_id == bindparam("key"))
    .values(active_check_in_id=None, state=IDLE_STATE, turn=SmsThread.turn + 1, wake_at=None, wake_turn=None)
)
_REVOKE_LINKS = (
    update(CheckInLink)
    .where(CheckInLink.check_in_id == bindparam("key"), CheckInLink.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_Mine, _Theirs = aliased(PatientPhone), aliased(PatientPhone)
# Check-ins that wait behind the phone the ended one was on; the numbers are compared as they are now.
_BEHIND = (
    select(CheckIn.id)
    .join(_Theirs, _Theirs.patient_id == CheckIn.patient_id)
    .join(_Mine, _Mine.phone_key == _Theirs.phone_key)
    .where(
        _Mine.patient_id == bindparam("patient"),
        _Mine.clinic_id == bindparam("clinic"),
        _Mine.replaced_at.is_(None),
        _Theirs.clinic_id == bindparam("clinic"),
        _Theirs.replaced_at.is_(None),
        CheckIn.queued_behind,
        CheckIn.state.in_(OPEN_STATES),
    )
)


async def close(
    tx: Tx, check_in_id: UUID, *, state: EndState, reason: str, now: datetime, plan_next: bool = True
) -> bool:
    """Ends an open check-in and plans the next one; False when it had already ended.

    Runs that are still open keep their answers and get no total, except that a completed check-in has none open.
    The next check-in waiting behind the same phone becomes due.
    """
    ended = await tx.first(_END, {"key": check_in_id, "end": state, "why": reason, "at": now})
    if ended is None:
        return False
    for run in await tx.all(_OPEN_RUNS, {"key": check_in_id}):
        await measures.close_partial(tx, run.id, now=now)
    await tx.execute(_FREE_THREAD, {"key": check_in_id})
    await delivery.suppress(
        tx, check_in_id=check_in_id, kinds=ABOUT_A_CHECK_IN, reason="check_in_closed", now=now
    )
    await tx.execute(_REVOKE_LINKS, {"key": check_in_id, "at": now})
    await _release(tx, ended, now)
    await _tell_registry(tx, ended, state, now)
    if state not in STILL_OWED:
        await worklist.close_tasks(tx, ended.clinic_id, task_key(check_in_id), "check_in_ended", now)
    if plan_next:
        await occurrences.materialise(tx, ended.patient_id, now=now)
    return True


def task_key(check_in_id: UUID) -> str:
    """A check-in has one task at a time: asking by phone, or asking why nobody answered."""
    return f"check_in:{check_in_id}"


async def close_open(
    tx: Tx, patient_id: UUID, *, state: EndState, reason: str, now: datetime, plan_next: bool = True
) -> int:
    """Ends every check-in that was begun or is due, and takes back those that were only planned, so that their date
    stays free for a later start. Gives how many were ended or taken back."""
    rows = await tx.all(_OPEN_OF_PATIENT, {"patient": patient_id})
    planned = [row.id for row in rows if row.state == "scheduled" and row.due_at > now]
    if planned:
        await tx.execute(delete(CheckIn).where(CheckIn.id.in_(planned), CheckIn.state == "scheduled"))
    for row in rows:
        if row.id not in planned:
            await close(tx, row.id, state=state, reason=reason, now=now, plan_next=False)
    if plan_next:
        await occurrences.materialise(tx, patient_id, now=now)
    elif rows:
        await occurrences.note_next(tx, patient_id, rows[-1].episode_id, now=now)
    return len(rows)


async def _release(tx: Tx, ended: Row[Any], now: datetime) -> None:
    waiting = await tx.all(_BEHIND, {"patient": ended.patient_id, "clinic": ended.clinic_id})
    if not waiting:
        return
    await tx.execute(
        update(CheckIn)
        .where(CheckIn.id.in_([row.id for row in waiting]))
        .values(queued_behind=False, next_at=now)
    )
    tx.ring("schedule")


async def _tell_registry(tx: Tx, ended: Row[Any], state: EndState, now: datetime) -> None:
    """An invitation nobody answered counts; an answered one starts the count again."""
    count: int | None = None
    if state in ANSWERED:
        count = 0
    elif state == "missed" and ended.invited_at is not None:
        before = await tx.scalar(
            select(RegistryLine.no_answer_count).where(RegistryLine.episode_id == ended.episode_id)
        )
        count = int(before or 0) + 1
    await worklist.set_check_in_state(tx, ended.episode_id, state, now, no_answer_count=count, now=now)
