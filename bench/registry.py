"""(d) The registry page beside a bare handler that fetches the same rows by primary key and renders the same table.

Both answer through ASGI in this process, on the same database, with the application's own templates. The bare handler
knows which rows it will be asked for: it checks no session, filters, sorts, counts and audits nothing.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
import msgspec
from litestar import Litestar, Request, get
from litestar.response import Response

from api.app import create_app
from api.pages import environment
from api.wiring import Deps
from bench.measuring import Row, at_most, median
from bench.world import EPISODE, NOW, PATIENT, ROLE, World, build
from kernel.web import cookies, sessions
from registry.flags.thresholds import Thresholds
from registry.worklist.beside import Beside
from registry.worklist.frame import frame
from registry.worklist.queries import Line, Page
from staff_console.pages import Visit
from staff_console.registry import presenter
from staff_console.registry.forms import RegistryQuery
from staff_console.registry.presenter import Around
from staff_console.shell import Shell
from tests.support.app import browser, test_deps
from tests.support.clock import FakeClock
from tests.support.servers import PostgresServer

SIZES = (2_000, 200_000)
SCORES = 10  # of each patient
CASELOAD, CLINIC_PAGE = 80, 50
WARM, ASKED = 8, 40  # requests before and in each measurement
ROUNDS = 5
FILTERS = {
    "caseload of 80": RegistryQuery(caseload="mine"),
    "clinic page of 50": RegistryQuery(caseload="clinic"),
}

# $1 clinic, $2 moment, $3 care manager, $4 first, $5 last person. The first 80 people are the care manager's.
_PEOPLE = (
    f"""INSERT INTO patient (id, clinic_id, family_name, given_name, name_key, language, zone, channel, is_test,
            created_at, updated_at, version)
        SELECT bench_id({PATIENT}, n), $1, 'Rivera' || n, 'Ana', 'rivera' || n || ' ana', 'en',
            'America/Los_Angeles', 'sms_link', false, $2, $2, 1
        FROM generate_series($4::bigint, $5::bigint) n WHERE $3::uuid IS NOT NULL""",
    f"""INSERT INTO episode (id, clinic_id, patient_id, status, referred_at, referred_by, referral_reason_sealed,
            enrolled_on, care_manager_id, version, created_at, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', $2, 'Dana Clark', '',
            ($2::timestamptz)::date - (n % 300)::int, CASE WHEN n < {CASELOAD} THEN $3::uuid END, 1, $2, $2
        FROM generate_series($4::bigint, $5::bigint) n""",
    f"""INSERT INTO registry_line (episode_id, clinic_id, patient_id, status, name_key, family_name, given_name, mrn,
            care_manager_id, referred_at, enrolled_on, phq9_first, phq9_last, phq9_last_at, phq9_item9, phq9_series,
            gad7_first, gad7_last, gad7_last_at, rules, rules_on, no_answer_count, opted_out, counted_seconds,
            last_contact_at, next_contact_at, next_contact_mode, open_risk, safety_flag, severe_flag, discuss_flag,
            waiting_replies, open_tasks, sort_rank, overdue_since, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', 'rivera' || n || ' ana', 'Rivera' || n,
            'Ana', 'M' || n, CASE WHEN n < {CASELOAD} THEN $3::uuid END, $2, ($2::timestamptz)::date - (n % 300)::int,
            10 + n % 17, n % 27, $2::timestamptz - (n % 40) * interval '1 day', '0', '[18, 16, 15, 12, 11, 9]',
            12, n % 21, $2,
            CASE WHEN n % 3 = 0 THEN '[{{"rule": "R-STALL-B", "version": "1", "outcome": "met", "sentence":
                "PHQ-9 went from 16 to 12 in 9 weeks: neither below 10 nor halved.", "inputs": {{"days": 63}}}}]'
                ELSE '[]' END::json,
            ($2::timestamptz AT TIME ZONE 'America/Los_Angeles')::date, 0, false, 0,
            $2::timestamptz - (n % 40) * interval '1 day', $2::timestamptz + (n % 30 - 3) * interval '1 day', 'phone',
            CASE WHEN n % 500 = 1 THEN 1 ELSE 0 END, false, false, n % 90 = 2, 0, 0,
            CASE WHEN n % 500 = 1 THEN 0 WHEN n % 90 = 2 THEN 1 ELSE 2 END,
            CASE WHEN n % 30 < 3 THEN $2::timestamptz + (n % 30 - 2) * interval '1 day' ELSE '9999-12-31Z' END, $2
        FROM generate_series($4::bigint, $5::bigint) n""",
    """INSERT INTO raised_rule (id, clinic_id, episode_id, rule, outcome)
        SELECT gen_random_uuid(), clinic_id, episode_id, 'R-STALL-B', 'met'
        FROM registry_line WHERE rules::text <> '[]' AND $1::uuid IS NOT NULL AND $2::timestamptz IS NOT NULL
            AND $3::uuid IS NOT NULL AND $4::bigint IS NOT NULL AND $5::bigint IS NOT NULL""",
    f"""INSERT INTO measure_result (id, clinic_id, run_id, patient_id, episode_id, instrument_id, taken_at, raw_sum,
            n_answered, n_items, is_complete, total, item9, channel, scoring_version, filed_at)
        SELECT bench_id(91, n * {SCORES} + s), $1, bench_id(92, n * {SCORES} + s), bench_id({PATIENT}, n),
            bench_id({EPISODE}, n), 'phq9', $2::timestamptz - s * interval '14 days', 12, 9, 9, true, 12, '0', 'sms',
            '1', $2
        FROM generate_series(0, {SCORES - 1}) s, generate_series($4::bigint, $5::bigint) n
        WHERE $3::uuid IS NOT NULL""",
)


async def measure(server: PostgresServer) -> list[Row]:
    rows: list[Row] = []
    smallest: dict[str, float] = {}
    for size in SIZES:
        world = await _filled(server, size)
        for name, asked in FILTERS.items():
            ours, bare = await _compare(world, asked)
            smallest.setdefault(name, median(ours))
            rows.append(_row(name, size, ours, bare, smallest[name]))
        await world.drop()
    return rows


def _row(name: str, size: int, ours: list[float], bare: list[float], smallest: float) -> Row:
    flat = median(ours) / smallest
    notes = [] if size == SIZES[0] else [f"ours, to {SIZES[0]:,} patients: {flat:.2f} (target <= 1.50)"]
    return Row(
        name=f"(d) registry, {name} of {size:,}",
        unit="ms",
        ours=tuple(ours),
        bare=tuple(bare),
        target="<= 3.00",
        met=at_most(ours, bare, 3.0) and flat <= 1.5,
        notes=tuple(notes),
    )


async def _filled(server: PostgresServer, size: int) -> World:
    world = await build(server, f"registry_{size}")
    args = (world.clinic.id, NOW, world.clinic.care_manager, 0, size - 1)
    for statement in _PEOPLE:
        await world.run(statement, args=args)
    await world.settle()
    return world


async def _compare(world: World, asked: RegistryQuery) -> tuple[list[float], list[float]]:
    """Milliseconds a page, ours and bare, in turns."""
    async with test_deps(world.url, FakeClock(NOW)) as deps, browser(deps, create_app(deps)) as client:
        client.cookies.set(cookies.name(deps.settings, cookies.STAFF), await _session(deps, world))
        path = "/registry" if asked.caseload == "mine" else "/registry?caseload=clinic"
        ids = _ids((await client.get(path)).text)
        expected = CASELOAD if asked.caseload == "mine" else CLINIC_PAGE
        if len(ids) != expected:
            raise RuntimeError(f"the page shows {len(ids)} patients, not {expected}")
        pool = await asyncpg.create_pool(world.dsn, min_size=1, max_size=2, server_settings=ROLE)
        visit = await _visit(deps, world)
        bare_app = bare(pool, visit, asked, ids)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=cast(Any, bare_app)), base_url="http://bare.local"
        ) as baseline:
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(await _timed(lambda: client.get(path), ids))
                theirs.append(await _timed(lambda: baseline.get("/table"), ids))
        await pool.close()
    return ours, theirs


async def _timed(fetch: Callable[[], Awaitable[httpx.Response]], ids: Sequence[UUID]) -> float:
    for _ in range(WARM):
        answer = await fetch()
    if answer.status_code != 200 or _ids(answer.text) != list(ids):
        raise RuntimeError("the page shows other patients")
    gc.collect()
    started = time.perf_counter()
    for _ in range(ASKED):
        await fetch()
    return (time.perf_counter() - started) * 1000 / ASKED


def _ids(html: str) -> list[UUID]:
    """Patients in the order of the table."""
    parts = html.split('role="rowheader"')[1:]
    return [UUID(part.split('href="/patients/', 1)[1][:36]) for part in parts]


async def _session(deps: Deps, world: World) -> str:
    secret = deps.new_token()
    async with deps.system_db.begin() as tx:
        await sessions.start(
            tx, world.clinic.care_manager, world.clinic.id, "full",
            secret=secret, csrf=deps.new_token(), now=deps.clock.now(),
        )  # fmt: skip
    return secret


async def _visit(deps: Deps, world: World) -> Visit:
    """What the table is rendered with, made once."""
    actor = world.clinic.actor("care_manager")
    async with deps.db.begin(world.clinic.id) as tx:
        around = await frame(tx, actor)
        return Visit(
            tx,
            actor,
            world.clinic.care_manager,
            world.clinic.id,
            NOW,
            around,
            cast(Any, deps),
            cast(Any, None),
        )


_WORKED_OUT = ("contacts", "hold_review_on", "overdue", "phq9_change_pct", "gad7_change_pct")
_STORED = tuple(name for name in Line.__struct_fields__ if name not in _WORKED_OUT)
_SQL = f"""SELECT {", ".join(_STORED)}, overdue_since,
    (SELECT count(*) FROM contact c WHERE c.episode_id = registry_line.episode_id AND c.spoken) AS contacts,
    (SELECT hold_review_on FROM episode e WHERE e.id = registry_line.episode_id) AS hold_review_on
    FROM registry_line WHERE episode_id = ANY($1::uuid[])"""
_JSON = ("rules", "phq9_series")


def bare(pool: asyncpg.Pool, visit: Visit, asked: RegistryQuery, patients: Sequence[UUID]) -> Litestar:
    """A handler that fetches these rows by primary key and renders the application's table."""
    template = environment().get_template("registry/registry.html")
    around = Around(Beside({}, (), {}, _Nothing()), {}, Thresholds())
    frame_page = presenter.page(visit, asked, Page((), None), around)
    shell = _shell(visit)
    keys = [UUID(str(one).replace(f"-{PATIENT:04x}-", f"-{EPISODE:04x}-")) for one in patients]

    @get("/table")
    async def table(request: Request[Any, Any, Any]) -> Response[str]:
        async with pool.acquire() as connection:
            rows = await connection.fetch(_SQL, keys)
        found = {row["episode_id"]: row for row in rows}
        shown = tuple(presenter.row(visit, _line(found[key]), None) for key in keys)
        page = msgspec.structs.replace(frame_page, rows=shown)
        return Response(template.render(shell=shell, page=page, csrf_token="none"), media_type="text/html")

    return Litestar([table], logging_config=None, openapi_config=None)


def _line(row: asyncpg.Record) -> Line:
    values = {name: row[name] for name in _STORED}
    for name in _JSON:
        values[name] = msgspec.json.decode(values[name])
    return Line(
        **values,
        contacts=row["contacts"],
        hold_review_on=row["hold_review_on"],
        overdue=row["overdue_since"] <= NOW,
        phq9_change_pct=-25,
        gad7_change_pct=-25,
    )


class _Nothing(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return 0


def _shell(visit: Visit) -> Any:
    return Shell(clinic=visit.frame.clinic, mode="live", now=visit.at(NOW))
