"""The month on paper: totals, each line with its minutes, and what is held and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from billing.export.pdf import Pages
from billing.statement.rules import StatementRow
from registry.time_log.months import Month

WORDS = {"ready": "ready", "released": "released", "held": "on hold", "nothing_to_bill": "no line"}


def summary_pdf(
    clinic: str,
    month: Month,
    version: int,
    content_hash: str,
    rows: Sequence[StatementRow],
    made_at: datetime,
) -> bytes:
    pages = Pages(f"{clinic}, {month}, version {version}", made_at, "landscape")
    pages.heading(f"Collaborative care, {month}: {clinic}")
    pages.paragraph(
        f"Version {version}, closed {made_at:%Y-%m-%d %H:%M} UTC. A work list that a biller reviews; it is not a "
        f"claim, and nothing of it was sent anywhere.\nContent SHA-256: {content_hash}"
    )
    pages.heading("Totals", size=11)
    pages.table(("Line", "Patients", "Units", "Charges"), _totals(rows), (3, 1, 1, 1))
    pages.heading("Patients", size=11)
    pages.table(
        ("Patient", "MRN", "Payer", "Month", "Counted", "Lines", "Standing", "Rule set"),
        [_cells(row) for row in rows],
        (5, 2, 4, 3, 2, 4, 5, 3),
    )
    return pages.content()


def _totals(rows: Sequence[StatementRow]) -> list[tuple[str, str, str, str]]:
    patients: Counter[str] = Counter()
    units: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    for row in rows:
        for line in row.lines if row.status in ("ready", "released") else ():
            patients[line.code] += 1
            units[line.code] += line.units
            cents[line.code] += line.charge_cents or 0
    held = sum(row.status == "held" for row in rows)
    lines = [
        (code, str(patients[code]), str(units[code]), f"{cents[code] // 100}.{cents[code] % 100:02d}")
        for code in sorted(patients)
    ]
    return [*lines, ("On hold (not in the lines above)", str(held), "", "")]


def _cells(row: StatementRow) -> tuple[str, ...]:
    facts = row.facts
    lines = " + ".join(f"{line.code} x{line.units}" for line in row.lines) or "-"
    why = "; ".join(note.words for note in row.holds)
    standing = WORDS[row.status] + (f": {why}" if why else "")
    return (
        f"{facts.family_name}, {facts.given_name}",
        facts.mrn or "",
        row.coverage.payer if row.coverage else "none on record",
        row.month_type or "undecided",
        f"{row.minutes} min",
        lines,
        standing,
        row.rule_id,
    )
