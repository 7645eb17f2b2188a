"""(f) The month roll-up: sum, decide and write every patient-month of a large clinic as CSV, beside a bare loop that
streams the same ordered rows and adds up their seconds.

`python -m bench month 20000` runs a tenth of it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from api.serving import run
from bench.measuring import Row, at_most
from bench.world import EPISODE, PATIENT, ROLE, World, build
from billing.statement.rollup import roll_up
from kernel.audit import Actor
from registry import zones
from registry.time_log.months import Month
from tests.support import databases
from tests.support.servers import PostgresServer

PATIENT_MONTHS = 200_000
MONTHS, ENTRIES = 10, 12  # a patient's, and a month's
REPETITIONS = 3  # half a minute each
MOST_MB = 300
STAFF, ENTRY, CONSENT, COVERAGE = 40, 41, 42, 43
FIRST, LAST = Month(2026, 1), Month(2026, MONTHS)
NOW = datetime(2026, 11, 3, 18, tzinfo=UTC)

_ROWS = """SELECT patient_id, episode_id, CAST(extract(epoch FROM started_at) AS bigint), seconds, role, activity,
    separately_reported, id, staff_id, modality FROM time_entry
    WHERE clinic_id = $1 AND superseded_at IS NULL AND seconds > 0 ORDER BY patient_id, started_at, id"""

# 250 care managers with a diary without overlaps, a consultant in one month of ten, office work now and then; one
# entry in two hundred runs into the next patient's.
_LOAD = (
    f"""INSERT INTO patient (id, clinic_id, family_name, given_name, name_key, birth_date, language, zone, channel,
            is_test, created_at, updated_at, version)
        SELECT bench_id({PATIENT}, n), $1, 'Rivera', 'Ana', 'rivera ana', '1984-05-17', 'en', 'America/Los_Angeles',
            'sms_link', false, $2, $2, 1 FROM generate_series(1, $3::bigint) n""",
    f"""INSERT INTO episode (id, clinic_id, patient_id, status, referred_at, referred_by, referral_reason_sealed,
            enrolled_on, version, created_at, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', $2, 'Dana Clark', '', '2026-01-01', 1,
            $2, $2 FROM generate_series(1, $3::bigint) n""",
    f"""INSERT INTO care_consent (id, clinic_id, episode_id, kind, method, given_at, recorded_by, wording_version,
            language, created_at)
        SELECT bench_id({CONSENT}, n), $1, bench_id({EPISODE}, n), 'given', 'verbal', '2025-12-30Z', 'Lee Park', '1',
            'en', $2 FROM generate_series(1, $3::bigint) n""",
    f"""INSERT INTO coverage (id, clinic_id, patient_id, rank, payer, subscriber, valid_from, created_at)
        SELECT bench_id({COVERAGE}, n), $1, bench_id({PATIENT}, n), 1,
            CASE WHEN n % 5 = 0 THEN 'NC Medicaid' ELSE 'Evergreen' END, 'self', '2025-01-01', $2
        FROM generate_series(1, $3::bigint) n""",
    f"""INSERT INTO time_entry (id, clinic_id, patient_id, episode_id, staff_id, role, activity, started_at, seconds,
            separately_reported, source, created_at)
        SELECT bench_id({ENTRY}, (n * {MONTHS} + m) * {ENTRIES} + k), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n),
            bench_id({STAFF}, CASE WHEN k = 11 AND (n + m) % 10 = 0 THEN 1000 + n % 250 ELSE n % 250 END),
            CASE WHEN k = 11 AND (n + m) % 10 = 0 THEN 'consultant' ELSE 'care_manager' END,
            CASE WHEN (n + m) % 10 = 0 AND k >= 10 THEN 'case_review' WHEN k = 6 AND n % 3 = 0 THEN 'clerical'
                ELSE 'patient_contact' END,
            make_timestamptz(2026, m + 1, 1, 8, 0, 0, 'America/Los_Angeles')
                + ((n / 250) % 80 * {ENTRIES} + CASE WHEN k = 11 AND (n + m) % 10 = 0 THEN 10 ELSE k END)
                * interval '40 minutes',
            CASE WHEN (n + m + k) % 200 = 0 THEN 2700 ELSE 240 + (n * 7 + m * 13 + k * 29) % 420 END, false, 'console', $2
        FROM generate_series(0, {MONTHS - 1}) m, generate_series(1, $3::bigint) n, generate_series(0, {ENTRIES - 1}) k""",
)


async def measure(server: PostgresServer, patient_months: int = PATIENT_MONTHS) -> list[Row]:
    world = await build(server, "bench_month")
    people = patient_months // MONTHS
    await world.run(*_LOAD, args=(world.clinic.id, NOW, people))
    await world.settle()
    ours: list[float] = []
    bare: list[float] = []
    memory = 0.0
    for _ in range(REPETITIONS):
        bare.append(await _bare(world, patient_months))
        seconds, megabytes = await _ours(world, patient_months)
        ours.append(seconds)
        memory = max(memory, megabytes)
    await world.drop()
    entries = patient_months * ENTRIES
    return [
        Row(
            name=f"(f) roll-up of {patient_months:,} patient-months, {entries:,} entries",
            unit="s",
            ours=tuple(ours),
            bare=tuple(bare),
            target="<= 3.00",
            met=at_most(ours, bare, 3.0) and memory < MOST_MB,
            notes=(f"peak memory of our process: {memory:.0f} MB, below {MOST_MB} wanted",),
        )
    ]


async def _bare(world: World, patient_months: int) -> float:
    """The same rows in the same order through the bare driver, and a sum for each patient and month."""
    connection = await asyncpg.connect(world.dsn, server_settings=ROLE)
    months = [FIRST.plus(n).bounds(zones.zone("America/Los_Angeles"))[0] for n in range(MONTHS + 1)]
    edges = [int(moment.timestamp()) for moment in months]
    started = time.perf_counter()
    sums: dict[UUID, list[int]] = {}
    made, patient, totals, month = 0, None, [0] * MONTHS, 0
    async with connection.transaction():
        async for row in connection.cursor(_ROWS, world.clinic.id, prefetch=5000):
            if row[0] != patient:
                made += sum(1 for total in totals if total)
                patient, totals, month = row[0], [0] * MONTHS, 0
                sums[row[0]] = totals
            while row[2] >= edges[month + 1]:
                month += 1
            totals[month] += row[3]
    made += sum(1 for total in totals if total)
    took = time.perf_counter() - started
    await connection.close()
    if made != patient_months:
        raise RuntimeError(f"the bare loop summed {made} patient-months")
    return took


async def _ours(world: World, patient_months: int) -> tuple[float, float]:
    """In a process of its own, so that its peak of memory is its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.month", world.url, str(world.clinic.id), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError("the roll-up ended with an error")
    told = json.loads(out)
    if told["rows"] != patient_months:
        raise RuntimeError(f"the roll-up wrote {told['rows']} patient-months")
    return told["seconds"], told["megabytes"]


async def _alone(url: str, clinic_id: UUID, told: dict[str, Any]) -> None:
    database = databases.open_database(url, "app")
    biller = Actor("system", None, clinic_id, frozenset(), "bench")
    started = time.perf_counter()
    rows = -1  # the header
    async with database.begin(clinic_id) as tx:
        async for piece in roll_up(tx, biller, FIRST, LAST, now=NOW):
            rows += piece.count(b"\r\n")
    told["seconds"] = time.perf_counter() - started
    told["rows"] = rows
    await database.close()
    told["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    answer: dict[str, Any] = {}
    run(_alone(sys.argv[1], UUID(sys.argv[2]), answer))
    print(json.dumps(answer))
