"""What the tables can't say for themselves: roles, row-level security by clinic, and the append-only tables."""

from __future__ import annotations

from collections.abc import Iterable

ROLES = ("evenkeel_app", "evenkeel_worker")
WATCHDOG = "evenkeel_watchdog"  # reads the heartbeats and nothing else
# Rows that nobody may change: who saw what, and what a month was closed with.
APPEND_ONLY = ("audit_event", "closed_patient_month", "statement_file", "statement_version")
# And those that came after the first schema, where the roles' rights alone keep them so.
ADD_ONLY = (*APPEND_ONLY, "clinic_rule_set", "contact_amendment")
CLINIC = "NULLIF(current_setting('evenkeel.clinic', true), '')::uuid"


def roles() -> Iterable[str]:
    """Group roles without login; the operator grants them to the login users of web and worker."""
    for role in (*ROLES, WATCHDOG):
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
            f"THEN CREATE ROLE {role} NOLOGIN; END IF; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )


def wall(table: str) -> Iterable[str]:
    """The app role sees and writes one clinic's rows; the worker role serves all clinics."""
    yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'
    yield f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY'
    yield (
        f'CREATE POLICY one_clinic ON "{table}" TO evenkeel_app '
        f"USING (clinic_id = {CLINIC}) WITH CHECK (clinic_id = {CLINIC})"
    )
    yield f'CREATE POLICY all_clinics ON "{table}" TO evenkeel_worker USING (true) WITH CHECK (true)'


def grants(table: str) -> Iterable[str]:
    rights = "SELECT, INSERT" if table in ADD_ONLY else "SELECT, INSERT, UPDATE, DELETE"
    for role in ROLES:
        yield f'GRANT {rights} ON "{table}" TO {role}'
    if table == "heartbeat":
        yield f'GRANT SELECT ON "{table}" TO {WATCHDOG}'


def append_only_postgres() -> Iterable[str]:
    yield (
        "CREATE FUNCTION evenkeel_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        yield (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION evenkeel_append_only()"
        )


def append_only_sqlite() -> Iterable[str]:
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
