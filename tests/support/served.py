"""The application behind a real server in a thread of its own, for browsers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from api.app import create_app
from api.wiring import Deps
from tests.support import app as support
from tests.support.clock import FakeClock


class Served:
    """`loop` runs the application; `run` does something on it and waits."""

    def __init__(self, url: str, deps: Deps, loop: asyncio.AbstractEventLoop, extra: Any) -> None:
        self.url, self.deps, self.loop, self.extra = url, deps, loop, extra

    def run(self, work: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(60)


@contextmanager
def served(database_url: str, prepare: Callable[[Deps], Awaitable[Any]]) -> Iterator[Served]:
    """Serves until the block ends. `prepare` fills the database first; what it gives is `extra`."""
    ready = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        async with support.test_deps(database_url, FakeClock()) as deps:
            extra = await prepare(deps)
            config = uvicorn.Config(
                create_app(deps), host="127.0.0.1", port=0, log_level="error", lifespan="off"
            )
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            state["served"] = Served(f"http://127.0.0.1:{port}", deps, asyncio.get_running_loop(), extra)
            state["stop"] = lambda: setattr(server, "should_exit", True)
            ready.set()
            await task

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            state["error"] = error
            ready.set()
            raise

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(60)
    if "error" in state:
        raise state["error"]
    try:
        yield state["served"]
    finally:
        state["stop"]()
        thread.join(20)
