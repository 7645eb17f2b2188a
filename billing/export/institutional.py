"""Months of rural clinics and health centres, which use an institutional claim: a summary for whoever enters it.

Individual codes since 2026 for Medicare (AHRQ Integration Academy, 2026); institutional claim with a revenue code
(CodingIntel, RHC and FQHC update); bill type 71X and revenue code 052X are a rural clinic's (public RHC notes, a
secondary source). A health centre's are left for the biller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from billing.export.csv import Cell, CsvFile, csv_file
from billing.export.statement_columns import claimable
from billing.statement.rules import StatementRow

COLUMNS: Final = (
    "family_name", "given_name", "mrn", "birth_date", "payer", "payer_id", "member_id", "diagnoses", "month",
    "code", "units", "charge", "date_of_service", "billing_npi", "billing_tin", "attending_npi",
    "bill_type_rural_clinic", "revenue_code_rural_clinic", "counted_minutes", "rule_set", "note",
)  # fmt: skip
NOTE: Final = "Not a claim. Bill type and revenue code are a rural clinic's; a biller sets a health centre's."


def institutional_rows(rows: Iterable[StatementRow]) -> list[StatementRow]:
    return [row for row in claimable(rows) if any(flag.code == "institutional_claim" for flag in row.flags)]


def institutional_csv(rows: Sequence[StatementRow], stem: str) -> CsvFile:
    """One line a code, held rows left out; guarded for spreadsheets."""
    return csv_file(stem, COLUMNS, [cells for row in rows for cells in _cells(row)], "spreadsheet")


def _cells(row: StatementRow) -> Iterable[tuple[Cell, ...]]:
    facts, cover = row.facts, row.coverage
    payer = (None, None, None) if cover is None else (cover.payer, cover.payer_id, cover.member_id)
    for line in row.lines:
        charge = None if line.charge_cents is None else Decimal(line.charge_cents) / 100
        yield (
            facts.family_name, facts.given_name, facts.mrn, facts.birth_date,
            *payer,
            ";".join(facts.claim_diagnoses), str(row.month),
            line.code, line.units, charge, row.date_of_service,
            facts.practice.billing_npi, facts.practice.billing_tin, facts.practice.rendering_npi,
            "71X", "052X", row.minutes, row.rule_id, NOTE,
        )  # fmt: skip
