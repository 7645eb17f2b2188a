"""How a clinic follows up a check-in that stays without answer; kept among the clinic's settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Invalid, NotFound, Problem
from registry.access import require
from registry.organisation.tables import Clinic

KEY: Final = "outreach"
MOST_REMINDERS: Final = 4
A_DAY: Final = 24  # hours; at most one invitation or reminder per patient and local day
# All answers of one response belong in a bounded span of days, since the questionnaires ask about two weeks.
LONGEST: Final = 7 * A_DAY


ReminderChannel = Literal["same", "other"]


class Reminder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after_hours` from the invitation. `other`: on the patient's second channel, where that can be used."""

    after_hours: int
    channel: ReminderChannel = "same"


class OutreachLadder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`call_after_hours`: then a person is asked to call. `answer_within_hours`: how long a check-in that was begun
    waits for its other answers. Reminders a day apart come before that."""

    reminders: tuple[Reminder, ...] = (Reminder(24), Reminder(72, "other"))
    call_after_hours: int = 96
    answer_within_hours: int = 72


DEFAULT: Final = OutreachLadder()


def outreach_ladder(settings: Mapping[str, Any]) -> OutreachLadder:
    kept = settings.get(KEY)
    return DEFAULT if kept is None else msgspec.convert(kept, OutreachLadder)


def check_ladder(ladder: OutreachLadder) -> tuple[Problem, ...]:
    """Everything wrong with it, in the order of the fields."""
    found: list[Problem] = []
    hours = [reminder.after_hours for reminder in ladder.reminders]
    if len(hours) > MOST_REMINDERS:
        found.append(Problem("reminders", f"are more than {MOST_REMINDERS}"))
    for index, (earlier, later) in enumerate(pairwise([0, *hours])):
        if later - earlier < A_DAY:
            before = "the invitation" if index == 0 else "the reminder before"
            found.append(
                Problem(f"reminders[{index}].after_hours", f"is less than {A_DAY} hours after {before}")
            )
    if not max([0, *hours]) < ladder.call_after_hours <= LONGEST:
        found.append(
            Problem("call_after_hours", f"must be later than the last reminder and at most {LONGEST} hours")
        )
    if not A_DAY <= ladder.answer_within_hours <= LONGEST:
        found.append(Problem("answer_within_hours", f"must be from {A_DAY} to {LONGEST} hours"))
    return tuple(found)


async def set_ladder(tx: Tx, actor: Actor, clinic_id: UUID, wanted: OutreachLadder, *, now: datetime) -> None:
    """Holds for the next step of every open check-in. Raises Invalid, and NotFound for another clinic."""
    if actor.kind != "system" and require(actor, "administrator", "clinic_lead") != clinic_id:
        raise NotFound("clinic")
    problems = check_ladder(wanted)
    if problems:
        raise Invalid(*problems)
    row = await tx.first(select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update())
    if row is None:
        raise NotFound("clinic")
    kept = {**row.settings, KEY: msgspec.to_builtins(wanted)}
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=kept))
    await audit.record(
        tx, actor, "clinic.changed", "clinic", clinic_id,
        now=now, fields=[KEY], outreach=msgspec.to_builtins(wanted),
    )  # fmt: skip
