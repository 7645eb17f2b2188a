"""HTTP in its smallest form: what a request carries, and the ways an answer leaves or does not leave."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def credentials(self) -> tuple[str, str]:
        """User and password of basic authentication; empty strings without a readable header."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        user, _, password = base64.b64decode(encoded + "==").decode(errors="replace").partition(":")
        return user, password


@dataclass(frozen=True)
class Reply:
    """An answer. `delay`: real seconds before it leaves. `ending` "hang": none until the caller hangs up;
    "reset": the connection breaks (TCP RST) after half of the body. `after` runs once it has left."""

    code: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    ending: str = "whole"
    after: Callable[[], Awaitable[object]] | None = None


def json_reply(value: object, code: int = 200) -> Reply:
    return Reply(code, msgspec.json.encode(value))


async def read_request(scope: Scope, receive: Receive) -> Request:
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=parse_qsl(scope["query_string"].decode(), keep_blank_values=True),
        headers={name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def send_reply(reply: Reply, now: datetime, receive: Receive, send: Send) -> None:
    """`now` becomes the Date header: callers may measure their clock against it."""
    await asyncio.sleep(reply.delay)
    if reply.ending == "hang":
        await _until_caller_hangs_up(receive)
        return
    headers = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(reply.body))}
    headers["Date"] = format_datetime(now, usegmt=True)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.code, "headers": raw})
    if reply.ending == "reset":
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _break_connection(send)
        return
    await send({"type": "http.response.body", "body": reply.body})


async def _until_caller_hangs_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _break_connection(send: Send) -> None:
    """ASGI has no word for a reset, so this reaches through uvicorn's `send` to its socket."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    plain: socket.socket = transport.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
