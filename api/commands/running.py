"""Settings from the environment, and an open set of parts around a command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from api.commands.output import refusals
from api.wiring import Deps, opened
from kernel import log, migrate
from kernel.audit import Actor, system
from kernel.errors import Conflict
from kernel.settings import Settings
from registry.organisation import queries as organisation

T = TypeVar("T")
OPERATOR: Actor = system(None, "operator")  # whoever can run commands on the server


def settings() -> Settings:
    """Raises `Invalid` with everything that is wrong in the environment."""
    found = Settings.from_env(os.environ)
    log.configure(found.log_format)
    return found


def with_deps(body: Callable[[Deps], Awaitable[T]]) -> T:
    """Runs a short command's body; its refusals end the process with their reasons."""

    async def run() -> T:
        async with opened(settings()) as deps:
            return await body(deps)

    with refusals():
        return asyncio.run(run())


async def refuse_wrong_database(deps: Deps) -> None:
    """A serving process starts only on the schema it was written for, and never mixes fictional and real people.

    Raises `Conflict`.
    """
    here, wanted = await migrate.current(deps.system_db), migrate.head()
    if here != wanted:
        raise Conflict(
            f"the database is at {here or 'no schema'}, this version needs {wanted}: evenkeel migrate"
        )
    async with deps.system_db.begin() as tx:
        known = await organisation.organisation(tx)
    if (
        known is not None
        and deps.settings.mode != "test"
        and (known.kind == "demo") != (deps.settings.mode == "demo")
    ):
        raise Conflict(
            f"the database holds a {known.kind} organisation; EVENKEEL_MODE is {deps.settings.mode}"
        )
