"""Sends one answer each of distinct people, to a check-in page or to the mobile API; as `bench.load` does for texts.

Run as a process of its own; writes one line of JSON: requests per second and the 99th percentile in milliseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import urlencode

from bench.world import CHECK_IN, id_of

Kind = Literal["page", "api"]
HOST = "bench.example"
COOKIE = "__Host-evenkeel-checkin"
EXPECTED: dict[Kind, bytes] = {"page": b"303", "api": b"200"}
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def secret_of(n: int) -> str:
    """Cookie or access token of person n; a real one is chance."""
    return f"bench-secret-{n:027d}"


def hash_of(n: int) -> str:
    return hashlib.sha256(secret_of(n).encode()).hexdigest()


def csrf_of(n: int) -> str:
    return f"bench-form-{n}"


def call(kind: Kind, n: int) -> tuple[str, dict[str, str], bytes]:
    """(path, headers, body) of person n's answer to the first question."""
    if kind == "page":
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "cookie": f"{COOKIE}={secret_of(n)}",
        }
        return "/check-in/1", headers, urlencode({"_csrf": csrf_of(n), "answer": "1", "go": "next"}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {secret_of(n)}"}
    body = {"answers": [{"instrument_id": "phq9", "item": 1, "value": 1}]}
    return f"/patient/v1/check-ins/{id_of(CHECK_IN, n)}/answers", headers, json.dumps(body).encode()


def requests(kind: Kind, first: int, count: int) -> list[bytes]:
    made = []
    for n in range(first, first + count):
        path, headers, body = call(kind, n)
        lines = [f"POST {path} HTTP/1.1", f"host: {HOST}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        made.append("\r\n".join([*lines, "", ""]).encode() + body)
    return made


async def send_all(kind: Kind, port: int, made: Sequence[bytes], connections: int) -> dict[str, float]:
    waiting = iter(made)
    durations: list[float] = []
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(_connection(kind, *pair, waiting, durations) for pair in opened))
    took = time.perf_counter() - started
    for _, writer in opened:
        writer.close()
    durations.sort()
    return {"rate": len(made) / took, "p99": durations[int(len(durations) * 0.99)] * 1000}


async def _connection(
    kind: Kind,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    waiting: Iterator[bytes],
    durations: list[float],
) -> None:
    for request in waiting:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is not None:
            await reader.readexactly(int(length[1]))
        if head.split(b" ", 2)[1] != EXPECTED[kind]:
            raise RuntimeError(head.decode(errors="replace").splitlines()[0])
        durations.append(time.perf_counter() - started)


def main(kind: Kind, port: str, connections: str, first: str, count: str) -> None:
    made = requests(kind, int(first), int(count))
    print(json.dumps(asyncio.run(send_all(kind, int(port), made, int(connections)))))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
