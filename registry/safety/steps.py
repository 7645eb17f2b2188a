"""What was set going for the patient, each with who and when; and the two decisions that are a clinician's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from kernel.audit import Actor, record
from kernel.db import Tx
from kernel.errors import Forbidden, Problem
from registry.safety.assessing import DECIDES
from registry.safety.handling import (
    note_problem,
    open_for_work,
    refuse,
    refuse_undecided,
    restart_clock,
    take,
)
from registry.safety.rules import Decision, DecisionBasis, SafetyStep
from registry.safety.signals import act

LONGEST_WHO: Final = 200
SLACK: Final = timedelta(minutes=5)  # of a clock that is a little ahead of ours


async def take_step(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    step: SafetyStep,
    who: str,
    at: datetime,
    note: str | None = None,
    by_id: UUID | None = None,
    now: datetime,
) -> None:
    """`who` it went to (a name, a team, a department), `at` when. Restarts the clock, and takes the event if nobody
    has it. The emergency contact and a welfare check come after a clinician's decision for it, else Conflict."""
    event, by = await open_for_work(tx, actor, event_id, by_id)
    refuse(_who_problem(who), _when_problem(at, event.opened_at, now), note_problem(note))
    match step:
        case "emergency_contact" | "welfare_check":
            await refuse_undecided(tx, event_id, step)
        case (
            "safety_plan"
            | "means_safety"
            | "clinician_informed"
            | "consultant_informed"
            | "crisis_team"
            | "emergency_department"
        ):
            pass
        case _:
            assert_never(step)
    await take(tx, by, event, now)
    await act(
        tx, event.clinic_id, event_id, "step", by, now,
        note=note, who=who.strip(), step=step, at=at.isoformat(),
    )  # fmt: skip
    await restart_clock(tx, event, now)
    await record(
        tx, actor, "risk_event.step_taken", "risk_event", event_id, now=now,
        patient_id=event.patient_id, step=step,
    )  # fmt: skip


async def decide(
    tx: Tx,
    actor: Actor,
    event_id: UUID,
    *,
    about: Decision,
    go: bool,
    reason: str,
    basis: DecisionBasis | None = None,
    now: datetime,
) -> None:
    """Whether somebody else is told because the patient can't be reached. A clinician or consultant decides, with a
    reason either way; telling the emergency contact names its basis: the patient's consent, or the exception for a
    serious and imminent threat (45 CFR 164.512(j)). Raises Forbidden for others."""
    if not actor.has(*DECIDES):
        raise Forbidden("a clinician or a consultant decides this", code="clinician_needed")
    event, by = await open_for_work(tx, actor, event_id, None)
    unnamed = about == "emergency_contact" and go and basis is None
    refuse(
        None if reason.strip() else Problem("reason", "is needed"),
        note_problem(reason, "reason"),
        Problem("basis", "is needed to tell the emergency contact") if unnamed else None,
    )
    await take(tx, by, event, now)
    await act(
        tx, event.clinic_id, event_id, "decision", by, now,
        note=reason, about=about, go="yes" if go else "no", basis=basis,
    )  # fmt: skip
    await restart_clock(tx, event, now)
    await record(
        tx, actor, "risk_event.decided", "risk_event", event_id, now=now,
        patient_id=event.patient_id, about=about, go=go,
    )  # fmt: skip


def _who_problem(who: str) -> Problem | None:
    if not who.strip():
        return Problem("who", "is needed")
    return Problem("who", f"is longer than {LONGEST_WHO} characters") if len(who) > LONGEST_WHO else None


def _when_problem(at: datetime, opened_at: datetime, now: datetime) -> Problem | None:
    if at > now + SLACK:
        return Problem("at", "is in the future")
    return Problem("at", "is before the event was opened") if at < opened_at - timedelta(days=1) else None
