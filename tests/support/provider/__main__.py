"""`python -m tests.support.provider --port 0 --ledger FILE` prints its address and serves until killed."""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path

import httpx
import uvicorn

from tests.support.provider.app import Application
from tests.support.provider.ledger import Ledger


async def serve(listener: socket.socket, ledger_file: Path) -> None:
    ledger = Ledger(ledger_file)
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        trust_env=False, verify=False, follow_redirects=False, limits=limits
    ) as client:
        config = uvicorn.Config(
            Application(ledger, client),
            interface="asgi3",
            loop="asyncio",
            lifespan="off",
            proxy_headers=False,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=0,
        )
        await uvicorn.Server(config).serve(sockets=[listener])
    ledger.close()


def listen(port: int) -> socket.socket:
    """Names TCP explicitly: asyncio turns off Nagle's delay (40 ms an answer) only on such sockets."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.support.provider", description="A stand-in for Twilio's messaging API."
    )
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 picks a free one")
    parser.add_argument(
        "--ledger", type=Path, required=True, help="SQLite file; created if missing, else gone on with"
    )
    arguments = parser.parse_args()
    listener = listen(arguments.port)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    asyncio.run(serve(listener, arguments.ledger))


if __name__ == "__main__":
    main()
