"""Real PostgreSQL and Valkey (or Redis) servers for tests, on free loopback ports.

`EVENKEEL_TEST_DATABASE_URL` and `EVENKEEL_TEST_REDIS_URL` name running servers to use instead, which tests
may not stop. Otherwise the servers are child processes of the tests and die with them, however the tests
end. Run as root, PostgreSQL drops to an unprivileged account because it refuses to start otherwise.

Each process that runs tests starts its own servers; parallel workers share none.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from tests.support.children import (
    Child,
    DidNotStart,
    account_options,
    free_port,
    remove,
    scratch_folder,
    unprivileged_account,
)
from tests.support.server_binaries import Installation, choose_postgres, reachable, redis_binary

_SETTINGS = {
    "fsync": "off",  # commits survive a killed server, not a crashed machine
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class _Server(ABC):
    """A child process with a scratch folder, or (without a child) someone else's running server."""

    def __init__(self, child: Child | None, scratch: Path | None) -> None:
        self._child = child
        self._scratch = scratch

    @property
    def owned(self) -> bool:
        """False for a server named by the environment, which tests must leave running."""
        return self._child is not None

    @property
    def pid(self) -> int:
        return self._ours().pid

    @property
    def log(self) -> Path:
        """The server's own log, for the search for anything about a person in it."""
        return self._ours().log

    def stop(self) -> None:
        """Clean stop; the data stays for `restart`."""
        self._ours().stop()

    def kill(self) -> None:
        """SIGKILL to every process of the server; the data stays for `restart`."""
        self._ours().kill()

    def restart(self) -> None:
        """Stops the server cleanly if it runs, then starts it on the same port and data."""
        child = self._ours()
        child.stop()
        child.start()
        child.wait_until(self._ready)

    def close(self) -> None:
        """Ends the server and removes its data; leaves a server named by the environment alone."""
        if self._child is not None:
            self._child.stop(seconds=3)
        if self._scratch is not None:
            remove(self._scratch)

    @abstractmethod
    def _ready(self) -> bool: ...

    def _ours(self) -> Child:
        if self._child is None:
            raise RuntimeError("this server was named by the environment; tests may not stop or kill it")
        return self._child

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_S = TypeVar("_S", bound=_Server)


class PostgresServer(_Server):
    """A PostgreSQL cluster. `admin_dsn` is a plain URL of a superuser, as `asyncpg.connect` takes it."""

    def __init__(self, admin_dsn: str, child: Child | None = None, scratch: Path | None = None) -> None:
        super().__init__(child, scratch)
        self.admin_dsn = admin_dsn

    def dsn_for(self, database: str) -> str:
        """Plain URL of one database, for asyncpg or psql."""
        return urlsplit(self.admin_dsn)._replace(path=f"/{database}").geturl()

    def url_for(self, database: str) -> str:
        """SQLAlchemy URL of one database of this cluster; the database need not exist yet."""
        return urlsplit(self.dsn_for(database))._replace(scheme="postgresql+asyncpg").geturl()

    def _ready(self) -> bool:
        assert self._scratch is not None
        return _says_ready(self._scratch / "data" / "postmaster.pid", self.pid)


class RedisServer(_Server):
    """A Valkey or Redis server without persistence: after `restart` it is empty."""

    def __init__(self, url: str, child: Child | None = None, scratch: Path | None = None) -> None:
        super().__init__(child, scratch)
        self.url = url

    def _ready(self) -> bool:
        return _answers_ping(urlsplit(self.url).port or 6379)


def start_postgres(installation: Installation | None = None) -> PostgresServer:
    """Starts a fresh cluster, or uses the one the environment names unless an installation is given.

    Raises `NoServerFound` if there is nothing to start, `DidNotStart` with the server's last log lines.
    """
    named = os.environ.get("EVENKEEL_TEST_DATABASE_URL")
    if named and installation is None:
        return PostgresServer(urlsplit(named)._replace(scheme="postgresql").geturl())
    chosen = installation or choose_postgres()
    binaries = reachable(chosen) if os.geteuid() == 0 else chosen.bin
    scratch = scratch_folder("evk-pg-", unprivileged_account())

    def build(port: int) -> PostgresServer:
        child = _postgres_child(binaries, scratch, port)
        return PostgresServer(f"postgresql://postgres@127.0.0.1:{port}/postgres", child, scratch)

    try:
        _initdb(binaries, scratch)
        return _start(build)
    except BaseException:
        remove(scratch)
        raise


def start_redis() -> RedisServer:
    """Starts an empty server, or uses the one the environment names. Raises as `start_postgres`."""
    named = os.environ.get("EVENKEEL_TEST_REDIS_URL")
    if named:
        return RedisServer(named)
    binary = redis_binary()
    scratch = scratch_folder("evk-redis-", None)

    def build(port: int) -> RedisServer:
        return RedisServer(f"redis://127.0.0.1:{port}/0", _redis_child(binary, scratch, port), scratch)

    try:
        return _start(build)
    except BaseException:
        remove(scratch)
        raise


def _start(build: Callable[[int], _S]) -> _S:
    """Tries further ports if another process takes the free port first."""
    for attempt in range(4):
        server = build(free_port())
        try:
            server.restart()
        except DidNotStart as problem:
            if attempt == 3 or "in use" not in str(problem).lower():
                raise
        else:
            return server
    raise AssertionError("unreachable")


def _initdb(binaries: Path, scratch: Path) -> None:
    """C.UTF-8 where the C library has it, else plain C; the encoding is UTF-8 either way."""
    problems = []
    for locale in ("C.UTF-8", "C"):
        command = [
            f"{binaries}/initdb",
            "-D",
            f"{scratch}/data",
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=UTF8",
        ]
        command += ["--locale-provider=libc", f"--locale={locale}", "--no-sync", "--no-instructions"]
        options = account_options(unprivileged_account())
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, **options)
        if done.returncode == 0:
            return
        problems.append(done.stderr)
        remove(scratch / "data")
    raise DidNotStart("initdb: " + "\n".join(problems))


def _postgres_child(binaries: Path, scratch: Path, port: int) -> Child:
    argv = [
        f"{binaries}/postgres",
        "-D",
        f"{scratch}/data",
        "-h",
        "127.0.0.1",
        "-k",
        f"{scratch}",
        "-p",
        f"{port}",
    ]
    for name, value in _SETTINGS.items():
        argv += ["-c", f"{name}={value}"]
    return Child(
        argv,
        log=scratch / "postgres.log",
        cwd=scratch,
        account=unprivileged_account(),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, then writes a checkpoint
        orphan_signal=signal.SIGQUIT,  # "immediate": takes the backends along
        scratch=scratch,
    )


def _redis_child(binary: Path, scratch: Path, port: int) -> Child:
    argv = [f"{binary}", "--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    argv += ["--dir", f"{scratch}", "--daemonize", "no", "--loglevel", "warning"]
    return Child(argv, log=scratch / "redis.log", cwd=scratch, scratch=scratch)


def _says_ready(pid_file: Path, pid: int) -> bool:
    """PostgreSQL writes its state on line 8; an earlier run's file has another process id on line 1."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
