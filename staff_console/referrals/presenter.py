"""Words and cards of a patient's referrals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry.access import CARE
from registry.patients.queries import PatientPage
from registry.referrals.queries import ReferralEventLine, ReferralLine
from registry.referrals.rules import KINDS, OPEN, STATES, ReferralStep, after
from staff_console import formats, words
from staff_console.formstate import FormState, filled
from staff_console.pages import Visit
from staff_console.referrals.views import EventRow, ReferralCard, ReferralsPage
from staff_console.whose import whose

STEPS: Final[Mapping[ReferralStep, str]] = {
    "sent": "Sent",
    "appointment": "Appointment made",
    "seen": "Patient was seen",
    "not_seen": "Patient was not seen",
    "result": "Result received",
    "complete": "Complete, handed over or back",
    "cancelled": "Called off",
    "asked_after": "Asked after",
    "episode_ended": "Care has ended: nobody is asked any more",
}
_SEEN: Final = {True: "yes", False: "no", None: "not known yet"}


def page(
    visit: Visit, patient: PatientPage, found: tuple[ReferralLine, ...], refused: FormState | None
) -> ReferralsPage:
    acts = visit.actor.has(*CARE)
    in_care = patient.episode is not None and patient.episode.status != "ended"
    new = filled("referral", sent_on=visit.today.isoformat())
    return ReferralsPage(
        whose=whose(patient),
        referrals=tuple(_card(visit, line, refused, acts) for line in found),
        form=None
        if not (acts and in_care)
        else refused
        if refused is not None and refused.id == "referral"
        else new,
        kinds=words.choices(KINDS),
        action=f"/patients/{patient.id}/referrals",
    )


def _card(visit: Visit, line: ReferralLine, refused: FormState | None, acts: bool) -> ReferralCard:
    form_id = f"step-{line.id}"
    form: FormState | None = None
    if acts and line.state in OPEN:
        blank = filled(form_id, version=str(line.version), on=visit.today.isoformat())
        form = refused if refused is not None and refused.id == form_id else blank
    return ReferralCard(
        id=str(line.id),
        title=KINDS[line.kind],
        to=line.to,
        why=line.why,
        sent=formats.day(line.sent_on),
        appointment=None if line.appointment_on is None else formats.day(line.appointment_on),
        state=STATES[line.state],
        seen=_SEEN[line.seen],
        hands_over=line.hands_over,
        events=tuple(_event(visit, event) for event in line.events),
        steps=words.choices({s: label for s, label in STEPS.items() if after(line.state, s) is not None}),
        form=form,
    )


def _event(visit: Visit, event: ReferralEventLine) -> EventRow:
    on = "" if event.on is None else f", {formats.day(event.on).text}"
    return EventRow(visit.at(event.at), f"{STEPS[event.step]}{on}", event.by or "Evenkeel", event.note or "")
