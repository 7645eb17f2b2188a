"""What a text comes after when nothing is asked by text: the patient's last check-in, and what it waited for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, select

from kernel.db import Tx
from messaging.conversation import filing
from messaging.conversation.script import Aftermath, Sheet
from messaging.schedule.tables import CheckIn
from registry.patients.tables import Patient

OFFERED: Final = ("invited", "in_progress")
RESUMABLE: Final = timedelta(days=14)  # the questionnaires ask about two weeks
LATE_ITEM9: Final = timedelta(hours=24)

_LAST = (
    select(
        CheckIn.id, CheckIn.state, CheckIn.closed_at, CheckIn.expires_at, Patient.language,
    )
    .select_from(Patient)
    .outerjoin(
        CheckIn, and_(CheckIn.patient_id == Patient.id, CheckIn.state.not_in(("scheduled", "cancelled")))
    )
    .where(Patient.id == bindparam("patient"))
    .order_by(CheckIn.local_due_date.desc())
    .limit(1)
)  # fmt: skip


async def last(tx: Tx, patient_id: UUID | None) -> Row[Any] | None:
    """The patient's newest check-in that was offered, beside the language; its columns are null without one."""
    return None if patient_id is None else await tx.first(_LAST, {"patient": patient_id})


def aftermath_of(last: Row[Any] | None, received_at: datetime, now: datetime) -> Aftermath:
    if last is not None and last.state in OFFERED and time_is_over(last, received_at):
        return "expired"
    if last is None or last.closed_at is None or now - last.closed_at > RESUMABLE:
        return "none"
    if last.state in ("completed", "portal_completed"):
        return "completed"
    return "expired" if last.state in ("partial_expired", "missed") else "none"


async def late_item9(tx: Tx, last: Row[Any] | None, now: datetime) -> int | None:
    """What the last thing answered was, when that was item 9: a change of it must not be thanked away."""
    if last is None or last.state != "completed" or now - last.closed_at > LATE_ITEM9:
        return None
    sheet = await filing.load_sheet(tx, last.id)
    final = sheet.runs[-1] if sheet.runs else None
    if final is None or not final.instrument.risk_item_numbers:
        return None
    number = final.instrument.scored_items[-1].number
    if number not in final.instrument.risk_item_numbers:
        return None
    return final.answers.get(number)


async def stopped_at_item9(tx: Tx, last: Row[Any] | None) -> bool:
    """Whether the question that waits, or waited when the check-in's time ended, is item 9."""
    sheet = Sheet(()) if last is None else await filing.load_sheet(tx, last.id)
    unanswered = (
        item.number in run.instrument.risk_item_numbers
        for run in sheet.runs
        for item in run.instrument.scored_items
        if item.number not in run.answers
    )
    return next(unanswered, False)


def time_is_over(check_in: Row[Any], received_at: datetime) -> bool:
    return check_in.expires_at is not None and check_in.expires_at <= received_at
