"""What the application is measured against: a bare Litestar handler that verifies the signature and runs the same
statements in one transaction through asyncpg. It decides nothing and seals nothing: every parameter is a copy of the
recorded turn's, with this person's ids.

Served by `uvicorn bench.bare:app`, told by the environment where the database and the recorded turn are.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import asyncpg
from litestar import Litestar, Request, post
from litestar.exceptions import PermissionDeniedException

from bench import turn
from bench.load import PUBLIC_URL, VALIDATOR
from bench.world import ROLE, id_of, invented_numbers
from tests.support import databases

CONNECTIONS = 10


@post("/webhooks/twilio/inbound", status_code=204)
async def inbound(request: Request[Any, Any, Any]) -> None:
    fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    signature = request.headers.get("x-twilio-signature", "")
    if not VALIDATOR.validate(PUBLIC_URL + request.url.path, fields, signature):
        raise PermissionDeniedException
    state = request.app.state
    now = datetime.now(UTC)
    fresh: dict[int, UUID] = {}

    def new_id(index: int) -> UUID:
        if index not in fresh:
            fresh[index] = known[f"fresh{index}"] = uuid4()
        return fresh[index]

    known: dict[str, Any] = {**state.people[fields["From"]], "sid": fields["MessageSid"]}
    async with state.pool.acquire() as connection, connection.transaction():
        for statement in state.turn:
            await connection.fetch(statement.sql, *turn.values_for(statement, known, new_id, now))


@asynccontextmanager
async def _opened(app: Litestar) -> AsyncIterator[None]:
    vault = databases.test_vault()
    app.state.turn = turn.load(Path(os.environ["BENCH_TURN"]))
    app.state.people = {
        number: {"phone_key": vault.lookup(number)}
        | {name: id_of(kind, n) for name, kind in turn.KINDS.items()}
        for n, number in enumerate(invented_numbers(int(os.environ["BENCH_PEOPLE"])))
    }
    async with asyncpg.create_pool(
        os.environ["BENCH_DSN"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        server_settings=ROLE,
        reset=_nothing,
    ) as pool:
        app.state.pool = pool
        yield


async def _nothing(_: Any) -> None:
    """Each use is one whole transaction, so there is nothing to put back."""


app = Litestar([inbound], lifespan=[_opened], logging_config=None, openapi_config=None)
