"""The files of one version, made from its frozen rows alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from billing.close import delta_columns
from billing.close.rules import Delta, Frozen
from billing.export.csv import csv_file
from billing.export.institutional import institutional_csv, institutional_rows
from billing.export.statement_columns import COLUMNS, statement_csv, table
from billing.export.summary_pdf import summary_pdf
from billing.export.xlsx import MEDIA_TYPE as XLSX
from billing.export.xlsx import Sheet, workbook
from registry.time_log.months import Month

FileKind = Literal[
    "csv_spreadsheet", "csv_machine", "xlsx", "summary_pdf", "institutional_csv", "delta_csv", "claims_837p"
]
LABELS: Final[dict[FileKind, str]] = {
    "csv_spreadsheet": "CSV for a spreadsheet",
    "csv_machine": "CSV for a machine",
    "xlsx": "Excel workbook",
    "summary_pdf": "Summary to print (PDF)",
    "institutional_csv": "Rural clinics and health centres (CSV)",
    "delta_csv": "What the adjustment changed (CSV)",
    "claims_837p": "Claim file 837P",
}


class MadeFile(msgspec.Struct, frozen=True):
    kind: FileKind
    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the files besides the rows."""

    clinic: str
    month: Month
    version: int
    content_hash: str
    closed_by: str
    closed_at: datetime
    reason: str = ""


def files(made: Made, frozen: Sequence[Frozen], deltas: Sequence[Delta]) -> list[MadeFile]:
    """Same arguments, same bytes. Takes some hundred milliseconds for a large clinic: not for the event loop."""
    rows = [msgspec.structs.replace(each.row, locked_at=made.closed_at) for each in frozen]
    stem = f"evenkeel-{made.month}.v{made.version}"
    guarded, machine = statement_csv(rows, stem, "spreadsheet"), statement_csv(rows, stem, "machine")
    about = _about(made)
    sheets: list[Sheet] = [("Statement", tuple(COLUMNS), table(rows)), ("About", ("what", "value"), about)]
    summary = summary_pdf(made.clinic, made.month, made.version, made.content_hash, rows, made.closed_at)
    found = [
        MadeFile("csv_spreadsheet", guarded.name, guarded.media_type, guarded.content),
        MadeFile("csv_machine", machine.name, machine.media_type, machine.content),
        MadeFile("xlsx", f"{stem}.xlsx", XLSX, workbook(sheets, made.closed_at)),
        MadeFile("summary_pdf", f"{stem}.pdf", "application/pdf", summary),
    ]
    institutional = institutional_rows(rows)
    if institutional:
        file = institutional_csv(institutional, f"{stem}.institutional")
        found.append(MadeFile("institutional_csv", file.name, file.media_type, file.content))
    if made.version > 1:
        cells = delta_columns.table(deltas, made.reason, made.closed_by, made.closed_at)
        file = csv_file(f"{stem}.delta", delta_columns.COLUMNS, cells, "spreadsheet")
        found.append(MadeFile("delta_csv", file.name, file.media_type, file.content))
    return found


def _about(made: Made) -> list[tuple[str, str]]:
    return [
        ("clinic", made.clinic),
        ("month", str(made.month)),
        ("version", str(made.version)),
        ("closed by", made.closed_by),
        ("closed at", made.closed_at.isoformat()),
        ("content SHA-256", made.content_hash),
        ("reason of the adjustment", made.reason),
        ("standing", "A work list that a biller reviews. Not a claim; nothing was sent anywhere."),
    ]
