"""The thread and the reply form of the patient's page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from messaging.conversation.thread import TextLine
from staff_console import thread
from staff_console.formstate import FormState
from staff_console.pages import Visit, link
from staff_console.patient.facts import PatientFacts
from staff_console.patient.forms import TEXT_MAX
from staff_console.patient.views import ReplyForm
from staff_console.thread import Bubble, ThreadDay

BLOCKED: Final = {
    "no_phone": "No phone is on record, so no text can be sent.",
    "phone_wrong": "The number on record is wrong. Find the right one before texting.",
    "phone_unreachable": "The number on record can't be reached. Check it before texting.",
    "not_safe_to_text": "The patient said that others may read this phone. Call instead.",
    "no_consent": "The patient has not agreed to be texted on this number.",
    "opted_out": "The patient opted out of texts. Agree on another channel.",
    "texts_paused": "Texts to this number are paused.",
    "not_enrolled": "No text goes out before the enrolment.",
    "on_hold": "Care is on hold, so no text goes out.",
    "inactive": "The patient counts as not reached, so no text goes out.",
    "ended": "Care has ended, so no text goes out.",
    "deceased": "The patient has died.",
    "minor_without_policy": "The patient is under 18 and the clinic's adolescent policy is not signed.",
}
KINDS: Final = {
    "invitation": "Check-in",
    "reminder": "Reminder",
    "contact_reminder": "Reminder of the next contact",
    "no_show": "After a missed appointment",
    "question": "Question",
    "acknowledgement": "Check-in",
    "link": "Link",
    "opt_in_confirmation": "Confirmation",
    "staff_text": "Staff",
    "help": "Help text",
    "fixed_reply": "Fixed reply",
    "stop_confirmation": "End of texts",
    "crisis": "Crisis text",
    "passcode": "Passcode",
    "requested_code": "Passcode",
}
REASONS: Final = {
    "opted_out": "The patient had opted out.",
    "no_consent": "No agreement to be texted.",
    "consent_withdrawn": "The agreement to be texted was withdrawn.",
    "episode_closed": "Care was paused or had ended.",
    "contact_changed": "The number had changed.",
    "check_in_closed": "The check-in had ended.",
    "turn_moved": "The conversation had moved on.",
    "question_answered": "The question was answered already.",
    "texts_paused": "Texts to this number were paused.",
    "exemption_scope": "Without consent only a link or a reminder may go out.",
    "exemption_length": "Too long for a text without consent.",
    "exemption_week": "Too many texts this week without consent.",
    "no_window": "No hour of the day was left in which it may go.",
}

_FILED: Final = re.compile(r"answer:\d(;echo)?|bulk:\d(,\d)*|command:[a-z]+")


def thread_days(visit: Visit, facts: PatientFacts) -> tuple[ThreadDay, ...]:
    return thread.by_day([_bubble(visit, line, facts.names) for line in facts.texts.lines])


def older_href(facts: PatientFacts) -> str:
    if not facts.texts.more or not facts.texts.lines:
        return ""
    before = facts.texts.lines[0].at.isoformat()
    return link(f"/patients/{facts.patient.id}", texts_before=before) + "#texts"


def unread(facts: PatientFacts) -> int:
    return sum(needs_reading(line) for line in facts.texts.lines)


def needs_reading(line: TextLine) -> bool:
    """Whether a text of the patient waits for a person. What the rules filed whole, a plain answer or a word such as
    BACK, does not: one with more in it, a picture, or any doubt does."""
    if line.direction != "in" or line.seen_at is not None:
        return False
    return line.state != "applied" or line.media_count > 0 or not _FILED.fullmatch(line.understood or "")


def reply(visit: Visit, facts: PatientFacts, form: FormState | None) -> ReplyForm:
    if not visit.actor.has("care_manager", "clinician", "clinic_lead"):
        return ReplyForm(FormState("reply"), "", blocked="Texts are written by the care team.")
    phone = facts.patient.phone
    blocked = "" if facts.blocked is None else blocked_words(facts.blocked)
    ending = "" if phone is None else phone.number[-4:]
    preview = (
        f"Goes to the phone ending {ending}, within 30 minutes of the patient's own text or in their daytime. "
        "Nothing private: texts are not encrypted."
    )
    return ReplyForm(form or FormState("reply"), preview, longest=TEXT_MAX, blocked=blocked)


def blocked_words(code: str) -> str:
    return BLOCKED.get(code, f"No text can be sent: {code.replace('_', ' ')}.")


def _bubble(visit: Visit, line: TextLine, names: Mapping[UUID, str]) -> Bubble:
    at = visit.at(line.at)
    if line.direction == "in":
        return thread.received("Patient", _body(line), at, _note(line))
    author = names.get(line.staff_id, "Staff") if line.staff_id else KINDS.get(line.kind, "Text")
    reason = (
        "" if line.reason is None else REASONS.get(line.reason, f"Reason: {line.reason.replace('_', ' ')}.")
    )
    return thread.sent(author, line.body, at, line.delivery or "waiting", reason=reason)


def _body(line: TextLine) -> str:
    if line.media_count == 0:
        return line.body
    return f"{line.body} [a picture or file came with this text; it was not kept]".strip()


def _note(line: TextLine) -> str:
    """What the text meant to the system, and whether somebody has read it."""
    parts = (line.understood or "").split("+")
    notes = [
        {"parked": "Could not be handled; a task was opened", "held": "Waits to be handled"}.get(
            line.state or "", ""
        ),
        _meaning(parts[0].split(";")[0]),
        "may signal danger" if {"crisis", "risk"} & set(parts) else "",
        "not read yet" if needs_reading(line) else "",
    ]
    return "; ".join(note for note in notes if note)


def _meaning(notation: str) -> str:
    kind, _, value = notation.partition(":")
    match kind:
        case "answer" | "bulk":
            return f"Answer {value.replace(',', ', ')}"
        case "command":
            return f"Command {value.upper()}"
        case "ask":
            return "Not clear as an answer"
        case "stop" | "start" | "help":
            return kind.upper()
        case _:
            return ""
