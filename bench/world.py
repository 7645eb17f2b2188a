"""A database server, and databases full of invented people, written by set-based SQL as the owner.

Ids are made of a kind and a number, so that any process can name the rows of person n without asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import phonenumbers

from kernel.crypto import Vault
from kernel.db import Database
from tests.support import builders, databases
from tests.support.builders import ClinicRows
from tests.support.servers import PostgresServer

NOW = datetime(
    2026, 3, 3, 18, 0, tzinfo=UTC
)  # a Tuesday, 10:00 in Seattle: staff are there, windows are open
PATIENT, PHONE, EPISODE, CONSENT, PLAN, CHECK_IN, RUN, THREAD, OUTBOX = range(1, 10)
PLANNED_AHEAD = 50
ROLE = {"role": "evenkeel_worker", "timezone": "UTC", "jit": "off"}

_ID = """CREATE FUNCTION bench_id(kind int, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT ('01900000-' || lpad(to_hex(kind), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$"""

# $1 clinic, $2 moment; people are the numbers of the table bench_number.
_PEOPLE = (
    f"""INSERT INTO patient (id, clinic_id, family_name, given_name, name_key, birth_date, sex, language, zone,
            channel, is_test, created_at, updated_at, version)
        SELECT bench_id({PATIENT}, n), $1, 'Rivera', 'Ana', 'rivera ana', '1984-05-17', 'F', 'en',
            'America/Los_Angeles', channel, false, $2, $2, 1 FROM bench_number ORDER BY n""",
    f"""INSERT INTO episode (id, clinic_id, patient_id, status, referred_at, referred_by, referral_reason_sealed,
            version, created_at, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', $2, 'Dana Clark', '', 1, $2, $2
        FROM bench_number ORDER BY n""",
    f"""INSERT INTO patient_phone (id, clinic_id, patient_id, phone_sealed, phone_key, state, shared, safe_to_text,
            voicemail_ok, created_at, verified_at)
        SELECT bench_id({PHONE}, n), $1, bench_id({PATIENT}, n), phone_sealed, phone_key, 'verified', false, true,
            false, $2, $2 FROM bench_number ORDER BY n""",
    f"""INSERT INTO texting_consent (id, clinic_id, patient_id, kind, phone_key, basis, content_level, method,
            wording_version, risk_ack_version, language, recorded_at)
        SELECT bench_id({CONSENT}, n), $1, bench_id({PATIENT}, n), 'given', phone_key, 'consent', 'items_by_sms',
            'verbal', '1', '1', 'en', $2 FROM bench_number ORDER BY n""",
    f"""INSERT INTO measure_plan (id, clinic_id, patient_id, episode_id, instrument_id, every_days, local_time,
            anchor_on, version, created_at)
        SELECT bench_id({PLAN}, n), $1, bench_id({PATIENT}, n), bench_id({EPISODE}, n), 'phq9', 14, '09:30',
            ($2 AT TIME ZONE 'UTC')::date, 1, $2 FROM bench_number ORDER BY n""",
    f"""INSERT INTO registry_line (episode_id, clinic_id, patient_id, status, name_key, family_name, given_name,
            referred_at, phq9_series, rules, no_answer_count, opted_out, counted_seconds, open_risk, safety_flag,
            severe_flag, discuss_flag, waiting_replies, open_tasks, sort_rank, overdue_since, updated_at)
        SELECT bench_id({EPISODE}, n), $1, bench_id({PATIENT}, n), 'active', 'rivera ana', 'Rivera', 'Ana', $2,
            '[]', '[]', 0, false, 0, 0, false, false, false, 0, 0, 2, '9999-12-31Z', $2 FROM bench_number ORDER BY n""",
)


def id_of(kind: int, n: int) -> UUID:
    return UUID(f"01900000-{kind:04x}-7000-8000-{n:012x}")


def invented_numbers(count: int) -> list[str]:
    """555-01xx of every area code there is: about 40,000."""
    areas = [a for a in range(201, 990) if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{a}5550100"))]
    numbers = [f"+1{area}55501{line:02d}" for line in range(100) for area in areas]
    if count > len(numbers) - 1:
        raise ValueError(f"count: only {len(numbers)} invented numbers exist")
    return numbers[:count]


class World:
    """One database of the server, with one clinic in it."""

    def __init__(self, server: PostgresServer, name: str, clinic: ClinicRows) -> None:
        self.server = server
        self.name = name
        self.clinic = clinic
        self.vault: Vault = databases.test_vault()

    @property
    def url(self) -> str:
        return self.server.url_for(self.name)

    @property
    def dsn(self) -> str:
        return self.server.dsn_for(self.name)

    async def owner(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.dsn)

    async def worker(self) -> asyncpg.Connection:
        """As the application's worker sees it, without the application."""
        return await asyncpg.connect(self.dsn, server_settings=ROLE)

    def database(self) -> Database:
        return databases.open_database(self.url)

    async def run(self, *statements: str, args: Sequence[Any] = ()) -> None:
        """Bulk load: keys are not checked against other tables, which the statements keep right by themselves."""
        connection = await self.owner()
        try:
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement, *args)
        finally:
            await connection.close()

    async def people(self, count: int, *, channel: str, at: datetime) -> list[str]:
        """`count` people in care who agreed to texts, with their numbers; gives the numbers in order."""
        numbers = invented_numbers(count)
        seal, key = self.vault.seal, self.vault.lookup
        records = [(n, channel, seal(number), key(number)) for n, number in enumerate(numbers)]
        connection = await self.owner()
        try:
            await connection.execute(
                "CREATE TABLE bench_number (n bigint, channel text, phone_sealed text, phone_key text)"
            )
            await connection.copy_records_to_table("bench_number", records=records)
        finally:
            await connection.close()
        await self.run(*_PEOPLE, args=(self.clinic.id, at - timedelta(days=7)))
        return numbers

    async def settle(self) -> None:
        """What autovacuum would have done by the time that such a table has grown."""
        connection = await self.owner()
        try:
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def drop(self) -> None:
        await databases.drop_postgres(self.server, self.name)


async def build(server: PostgresServer, name: str, *, at: datetime = NOW) -> World:
    """A database made by the migrations, with a clinic that texts item 9 too."""
    template = await databases.postgres_template(server)
    url = await databases.postgres_clone(server, template, name)
    database = databases.open_database(url, "owner")
    async with database.begin() as tx:
        clinic = await builders.clinic(tx, at - timedelta(days=30))
    await database.close()
    world = World(server, name, clinic)
    await world.run(_ID)
    return world
