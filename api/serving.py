"""Running the web process: one listener, a clean end, and one serving process for a SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import uvicorn
from sqlalchemy import make_url

from api.app import create_app
from api.wiring import Deps
from kernel import log
from kernel.errors import Conflict
from kernel.settings import Settings

GRACE_S = 15  # requests under way when the process is told to stop
COLLECT_AFTER = 50_000  # new objects


@contextmanager
def only_process(settings: Settings, part: Literal["serve", "worker"]) -> Iterator[None]:
    """Holds a lock beside a SQLite file; raises `Conflict` when another process of this part has it.

    The system frees the lock when the process ends, however it ends.
    """
    database = make_url(settings.database_url).database if settings.is_sqlite else None
    if database is None or database == ":memory:":
        yield
        return
    path = Path(f"{database}.{part}.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"another `evenkeel {part}` uses this database file") from None
        yield


def run(process: Coroutine[Any, Any, None]) -> None:
    """Runs a long-lived process to its end, on the faster loop where there is one."""
    spare_from_collection()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(process)


def spare_from_collection() -> None:
    """What exists by now stays for good. Left to the collector it would be walked through again and again, a tenth of
    a request's time. What a sweep makes for a thousand patients is dropped at its end, so looking for cycles after
    every 700 objects, as by default, finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


class Server(uvicorn.Server):
    """Ends with exit code 0 when told to stop. The library's own server kills itself with the signal it caught,
    before the database is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        yield

    def _leave(self) -> None:
        self.force_exit = self.should_exit  # told twice
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            host, port = server.sockets[0].getsockname()[:2]
            log.get().info("web.listening", host=host, port=port)


async def serve(deps: Deps) -> None:
    """Until SIGTERM or SIGINT. Forwarded headers are believed only from the named proxies."""
    settings = deps.settings
    app = create_app(deps)
    spare_from_collection()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies or "",
        timeout_graceful_shutdown=GRACE_S,
    )
    await Server(config).serve()
