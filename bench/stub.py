"""A text provider that takes every text and does nothing else: `uvicorn bench.stub:at_once` or `:slow`."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Any

SLOW_S = 0.05
_HEADERS = [(b"content-type", b"application/json")]


async def at_once(scope: Any, receive: Any, send: Any) -> None:
    await _answer(scope, receive, send, 0.0)


async def slow(scope: Any, receive: Any, send: Any) -> None:
    await _answer(scope, receive, send, SLOW_S)


async def _answer(scope: Any, receive: Any, send: Any, delay_s: float) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        continue
    if delay_s:
        await asyncio.sleep(delay_s)
    sid = f"SM{token_hex(16)}"
    body = f'{{"sid": "{sid}", "status": "queued", "num_media": "0", "num_segments": "1"}}'.encode()
    await send({"type": "http.response.start", "status": 201, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": body})
