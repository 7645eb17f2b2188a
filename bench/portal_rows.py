"""Visits and signed-in devices of the bench's people, and what of a person a recorded call names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bench.turn import KINDS
from bench.world import CHECK_IN, PATIENT, World, id_of

VISIT, SESSION = 10, 11
_SECRET = "encode(sha256(convert_to('bench-secret-' || lpad(n::text, 27, '0'), 'UTF8')), 'hex')"
# $1 clinic, $2 moment. Seen a while ahead, so that no request of the run has to note the time.
_VISITS = f"""INSERT INTO link_visit (id, cookie_hash, link_id, clinic_id, patient_id, check_in_id, csrf, language,
        started_at, last_seen_at, birth_ok)
    SELECT bench_id({VISIT}, n), {_SECRET}, NULL, $1, bench_id({PATIENT}, n), bench_id({CHECK_IN}, n),
        'bench-form-' || n, 'en', $2::timestamptz, $2::timestamptz + interval '2 hours', true FROM bench_number ORDER BY n"""
_SESSIONS = f"""INSERT INTO patient_session (id, kind, access_hash, access_expires_at, csrf, clinic_id, patient_id,
        phone_key, name, created_at, last_seen_at)
    SELECT bench_id({SESSION}, n), 'device', {_SECRET}, $2::timestamptz + interval '4 hours', '', $1, bench_id({PATIENT}, n),
        phone_key, 'Phone', $2::timestamptz, $2::timestamptz + interval '2 hours' FROM bench_number ORDER BY n"""


async def let_in(world: World, at: datetime) -> None:
    """Everyone has a page open, and an app that is signed in."""
    await world.run(_VISITS, _SESSIONS, args=(world.clinic.id, at))
    await world.settle()


def facts_of(n: int) -> dict[str, Any]:
    """Ids of person n by name."""
    return {name: id_of(kind, n) for name, kind in {**KINDS, "visit": VISIT, "session": SESSION}.items()}
