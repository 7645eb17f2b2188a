"""Commands that open a database, from an empty file to a clinic with keys and a running server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, delete, insert

from api.__main__ import main
from kernel.tables import Heartbeat
from tests.support import databases

ROOT = Path(__file__).resolve().parent.parent.parent
CLINIC = (
    "--name", "Harbor Street", "--text-name", "Harbor Clinic", "--zone", "America/Los_Angeles",
    "--support-phone", "+12065550199", "--hours-text", "Mon-Fri 9-5",
)  # fmt: skip
ADMIN = (
    "staff",
    "create-admin",
    "--email",
    "Ada@Harbor.example",
    "--name",
    "Ada Quill",
    "--password-file",
    "-",
)
PASSWORD = "correct horse battery staple\n"


def environment(path: Path, **changes: str) -> dict[str, str]:
    return {
        "EVENKEEL_MODE": "test",
        "EVENKEEL_DATABASE_URL": databases.sqlite_url(path),
        "EVENKEEL_ENCRYPTION_KEYS": databases.TEST_KEY,
        "EVENKEEL_LOOKUP_KEY": databases.LOOKUP_KEY,
        **changes,
    }


class Shell:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = environment(path)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        clean = {name: None for name in os.environ if name.startswith("EVENKEEL_")}
        return CliRunner().invoke(main, list(arguments), env=clean | self.env, input=stdin)

    def json(self, *arguments: str, stdin: str = "") -> dict[str, object]:
        answer = self.run(*arguments, "--json", stdin=stdin)
        assert answer.exit_code == 0, answer.stderr
        found: dict[str, object] = json.loads(answer.stdout)
        return found


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "deep" / "evenkeel.db")


@pytest.fixture
def shell(sqlite_template: Path, tmp_path: Path) -> Shell:
    databases.sqlite_copy(sqlite_template, tmp_path / "evenkeel.db")
    return Shell(tmp_path / "evenkeel.db")


@pytest.fixture
def clinic(shell: Shell) -> Shell:
    shell.json("staff", "create-clinic", "--slug", "harbor", *CLINIC)
    return shell


def test_migrate_makes_a_file_that_only_its_owner_reads(empty: Shell) -> None:
    made = empty.json("migrate")
    assert set(made) == {"revision"}
    assert empty.path.stat().st_mode & 0o777 == 0o600
    assert empty.json("migrate") == made


def test_all_wrong_settings_are_named_at_once_and_no_value_is_shown(empty: Shell) -> None:
    empty.env |= {"EVENKEEL_LOOKUP_KEY": "hunter2", "EVENKEEL_PORT": "many", "EVENKEEL_COLOUR": "blue"}
    answer = empty.run("migrate")
    assert answer.exit_code == 2
    for name in ("EVENKEEL_PORT", "EVENKEEL_COLOUR"):
        assert name in answer.stderr
    assert "hunter2" not in answer.stderr


def test_the_first_clinic_makes_the_organisation_and_a_second_joins_it(shell: Shell) -> None:
    first = shell.json(
        "staff", "create-clinic", "--slug", "harbor", "--organisation", "Harbor Health", *CLINIC
    )
    assert set(first) == {"id", "slug", "name"}
    shell.json("staff", "create-clinic", "--slug", "inland", *CLINIC)
    again = shell.run("staff", "create-clinic", "--slug", "third", "--organisation", "Other", *CLINIC)
    assert (again.exit_code, again.stderr) == (2, "Error: --organisation: this database already serves one\n")


def test_every_problem_of_a_clinic_is_named(shell: Shell) -> None:
    wrong = [*CLINIC]
    wrong[wrong.index("Harbor Clinic")] = "Depression Clinic"
    wrong[wrong.index("America/Los_Angeles")] = "Seattle"
    answer = shell.run("staff", "create-clinic", "--slug", "harbor", *wrong)
    assert answer.exit_code == 2
    assert [line.split(":")[1].strip() for line in answer.stderr.splitlines()] == ["text_name", "zone"]


def test_a_clinic_gets_a_number_and_no_other_clinic_the_same(clinic: Shell) -> None:
    clinic.env["EVENKEEL_TWILIO_MESSAGING_SERVICE_SID"] = "MG" + "0" * 32
    made = clinic.json("staff", "add-number", "--number", "(206) 555-0150")
    assert (set(made), made["clinic"]) == ({"id", "clinic"}, "harbor")
    again = clinic.run("staff", "add-number", "--number", "+12065550150")
    assert (again.exit_code, again.stderr) == (2, "Error: number: a clinic already texts from it\n")
    wrong = clinic.run("staff", "add-number", "--number", "12")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith("Error: number:")


def test_an_administrator_is_made_without_the_password_on_the_command_line(clinic: Shell) -> None:
    made = clinic.json(*ADMIN, stdin=PASSWORD)
    assert (made["email"], made["clinic"]) == ("ada@harbor.example", "harbor")
    short = clinic.run(*ADMIN[:3], "Bo@harbor.example", *ADMIN[4:], stdin="short\n")
    assert (short.exit_code, short.stderr) == (2, "Error: password: needs at least 8 characters\n")


def test_a_key_is_shown_once_and_needs_a_clinic_when_there_are_two(clinic: Shell) -> None:
    issued = clinic.json(
        "staff", "token", "--name", "EHR", "--role", "biller", "--expires", "2099-01-01T00:00:00Z"
    )
    assert set(issued) == {"id", "token", "name", "role", "clinic", "expires_at"}
    assert str(issued["token"]).startswith("evk_")
    clinic.json("staff", "create-clinic", "--slug", "inland", *CLINIC)
    answer = clinic.run("staff", "token", "--name", "EHR", "--role", "biller")
    assert (answer.exit_code, answer.stderr) == (2, "Error: --clinic: must be one of harbor, inland\n")


def test_a_key_is_listed_and_revoked_once(clinic: Shell) -> None:
    issued = clinic.json("staff", "token", "--name", "EHR", "--role", "biller")
    listed = clinic.json("staff", "tokens")
    assert listed["clinic"] == "harbor"
    (line,) = msgspec.convert(listed["tokens"], list[dict[str, object]])
    assert (line["id"], line["name"], line["revoked_at"]) == (issued["id"], "EHR", None)
    assert "evk_" not in json.dumps(listed)
    assert "never used  EHR" in clinic.run("staff", "tokens").stdout
    assert clinic.json("staff", "revoke-token", str(issued["id"])) == {"id": issued["id"], "clinic": "harbor"}
    assert "revoked" in clinic.run("staff", "tokens").stdout
    again = clinic.run("staff", "revoke-token", str(issued["id"]))
    assert (again.exit_code, again.stderr.startswith("Error: ")) == (2, True)


@pytest.mark.parametrize("moment", ["tomorrow", "2027-01-01", "2020-01-01T00:00:00Z"])
def test_an_end_of_a_key_that_is_none_is_refused(clinic: Shell, moment: str) -> None:
    answer = clinic.run("staff", "token", "--name", "EHR", "--role", "biller", "--expires", moment)
    assert answer.exit_code == 2
    assert "expires" in answer.stderr


def test_the_doctor_names_what_is_missing_and_exits_with_1(clinic: Shell) -> None:
    answer = clinic.run("doctor", "--json")
    found = json.loads(answer.stdout)
    assert (answer.exit_code, found["healthy"]) == (1, False)
    problems = {f["check"] for f in found["findings"] if f["level"] == "problem"}
    assert problems == {
        "text_provider", "mail", "public_url", "worker", "clinic:harbor", "accounts", "auditor",
    }  # fmt: skip
    assert {f["check"] for f in found["findings"] if f["level"] == "ok"} >= {
        "settings",
        "database",
        "schema",
        "keys",
    }


def test_the_doctor_tells_who_would_notice_that_alerts_have_stopped(clinic: Shell) -> None:
    names = ("external_ping", "watchdog", "canary", "auditor")
    before = _levels(clinic, names)
    assert {name: level for name, (level, _) in before.items()} == {
        "external_ping": "note", "watchdog": "note", "canary": "note", "auditor": "problem",
    }  # fmt: skip
    assert "EVENKEEL_HEARTBEAT_PING_URL is not set" in before["external_ping"][1]
    assert "has never run" in before["auditor"][1]
    clinic.env |= {
        "EVENKEEL_HEARTBEAT_PING_URL": "https://ping.example/secret-path", "EVENKEEL_CANARY_EMAIL": "canary@harbor.example",
        "EVENKEEL_WATCHDOG_SMTP_HOST": "relay.example", "EVENKEEL_WATCHDOG_TO": "ada@harbor.example",
    }  # fmt: skip
    _beat(clinic.path, seconds_ago=5, counts={"failing": 0, "open_events": 0})
    after = _levels(clinic, names)
    assert {level for level, _ in after.values()} == {"ok"}
    assert "secret-path" not in str(after)
    assert re.fullmatch(r"last ran \d+ seconds ago", after["auditor"][1])
    _beat(clinic.path, seconds_ago=120, counts={"failing": 0})
    assert _levels(clinic, names)["auditor"][0] == "problem"
    _beat(clinic.path, seconds_ago=5, counts={"failing": 1, "mail": 1})
    level, words = _levels(clinic, names)["auditor"]
    assert (level, "the mail relay can't be reached" in words) == ("problem", True)


def _levels(shell: Shell, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    found = json.loads(shell.run("doctor", "--json").stdout)["findings"]
    return {f["check"]: (f["level"], f["detail"]) for f in found if f["check"] in names}


def _beat(path: Path, *, seconds_ago: int, counts: dict[str, int]) -> None:
    """The auditor's row as it writes it."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    values = {"name": "auditor", "last_run_at": at, "duration_ms": 1, "counts": counts}
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(delete(Heartbeat).where(Heartbeat.name == "auditor"))
        connection.execute(insert(Heartbeat).values(**values, last_error=None, last_error_at=None))
    engine.dispose()


def test_the_doctor_notices_keys_that_open_nothing(clinic: Shell) -> None:
    clinic.run(*ADMIN, stdin=PASSWORD)
    assert clinic.run("doctor").exit_code == 1
    _seal_something(clinic.path)
    clinic.env["EVENKEEL_ENCRYPTION_KEYS"] = "b3RoZXItdGVzdC1rZXktb2YtMzItYnl0ZXMtbG9uZyE="
    found = json.loads(clinic.run("doctor", "--json").stdout)
    assert {"check": "keys", "level": "problem"}.items() <= next(
        f for f in found["findings"] if f["check"] == "keys"
    ).items()


def test_the_doctor_tells_a_database_without_a_schema(empty: Shell) -> None:
    empty.path.parent.mkdir(parents=True)
    found = json.loads(empty.run("doctor", "--json").stdout)
    assert {f["check"]: f["level"] for f in found["findings"]}["schema"] == "problem"


def test_wrong_settings_are_findings_of_the_doctor(empty: Shell) -> None:
    empty.env["EVENKEEL_PORT"] = "many"
    answer = empty.run("doctor", "--json")
    assert answer.exit_code == 1
    assert [f["check"] for f in json.loads(answer.stdout)["findings"]] == ["settings"]


def test_the_registry_agrees_with_its_facts(clinic: Shell) -> None:
    assert clinic.json("registry", "rebuild") == {"clinics": 1, "lines": 0}
    assert clinic.json("registry", "drift") == {"agrees": True, "differences": [], "lost": []}


def _seal_something(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        sealed = databases.test_vault().seal("+12065550123")
        connection.execute("UPDATE staff SET phone_sealed = ?", (sealed,))
    connection.close()


@contextmanager
def serving(shell: Shell, **changes: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("EVENKEEL_")}
    env = inherited | shell.env | {"EVENKEEL_PORT": str(port), "EVENKEEL_INLINE_WORKER": "true"} | changes
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def becomes(address: str, wanted: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while (seen := status(address)) != wanted:
        assert time.monotonic() < deadline, f"{address} answered {seen}"
        time.sleep(0.1)


@pytest.mark.processes
def test_one_process_serves_a_file_becomes_ready_and_ends_cleanly(clinic: Shell) -> None:
    with serving(clinic) as (first, address):
        becomes(f"{address}/health/ready", 200)
        with serving(clinic) as (second, _):
            assert second.wait(20) == 2
            assert second.stderr is not None
            assert "another `evenkeel serve` uses this database file" in second.stderr.read()
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
    with serving(clinic) as (_, address):  # the lock went with the process
        becomes(f"{address}/health/live", 200)


@pytest.mark.processes
def test_a_database_without_a_schema_is_not_served(empty: Shell) -> None:
    with serving(empty) as (process, _):
        assert process.wait(20) == 2
        assert process.stderr is not None
        assert "evenkeel migrate" in process.stderr.read()


@pytest.mark.processes
def test_a_real_clinic_is_not_served_as_a_demo(clinic: Shell) -> None:
    with serving(clinic, EVENKEEL_MODE="demo") as (process, _):
        assert process.wait(20) == 2
        assert process.stderr is not None
        assert "standard organisation" in process.stderr.read()
