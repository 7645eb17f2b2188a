"""Stands where the application's webhooks would be: keeps what arrives and answers what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from tests.support.provider.settings import AUTH_TOKEN


@dataclass(frozen=True)
class Arrival:
    path: str
    headers: dict[str, str]
    pairs: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        return dict(self.pairs).get(name)


@dataclass
class Receiver:
    """`answers` are used up in order, then 204; "reset" ends the connection without an answer."""

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)

    def statuses(self) -> list[str | None]:
        return [arrival.get("MessageStatus") for arrival in self.arrivals]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        self.arrivals.append(Arrival(first.split(" ")[1], headers, parse_qsl(body, keep_blank_values=True)))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, int):
            writer.write(
                f"HTTP/1.1 {answer} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield receiver


def genuine(arrival: Arrival, url: str, token: str = AUTH_TOKEN) -> bool:
    """What Twilio's own validator says of a webhook without repeated parameters."""
    assert len(dict(arrival.pairs)) == len(arrival.pairs)
    signature = arrival.headers.get("x-twilio-signature", "")
    return bool(RequestValidator(token).validate(url, dict(arrival.pairs), signature))
