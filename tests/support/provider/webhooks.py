"""Posts signed webhooks to the application and keeps what it answered, how fast, and what was wrong with it."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urldefrag, urlencode

import httpx
import msgspec

from tests.support.provider.ledger import Ledger, Values, stamp
from tests.support.provider.settings import Plan, Settings, Signature
from tests.support.provider.signing import twilio_signature

_TOTAL_SECONDS = 15.0
_SLOW_SECONDS = 5.0
_REFUSED_SIGNATURES = ("stale", "wrong", "missing")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Overrides:
    """Connection overrides of a webhook URL's fragment: `#rc=5&rp=all&ct=2000&rt=5000`."""

    retries: int
    policies: frozenset[str]
    connect_seconds: float
    read_seconds: float

    @classmethod
    def of(cls, fragment: str) -> Overrides:
        """Twilio's defaults where the fragment says nothing: one retry, on failed connects only."""
        given = dict(parse_qsl(fragment))
        return cls(
            retries=min(5, int(given.get("rc", 1))),
            policies=frozenset(given.get("rp", "ct").split(",")),
            connect_seconds=int(given.get("ct", 5_000)) / 1000,
            read_seconds=int(given.get("rt", 15_000)) / 1000,
        )

    def retried(self, answer: Answer) -> bool:
        """Whether this answer counts as a failure that the policy repeats."""
        if answer.code is None:
            names = {"ct"} if answer.failure == "connect" else {"rt"}
        else:
            names = {f"{answer.code // 100}xx"} & {"4xx", "5xx"}
        return bool(names) and bool((names | {"all"}) & self.policies)


@dataclass(frozen=True)
class Answer:
    """What came back: a code and a body, or `failure` "connect" or "read"."""

    seconds: float
    code: int | None = None
    failure: str | None = None
    body: str = ""


@dataclass(frozen=True)
class Webhook:
    """One event to post. `kind` is "status" or "inbound"."""

    kind: str
    sid: str
    status: str
    url: str
    pairs: Pairs
    signature: Signature = "right"
    fallback_url: str | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)  # the same for all attempts


async def post(ledger: Ledger, client: httpx.AsyncClient, webhook: Webhook) -> Answer:
    """Posts with Twilio's retries (without waiting between them), then once to the fallback URL."""
    url, fragment = urldefrag(webhook.url)
    overrides = Overrides.of(fragment)
    started = time.monotonic()
    for attempt in range(1 + overrides.retries):
        answer = await _attempt(ledger, client, webhook, url, attempt, overrides)
        if not overrides.retried(answer) or time.monotonic() - started > _TOTAL_SECONDS:
            break
    failed = answer.code is None or answer.code >= 400
    if failed and webhook.fallback_url is not None:
        extra = [("ErrorCode", "11200"), ("ErrorUrl", url)]
        target, fragment = urldefrag(webhook.fallback_url)
        fallback = replace(webhook, pairs=webhook.pairs + extra)
        answer = await _attempt(ledger, client, fallback, target, 0, Overrides.of(fragment))
    return answer


async def flush(ledger: Ledger, client: httpx.AsyncClient, plan: Plan, *, sid: str | None = None) -> int:
    """Posts the callbacks that are due at provider time, in the plan's order; returns how many."""
    where = "state = 'waiting' AND due <= ?"
    values: Values = (stamp(ledger.now()),)
    if sid is not None:
        where, values = f"{where} AND sid = ?", (*values, sid)
    rows = ledger.rows("callback", where, values)
    if plan.shuffle is not None:
        random.Random(plan.shuffle).shuffle(rows)
    for row in rows:  # first, so that a second flush meanwhile posts none of them again
        ledger.change("callback", row["n"], {"state": "posted"})
    webhooks = [
        Webhook("status", row["sid"], row["status"], row["url"], _pairs(row["pairs"], plan), plan.signature)
        for row in rows
    ]
    if plan.concurrent:
        await asyncio.gather(*(post(ledger, client, webhook) for webhook in webhooks))
    else:
        for webhook in webhooks:
            await post(ledger, client, webhook)
    return len(webhooks)


def _pairs(stored: str, plan: Plan) -> Pairs:
    return [*msgspec.json.decode(stored, type=Pairs), *plan.extra.items(), *plan.repeated]


async def _attempt(
    ledger: Ledger, client: httpx.AsyncClient, webhook: Webhook, url: str, attempt: int, overrides: Overrides
) -> Answer:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "I-Twilio-Idempotency-Token": webhook.token,
    }
    signature = _signature(ledger.settings, webhook, url)
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    answer = await _send(client, _route(ledger.settings, url), urlencode(webhook.pairs), headers, overrides)
    row = {"kind": webhook.kind, "sid": webhook.sid, "status": webhook.status, "url": url, "attempt": attempt}
    row |= {"token": webhook.token, "signature": webhook.signature, "code": answer.code}
    row |= {"failure": answer.failure, "seconds": answer.seconds}
    ledger.add("delivery", {**row, "problem": problem_with(ledger.settings, webhook, answer)})
    return answer


async def _send(
    client: httpx.AsyncClient, url: str, body: str, headers: dict[str, str], overrides: Overrides
) -> Answer:
    timeout = httpx.Timeout(overrides.read_seconds, connect=overrides.connect_seconds)
    started = time.monotonic()
    try:
        response = await client.post(url, content=body, headers=headers, timeout=timeout)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return Answer(time.monotonic() - started, failure="connect")
    except httpx.TransportError:
        return Answer(time.monotonic() - started, failure="read")
    return Answer(time.monotonic() - started, code=response.status_code, body=response.text)


def _signature(settings: Settings, webhook: Webhook, url: str) -> str | None:
    match webhook.signature:
        case "right":
            return twilio_signature(settings.auth_tokens[0], url, webhook.pairs)
        case "secondary":
            return twilio_signature(settings.auth_tokens[1], url, webhook.pairs)
        case "stale":
            return twilio_signature(settings.stale_token, url, webhook.pairs)
        case "wrong":
            return twilio_signature(settings.auth_tokens[0], url, [*webhook.pairs, ("Body", "altered")])
        case "missing":
            return None


def _route(settings: Settings, url: str) -> str:
    """Where a public URL is really served; signatures never cover this address."""
    for public, actual in settings.routes.items():
        if url.startswith(public):
            return actual + url.removeprefix(public)
    return url


def problem_with(settings: Settings, webhook: Webhook, answer: Answer) -> str | None:
    """Why a test should fail: an unexpected answer, or a right one that took too long."""
    got = answer.failure if answer.code is None else answer.code
    if got in settings.expected:
        return None
    if webhook.signature in _REFUSED_SIGNATURES:
        return None if got == 403 else f"{webhook.signature} signature answered {got}, not 403"
    if got not in (200, 204):
        return f"answered {got}"
    if got == 200 and "<Response" not in answer.body:
        return "answered 200 without TwiML; 204 has no body"
    if answer.seconds > _SLOW_SECONDS:
        return f"took {answer.seconds:.1f} s"
    return None
