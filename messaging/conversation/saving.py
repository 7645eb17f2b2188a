"""Writing a thread's state: one compare-and-set on its turn, together with the moment at which it is looked at again."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import Boolean, bindparam, case, update

from kernel.db import Tx
from messaging.conversation.decision import Decision
from messaging.conversation.script import Script
from messaging.conversation.state import Paused, State, to_json
from messaging.conversation.tables import SmsThread

_SAVE: Final = (
    update(SmsThread)
    .where(SmsThread.id == bindparam("thread"), SmsThread.turn == bindparam("seen"))
    .values(
        state=bindparam("new_state"),
        turn=bindparam("new_turn"),
        wake_at=case(
            (bindparam("keeps_wake", type_=Boolean()), SmsThread.wake_at),
            else_=bindparam("new_wake_at", type_=SmsThread.__table__.c.wake_at.type),
        ),
        wake_turn=bindparam("new_turn"),
    )
)


async def save_state(
    tx: Tx, thread_id: UUID, seen: int, before: State, decision: Decision, script: Script
) -> int | None:
    """Gives the new turn; None when the thread is not at turn `seen` any more. Item 9 that waited and still waits is
    asked by a person at the moment that was set, whatever paused the texts meanwhile."""
    values = {
        "thread": thread_id,
        "seen": seen,
        "new_state": to_json(decision.state),
        "new_turn": seen + 1,
        "keeps_wake": decision.wakes_at is None
        and waits_for_item9(before, script)
        and waits_for_item9(decision.state, script),
        "new_wake_at": decision.wakes_at,
    }
    return seen + 1 if (await tx.execute(_SAVE, values)).rowcount == 1 else None


def waits_for_item9(state: State, script: Script) -> bool:
    return isinstance(state, Paused) and state.at is not None and script.items[state.at].risk
