"""Minutes of the conversation a patient is enrolled in, logged with the enrolment. What counts, the time log decides."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from kernel.errors import Conflict, Invalid
from registry.time_log import service as time_log
from registry.time_log import timer
from registry.time_log.service import TimeForm, ended_now
from registry.time_log.timer import StopForm
from staff_console.enrol.forms import EnrolFields
from staff_console.pages import Visit

ACTIVITY: Final = "outreach"


def may_log(visit: Visit) -> bool:
    """Whether time of the person who enrols can be time of care."""
    return visit.actor.has("care_manager", "clinician")


def timed(visit: Visit, patient_id: UUID | None) -> bool:
    """Whether the person's timer runs for this patient."""
    running = visit.frame.timer
    return running is not None and running.patient_id == patient_id


async def log_minutes(visit: Visit, form: EnrolFields, patient_id: UUID, given_at: datetime) -> None:
    """Typed minutes win over the timer, which then goes on."""
    if form.minutes is not None:
        entry = TimeForm(
            started_at=_began(visit, form, form.minutes, given_at), minutes=form.minutes, activity=ACTIVITY
        )
        await time_log.log_time(visit.tx, visit.actor, patient_id, entry, source="console", now=visit.now)
    elif form.began_at is not None:
        raise Invalid.field("minutes", "are needed with the start of the conversation")
    elif form.from_timer is not None:
        worked_for, _ = await timer.stop(visit.tx, visit.actor, StopForm(activity=ACTIVITY), now=visit.now)
        if worked_for != patient_id:
            raise Conflict("your timer runs for another patient: type the minutes instead")


def _began(visit: Visit, form: EnrolFields, minutes: float, given_at: datetime) -> datetime:
    """On the day of the agreement, which was part of the conversation. Without a time it has just ended; that can't be
    when the agreement was given before it would have begun, and to guess would count minutes from before the agreement.
    """
    just_ended = ended_now(minutes, visit.now)
    if form.began_at is not None:
        return min(visit.moment(form.consent_on, form.began_at), just_ended)
    if given_at < just_ended:
        raise Invalid.field("began_at", "is needed: the patient agreed more than that many minutes ago")
    return just_ended
