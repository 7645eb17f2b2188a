"""A contact as text for the chart, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from registry.contacts.amendments import EarlierVersion
from registry.contacts.queries import ContactFacts
from registry.filing.text import Facts, Heading, document, moment_text

KINDS: Final[Mapping[str, str]] = {
    "phone": "Phone call",
    "video": "Video call",
    "portal": "Portal messages",
    "text": "Text messages",
    "in_person": "In person",
    "no_show": "Missed appointment",
    "attempt": "Attempt",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "reached": "Spoke with the patient",
    "cut_short": "Spoke, cut short",
    "other_person": "Somebody else answered",
    "no_answer": "No answer",
    "left_message": "Left a message",
    "message_sent": "Message sent, no answer yet",
    "wrong_number": "Wrong number",
    "refused": "Patient did not want to talk",
    "did_not_come": "Did not come",
}
CHANNELS: Final[Mapping[str, str]] = {
    "phone": "Phone",
    "video": "Video",
    "text": "Text",
    "portal": "Portal",
    "email": "E-mail",
    "letter": "Letter",
    "in_person": "In person",
}
ADHERENCE: Final[Mapping[str, str]] = {
    "as_prescribed": "Takes it as prescribed",
    "some_missed": "Misses some doses",
    "stopped": "Stopped taking it",
    "not_started": "Has not started",
    "none_prescribed": "Nothing is prescribed",
}
SIDE_EFFECTS: Final[Mapping[str, str]] = {
    "none": "None told",
    "bearable": "Some, bearable",
    "troubling": "Troubling",
}
SKILLS: Final[Mapping[str, str]] = {
    "behavioural_activation": "Behavioural activation",
    "problem_solving": "Problem solving",
    "motivational": "Motivational interviewing",
    "cognitive": "Working with thoughts",
    "mindfulness": "Mindfulness, relaxation",
    "sleep": "Sleep habits",
    "supportive": "Supportive talk",
    "other": "Other",
}


def contact_text(
    facts: ContactFacts, whose: Heading, zone: str, earlier: Sequence[EarlierVersion] = ()
) -> str:
    """For pasting into an EHR; times in the clinic's zone, its abbreviation beside them. Of an amended contact it says
    so: `earlier` are its versions, the newest first."""
    lines = [*_lines(facts, zone), *(("Amended", _amended(version, zone)) for version in earlier[:1])]
    return document(f"Collaborative care: {KINDS[facts.kind].lower()}", whose, lines, facts.note)


def version_text(version: EarlierVersion) -> str:
    """What a contact's record said before an amendment, for reading beside what holds now."""
    told = (
        ("Outcome", OUTCOMES[version.outcome]),
        ("Medication", _told(ADHERENCE, version.adherence, version.adherence_note)),
        ("Side effects", _told(SIDE_EFFECTS, version.side_effects, version.side_effects_note)),
        ("Skill", "" if version.skill is None else SKILLS[version.skill]),
        ("Homework", version.homework or ""),
    )
    lines = [f"{label}: {value}" for label, value in told if value]
    return "\n".join([*lines, "", version.note] if version.note else lines)


def _amended(version: EarlierVersion, zone: str) -> str:
    by = f" by {version.amended_by}" if version.amended_by else ""
    return f"{moment_text(version.amended_at, zone)}{by}: {version.reason}"


def _told(words: Mapping[str, str], code: str | None, more: str | None) -> str:
    return _joined("" if code is None else words[code], more)


def _lines(facts: ContactFacts, zone: str) -> Facts:
    return (
        ("When", moment_text(facts.occurred_at, zone)),
        ("By", facts.staff_name or ""),
        ("How", CHANNELS.get(facts.channel, facts.channel)),
        ("Outcome", OUTCOMES[facts.outcome]),
        ("Minutes", "" if facts.seconds is None else minutes_text(facts.seconds)),
        ("Identity checked", "yes" if facts.identity_checked else ""),
        ("Medication", _told(ADHERENCE, facts.adherence, facts.adherence_note)),
        ("Side effects", _told(SIDE_EFFECTS, facts.side_effects, facts.side_effects_note)),
        ("Medication changed elsewhere", facts.medication or ""),
        ("Skill", "" if facts.skill is None else SKILLS[facts.skill]),
        ("Homework", facts.homework or ""),
        ("Next contact", _next(facts, zone)),
        ("For the case review", _review(facts)),
    )


def minutes_text(seconds: int) -> str:
    whole, rest = divmod(seconds, 60)
    return str(whole) if rest == 0 else f"{whole} min {rest} s"


def _next(facts: ContactFacts, zone: str) -> str:
    about = facts.next_contact_purpose or ""
    if facts.next_contact_at is None:
        return f"as needed: {about}" if about else ""
    how = CHANNELS.get(facts.next_contact_mode or "", "").lower()
    return _joined(f"{moment_text(facts.next_contact_at, zone)}, {how}", about)


def _review(facts: ContactFacts) -> str:
    if not facts.discuss:
        return ""
    return facts.question or "to be discussed"


def _joined(first: str, more: str | None) -> str:
    return ": ".join(part for part in (first, more or "") if part)
