"""`evenkeel registry`: the lines the registry page shows, against the facts they are made of."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from api.commands.output import FOUND_SOMETHING, answer, json_option
from api.commands.running import with_deps
from api.wiring import Deps
from registry.organisation import queries as organisation
from registry.worklist import lines


class Rebuilt(msgspec.Struct, frozen=True):
    clinics: int
    lines: int


class Drift(msgspec.Struct, frozen=True):
    """`differences`: columns that don't match their facts; `lost`: active episodes with no next moment."""

    agrees: bool
    differences: list[dict[str, Any]]
    lost: list[dict[str, Any]]


@click.group()
def command() -> None:
    """Check the registry's lines against the facts they come from."""


@command.command()
@json_option
def rebuild(as_json: bool) -> None:
    """Write every line again from its facts."""

    async def body(deps: Deps) -> Rebuilt:
        written = 0
        async with deps.system_db.begin() as tx:
            clinics = await organisation.clinics(tx)
        for clinic in clinics:
            async with deps.system_db.begin() as tx:
                written += await lines.rebuild(tx, clinic.id, deps.clock.now())
        return Rebuilt(len(clinics), written)

    made = with_deps(body)
    answer(made, [f"{made.lines} lines in {made.clinics} clinics written again"], as_json=as_json)


@command.command()
@json_option
def drift(as_json: bool) -> None:
    """Name every line that differs from its facts, and every patient whom nothing will happen for. Exit 1 if any."""

    async def body(deps: Deps) -> Drift:
        different: list[dict[str, Any]] = []
        lost: list[dict[str, Any]] = []
        async with deps.system_db.begin() as tx:
            clinics = await organisation.clinics(tx)
        for clinic in clinics:
            async with deps.system_db.begin() as tx:
                now = deps.clock.now()
                different += [_plain(d, clinic.slug) for d in await lines.drift(tx, clinic.id, now)]
                lost += [_plain(e, clinic.slug) for e in await lines.find_lost(tx, clinic.id, now)]
        return Drift(not different and not lost, different, lost)

    found = with_deps(body)
    words = [f"{d['clinic']}: episode {d['episode_id']} differs in {d['column']}" for d in found.differences]
    words += [f"{e['clinic']}: episode {e['episode_id']} has no next moment" for e in found.lost]
    answer(found, words or ["every line agrees"], as_json=as_json)
    if not found.agrees:
        raise SystemExit(FOUND_SOMETHING)


def _plain(found: msgspec.Struct, clinic: str) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {"clinic": clinic} | plain
