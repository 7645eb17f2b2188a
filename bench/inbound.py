"""(a) The inbound webhook, a whole turn each, beside a bare handler that runs the same statements."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.wiring import opened
from bench import turn
from bench.load import ACCOUNT, PUBLIC_URL, TOKEN
from bench.measuring import REPETITIONS, Row, at_least, median
from bench.processes import ROOT, Running, asgi
from bench.questions import ask
from bench.world import World, build
from kernel.settings import Settings
from tests.support.children import remove, scratch_folder
from tests.support.databases import LOOKUP_KEY, TEST_KEY
from tests.support.servers import PostgresServer

REQUESTS = 1_000  # per repetition, each of another person
CONNECTIONS = 8
RECORDED = 2
WARM_UP = 200
SHARE = 0.45


async def measure(server: PostgresServer) -> list[Row]:
    now = datetime.now(UTC)  # the servers read the clock themselves
    world = await build(server, "inbound", at=now)
    count = RECORDED + 2 * (WARM_UP + REPETITIONS * REQUESTS)
    numbers = await ask(world, count, at=now - timedelta(hours=1), state="accepted", group=count)
    scratch = scratch_folder("evk-bench-", None)
    recorded = scratch / "turn"
    environment = _environment(world)
    async with opened(Settings.from_env(environment), "web") as deps:
        steps = await turn.record(deps, world, numbers[:RECORDED], now)
    turn.save(steps, recorded)
    serve = Running(("api", "serve"), environment | {"EVENKEEL_PORT": "{port}"})
    bare = asgi("bench.bare:app", _bare(world, recorded, count))
    with serve as ours_running, bare as bare_running:
        row = await _compare(world, ours_running, bare_running, len(steps))
    remove(scratch)
    await world.drop()
    return [row]


async def _compare(world: World, ours_running: Running, bare_running: Running, statements: int) -> Row:
    first = RECORDED
    ours, bare, ours_p99, bare_p99 = [], [], [], []
    for running in (ours_running, bare_running):
        await _load(running.port, world.clinic.sender_number, first, WARM_UP)
        first += WARM_UP
    for _ in range(REPETITIONS):
        for running, rates, p99s in ((ours_running, ours, ours_p99), (bare_running, bare, bare_p99)):
            measured = await _load(running.port, world.clinic.sender_number, first, REQUESTS)
            rates.append(measured["rate"])
            p99s.append(measured["p99"])
            first += REQUESTS
    await _check(world, first)
    return Row(
        name="(a) inbound webhook, one whole turn each",
        unit="req/s",
        ours=tuple(ours),
        bare=tuple(bare),
        target=f">= {SHARE:.2f}",
        met=at_least(ours, bare, SHARE),
        notes=(
            f"99th percentile: ours {median(ours_p99):.1f} ms, bare {median(bare_p99):.1f} ms",
            f"{statements} statements a turn, {CONNECTIONS} connections, {REQUESTS} requests per repetition",
        ),
    )


async def _load(port: int, to: str, first: int, count: int) -> Mapping[str, float]:
    arguments = ["-m", "bench.load", str(port), str(CONNECTIONS), to, str(first), str(count)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, problem = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load process failed: {problem.decode()[-2000:]}")
    measured: Mapping[str, float] = json.loads(out)
    return measured


async def _check(world: World, answers: int) -> None:
    """Every request, ours or bare, left an answer and a question that waits to be sent."""
    connection = await world.owner()
    found = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM answer), (SELECT count(*) FROM outbox WHERE state = 'pending')"
    )
    await connection.close()
    if tuple(found) != (answers, answers):
        raise RuntimeError(f"{answers} turns left {found[0]} answers and {found[1]} questions")


def _environment(world: World) -> dict[str, str]:
    return {
        "EVENKEEL_MODE": "standard",
        "EVENKEEL_DATABASE_URL": world.url,
        "EVENKEEL_PUBLIC_URL": PUBLIC_URL,
        "EVENKEEL_ENCRYPTION_KEYS": TEST_KEY,
        "EVENKEEL_LOOKUP_KEY": LOOKUP_KEY,
        "EVENKEEL_TWILIO_ACCOUNT_SID": ACCOUNT,
        "EVENKEEL_TWILIO_AUTH_TOKENS": TOKEN,
    }


def _bare(world: World, recorded: Path, people: int) -> dict[str, str]:
    return {"BENCH_DSN": world.dsn, "BENCH_TURN": str(recorded), "BENCH_PEOPLE": str(people)}
