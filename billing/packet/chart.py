"""A closed patient-month as clean text for the EHR. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from billing import codes
from billing.close.rules import Frozen
from billing.packet.contents import ContactNote, LoggedTime, Record, ReviewNote, Score, TreatmentNote
from billing.statement.rules import StatementLine, StatementRow
from registry import zones
from registry.filing import text
from registry.filing.text import Heading
from registry.time_log import activities

MEASURES: Final = {"phq9": "PHQ-9", "gad7": "GAD-7"}


def month_text(frozen: Frozen, record: Record, version: int) -> str:
    """Codes in this project's own words, minutes by person and activity, contacts, scores, reviews and what changed. Full
    notes are copied with each contact, so a month names its contacts alone. The same input gives the same text."""
    row, zone = frozen.row, frozen.inputs.zone
    facts = (
        ("Version", "" if version == 1 else str(version)),
        ("Codes", "; ".join(_line(line) for line in row.lines)),
        ("Counted", _minutes(row.counted_seconds)),
        ("Date of service", "" if row.date_of_service is None else text.day_text(row.date_of_service)),
        ("Diagnoses", ", ".join(each.code for each in row.facts.diagnoses)),
        ("Agreement to care", _consent(row)),
    )
    body = text.body(
        text.section("Time", _time(record.time_log)),
        text.section("Contacts", (_contact(each, zone) for each in record.contacts)),
        text.section("Scores", _scores(record.scores, row, zone)),
        text.section("Case reviews and recommendations", (_review(each, zone) for each in record.reviews)),
        text.section("Changes of treatment", (_change(each) for each in record.treatment_changes if not each.withdrawn)),
    )  # fmt: skip
    return text.document(_title(row), _whose(row), facts, body)


def taken_back_text(frozen: Frozen) -> str:
    """For a copy that is in the EHR of a month that stands no longer."""
    row = frozen.row
    return text.document(
        _title(row), _whose(row), (), "Taken back by a later correction: nothing is billed for this month."
    )


def _title(row: StatementRow) -> str:
    return f"Collaborative care, {row.month}"


def _whose(row: StatementRow) -> Heading:
    facts = row.facts
    return Heading(facts.family_name, facts.given_name, facts.birth_date, facts.mrn)


def _line(line: StatementLine) -> str:
    known = codes.find(line.code)
    return f"{line.code} x{line.units}" + ("" if known is None else f" ({known.label})")


def _consent(row: StatementRow) -> str:
    given = row.facts.consent
    if given is None:
        return "not on file"
    return f"{given.method}, {text.day_text(given.given_on)}, recorded by {given.recorded_by}"


def _time(entries: Iterable[LoggedTime]) -> list[str]:
    """Counted seconds of each person's activity, the longest first."""
    sums: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = (entry.staff, getattr(activities.find(entry.activity), "label", entry.activity))
        sums[key] = sums.get(key, 0) + entry.counted_seconds
    ordered = sorted(sums.items(), key=lambda each: (-each[1], each[0]))
    return [f"{staff}, {activity}: {_minutes(seconds)}" for (staff, activity), seconds in ordered if seconds]


def _contact(note: ContactNote, zone: str) -> str:
    kind, outcome = note.kind.replace("_", " "), note.outcome.replace("_", " ")
    return f"{text.moment_text(note.at, zone)}, {kind}, {outcome}, {note.by}"


def _scores(scores: Iterable[Score], row: StatementRow, zone: str) -> list[str]:
    """Those taken in the month."""
    month = row.month
    found = []
    for score in scores:
        on = _day(score.taken_at, zone)
        if month.first_day <= on <= month.last_day:
            total = "incomplete" if score.total is None else str(score.total)
            found.append(f"{text.day_text(on)}, {MEASURES.get(score.instrument, score.instrument)}: {total}")
    return found


def _review(note: ReviewNote, zone: str) -> str:
    return f"{text.day_text(_day(note.at, zone))}, {note.by}: {note.words}"


def _change(note: TreatmentNote) -> str:
    return f"{text.day_text(note.on)}, {note.kind.replace('_', ' ')}: {note.words} ({note.recorded_by})"


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(zones.zone(zone)).date()


def _minutes(seconds: int) -> str:
    whole, rest = divmod(seconds, 60)
    return f"{whole} min" + (f" {rest} s" if rest else "")
