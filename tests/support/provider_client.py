"""Drives the stand-in for Twilio from a test: start it, script it, read what it sent and what it saw."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from tests.support.children import Child, remove, scratch_folder
from tests.support.provider.faults import Entry
from tests.support.provider.inbound import Received

_ROOT = Path(__file__).resolve().parents[2]


class Sent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"from_": "from", "at": "created", "messaging_service_sid": "service"},
):
    """One text the provider accepted from us. `at` is provider time; `fault` is what happened to its request.

    `duplicate_of` names the first SID where the provider itself doubled a text (fault `accept_twice`).
    """

    sid: str
    to: str
    from_: str | None
    body: str
    status: str
    at: datetime
    status_callback: str | None
    validity_period: int | None
    messaging_service_sid: str | None
    segments: int
    error_code: int | None
    fault: str
    duplicate_of: str | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One post of a webhook. `code` is None if the connection failed ("connect") or broke ("read")."""

    kind: str
    sid: str
    status: str
    url: str
    attempt: int
    token: str
    signature: str
    code: int | None
    failure: str | None
    seconds: float
    problem: str | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One API request of ours. `code` is None where the answer never left whole; `sid` is what it created."""

    at: datetime
    method: str
    operation: str
    to: str | None
    fault: str
    code: int | None
    error_code: int | None
    sid: str | None


class Provider:
    """The provider's process. Keyword arguments are fields of `provider.settings.Settings` as JSON values.

    Starting, stopping and killing are synchronous; every other call is async and opens its own connection,
    so one provider serves tests on different event loops.
    """

    def __init__(self, *, ledger: Path | None = None, **settings: object) -> None:
        self.settings = settings
        self._scratch = scratch_folder("evk-provider-", None)
        self.ledger = ledger or self._scratch / "ledger.sqlite"
        self._child: Child | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Takes the place of https://api.twilio.com."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> Self:
        log = self._scratch / "provider.log"
        log.unlink(missing_ok=True)
        argv = [
            sys.executable,
            "-m",
            "tests.support.provider",
            "--port",
            str(self._port),
            "--ledger",
            str(self.ledger),
        ]
        self._child = Child(argv, log=log, cwd=_ROOT, scratch=self._scratch)
        self._child.start()
        self._child.wait_until(lambda: log.read_text().startswith("http://") and "\n" in log.read_text())
        first = self._port == 0
        self._port = int(log.read_text().splitlines()[0].rpartition(":")[2])
        if first:
            httpx.post(
                f"{self.base_url}/_control/settings", json=self.settings, trust_env=False
            ).raise_for_status()
        return self

    def kill(self) -> None:
        """SIGKILL; `start` again goes on with the same port and ledger."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
        remove(self._scratch)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    async def configure(self, **settings: object) -> None:
        """Changes fields of `Settings` until the next `reset`."""
        await self._post("settings", settings)

    async def reset(self) -> None:
        """Empties the ledger and returns to the settings of the start."""
        await self._post("reset", self.settings)

    async def script(self, *lines: str | Entry) -> None:
        """Faults of the coming requests, in order: "ok", "429(2)", "400(21610)", `Entry("429", on="list")`."""
        await self._post("faults", {"script": lines})

    async def chance(self, seed: int, rates: dict[str, float]) -> None:
        """Faults of creates by seeded chance where no script line fits: `{"timeout_after_accept": 0.05}`."""
        await self._post("faults", {"rates": rates, "seed": seed})

    async def sent(self, to: str | None = None) -> list[Sent]:
        """What was accepted from us (to one number), oldest first; Twilio's own keyword replies are not in it."""
        return msgspec.convert(
            await self._rows("message", direction="outbound-api", to=to), list[Sent], strict=False
        )

    async def keyword_replies(self, to: str) -> list[str]:
        """Bodies Twilio itself sent to a phone after STOP, START or HELP."""
        return [row["body"] for row in await self._rows("message", direction="outbound-reply", to=to)]

    async def calls(self, operation: str | None = None) -> list[Call]:
        return msgspec.convert(await self._rows("request", operation=operation), list[Call], strict=False)

    async def deliveries(self, sid: str | None = None) -> list[Delivery]:
        return msgspec.convert(await self._rows("delivery", sid=sid), list[Delivery], strict=False)

    async def deliver(
        self, sid: str, status: str = "delivered", error_code: int | None = None, **plan: object
    ) -> int:
        """Moves one text to its outcome, posts its callbacks, and returns how many were posted."""
        outcome = {"status": status, "error_code": error_code}
        return int(
            (await self._post("callbacks/deliver", {"sid": sid, "outcome": outcome, "plan": plan}))["posted"]
        )

    async def flush_callbacks(
        self, *, sid: str | None = None, until: str | None = None, **plan: object
    ) -> int:
        """Moves all texts on (or only to the status `until`) and posts every callback due at provider time.

        Keyword arguments change the standing `Plan` for this call: copies, shuffle, delay, drop, signature,
        extra, repeated, concurrent. Returns how many callbacks were posted, retries not counted.
        """
        return int(
            (await self._post("callbacks/flush", {"sid": sid, "until": until, "plan": plan}))["posted"]
        )

    async def receive_inbound(self, from_: str, to: str, body: str, **options: object) -> int | str | None:
        """A text arrives; the final answer of our webhook to the last copy, None if none was posted."""
        answers = (await self.inbound(from_, to, body, **options)).answers
        return answers[-1] if answers else None

    async def inbound(self, from_: str, to: str, body: str, **options: object) -> Received:
        """As `receive_inbound`, with the SID and every answer. Options: fields of `provider.inbound.Inbound`."""
        text = {"from": from_, "to": to, "body": body, **options}
        return msgspec.convert(await self._post("inbound", text), Received)

    async def set_clock(self, at: datetime) -> None:
        """Provider time stands at `at`."""
        await self._post("clock", {"at": at})

    async def advance_clock(self, seconds: float) -> None:
        await self._post("clock", {"advance": seconds})

    async def skew_clock(self, seconds: float) -> None:
        """Provider time runs in real time, ahead by `seconds`."""
        await self._post("clock", {"offset": seconds})

    async def expect(self, *answers: int | str) -> None:
        """These codes (and "connect", "read") of our webhooks are no problem until the next `reset`."""
        await self.configure(expected=answers)

    async def problems(self) -> list[Delivery]:
        """Webhooks we answered wrongly or too slowly. A test that leaves any has failed."""
        return msgspec.convert(await self._get("problems"), list[Delivery], strict=False)

    async def history(self) -> dict[str, list[dict[str, Any]]]:
        """The whole ledger by table, for a checker of invariants."""
        return msgspec.convert(await self._get("ledger"), dict[str, list[dict[str, Any]]])

    async def _rows(self, table: str, **columns: str | None) -> list[dict[str, Any]]:
        query = {name: value for name, value in columns.items() if value is not None}
        return msgspec.convert(await self._get("ledger", {"table": table, **query}), list[dict[str, Any]])

    async def _get(self, name: str, query: dict[str, str] | None = None) -> Any:
        async with _client(self.base_url) as client:
            return _answer(await client.get(f"/_control/{name}", params=query))

    async def _post(self, name: str, value: object) -> Any:
        async with _client(self.base_url) as client:
            return _answer(await client.post(f"/_control/{name}", content=msgspec.json.encode(value)))


def _client(base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base_url, trust_env=False, verify=False, timeout=60)


def _answer(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise ValueError(f"provider control answered {response.status_code}: {response.text}")
    return response.json()
