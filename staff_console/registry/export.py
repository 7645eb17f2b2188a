"""The registry as a file: one row a patient, guarded against cells that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from billing.export.csv import Cell, CsvFile, csv_file
from registry.worklist.queries import Line
from staff_console import people, words
from staff_console.pages import Visit

HEADER = (
    "flags", "rules", "status", "family_name", "given_name", "mrn", "birth_date", "clinic", "care_manager",
    "enrolled_on", "weeks", "phq9_first", "phq9_last", "phq9_change_pct", "phq9_last_on", "item9_last",
    "gad7_first", "gad7_last", "gad7_change_pct", "gad7_last_on", "last_treatment_change", "check_in",
    "next_check_in_on", "last_contact_on", "contacts", "next_contact_on", "next_contact", "last_review_on", "minutes_month",
    "minutes",
)  # fmt: skip


def registry_file(visit: Visit, lines: Sequence[Line], managers: Mapping[UUID, str]) -> CsvFile:
    return csv_file(
        f"registry-{visit.today.isoformat()}",
        HEADER,
        (_row(visit, line, managers) for line in lines),
        "spreadsheet",
    )


def _row(visit: Visit, line: Line, managers: Mapping[UUID, str]) -> tuple[Cell, ...]:
    manager = (
        None if line.care_manager_id is None else managers.get(line.care_manager_id, "another colleague")
    )
    return (
        "; ".join(flag.word for flag in people.flags(visit, line)),
        "; ".join(f"{result['rule']} {result['outcome']}" for result in line.rules),
        words.shown(words.STATUSES, line.status),
        line.family_name,
        line.given_name,
        line.mrn,
        line.birth_date,
        visit.frame.clinic,
        manager,
        line.enrolled_on,
        None if line.enrolled_on is None else (visit.today - line.enrolled_on).days // 7,
        line.phq9_first,
        line.phq9_last,
        line.phq9_change_pct,
        visit.on(line.phq9_last_at),
        line.phq9_item9,
        line.gad7_first,
        line.gad7_last,
        line.gad7_change_pct,
        visit.on(line.gad7_last_at),
        line.changed_on,
        "opted out" if line.opted_out else line.check_in_state,
        line.next_check_in_on,
        visit.on(line.last_contact_at),
        line.contacts,
        visit.on(line.next_contact_at),
        words.shown(words.CONTACT_MODES, line.next_contact_mode) or None,
        visit.on(line.last_review_at),
        line.minutes_month,
        line.counted_seconds // 60,
    )
