"""The status page and the closing page out of their facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from registry.disengagement.queries import ClosingNote
from registry.disengagement.service import Standing
from registry.episodes.ending import TOLD_HOW
from registry.episodes.endings import EndingStanding
from registry.episodes.queries import EpisodeFacts
from registry.patients.queries import PatientPage
from staff_console import formats, words
from staff_console.enrol.presenter import METHODS
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit
from staff_console.status.forms import ENDS, HELP, LABELS, OFFERED
from staff_console.status.views import ClosingPage, Need, NoteLine, StatusPage
from staff_console.whose import whose

BLOCKS: Final = {
    "open_risk_event": "A safety event is open. It is closed first; nothing here passes it over.",
    "item9_above_zero": "The last item 9 was above 0. A clinician decides whether to give up.",
}
HANDOVER: Final = (
    "A referral that hands the patient over is not complete. It is completed, or called off with the reason; "
    "only a withdrawn agreement ends care before."
)
DECISIONS: Final = (
    Choice("inactive", "Close for now", "The episode stays open for a return; texts and check-ins stop."),
    Choice("ended", "End the episode", "A return starts a new referral; the history stays."),
    Choice("keep", "Go on trying", "Say why, and when it is looked at again."),
)
REENTRY: Final = "Call the clinic at any time and ask for the care manager. No new referral is needed while the episode is open."


def status_page(
    visit: Visit, patient: PatientPage, standing: EndingStanding, form: FormState | None
) -> StatusPage:
    episode = patient.episode
    assert episode is not None
    died = patient.deceased_on is not None
    events = () if died else OFFERED[episode.status]
    return StatusPage(
        whose=whose(patient),
        form=form or start(visit, episode),
        now_words="Died" if died else _now(visit, episode),
        events=tuple(Choice(event, LABELS[event], HELP.get(event, "")) for event in events),
        methods=words.choices(METHODS),
        died=died,
        refer_href="/referrals" if episode.status == "ended" and not died else "",
        needs=_needs(patient, standing) if set(ENDS) & set(events) else (),
        asks=frozenset(ask for needed in standing.asks.values() for ask in needed),
        told_how=tuple(Choice(how, text.capitalize()) for how, text in TOLD_HOW.items()),
        clinician=standing.treating_clinician or "the treating clinician",
    )


def _needs(patient: PatientPage, standing: EndingStanding) -> tuple[Need, ...]:
    """What stands in the way always; what an end asks for only of care that began."""
    home = f"/patients/{patient.id}"
    found = []
    if standing.open_risk_event:
        found.append(Need("Safety", BLOCKS["open_risk_event"], False, "/safety", "Safety events"))
    if standing.handover_open:
        found.append(Need("Handover", HANDOVER, False, f"{home}/referrals", "Referrals"))
    assert patient.episode is not None
    if patient.episode.enrolled_on is None:
        return tuple(found)
    written = standing.plan_version > 0
    plan = f"Written, version {standing.plan_version}." if written else "Not written."
    return (
        *found,
        Need("Stable", standing.stability, standing.stable, home + "#trends", "Trends"),
        Need("Last score", standing.last_score or "None.", bool(standing.last_score), f"{home}/scores", "Enter a score"),
        Need("Plan against relapse", plan, written, f"{home}/plans/relapse", "Open it" if written else "Write it"),
    )  # fmt: skip


def start(visit: Visit, episode: EpisodeFacts) -> FormState:
    return filled("status", from_date=visit.today.isoformat(), version=str(episode.version), said="verbal")


def _now(visit: Visit, episode: EpisodeFacts) -> str:
    shown = words.shown(words.STATUSES, episode.status)
    last = next((change for change in episode.history if not change.undone), None)
    if last is None:
        return shown
    reason = "" if last.reason in ("enrolled", "referred") else f", {last.reason.replace('_', ' ')}"
    look = (
        ""
        if episode.hold_review_on is None
        else f"; look again on {formats.day(episode.hold_review_on).text}"
    )
    return f"{shown}{reason}, since {formats.day(last.from_date).text}{look}"


def closing_page(
    visit: Visit,
    patient: PatientPage,
    standing: Standing,
    notes: Sequence[ClosingNote],
    form: FormState | None,
    *,
    handover: bool,
) -> ClosingPage:
    assert patient.episode is not None
    found = standing.judgement
    lead = visit.actor.has("clinic_lead", "clinician") or not standing.policy.lead_approves
    blocked = "open_risk_event" in found.blocks
    return ClosingPage(
        whose=whose(patient),
        form=form or _closing_start(visit, patient.episode, lead),
        rule=found.sentence,
        met=found.met,
        due="" if found.due_on is None or found.met else formats.day(found.due_on).text,
        blocks=tuple(BLOCKS[block] for block in found.blocks),
        handover=HANDOVER if handover else "",
        asks_clinician="item9_above_zero" in found.blocks and not visit.actor.has("clinician"),
        closes=standing.status in ("active", "relapse_prevention", "inactive_disengaged"),
        may_close=lead and not blocked,
        decisions=DECISIONS if lead and not blocked else DECISIONS[2:],
        notes=tuple(_note(visit, patient, note) for note in notes),
    )


def _closing_start(visit: Visit, episode: EpisodeFacts, lead: bool) -> FormState:
    return filled(
        "closing",
        version=str(episode.version),
        decision="inactive" if lead else "keep",
        reentry=REENTRY,
    )


def _note(visit: Visit, patient: PatientPage, note: ClosingNote) -> NoteLine:
    kept = "" if note.keep_until is None else f" until {formats.day(note.keep_until).text}"
    return NoteLine(
        at=visit.at(note.at),
        title="Closed" if note.decision == "close" else f"Goes on{kept}",
        who=note.by or "",
        note=note.note,
        href=f"/patients/{patient.id}/closing/{note.id}" if note.decision == "close" else "",
    )
