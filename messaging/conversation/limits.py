"""What only some replies need: whether the day's passive replies are used up, and whether a later day is left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import func, or_, select

from kernel.db import Tx
from messaging.conversation.meaning import Reply
from messaging.conversation.state import Asking, Confirming
from messaging.conversation.tables import InboundMessage
from messaging.conversation.turns import Turn
from messaging.delivery.tables import Outbox
from messaging.schedule import facts as reaching
from messaging.schedule.tables import CheckIn
from messaging.schedule.windows import next_day_opening

PASSIVE_A_DAY: Final = 5
UNKNOWN_A_DAY: Final = 1
DAY: Final = timedelta(hours=24)
PASSIVE_TEMPLATES: Final = ("idle_ack", "late_thanks", "late_offer_resume", "already_done", "who", "no_link")
# These move nothing, so they don't make the day's passive replies new.
PASSIVE_KINDS: Final = ("free_text", "late_answer", "already_done", "who")


async def with_limits(tx: Tx, turn: Turn, reply: Reply, *, now: datetime) -> Turn:
    """Adds what only some replies need: whether passive replies are used up, and whether a later day is left."""
    script = turn.script
    if reply.kind == "command" and reply.detail == "later" and turn.patient_id is not None:
        script = msgspec.structs.replace(script, may_postpone=await _may_postpone(tx, turn, now))
    elif not isinstance(turn.state, Asking | Confirming):
        script = msgspec.structs.replace(script, quiet=await _used_up(tx, turn, now))
    return msgspec.structs.replace(turn, script=script)


async def _may_postpone(tx: Tx, turn: Turn, now: datetime) -> bool:
    if turn.patient_id is None or turn.check_in_id is None:
        return False
    person = await reaching.person(tx, turn.patient_id, now)
    if person is None or person.zone is None:
        return False
    at = next_day_opening(now, person.zone, person.hours)
    ends = await tx.scalar(select(CheckIn.expires_at).where(CheckIn.id == turn.check_in_id))
    return at is not None and (ends is None or at < ends)


async def _used_up(tx: Tx, turn: Turn, now: datetime) -> bool:
    """Counted in the database, so that a restart forgets nothing: at most five passive replies a day since the
    person last did something, and one to a number that nobody here has."""
    since = now - DAY
    unknown = turn.script.owner == "none"
    if not unknown:
        acted = await tx.scalar(
            select(func.max(InboundMessage.received_at)).where(
                InboundMessage.clinic_id == turn.clinic_id,
                InboundMessage.phone_key == turn.phone_key,
                InboundMessage.received_at > since,
                InboundMessage.classified_as.is_not(None),
                *(InboundMessage.classified_as.not_like(f"{kind}%") for kind in PASSIVE_KINDS),
            )
        )
        since = max(since, acted) if acted is not None else since
    templates = ("unknown_number", "who") if unknown else PASSIVE_TEMPLATES
    sent = await tx.scalar(
        select(func.count())
        .select_from(Outbox)
        .where(
            Outbox.recipient_key == turn.phone_key,
            Outbox.created_at > since,
            or_(*(Outbox.template.like(f"{template}@%") for template in templates)),
        )
    )
    return int(sent or 0) >= (UNKNOWN_A_DAY if unknown else PASSIVE_A_DAY)
