"""What an answer on a page or through the mobile API is measured against: a bare Litestar handler that reads the caller's
secret and the answer, and runs the statements of the recorded call in one transaction through asyncpg. It decides nothing
and seals nothing.

Served by `uvicorn bench.bare_portal:app`, told by the environment where the database and the recorded call are.
"""

from __future__ import annotations

import json
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
from litestar.response import Response

from bench import turn
from bench.bare import CONNECTIONS, _nothing
from bench.portal_load import COOKIE, csrf_of, hash_of, secret_of
from bench.portal_rows import facts_of
from bench.world import ROLE, invented_numbers
from tests.support import databases


@post("/check-in/1", status_code=303)
async def page(request: Request[Any, Any, Any]) -> Response[None]:
    fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    n = _number(request.cookies.get(COOKIE, ""))
    if fields["_csrf"] != csrf_of(n) or fields["answer"] not in "0123":
        raise PermissionDeniedException
    await _run(request, n)
    return Response(None, status_code=303, headers={"location": "/check-in/2"})


@post("/patient/v1/check-ins/{check_in:uuid}/answers", status_code=200)
async def api(request: Request[Any, Any, Any], check_in: UUID) -> dict[str, Any]:
    answers = json.loads(await request.body())["answers"]
    n = _number(request.headers.get("authorization", "").removeprefix("Bearer "))
    await _run(request, n)
    return {"check_in_id": str(check_in), "state": "open", "saved": len(answers), "late": 0, "crisis": False}


def _number(secret: str) -> int:
    n = int(secret.rsplit("-", 1)[1])
    if secret != secret_of(n):
        raise PermissionDeniedException
    return n


async def _run(request: Request[Any, Any, Any], n: int) -> None:
    state = request.app.state
    now = datetime.now(UTC)
    fresh: dict[int, UUID] = {}
    known: dict[str, Any] = {**facts_of(n), "phone_key": state.phone_keys[n], "hash": hash_of(n)}

    def new_id(index: int) -> UUID:
        if index not in fresh:
            fresh[index] = known[f"fresh{index}"] = uuid4()
        return fresh[index]

    async with state.pool.acquire() as connection, connection.transaction():
        for statement in state.turn:
            await connection.fetch(statement.sql, *turn.values_for(statement, known, new_id, now))


@asynccontextmanager
async def _opened(app: Litestar) -> AsyncIterator[None]:
    vault = databases.test_vault()
    app.state.turn = turn.load(Path(os.environ["BENCH_TURN"]))
    app.state.phone_keys = [
        vault.lookup(number) for number in invented_numbers(int(os.environ["BENCH_PEOPLE"]))
    ]
    async with asyncpg.create_pool(
        os.environ["BENCH_DSN"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        server_settings=ROLE,
        reset=_nothing,
    ) as pool:
        app.state.pool = pool
        yield


app = Litestar([page, api], lifespan=[_opened], logging_config=None, openapi_config=None)
