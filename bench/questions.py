"""People who are asked item by item: a check-in begun, a thread with an open question, and the question's text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from bench.world import CHECK_IN, EPISODE, OUTBOX, PATIENT, PHONE, RUN, THREAD, World
from questionnaires import catalog

FIRST_ITEM = "Over the last 2 weeks: Little interest or pleasure in doing things"

# $1 clinic, $2 moment.
_CHECK_INS = (
    f"""INSERT INTO check_in (id, clinic_id, patient_id, episode_id, local_due_date, local_time, zone, instruments,
            due_at, not_after, state, origin, content, next_at, prompts, queued_behind, invited_at, first_answer_at,
            expires_at, created_at)
        SELECT bench_id({CHECK_IN}, n), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n),
            ($2 AT TIME ZONE 'America/Los_Angeles')::date, '09:30', 'America/Los_Angeles', '["phq9"]', $2,
            $2 + interval '9 hours', 'in_progress', 'plan', 'items', $2 + interval '1 day', 1, false, $2, $2,
            $2 + interval '3 days', $2 - interval '7 days'
        FROM bench_number ORDER BY n""",
)
# $3 version of the questionnaire.
_RUNS = f"""INSERT INTO measure_run (id, clinic_id, patient_id, episode_id, check_in_id, instrument_id,
        instrument_version, language, position, state, source, created_at)
    SELECT bench_id({RUN}, n), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n), bench_id({CHECK_IN}, n), 'phq9',
        $3, 'en', 1, 'open', 'check_in', $2 FROM bench_number ORDER BY n"""
# $3 our number's id.
_THREADS = f"""INSERT INTO sms_thread (id, clinic_id, phone_key, phone_sealed, sender_id, active_check_in_id, state,
        turn, created_at)
    SELECT bench_id({THREAD}, n), $1, phone_key, phone_sealed, $3, bench_id({CHECK_IN}, n),
        '{{"mode": "asking", "at": 0, "tries": 0, "laters": 0, "last": null}}', 1, $2 FROM bench_number ORDER BY n"""
# $4 sealed body, $5 when it was accepted, $6 how many are due every 10 seconds; a text that was accepted is not due.
_TEXTS = f"""INSERT INTO outbox (id, clinic_id, message_class, kind, channel, dedupe_key, recipient_key, to_sealed,
        body_sealed, body_hash, segments, template, sender_id, phone_id, patient_id, thread_id, turn, check_in_id,
        prompts_patient, not_before, not_after, live_until, priority, state, next_at, attempt, attempted_at,
        accepted_at, provider_sid, provider_status, reads, resends, failures, status_rank, polls, created_at,
        updated_at)
    SELECT bench_id({OUTBOX}, n), $1, 'A', 'question', 'sms', 'bench:' || n, phone_key, phone_sealed, $4,
        repeat('0', 64), 1, 'question@1', $3, bench_id({PHONE}, n), bench_id({PATIENT}, n), bench_id({THREAD}, n), 1,
        bench_id({CHECK_IN}, n), false, at, at + interval '1 day', at + interval '1 day', 10,
        CASE WHEN accepted IS NULL THEN 'pending' ELSE 'accepted' END,
        CASE WHEN accepted IS NULL THEN at + (n / $6::bigint) * interval '10 seconds' END,
        (accepted IS NOT NULL)::int, accepted, accepted,
        CASE WHEN accepted IS NOT NULL THEN 'SMb' || lpad(n::text, 31, '0') END,
        CASE WHEN accepted IS NOT NULL THEN 'sent' END, 0, 0, 0, -1, 0, at, at
    FROM bench_number, (SELECT $2::timestamptz AS at, $5::timestamptz AS accepted) AS moments ORDER BY n"""


async def ask(
    world: World, count: int, *, at: datetime, state: Literal["pending", "accepted"], group: int
) -> list[str]:
    """`count` people whose first question is `accepted` (they may answer) or still `pending`, `group` of them due
    every 10 seconds from `at` on. Gives their numbers."""
    numbers = await world.people(count, channel="sms_items", at=at)
    clinic, version = world.clinic.id, catalog.load("phq9", "en").version
    await world.run(*_CHECK_INS, args=(clinic, at))
    await world.run(_RUNS, args=(clinic, at, version))
    await world.run(_THREADS, args=(clinic, at, world.clinic.sender_id))
    body = world.vault.seal(FIRST_ITEM)
    accepted = at + timedelta(seconds=1) if state == "accepted" else None
    await world.run(_TEXTS, args=(clinic, at, world.clinic.sender_id, body, accepted, group))
    await world.settle()
    return numbers
