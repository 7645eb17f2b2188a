"""Child processes that never outlive the test run.

Every child gets its own session and a guard: a shell that holds the read end of a pipe whose write end
only the test process has. However the test process ends (exit, SIGKILL, crash), the pipe closes and the
guard stops the child and removes its scratch folder. `atexit` does the same earlier where it can run.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# $1 pid, $2 signal to try first, $3 scratch folder. `read` returns when the pipe closes. The group is written
# after `-s`: dash does not know `kill -KILL -- -123`.
_GUARD = """
read -r _
kill -s "$2" "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 30 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "-$1" 2>/dev/null
[ -n "$3" ] && rm -rf -- "$3"
"""
_ORPHAN_SIGNALS = {
    signal.SIGTERM: "TERM",
    signal.SIGINT: "INT",
    signal.SIGQUIT: "QUIT",
    signal.SIGKILL: "KILL",
}


class DidNotStart(RuntimeError):
    """A child ended or stayed silent during start-up; carries the end of its log."""


class Child:
    """One operating-system process with a log file.

    `stop_signal` asks for a clean end; `orphan_signal` is what the guard sends if the test process dies.
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        account: pwd.struct_passwd | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
        scratch: Path | None = None,
    ) -> None:
        self.argv = [os.fspath(part) for part in argv]
        self.log = log
        self.cwd = cwd
        self.env = env
        self.account = account
        self.stop_signal = stop_signal
        self.orphan_signal = orphan_signal
        self.scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.alive, "already running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env=None if self.env is None else dict(self.env),
                start_new_session=True,
                **account_options(self.account),
            )
        arguments = [str(self.pid), _ORPHAN_SIGNALS[self.orphan_signal], os.fspath(self.scratch or "")]
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        atexit.register(self.kill)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 20.0) -> None:
        """Returns when `ready()` is true; raises `DidNotStart` if the child ends or `seconds` pass first."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                reason = "no answer in time" if self.alive else "ended during start-up"
                self.kill()
                raise DidNotStart(f"{Path(self.argv[0]).name}: {reason}\n{self.log_tail()}")
            time.sleep(0.01)

    def stop(self, *, seconds: float = 10.0) -> None:
        """Clean end; SIGKILL after `seconds`."""
        if self._process is not None and self.alive:
            self._process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and all its descendants, at once, whatever session they moved to."""
        if self._process is not None:
            family = descendants(self._process.pid) if self.alive else []
            _signal_all([self._process.pid], signal.SIGKILL, group=True)
            _signal_all(family, signal.SIGKILL)
            self._process.wait()
            _wait_gone(family)
            self._process = None
        self._dismiss_guard()
        atexit.unregister(self.kill)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.wait()
            assert guard.stdin is not None
            guard.stdin.close()


def account_options(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """Keyword arguments of `subprocess` that drop from root to `account`; none without an account."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def unprivileged_account() -> pwd.struct_passwd | None:
    """The account that servers refusing root run under; None if the tests themselves are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)


def open_to_all(path: Path) -> bool:
    """Whether an unrelated account may walk into `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents) if folder.is_dir())


def scratch_folder(prefix: str, account: pwd.struct_passwd | None) -> Path:
    """A fresh folder of `account`, on a short path (socket paths end at 107 bytes) it can reach."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]
    usable = (place for place in places if place.is_dir() and len(str(place)) < 60)
    place = next(place for place in usable if account is None or open_to_all(place))
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A loopback port nobody listens on, below the range that outgoing connections draw from."""
    chance = random.Random(os.urandom(8))
    for _ in range(200):
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free loopback port found")


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, nearest first; empty where /proc does not exist."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return found


def _signal_all(pids: Sequence[int], number: signal.Signals, *, group: bool = False) -> None:
    for pid in pids:
        try:
            os.killpg(pid, number) if group else os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wait_gone(pids: Sequence[int], *, seconds: float = 5.0) -> None:
    """Waits until orphans are gone or are zombies only their adopter can reap."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(_running(pid) for pid in pids):
        time.sleep(0.005)


def _running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
