"""Sends answers of distinct people to a webhook, each connection one request after the other.

Run as a process of its own; writes one line of JSON: requests per second and the 99th percentile in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from bench.world import invented_numbers

PATH = "/webhooks/twilio/inbound"
ACCOUNT = "AC" + "0" * 32
TOKEN = "bench-auth-token-of-32-characters"
PUBLIC_URL = "https://bench.example"
ANSWER = "1"
VALIDATOR = RequestValidator(TOKEN)


def sid_of(n: int) -> str:
    return f"SM{n:032x}"


def signed(number: str, to: str, sid: str) -> tuple[str, dict[str, str], bytes]:
    """(path, headers, body) of a text as the provider posts it."""
    fields = {
        "ToCountry": "US", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received",
        "FromCountry": "US", "Body": ANSWER, "To": to, "NumSegments": "1", "MessageSid": sid, "AccountSid": ACCOUNT,
        "From": number, "ApiVersion": "2010-04-01",
    }  # fmt: skip
    signature = VALIDATOR.compute_signature(PUBLIC_URL + PATH, fields)
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    return PATH, headers, urlencode(fields).encode()


def requests(numbers: Sequence[str], to: str, first: int) -> list[bytes]:
    made = []
    for n, number in enumerate(numbers, start=first):
        path, headers, body = signed(number, to, sid_of(n))
        lines = [f"POST {path} HTTP/1.1", "host: bench.example", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        made.append("\r\n".join([*lines, "", ""]).encode() + body)
    return made


async def send_all(port: int, made: Sequence[bytes], connections: int) -> dict[str, float]:
    waiting = iter(made)
    durations: list[float] = []
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(_connection(reader, writer, waiting, durations) for reader, writer in opened))
    took = time.perf_counter() - started
    for _, writer in opened:
        writer.close()
    durations.sort()
    return {"rate": len(made) / took, "p99": durations[int(len(durations) * 0.99)] * 1000}


async def _connection(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    waiting: Iterator[bytes],
    durations: list[float],
) -> None:
    for request in waiting:
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 204"):
            raise RuntimeError(head.decode(errors="replace").splitlines()[0])
        durations.append(time.perf_counter() - started)


def main(port: str, connections: str, to: str, first: str, count: str) -> None:
    start, end = int(first), int(first) + int(count)
    made = requests(invented_numbers(end)[start:end], to, start)
    print(json.dumps(asyncio.run(send_all(int(port), made, int(connections)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
