"""Answers from a device, one by one or a whole form, given now or earlier without a connection.

They go through the same filing as texts and pages, so the item-9 rule, scoring and the end of the check-in on every
channel are theirs too. Where something can't be saved any more, a risk item of 1 or more is heard all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select

from kernel import audit
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound, Problem
from messaging.conversation import filing
from messaging.conversation.filing import CheckInFacts
from messaging.conversation.script import RunSheet
from messaging.links import too_late
from messaging.patient_access import rules
from messaging.patient_access.sessions import SignedIn
from messaging.schedule.tables import CheckIn
from registry.measures import service as measures
from registry.measures.rules import answer_problem
from registry.ports import Alerts

CHANNEL: Final = "api"
MOST: Final = 200
_OFFERED = select(CheckIn.id, CheckIn.state, CheckIn.invited_at, CheckIn.due_at, CheckIn.expires_at).where(
    CheckIn.id == bindparam("check_in"),
    CheckIn.patient_id == bindparam("patient"),
    CheckIn.clinic_id == bindparam("clinic"),
)
_STATE = select(CheckIn.state).where(CheckIn.id == bindparam("check_in"))

Taken = Literal["open", "completed", "closed"]


class GivenAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`value` null: the patient would not say. `answered_at`: when it was given, if that is not now; it is kept beside
    the moment it reached us."""

    instrument_id: str
    item: int
    value: int | None
    answered_at: datetime | None = None


class Submission(msgspec.Struct, frozen=True):
    """`state`: of the check-in afterwards. `late`: answers that came when their form was scored or the check-in had
    ended; a person reads of them. `crisis`: show the help lines now."""

    check_in_id: UUID
    state: Taken
    saved: int
    late: int
    crisis: bool


class _Ready(msgspec.Struct, frozen=True):
    run: RunSheet
    item: int
    value: int | None
    given_at: datetime | None

    @property
    def alarms(self) -> bool:
        return self.item in self.run.instrument.risk_item_numbers and (self.value or 0) >= 1


async def submit(
    tx: Tx,
    signed_in: SignedIn,
    check_in_id: UUID,
    given: Sequence[GivenAnswer],
    *,
    now: datetime,
    alerts: Alerts,
) -> Submission:
    """Files all of it or nothing. Raises NotFound; Invalid naming `answers[n].field`, after which the caller lets
    `hear_unsaved` listen; Conflict while the check-in has not been offered."""
    row = await _mine(tx, signed_in, check_in_id)
    if row.state == "scheduled":
        raise Conflict("this check-in is not open yet", code="not_open_yet")
    facts = await filing.check_in(tx, check_in_id, now=now, lock=True)
    ready = _check(facts, given, row.invited_at or row.due_at, now)
    over = row.expires_at is not None and now >= row.expires_at
    saved = late = 0
    crisis = False
    for one in ready:
        crisis = crisis or one.alarms
        # The check-in is locked: until something was filed its state is the one that was read with the lock.
        is_open = not over and (
            _answerable(facts.state) if saved + late == 0 else await _is_open(tx, facts.id)
        )
        filed = None if over else await _file(tx, signed_in, facts, one, is_open, now, alerts)
        if filed is None:
            late += await _hear(tx, signed_in, check_in_id, one, now, alerts)
            continue
        facts, saved = filed, saved + 1
    after = await _mine(tx, signed_in, check_in_id)
    await audit.record(
        tx, signed_in.actor, "answers.submitted", "check_in", check_in_id,
        now=now, patient_id=signed_in.patient_id, saved=saved, late=late,
    )  # fmt: skip
    return Submission(check_in_id, _state(after.state, over), saved, late, crisis)


async def hear_unsaved(
    tx: Tx,
    signed_in: SignedIn,
    check_in_id: UUID,
    given: Sequence[GivenAnswer],
    *,
    now: datetime,
    alerts: Alerts,
) -> bool:
    """For a body that was refused: whether a risk item of 1 or more stood in it. It opens or joins a risk event."""
    try:
        await _mine(tx, signed_in, check_in_id)
    except NotFound:
        return False
    facts = await filing.check_in(tx, check_in_id, now=now, lock=True)
    heard = False
    for answer in given:
        run = _run(facts, answer.instrument_id)
        if run is None or answer_problem(run.instrument, answer.item, answer.value) is not None:
            continue
        one = _Ready(run, answer.item, answer.value, None)
        if one.alarms:
            await _hear(tx, signed_in, check_in_id, one, now, alerts)
            heard = True
    return heard


def _check(
    facts: CheckInFacts, given: Sequence[GivenAnswer], offered_at: datetime, now: datetime
) -> list[_Ready]:
    """In the order of filing, whatever the order of the body. Raises Invalid with every problem."""
    found: list[_Ready] = []
    problems: list[Problem] = []
    if not 1 <= len(given) <= MOST:
        problems.append(Problem("answers", f"needs 1 to {MOST} answers"))
    seen: set[tuple[str, int]] = set()
    for at, answer in enumerate(given[:MOST]):
        run = _run(facts, answer.instrument_id)
        moment = rules.given_at(answer.answered_at, offered_at, now)
        if run is None:
            problems.append(Problem(f"answers[{at}].instrument_id", "is not part of this check-in"))
            continue
        bad = answer_problem(run.instrument, answer.item, answer.value)
        if bad is not None:
            field = "value" if answer.item in {i.number for i in run.instrument.items} else "item"
            problems.append(Problem(f"answers[{at}].{field}", bad.message))
        if moment == "refused":
            problems.append(
                Problem(
                    f"answers[{at}].answered_at", "lies before the check-in, too long ago, or ahead of now"
                )
            )
        if (answer.instrument_id, answer.item) in seen:
            problems.append(Problem(f"answers[{at}].item", "has an answer already in this body"))
        seen.add((answer.instrument_id, answer.item))
        if bad is None and moment != "refused":
            found.append(_Ready(run, answer.item, answer.value, moment))
    if problems:
        raise Invalid(*problems)
    order = {run.run.id: at for at, run in enumerate(facts.sheet.runs)}
    # What corrects an earlier answer goes first: the last missing one scores the form.
    return sorted(found, key=lambda one: (order[one.run.run.id], one.item not in one.run.answers, one.item))


async def _file(
    tx: Tx,
    signed_in: SignedIn,
    facts: CheckInFacts,
    one: _Ready,
    is_open: bool,
    now: datetime,
    alerts: Alerts,
) -> CheckInFacts | None:
    """The facts afterwards; None when it can't be saved any more."""
    run, item = one.run.run, one.run.instrument.item(one.item)
    try:
        if not item.scored:
            await measures.add_unscored(
                tx, run, one.item, one.value, channel=CHANNEL, source_id=signed_in.id, now=now
            )
            return facts
        if run.state != "open" or not is_open:
            return None
        filed = await filing.file_answer(
            tx, facts, run, one.item, one.value, raw=None, channel=CHANNEL, source_id=signed_in.id, now=now,
            alerts=alerts, answered_at=one.given_at,
        )  # fmt: skip
    except Conflict:
        return None
    return filed.facts


async def _hear(
    tx: Tx, signed_in: SignedIn, check_in_id: UUID, one: _Ready, now: datetime, alerts: Alerts
) -> int:
    """1: it differs from what stands, so a person is told; what is risky is heard at once."""
    if one.run.answers.get(one.item, "none") == one.value:
        return 0
    late = too_late.Late(
        clinic_id=signed_in.clinic_id,
        patient_id=signed_in.patient_id,
        check_in_id=check_in_id,
        channel=CHANNEL,
        value=one.value if one.item in one.run.instrument.risk_item_numbers else None,
    )
    await too_late.tell(tx, late, now=now, alerts=alerts)
    return 1


def _run(facts: CheckInFacts, instrument_id: str) -> RunSheet | None:
    return next((run for run in facts.sheet.runs if run.run.instrument_id == instrument_id), None)


async def _is_open(tx: Tx, check_in_id: UUID) -> bool:
    return _answerable(await tx.scalar(_STATE, {"check_in": check_in_id}))


def _answerable(state: str | None) -> bool:
    return state in ("invited", "in_progress")


async def _mine(tx: Tx, signed_in: SignedIn, check_in_id: UUID) -> Any:
    """Raises NotFound also for a related person: nobody answers for the patient."""
    key = {"check_in": check_in_id, "patient": signed_in.patient_id, "clinic": signed_in.clinic_id}
    row = await tx.first(_OFFERED, key) if signed_in.own else None
    if row is None:
        raise NotFound("check-in")
    return row


def _state(stored: str, over: bool) -> Taken:
    if stored in ("completed", "portal_completed"):
        return "completed"
    return "open" if _answerable(stored) and not over else "closed"
