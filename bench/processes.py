"""Server processes of the bench: one process each, all on this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.children import Child, free_port, remove, scratch_folder

ROOT = Path(__file__).resolve().parents[1]
SERVER = (
    "--http",
    "httptools",
    "--loop",
    "uvloop",
    "--no-access-log",
    "--log-level",
    "warning",
    "--workers",
    "1",
)


class Running:
    """A child that listens on a port of its own, from `with` to its end."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self.port = free_port()
        self._scratch = scratch_folder("evk-bench-", None)
        argv = [sys.executable, "-m", *(part.replace("{port}", str(self.port)) for part in arguments)]
        values = {name: value.replace("{port}", str(self.port)) for name, value in env.items()}
        self.child = Child(argv, log=self._scratch / "log", cwd=ROOT, env=values, scratch=self._scratch)

    def __enter__(self) -> Running:
        self.child.start()
        self.child.wait_until(self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop()
        remove(self._scratch)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def asgi(application: str, env: Mapping[str, str] | None = None) -> Running:
    """`module:name` under uvicorn as the application itself is served: httptools, uvloop, no access log."""
    return Running(("uvicorn", application, "--host", "127.0.0.1", "--port", "{port}", *SERVER), env or {})
