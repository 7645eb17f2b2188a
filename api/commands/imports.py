"""`evenkeel import`: patients, scores, contacts and billed months from another registry's CSV or workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from api.commands.output import FOUND_SOMETHING, answer, json_option, refusals, refuse
from api.commands.running import OPERATOR, with_deps
from api.wiring import Deps
from kernel.audit import system
from kernel.errors import NotFound
from registry.imports import service
from registry.imports.files import ColumnMapping, ImportKind, read_file
from registry.imports.service import Ports, Report
from registry.organisation import queries as organisation

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Brought(msgspec.Struct, frozen=True):
    """`refused`: (`line`, `column`, `reason`)."""

    kind: ImportKind
    rows: int
    imported: int
    refused: list[dict[str, Any]]


@click.command("import")
@click.argument("kind", type=click.Choice(get_args(ImportKind)))
@click.argument("file", type=_FILE)
@click.option("--clinic", required=True, help="Short name of the clinic.")
@click.option(
    "--mapping", "mapping_file", required=True, type=_FILE, help="JSON that says which column is what."
)
@click.option("--sheet", help="Of a workbook: the first that is shown otherwise.")
@click.option("--dry-run", is_flag=True, help="Give every row's verdict and change nothing.")
@json_option
def command(
    kind: ImportKind,
    file: Path,
    clinic: str,
    mapping_file: Path,
    sheet: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring in a CSV or an Excel workbook whole or not at all. Exit 1 when a row can't be used; then nothing was changed."""
    mapping = _mapping(mapping_file)
    with refusals():
        read = read_file(file.read_bytes(), name=file.name, sheet=sheet)

    async def body(deps: Deps) -> Report:
        now = deps.clock.now()
        ports = Ports(deps.outreach, deps.alerts)
        async with deps.system_db.begin() as tx:
            found = await organisation.clinic_by_slug(tx, clinic)
            if found is None:
                raise NotFound("--clinic")
            await tx.enter_clinic(found.id)
            actor = system(found.id, OPERATOR.name)
            report = await service.dry_run(tx, actor, kind, read, mapping, now=now, ports=ports)
            if dry_run or report.refused:
                return report
            await service.run(tx, actor, kind, read, mapping, now=now, ports=ports)
            return report

    report = with_deps(body)
    refused = [
        {"line": each.line, "column": column, "reason": reason}
        for each in report.refused
        for column, reason in each.problems
    ]
    imported = 0 if dry_run or refused else len(report.verdicts)
    words = [f"line {each['line']}, {each['column']}: {each['reason']}" for each in refused]
    usable = len(report.verdicts) - len(report.refused)
    words.append(f"{usable} of {len(report.verdicts)} rows can be used; {imported} imported")
    answer(Brought(kind, len(report.verdicts), imported, refused), words, as_json=as_json)
    if refused:
        raise SystemExit(FOUND_SOMETHING)


def _mapping(path: Path) -> ColumnMapping:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ColumnMapping)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        refuse(f"--mapping: {error}")
