"""(c) The due-scan: claim, advance and queue 1,000 due check-ins, beside one statement that changes the same rows."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event

from bench.measuring import REPETITIONS, Row, at_most, median
from bench.world import CHECK_IN, EPISODE, NOW, PATIENT, PLANNED_AHEAD, World, build
from kernel.db import Database
from kernel.ids import new_token
from messaging.conversation.service import Conversation, Ports
from messaging.schedule.ports import Outgoing
from messaging.schedule.service import sweep_due
from tests.support.servers import PostgresServer

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 1_000
SLOTS = 2 * REPETITIONS  # ours and the statement take turns, each on rows of its own
MINUTE = timedelta(minutes=1)
PUBLIC_URL = "https://bench.example"

# One check-in per person; slot s (rows of one repetition) is due s minutes after the first.
_DUE = f"""INSERT INTO check_in (id, clinic_id, patient_id, episode_id, local_due_date, local_time, zone,
        instruments, due_at, not_after, state, origin, next_at, prompts, queued_behind, created_at)
    SELECT bench_id({CHECK_IN}, n), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n),
        ($2 AT TIME ZONE 'UTC')::date, '09:30', 'America/Los_Angeles', '["phq9"]', $2, $2 + interval '9 hours',
        'scheduled', 'plan', $2 + (n / {BATCH}) * interval '1 minute', 0, false, $2 - interval '7 days'
    FROM bench_number ORDER BY n"""

# The other rows of the table: people who are only there to own check-ins that are planned far ahead.
_OTHERS = (
    f"""INSERT INTO patient (id, clinic_id, family_name, given_name, name_key, language, zone, channel, is_test,
            created_at, updated_at, version)
        SELECT bench_id({PATIENT}, n), $1, 'Rivera', 'Ana', 'rivera ana', 'en', 'America/Los_Angeles', 'sms_link',
            false, $2, $2, 1 FROM generate_series($3::bigint, $4::bigint) n""",
    f"""INSERT INTO episode (id, clinic_id, patient_id, status, referred_at, referred_by, referral_reason_sealed,
            version, created_at, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', $2, 'Dana Clark', '', 1, $2, $2
        FROM generate_series($3::bigint, $4::bigint) n""",
    f"""INSERT INTO check_in (id, clinic_id, patient_id, episode_id, local_due_date, local_time, zone,
            instruments, due_at, not_after, state, origin, next_at, prompts, queued_behind, created_at)
        SELECT bench_id({CHECK_IN}, n * {PLANNED_AHEAD} + d), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n),
            ($2 AT TIME ZONE 'UTC')::date + 7 * d, '09:30', 'America/Los_Angeles', '["phq9"]',
            $2 + d * interval '7 days', $2 + d * interval '7 days' + interval '9 hours', 'scheduled', 'plan',
            $2 + d * interval '7 days', 0, false, $2 - interval '7 days'
        FROM generate_series(1, {PLANNED_AHEAD}) d, generate_series($3::bigint, $4::bigint) n""",
)

# What a hand-written statement needs to leave the same rows behind, with bodies that were sealed beforehand.
_STATEMENT = """
WITH due AS (
    SELECT id, clinic_id, patient_id, episode_id, local_due_date, local_time, zone, instruments, due_at
    FROM check_in WHERE next_at <= $1 ORDER BY next_at, id LIMIT 1000 FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE check_in c SET state = 'invited', content = 'link', invited_at = $1, prompts = 1, queued_behind = false,
        next_at = $1 + interval '24 hours', expires_at = $1 + interval '7 days'
    FROM due WHERE c.id = due.id
), following AS (
    INSERT INTO check_in (id, clinic_id, patient_id, episode_id, local_due_date, local_time, zone, instruments,
        due_at, not_after, state, origin, next_at, prompts, queued_behind, created_at)
    SELECT gen_random_uuid(), d.clinic_id, d.patient_id, d.episode_id, d.local_due_date + p.every_days, p.local_time,
        d.zone, d.instruments, d.due_at + p.every_days * interval '1 day',
        d.due_at + p.every_days * interval '1 day' + interval '9 hours', 'scheduled', 'plan',
        d.due_at + p.every_days * interval '1 day', 0, false, $1
    FROM due d JOIN measure_plan p ON p.patient_id = d.patient_id AND p.replaced_at IS NULL
    ON CONFLICT (patient_id, local_due_date) DO NOTHING
), line AS (
    UPDATE registry_line l SET check_in_state = 'invited', check_in_at = $1,
        next_check_in_on = due.local_due_date + 14, updated_at = $1
    FROM due WHERE l.episode_id = due.episode_id
), link AS (
    INSERT INTO check_in_link (id, token_hash, clinic_id, patient_id, check_in_id, created_at, expires_at)
    SELECT gen_random_uuid(), encode(sha256(gen_random_uuid()::text::bytea), 'hex'), clinic_id, patient_id, id, $1,
        $1 + interval '7 days' FROM due
)
INSERT INTO outbox (id, clinic_id, message_class, kind, channel, dedupe_key, recipient_key, to_sealed, body_sealed,
    body_hash, segments, template, sender_id, phone_id, patient_id, check_in_id, prompts_patient, not_before,
    not_after, priority, state, next_at, attempt, reads, resends, failures, status_rank, polls, created_at,
    updated_at)
SELECT gen_random_uuid(), d.clinic_id, 'A', 'invitation', 'sms', 'check_in:' || d.id || ':invitation', f.phone_key,
    f.phone_sealed, $2, $3, 2, 'invitation_link@1', $4, f.id, d.patient_id, d.id, true, $1, $1 + interval '9 hours',
    20, 'pending', $1, 0, 0, 0, 0, -1, 0, $1, $1
FROM due d
JOIN patient p ON p.id = d.patient_id AND p.channel = 'sms_link'
JOIN episode e ON e.id = d.episode_id AND e.status IN ('active', 'relapse_prevention')
JOIN patient_phone f ON f.patient_id = d.patient_id AND f.replaced_at IS NULL AND f.state = 'verified'
JOIN LATERAL (SELECT kind FROM texting_consent WHERE patient_id = d.patient_id ORDER BY recorded_at DESC LIMIT 1) c
    ON c.kind = 'given'
WHERE NOT EXISTS (SELECT FROM number_stop s WHERE s.phone_key = f.phone_key AND s.lifted_at IS NULL)
ON CONFLICT (dedupe_key) DO NOTHING"""


async def measure(server: PostgresServer) -> list[Row]:
    rows, first = [], 0.0
    for size in SIZES:
        world = await _filled(server, size)
        row = await _compare(world, size, first)
        first = first or median(row.ours)
        rows.append(row)
        await world.drop()
    return rows


async def _filled(server: PostgresServer, size: int) -> World:
    world = await build(server, f"due_{size}")
    await world.people(SLOTS * BATCH, channel="sms_link", at=NOW)
    await world.run(_DUE, args=(world.clinic.id, NOW))
    others = (size - SLOTS * BATCH) // PLANNED_AHEAD
    if others:
        first = SLOTS * BATCH
        span = (world.clinic.id, NOW, first, first + others - 1)
        for statement in _OTHERS:
            await world.run(statement, args=span)
    await world.settle()
    return world


async def _compare(world: World, size: int, smallest: float) -> Row:
    database, bare_connection = world.database(), await world.worker()
    ours, bare, sealing, statements = [], [], [], []
    for repetition in range(REPETITIONS):
        spent = Spent(database)
        ours.append(await _sweep(database, _moment(2 * repetition)))
        spent.stop()
        sealing.append(spent.sealing)
        statements.append(spent.statements)
        started = time.perf_counter()
        body = world.vault.seal("x" * 150)
        done = await bare_connection.execute(
            _STATEMENT, _moment(2 * repetition + 1), body, "0" * 64, world.clinic.sender_id
        )
        bare.append((time.perf_counter() - started) * 1000)
        if done != f"INSERT 0 {BATCH}":
            raise RuntimeError(f"the statement queued other than {BATCH} texts: {done}")
    await bare_connection.close()
    await database.close()
    notes = [f"of ours, in statements: {median(statements):.0f} ms; sealing texts: {median(sealing):.0f} ms"]
    if smallest:
        notes.append(f"ours, to {SIZES[0]:,} rows: {median(ours) / smallest:.2f}")
    return Row(
        name=f"(c) due-scan of {size:,} rows, {BATCH:,} due",
        unit="ms",
        ours=tuple(ours),
        bare=tuple(bare),
        target="<= 2.00",
        met=at_most(ours, bare, 2.0),
        notes=tuple(notes),
    )


def _moment(slot: int) -> datetime:
    return NOW + slot * MINUTE + MINUTE / 2


async def _sweep(database: Database, now: datetime) -> float:
    out = Outgoing(
        new_token=new_token, public_url=PUBLIC_URL, conversation=Conversation(Ports(public_url=PUBLIC_URL))
    )
    gc.collect()
    started = time.perf_counter()
    counts = await database.run(lambda tx: sweep_due(tx, now=now, out=out, limit=BATCH))
    took = (time.perf_counter() - started) * 1000
    if counts.get("invited") != BATCH:
        raise RuntimeError(f"the sweep invited other than {BATCH}: {counts}")
    return took


class Spent:
    """Adds up the time spent in statements and inside the vault, by standing in front of both until `stop`."""

    def __init__(self, database: Database) -> None:
        self._vault, self._engine = database.vault, database.engine.sync_engine
        self.sealing = self.statements = 0.0
        for name in ("seal", "open", "lookup"):
            setattr(self._vault, name, self._timed(getattr(self._vault, name)))
        event.listen(self._engine, "before_cursor_execute", self._begins)
        event.listen(self._engine, "after_cursor_execute", self._ended)

    def stop(self) -> None:
        for name in ("seal", "open", "lookup"):
            delattr(self._vault, name)
        event.remove(self._engine, "before_cursor_execute", self._begins)
        event.remove(self._engine, "after_cursor_execute", self._ended)

    def _begins(self, *_: Any) -> None:
        self._began = time.perf_counter()

    def _ended(self, *_: Any) -> None:
        self.statements += (time.perf_counter() - self._began) * 1000

    def _timed(self, method: Callable[[str], str]) -> Callable[[str], str]:
        def timed(text: str) -> str:
            started = time.perf_counter()
            try:
                return method(text)
            finally:
                self.sealing += (time.perf_counter() - started) * 1000

        return timed
