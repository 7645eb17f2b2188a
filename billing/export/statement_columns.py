"""The statement as a table: one row per patient, month and code line, with the columns an auditor needs."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from billing.export.csv import Cell, CsvFile, Profile, csv_file
from billing.statement.rules import StatementLine, StatementRow, lines_text

Column = Callable[[StatementRow, StatementLine | None], Cell]

COLUMNS: Final[dict[str, Column]] = {
    "status": lambda row, line: row.status,
    "family_name": lambda row, line: row.facts.family_name,
    "given_name": lambda row, line: row.facts.given_name,
    "mrn": lambda row, line: row.facts.mrn,
    "birth_date": lambda row, line: row.facts.birth_date,
    "sex": lambda row, line: row.facts.sex,
    "payer": lambda row, line: row.coverage.payer if row.coverage else None,
    "payer_id": lambda row, line: row.coverage.payer_id if row.coverage else None,
    "plan": lambda row, line: row.coverage.plan if row.coverage else None,
    "member_id": lambda row, line: row.coverage.member_id if row.coverage else None,
    "diagnoses": lambda row, line: ";".join(row.facts.claim_diagnoses),
    "month": lambda row, line: str(row.month),
    "code": lambda row, line: line.code if line else None,
    "units": lambda row, line: line.units if line else None,
    "modifiers": lambda row, line: ";".join(line.modifiers) if line else None,
    "date_of_service": lambda row, line: row.date_of_service,
    "place_of_service": lambda row, line: row.place_of_service,
    "rendering_npi": lambda row, line: row.facts.practice.rendering_npi,
    "billing_npi": lambda row, line: row.facts.practice.billing_npi,
    "billing_tin": lambda row, line: row.facts.practice.billing_tin,
    "charge": lambda row, line: _money(line.charge_cents if line else None),
    "lines": lambda row, line: lines_text(row),
    "episode_id": lambda row, line: row.facts.episode.id,
    "episode_month_index": lambda row, line: row.episode_month_index,
    "month_type": lambda row, line: row.month_type or "undecided",
    "month_type_reason": lambda row, line: row.month_type_reason,
    "counted_minutes": lambda row, line: row.minutes,
    "counted_seconds": lambda row, line: row.counted_seconds,
    "excluded_seconds": lambda row, line: sum(row.excluded_seconds.values()),
    "excluded_seconds_by_reason": lambda row, line: ";".join(
        f"{reason} {seconds}" for reason, seconds in row.excluded_seconds.items()
    ),
    "rule_set": lambda row, line: row.rule_id,
    "decision": lambda row, line: row.decision_text,
    "consent_date": lambda row, line: row.facts.consent.given_on if row.facts.consent else None,
    "consent_method": lambda row, line: row.facts.consent.method if row.facts.consent else None,
    "initiating_visit_date": lambda row, line: (
        row.facts.initiating_visit.on if row.facts.initiating_visit else None
    ),
    "initiating_visit_code": lambda row, line: (
        row.facts.initiating_visit.code if row.facts.initiating_visit else None
    ),
    "consultant_review_date": lambda row, line: max(
        (review.on for review in row.facts.evidence.consultant_reviews if review.on <= row.month.last_day),
        default=None,
    ),
    "holds": lambda row, line: ";".join(note.code for note in row.holds),
    "hold_reasons": lambda row, line: " ".join(note.words for note in row.holds),
    "released_holds": lambda row, line: ";".join(note.code for note in row.released),
    "released_by": lambda row, line: ";".join(
        f"{release.by}: {release.reason}" for release in (row.releases if row.released else ())
    ),
    "flags": lambda row, line: ";".join(note.code for note in row.flags),
    "flag_reasons": lambda row, line: " ".join(note.words for note in row.flags),
    "prepared_by": lambda row, line: row.prepared_by,
    "locked_at": lambda row, line: row.locked_at.isoformat() if row.locked_at else None,
}


def table(rows: Iterable[StatementRow]) -> list[tuple[Cell, ...]]:
    """Cells in the order of COLUMNS; a month without a line keeps one row, its code empty."""
    return [
        tuple(column(row, line) for column in COLUMNS.values())
        for row in rows
        for line in (row.lines or (None,))
    ]


def statement_csv(rows: Iterable[StatementRow], stem: str, profile: Profile) -> CsvFile:
    return csv_file(stem, tuple(COLUMNS), table(rows), profile)


def claimable(rows: Iterable[StatementRow]) -> list[StatementRow]:
    """The rows a claim file may hold: held ones stay out until a named biller releases them."""
    return [row for row in rows if row.status in ("ready", "released")]


def _money(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) / 100
