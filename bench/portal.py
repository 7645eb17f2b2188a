"""(g) One answer on a check-in page and (h) one through the mobile API, each beside a bare handler that runs the same
statements. Each answer is another person's first, with all that follows: the item-9 rule's look, the thread moved on, the
audit rows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from sqlalchemy import event

from api.app import create_app
from api.wiring import Deps, opened
from bench import turn
from bench.inbound import _bare, _environment
from bench.measuring import REPETITIONS, Row, at_least, median
from bench.portal_load import EXPECTED, HOST, Kind, call, hash_of
from bench.portal_rows import facts_of, let_in
from bench.processes import ROOT, Running, asgi
from bench.questions import ask
from bench.turn import Frozen, Turn
from bench.world import World, build, invented_numbers
from kernel.settings import Settings
from tests.support.children import remove, scratch_folder
from tests.support.servers import PostgresServer

REQUESTS = 500  # per repetition, each of another person
CONNECTIONS = 8
RECORDED = 2
WARM_UP = 100
NO_SID = "no provider names this call"
SHARE = 0.35  # a page or an app's call is also read, checked and answered in words
NAMES: dict[Kind, str] = {
    "page": "(g) answer on a check-in page",
    "api": "(h) answer through the mobile API",
}


async def measure(server: PostgresServer) -> list[Row]:
    return [await _measure(server, kind) for kind in NAMES]


async def _measure(server: PostgresServer, kind: Kind) -> Row:
    now = datetime.now(UTC)  # the servers read the clock themselves
    world = await build(server, f"portal_{kind}", at=now)
    people = RECORDED + 2 * (WARM_UP + REPETITIONS * REQUESTS)
    await ask(world, people, at=now - timedelta(hours=1), state="accepted", group=people)
    await let_in(world, now)
    scratch = scratch_folder("evk-bench-", None)
    recorded = scratch / "turn"
    environment = _environment(world)
    async with opened(Settings.from_env(environment), "web") as deps:
        steps = await _record(deps, world, kind, now)
    turn.save(steps, recorded)
    serve = Running(("api", "serve"), environment | {"EVENKEEL_PORT": "{port}"})
    bare = asgi("bench.bare_portal:app", _bare(world, Path(recorded), people))
    with serve as ours_running, bare as bare_running:
        row = await _compare(world, kind, ours_running, bare_running, len(steps))
    remove(scratch)
    await world.drop()
    return row


async def _record(deps: Deps, world: World, kind: Kind, now: datetime) -> Turn:
    """The statements of the last recorded person's call, through the real application in this process."""
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, tuple(parameters)))

    app = create_app(msgspec.structs.replace(deps, clock=Frozen(now)))
    engines = {deps.db.engine.sync_engine, deps.system_db.engine.sync_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
        for n in range(RECORDED):
            seen.clear()
            path, headers, body = call(kind, n)
            answer = await client.post(path, headers=headers, content=body)
            if str(answer.status_code).encode() != EXPECTED[kind]:
                raise RuntimeError(
                    f"the recorded call was answered {answer.status_code}: {answer.text[:300]}"
                )
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    last = RECORDED - 1
    facts: dict[Any, str] = {value: name for name, value in facts_of(last).items()}
    facts[hash_of(last)] = "hash"
    facts[deps.vault.lookup(invented_numbers(RECORDED)[last])] = "phone_key"
    facts |= dict.fromkeys((world.clinic.id, world.clinic.sender_id), "")
    return turn.as_turn(seen, facts, NO_SID, now)


async def _compare(
    world: World, kind: Kind, ours_running: Running, bare_running: Running, statements: int
) -> Row:
    first = RECORDED
    ours, bare, ours_p99, bare_p99 = [], [], [], []
    for running in (ours_running, bare_running):
        await _load(kind, running.port, first, WARM_UP)
        first += WARM_UP
    for _ in range(REPETITIONS):
        for running, rates, p99s in ((ours_running, ours, ours_p99), (bare_running, bare, bare_p99)):
            measured = await _load(kind, running.port, first, REQUESTS)
            rates.append(measured["rate"])
            p99s.append(measured["p99"])
            first += REQUESTS
    await _check(world, first)
    return Row(
        name=NAMES[kind],
        unit="req/s",
        ours=tuple(ours),
        bare=tuple(bare),
        target=f">= {SHARE:.2f}",
        met=at_least(ours, bare, SHARE),
        notes=(
            f"99th percentile: ours {median(ours_p99):.1f} ms, bare {median(bare_p99):.1f} ms",
            f"{statements} statements a call, {CONNECTIONS} connections, {REQUESTS} requests per repetition",
        ),
    )


async def _load(kind: Kind, port: int, first: int, count: int) -> Mapping[str, float]:
    arguments = ["-m", "bench.portal_load", kind, str(port), str(CONNECTIONS), str(first), str(count)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, problem = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load process failed: {problem.decode()[-2000:]}")
    measured: Mapping[str, float] = json.loads(out)
    return measured


async def _check(world: World, answers: int) -> None:
    """Every request, ours or bare, left one answer."""
    connection = await world.owner()
    found = await connection.fetchval("SELECT count(*) FROM answer")
    await connection.close()
    if found != answers:
        raise RuntimeError(f"{answers} calls left {found} answers")
