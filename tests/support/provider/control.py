"""The tests' side of the provider: fault scripts, callbacks, inbound texts, time, and what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from tests.support.provider import carrier, faults, inbound, webhooks
from tests.support.provider.exchange import Reply, Request, json_reply
from tests.support.provider.ledger import TABLES, Ledger
from tests.support.provider.settings import Outcome, Plan, Settings


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    script: list[str | faults.Entry] = []
    rates: dict[str, float] | None = None
    seed: int = 0


class _Flush(msgspec.Struct, forbid_unknown_fields=True):
    plan: dict[str, Any] = {}
    sid: str | None = None
    until: str | None = None


class _Deliver(msgspec.Struct, forbid_unknown_fields=True):
    sid: str
    outcome: Outcome
    plan: dict[str, Any] = {}


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    """Set to an instant (it then stands still), moved by seconds, or real time plus an offset."""

    at: datetime | None = None
    advance: float | None = None
    offset: float | None = None


class Control:
    """Paths below /_control. A bad request is 400 with the reason; settings outlive a restart."""

    def __init__(self, ledger: Ledger, client: httpx.AsyncClient) -> None:
        self.ledger = ledger
        self.client = client

    async def answer(self, request: Request) -> Reply:
        try:
            return await self._dispatch(request, request.path.removeprefix("/_control/"))
        except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as problem:
            return json_reply({"problem": str(problem)}, 400)

    async def _dispatch(self, request: Request, name: str) -> Reply:
        match (request.method, name):
            case ("POST", "faults"):
                return self._faults(msgspec.json.decode(request.body, type=_Script))
            case ("POST", "callbacks/flush"):
                return await self._flush(msgspec.json.decode(request.body, type=_Flush))
            case ("POST", "callbacks/deliver"):
                return await self._deliver(msgspec.json.decode(request.body, type=_Deliver))
            case ("POST", "inbound"):
                text = msgspec.json.decode(request.body, type=inbound.Inbound)
                return json_reply(await inbound.receive(self.ledger, self.client, text))
            case ("POST", "clock"):
                return self._clock(msgspec.json.decode(request.body, type=_Clock))
            case ("POST", "settings"):
                self.ledger.save(self.ledger.settings.changed(msgspec.json.decode(request.body)))
                return json_reply({})
            case ("POST", "reset"):
                self.ledger.clear()
                self.ledger.save(Settings().changed(msgspec.json.decode(request.body)))
                return json_reply({})
            case ("GET", "ledger"):
                return self._ledger(dict(request.query))
            case ("GET", "problems"):
                return json_reply(self.ledger.rows("delivery", "problem IS NOT NULL"))
            case _:
                return json_reply({"problem": f"no such control: {request.method} {name}"}, 404)

    def _faults(self, asked: _Script) -> Reply:
        faults.script(self.ledger, asked.script)
        if asked.rates is not None:
            for text in asked.rates:
                faults.parse(text)
            self.ledger.save(
                self.ledger.settings.changed({"fault_rates": asked.rates, "fault_seed": asked.seed})
            )
        return json_reply({})

    async def _flush(self, asked: _Flush) -> Reply:
        plan = self._plan(asked.plan)
        carrier.advance(self.ledger, plan, sid=asked.sid, until=asked.until)
        return json_reply({"posted": await webhooks.flush(self.ledger, self.client, plan, sid=asked.sid)})

    async def _deliver(self, asked: _Deliver) -> Reply:
        row = self.ledger.message(asked.sid)
        if row is None or row["direction"] != "outbound-api":
            raise ValueError("no such outbound text")
        plan = self._plan(asked.plan)
        carrier.settle(self.ledger, row, asked.outcome, plan)
        return json_reply({"posted": await webhooks.flush(self.ledger, self.client, plan, sid=asked.sid)})

    def _plan(self, changes: dict[str, Any]) -> Plan:
        """The standing plan with this call's changes."""
        return msgspec.convert({**msgspec.to_builtins(self.ledger.settings.plan), **changes}, Plan)

    def _clock(self, asked: _Clock) -> Reply:
        changes: dict[str, object] = {}
        if asked.at is not None:
            changes["clock_at"] = asked.at.astimezone(UTC).isoformat()
        if asked.offset is not None:
            changes |= {"clock_at": None, "clock_offset": asked.offset}
        if asked.advance is not None:
            settings = self.ledger.settings
            if settings.clock_at is None:
                changes["clock_offset"] = settings.clock_offset + asked.advance
            else:
                changes["clock_at"] = (settings.clock_at + timedelta(seconds=asked.advance)).isoformat()
        self.ledger.save(self.ledger.settings.changed(changes))
        return json_reply({"now": self.ledger.now()})

    def _ledger(self, query: dict[str, str]) -> Reply:
        """Everything, or one table (`table=message`), of it only rows with the given columns."""
        table = query.pop("table", None)
        if table is None:
            return json_reply(self.ledger.dump())
        if table not in TABLES or not all(name.replace("_", "").isalpha() for name in query):
            raise ValueError("no such table or column")
        where = " AND ".join(f'"{name}" = ?' for name in query) or "1"
        return json_reply(self.ledger.rows(table, where, tuple(query.values())))
