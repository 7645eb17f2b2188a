"""`evenkeel safety`: assessment packs."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.commands.output import answer, json_option, refusals, refuse
from api.commands.running import with_deps
from api.wiring import Deps
from registry.safety import importing
from registry.safety.packs import read_pack


class Imported(msgspec.Struct, frozen=True):
    """`fields`: how many questions it asks."""

    id: str
    version: str
    title: str
    fields: int
    imported: bool


class Retired(msgspec.Struct, frozen=True):
    id: str


@click.group()
def command() -> None:
    """Bring in the questions of a structured assessment."""


@command.command("import-pack")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only read the file and say what is wrong with it.")
@json_option
def import_pack(file: Path, check: bool, as_json: bool) -> None:
    """Import FILE, a pack of assessment questions in JSON, for all clinics."""
    try:
        raw = file.read_bytes()
    except OSError:
        refuse(f"FILE: {file.name} can't be read")
    with refusals():
        pack = read_pack(raw)
    if not check:

        async def body(deps: Deps) -> None:
            async with deps.system_db.begin() as tx:
                await importing.import_pack(tx, raw, now=deps.clock.now())

        with_deps(body)
    made = Imported(pack.id, pack.version, pack.title, len(pack.fields), not check)
    done = "can be imported" if check else "is offered in every clinic from now on"
    answer(made, [f"{pack.title}, {pack.id} version {pack.version}, {done}"], as_json=as_json)


@command.command("retire-pack")
@click.argument("pack_id")
@json_option
def retire_pack(pack_id: str, as_json: bool) -> None:
    """Stop offering the pack with this id."""

    async def body(deps: Deps) -> None:
        async with deps.system_db.begin() as tx:
            await importing.retire_pack(tx, pack_id, now=deps.clock.now())

    with_deps(body)
    answer(Retired(pack_id), [f"{pack_id} is not offered any more"], as_json=as_json)
