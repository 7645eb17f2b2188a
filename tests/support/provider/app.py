"""The ASGI application: Twilio's paths for the system under test, /_control for the tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import httpx

from tests.support.provider import carrier, faults, messages, webhooks
from tests.support.provider.control import Control
from tests.support.provider.exchange import Receive, Reply, Request, Scope, Send, read_request, send_reply
from tests.support.provider.faults import Fault, Operation
from tests.support.provider.ledger import Ledger, stamp
from tests.support.provider.validation import Refusal, check_create

_PATH = re.compile(r"/2010-04-01/Accounts/([A-Za-z0-9]+)/Messages(?:/([A-Za-z0-9]+))?\.json")
_OPERATIONS: dict[tuple[str, bool], Operation] = {
    ("POST", False): "create",
    ("GET", False): "list",
    ("GET", True): "fetch",
    ("POST", True): "update",
}


class Application:
    """One ledger and one client for webhooks; both belong to this process's event loop."""

    def __init__(self, ledger: Ledger, client: httpx.AsyncClient) -> None:
        self.ledger = ledger
        self.client = client
        self._control = Control(ledger, client)
        self._background: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path.startswith("/_control/"):
            reply = await self._control.answer(request)
        else:
            reply = await self._answer(request)
        if reply.ending == "hang":
            self._start(reply.after)
            reply = replace(reply, after=None)
        await send_reply(reply, self.ledger.now(), receive, send)
        self._start(reply.after)

    async def _answer(self, request: Request) -> Reply:
        found = _PATH.fullmatch(request.path)
        operation = _OPERATIONS.get((request.method, found[2] is not None)) if found is not None else None
        if found is None or operation is None:
            return _refused(Refusal(20404))
        to = (request.form() if operation == "create" else dict(request.query)).get("To")
        fault = self._fault(operation, to)
        row = {"at": stamp(self.ledger.now()), "method": request.method, "operation": operation}
        number = self.ledger.add("request", {**row, "to": to, "fault": fault.label()})
        try:
            reply = _before(fault) or await self._perform(
                request, operation, (found[1], found[2]), fault, number
            )
        except Refusal as refusal:
            self.ledger.change("request", number, {"error_code": refusal.code})
            reply = _refused(refusal)
        self.ledger.change("request", number, {"code": reply.code if reply.ending == "whole" else None})
        return reply

    def _fault(self, operation: Operation, to: str | None) -> Fault:
        """An outage goes before the script and starts when the script says so; it uses up no other line."""
        settings = self.ledger.settings
        if settings.outage_until is not None and self.ledger.now() < settings.outage_until:
            return Fault("outage")
        fault = faults.take(self.ledger, operation, to)
        if fault.name == "outage":
            until = self.ledger.now() + timedelta(seconds=fault.argument)
            self.ledger.save(settings.changed({"outage_until": until.isoformat()}))
        return fault

    async def _perform(
        self, request: Request, operation: Operation, ids: tuple[str, str | None], fault: Fault, number: int
    ) -> Reply:
        account, sid = ids
        self._authenticate(request, account)
        match operation:
            case "create":
                reply = await self._create(request, fault, number)
            case "list":
                reply = messages.list_page(self.ledger, request)
            case "fetch":
                reply = messages.fetch(self.ledger, sid or "")
            case "update":
                reply = messages.update(self.ledger, sid or "", request.form())
        return _after(fault, reply)

    def _authenticate(self, request: Request, account: str) -> None:
        settings = self.ledger.settings
        user, password = request.credentials()
        by_token = user == settings.account_sid and password in settings.auth_tokens
        by_key = user in settings.api_keys and password == settings.api_keys[user]
        if account != settings.account_sid or not (by_token or by_key):
            raise Refusal(20003)

    async def _create(self, request: Request, fault: Fault, number: int) -> Reply:
        create = check_create(request.form(), self.ledger.settings, self.ledger.now())
        messages.check_opt_out(self.ledger, create)
        silent = fault.name == "accept_but_never_callback"
        sid = carrier.accept(self.ledger, create, fault=fault.label(), silent=silent)
        self.ledger.change("request", number, {"sid": sid})
        sids = [sid]
        if fault.name == "accept_twice":
            sids.append(
                carrier.accept(self.ledger, create, fault=fault.label(), silent=silent, duplicate_of=sid)
            )
        reply = replace(messages.fetch(self.ledger, sid), code=201)
        if fault.name == "callback_before_response":
            await self._complete(sids)
        elif self.ledger.settings.automatic:
            reply = replace(reply, after=lambda: self._complete(sids))
        return reply

    async def _complete(self, sids: list[str]) -> None:
        plan = self.ledger.settings.plan
        for sid in sids:
            carrier.advance(self.ledger, plan, sid=sid)
            await webhooks.flush(self.ledger, self.client, plan, sid=sid)

    def _start(self, work: Callable[[], Awaitable[object]] | None) -> None:
        if work is None:
            return
        task = asyncio.ensure_future(work())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _refused(refusal: Refusal) -> Reply:
    return Reply(refusal.http, refusal.body(), refusal.headers)


def _before(fault: Fault) -> Reply | None:
    """What a fault does before anything is accepted; None lets the request through."""
    match fault.name:
        case "429":
            return _refused(Refusal(20429, headers={"Retry-After": f"{fault.argument:g}"}))
        case "400":
            return _refused(Refusal(int(fault.argument)))
        case "500_before_accept":
            return _refused(Refusal(20500))
        case "outage":
            return _refused(Refusal(20503))
        case "timeout_before":
            return Reply(ending="hang")
        case "reset_before":
            return Reply(body=b"{}", ending="reset")
        case _:
            return None


def _after(fault: Fault, reply: Reply) -> Reply:
    """What a fault does to the answer once the request has taken effect."""
    match fault.name:
        case "500_after_accept":
            return replace(_refused(Refusal(20500)), after=reply.after)
        case "timeout_after_accept":
            return replace(reply, ending="hang")
        case "reset_mid_response":
            return replace(reply, ending="reset")
        case "slow":
            return replace(reply, delay=fault.argument)
        case "malformed_json":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case _:
            return reply
