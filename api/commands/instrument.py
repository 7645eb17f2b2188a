"""`evenkeel instrument`: short questionnaires that a clinic brings as data, checked before they are used."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click
import msgspec

from api.commands.output import FOUND_SOMETHING, answer, json_option, refuse
from api.commands.running import OPERATOR, with_deps
from api.wiring import Deps
from kernel.errors import NotFound
from questionnaires import catalog
from questionnaires.catalog import InvalidContent
from questionnaires.instrument import Instrument
from registry.instruments import queries, service
from registry.instruments.queries import Offered
from registry.organisation import queries as organisation


class Checked(msgspec.Struct, frozen=True):
    """`problems` empty: the file may be added."""

    usable: bool
    problems: list[str]
    id: str | None = None
    language: str | None = None
    version: str | None = None
    items: int = 0
    risk_items: tuple[int, ...] = ()


class Listed(msgspec.Struct, frozen=True):
    instruments: tuple[Offered, ...]


@click.group()
def command() -> None:
    """Check, add and list questionnaires that a clinic brings as data."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Name everything that is wrong with FILE; exit 1 if anything is."""
    found = checked(file)
    words = [f"{file.name}: {problem}" for problem in found.problems] or [
        f"{found.id} {found.version} in {found.language}: {found.items} items, {_risk(found)}; may be added"
    ]
    answer(found, words, as_json=as_json)
    if not found.usable:
        raise SystemExit(FOUND_SOMETHING)


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--clinic", help="Slug of the one clinic that may use it.")
@click.option("--everywhere", is_flag=True, help="Every clinic of the organisation may use it.")
@json_option
def add(file: Path, clinic: str | None, everywhere: bool, as_json: bool) -> None:
    """Add FILE for one clinic or all. A version is never changed afterwards: a correction is a new version."""
    if (clinic is None) is not everywhere:
        refuse("name a clinic with --clinic, or say --everywhere")

    raw = file.read_bytes()

    async def body(deps: Deps) -> Instrument:
        clinic_id = None if clinic is None else await _clinic(deps, clinic)
        async with deps.system_db.begin() as tx:
            return await service.add(tx, OPERATOR, raw, clinic_id, now=deps.clock.now())

    try:
        made = with_deps(body)
    except InvalidContent as error:
        refuse(*error.problems)
    answer(_summary(made), [f"{made.id} {made.version} in {made.language} added"], as_json=as_json)


@command.command(name="list")
@click.option("--clinic", required=True, help="Slug of the clinic.")
@json_option
def list_(clinic: str, as_json: bool) -> None:
    """Everything the clinic may ask, in asking order."""

    async def body(deps: Deps) -> Listed:
        clinic_id = await _clinic(deps, clinic)
        async with deps.system_db.begin() as tx:
            return Listed(await queries.offered(tx, clinic_id))

    found = with_deps(body)
    lines = [
        f"{one.id} ({', '.join(one.languages)}){'' if one.shipped else ' added'}: {one.title}"
        for one in found.instruments
    ]
    answer(found, lines, as_json=as_json)


def checked(file: Path) -> Checked:
    try:
        return _summary(catalog.parse_addition(file.read_bytes(), file.name))
    except InvalidContent as error:
        return Checked(False, error.problems)


def _summary(made: Instrument) -> Checked:
    return Checked(
        usable=True,
        problems=[],
        id=made.id,
        language=made.language,
        version=made.version,
        items=len(made.items),
        risk_items=made.risk_item_numbers,
    )


def _risk(found: Checked) -> str:
    if not found.risk_items:
        return "none of them a risk item"
    return f"risk items: {', '.join(map(str, found.risk_items))}"


async def _clinic(deps: Deps, slug: str) -> UUID:
    """Raises NotFound for a slug nobody has."""
    async with deps.system_db.begin() as tx:
        found = await organisation.clinic_by_slug(tx, slug)
    if found is None:
        raise NotFound(f"clinic {slug}")
    return found.id
