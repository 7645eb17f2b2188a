"""The hot path: due check-ins are taken, decided and written in bulk. One transaction, no network."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import assert_never
from uuid import UUID

from kernel.db import Tx
from messaging.schedule import closing, offers
from messaging.schedule.advance import AskStaff, End, Invite, Remind, Wait, advance
from messaging.schedule.due import Taken, take
from messaging.schedule.missed import make_up
from messaging.schedule.offers import Invited, Reminded
from messaging.schedule.ports import Outgoing

Counts = dict[str, int]


async def sweep_due(
    tx: Tx, *, now: datetime, out: Outgoing, limit: int = 1000, only: UUID | None = None
) -> Counts:
    """Moves up to `limit` due check-ins on by one step each; `taken` counts all that were looked at.

    Raises what a poison row raises; the caller then goes row by row with `only`.
    """
    batch = await take(tx, now, limit, only)
    done: Counter[str] = Counter(taken=len(batch))
    invited: list[Invited] = []
    reminded: list[Reminded] = []
    waits: dict[UUID, dict[str, object]] = {}
    for taken in batch:
        made_up = await make_up(tx, taken, now=now)
        if made_up:
            done["ended"] += made_up
            continue
        step = advance(taken.due, taken.reach, now)
        match step:
            case Invite():
                invited.append((taken, step))
            case Remind():
                reminded.append((taken, step))
            case Wait(at=at, behind=behind):
                waits[taken.due.id] = {"next_at": at, "queued_behind": behind}
            case AskStaff(next_at=next_at):
                await offers.ask_staff(tx, taken, next_at, now)
                done["asked_staff"] += 1
            case End():
                await _end(tx, taken, step, now)
                done["ended"] += 1
            case _:
                assert_never(step)
    await offers.set_many(tx, waits)
    await offers.invite(tx, invited, out, now=now)
    await offers.remind(tx, reminded, out, now=now)
    done.update(invited=len(invited), reminded=len(reminded), waiting=len(waits))
    return dict(done)


async def _end(tx: Tx, taken: Taken, step: End, now: datetime) -> None:
    await closing.close(tx, taken.due.id, state=step.state, reason=step.reason, now=now)
