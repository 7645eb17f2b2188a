"""The answer to the text after a missed appointment: 1 asks for a call today, 2 for one this week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import exists, select

from kernel.db import Tx
from messaging.conversation.tables import InboundMessage
from messaging.delivery.tables import Outbox
from registry import zones
from registry.working_time import WorkingTime, next_business_day, same_day
from registry.worklist import service as worklist

Wish = Literal["today", "this_week"]
WISHES: Final[dict[str, Wish]] = {"1": "today", "2": "this_week"}
ANSWERED_WITHIN: Final = timedelta(hours=72)
NEVER_SENT: Final = ("suppressed", "expired", "failed")
DAYS: Final = 7


def wish(body: str) -> Wish | None:
    """What a plain 1 or 2 asks for; anything else is for a person to read."""
    return WISHES.get(body.strip().strip(".!").strip())


def due_at(asked: Wish, now: datetime, hours: WorkingTime) -> datetime:
    """Today: while somebody can still act. This week: closing time of the week's last staffed day that still lies
    ahead, else the next business day."""
    if asked == "today":
        return same_day(now, hours)
    today = zones.local_date(now, hours.zone)
    for ahead in range(DAYS - 1 - today.weekday(), -1, -1):
        day = today + timedelta(days=ahead)
        shifts = () if day in hours.holidays else hours.staffed[day.weekday()]
        if shifts:
            closes = datetime.combine(day, shifts[-1].end, zones.zone(hours.zone)).astimezone(UTC)
            return closes if closes > now else next_business_day(now, hours)
    return next_business_day(now, hours)


async def waits_for_answer(tx: Tx, patient_id: UUID | None, now: datetime) -> bool:
    """Whether such a text went out in the last three days and the patient has not written since."""
    if patient_id is None:
        return False
    later = exists().where(
        InboundMessage.patient_id == patient_id, InboundMessage.received_at > Outbox.created_at
    )
    found = await tx.first(
        select(Outbox.id)
        .where(
            Outbox.patient_id == patient_id,
            Outbox.kind == "no_show",
            Outbox.created_at > now - ANSWERED_WITHIN,
            Outbox.state.not_in(NEVER_SENT),
            ~later,
        )
        .limit(1)
    )
    return found is not None


async def open_task(
    tx: Tx,
    clinic_id: UUID,
    patient_id: UUID | None,
    episode_id: UUID | None,
    asked: Wish,
    inbound_id: UUID | None,
    *,
    now: datetime,
) -> None:
    """With the time asked for; one open at a time."""
    hours = await worklist.working_time(tx, clinic_id)
    await worklist.open_task(
        tx,
        clinic_id=clinic_id,
        patient_id=patient_id,
        episode_id=episode_id,
        kind="call_back",
        dedupe_key=f"call_back:{patient_id}",
        due_at=due_at(asked, now, hours),
        ref_kind="inbound_message",
        ref_id=inbound_id,
        detail={"asked": asked},
        now=now,
    )
