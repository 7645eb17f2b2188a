"""Whether this process lives, whether it can serve, and what it measures."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select

from api import due_work
from api.wiring import Deps
from kernel import migrate
from kernel.tables import Heartbeat
from kernel.web import access
from messaging.delivery.tables import Outbox
from registry.safety.tables import RiskEvent

PATIENCE_S: Final = 3.0
SHORTEST_SILENCE: Final = timedelta(seconds=60)
UNFINISHED: Final = ("pending", "sending", "unknown")


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """`detail` names what is wrong; it never holds a person's data."""

    ok: bool
    detail: str = ""


class Readiness(msgspec.Struct, frozen=True):
    ready: bool
    parts: dict[str, Part]


class Alive(msgspec.Struct, frozen=True):
    alive: bool = True


@get("/health/live", opt=access.PUBLIC, include_in_schema=False)  # for the machine that runs the process
async def live() -> Alive:
    """The process answers. Looks at nothing else, so a lost database never makes a supervisor kill it."""
    return Alive()


@get("/health/ready", opt=access.PUBLIC, include_in_schema=False)  # for the machine that routes requests
async def ready(deps: NamedDependency[Deps]) -> Response[Readiness]:
    """200 when requests may be sent here; 503 names the part that fails."""
    parts = await readiness(deps)
    is_ready = all(part.ok for part in parts.values())
    return Response(Readiness(is_ready, parts), status_code=200 if is_ready else 503)


@get("/metrics", opt=access.token("administrator"), include_in_schema=False, media_type=CONTENT_TYPE_LATEST)
async def metrics(request: Request[Any, Any, State], deps: NamedDependency[Deps]) -> bytes:
    """For Prometheus, with an administrator's token: a proxy on the same host makes every caller look local."""
    return generate_latest(request.app.state.requests.registry) + "".join(await _gauges(deps)).encode()


async def readiness(deps: Deps) -> dict[str, Part]:
    parts = {"database": await _database(deps)}
    if parts["database"].ok:
        parts["schema"] = await _schema(deps)
    if parts["database"].ok and parts["schema"].ok:
        parts["worker"] = await _worker(deps)
    if deps.redis is not None:
        parts["redis"] = Part(True) if await deps.redis.answers() else Part(False, "can't be reached")
    return parts


async def _database(deps: Deps) -> Part:
    try:
        async with asyncio.timeout(PATIENCE_S), deps.db.begin() as tx:
            await tx.scalar(select(1))
    except Exception as error:
        return Part(False, f"does not answer ({type(error).__name__})")
    return Part(True)


async def _schema(deps: Deps) -> Part:
    here, wanted = await migrate.current(deps.system_db), migrate.head()
    return (
        Part(True)
        if here == wanted
        else Part(False, f"is at {here or 'nothing'}, this version needs {wanted}")
    )


async def _worker(deps: Deps) -> Part:
    """Each sweep must have run within three of its rhythms, and none is judged before a minute."""
    async with deps.system_db.begin() as tx:
        rows = await tx.all(select(Heartbeat.name, Heartbeat.last_run_at))
    silent = silent_sweeps(
        {row.name: row.last_run_at for row in rows}, due_work.rhythms(deps), deps.clock.now()
    )
    return Part(True) if not silent else Part(False, f"has not run: {', '.join(silent)}")


def silent_sweeps(
    last_runs: dict[str, datetime], rhythms: dict[str, timedelta], now: datetime
) -> tuple[str, ...]:
    """Names of sweeps that never ran or ran too long ago, in their order."""
    return tuple(
        name
        for name, every in rhythms.items()
        if (last := last_runs.get(name)) is None or now - last > max(3 * every, SHORTEST_SILENCE)
    )


async def _gauges(deps: Deps) -> list[str]:
    """Counts of what waits, and how long each sweep has been silent."""
    now = deps.clock.now()
    async with deps.system_db.begin() as tx:
        beats = await tx.all(select(Heartbeat.name, Heartbeat.last_run_at))
        waiting = await tx.all(
            select(Outbox.state, func.count().label("n"))
            .where(Outbox.state.in_(UNFINISHED))
            .group_by(Outbox.state)
        )
        risk = await tx.scalar(
            select(func.count()).where(RiskEvent.state == "open", RiskEvent.is_drill.is_(False))
        )
    counts = dict.fromkeys(UNFINISHED, 0) | {row.state: row.n for row in waiting}
    ages = {row.name: max(0, round((now - row.last_run_at).total_seconds())) for row in beats}
    return [
        *_gauge("evenkeel_sweep_age_seconds", "Seconds since a sweep last ran.", "sweep", ages),
        *_gauge("evenkeel_outbox_rows", "Texts and e-mails that are not finished.", "state", counts),
        *_gauge(
            "evenkeel_open_risk_events", "Risk events nobody has taken.", "state", {"open": int(risk or 0)}
        ),
    ]


def _gauge(name: str, words: str, label: str, values: dict[str, int]) -> list[str]:
    lines = [f"# HELP {name} {words}\n", f"# TYPE {name} gauge\n"]
    return lines + [f'{name}{{{label}="{key}"}} {value}\n' for key, value in values.items()]


ROUTES: tuple[Any, ...] = (live, ready, metrics)
