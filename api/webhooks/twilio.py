"""What the text provider tells us: a text came in, a text of ours moved on.

Verify, store and act in one transaction, then answer 204. A 204 always means "stored". Unknown parameters and
statuses are tolerated; a malformed call is a 4xx, never a 500.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import phonenumbers
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.wiring import Deps
from kernel.errors import Forbidden, Invalid
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.conversation.service import Inbound, receive_safely
from messaging.delivery.reports import apply_status
from registry.organisation import queries as organisation
from registry.organisation.queries import SenderFacts

MAX_BODY = 64 * 1024
MAX_SID = 64
NO_CONTENT = 204
NORTH_AMERICAN = re.compile(r"\+1[0-9]{10}")  # E.164 already


async def _signed_fields(request: WebRequest, deps: Deps) -> dict[str, str]:
    """The call's fields once its signature holds. Raises Forbidden otherwise, with nothing stored."""
    body = await request.body()
    if len(body) > MAX_BODY:
        raise Invalid.field("", "the body is too large")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="replace")
    except (UnicodeDecodeError, ValueError):
        raise Forbidden("the call can't be verified", code="bad_signature") from None
    if not deps.signature.holds(request, pairs):
        raise Forbidden("the call can't be verified", code="bad_signature")
    fields = dict(reversed(pairs))  # of a repeated field the first counts
    if deps.settings.twilio_account_sid and fields.get("AccountSid") != deps.settings.twilio_account_sid:
        raise Forbidden("the call is about another account", code="bad_signature")
    return fields


@post("/webhooks/twilio/inbound", opt=access.PROVIDER, status_code=NO_CONTENT)
async def inbound(request: WebRequest, deps: NamedDependency[Deps]) -> None:
    """A text that reached one of our numbers."""
    fields = await _signed_fields(request, deps)
    deps.probe("webhook.after_verify")
    now = deps.clock.now()
    to = fields.get("To", "")
    sender = await _our_number(deps, to)
    await receive_safely(
        deps.system_db,
        Inbound(
            provider_sid=_sid(fields.get("MessageSid") or fields.get("SmsSid", "")),
            clinic_id=sender.clinic_id,
            sender_id=sender.id,
            from_=_address(fields.get("From", "")),
            to=to,
            body=fields.get("Body", ""),
            media_count=_count(fields.get("NumMedia", "0")),
            received_at=now,
            via="webhook",
        ),
        now=now,
        ports=deps.conversation,
        probe=deps.probe,
    )
    deps.probe("webhook.after_commit")


@post("/webhooks/twilio/status/{outbox_id:str}/{attempt:str}", opt=access.PROVIDER, status_code=NO_CONTENT)
async def status(
    request: WebRequest, deps: NamedDependency[Deps], outbox_id: FromPath[str], attempt: FromPath[str]
) -> None:
    """A text of ours moved on. A row that is not ours any more is answered 204 all the same: nothing to retry."""
    fields = await _signed_fields(request, deps)
    sid = _sid(fields.get("MessageSid") or fields.get("SmsSid") or fields.get("CallSid", ""))
    reported = fields.get("MessageStatus") or fields.get("SmsStatus", "")
    if "CallStatus" in fields and not reported:
        reported = CALL_STATUS.get(fields["CallStatus"], fields["CallStatus"])
    if not reported:
        raise Invalid.field("MessageStatus", "is needed")

    async def body(tx: Any) -> bool:
        known = await apply_status(
            tx, _uuid(outbox_id), sid, reported, fields.get("ErrorCode") or None, now=deps.clock.now()
        )
        deps.probe("status.before_commit")
        return known

    await deps.system_db.run(body)


# How a call to a colleague ended, in the words that texts have. Picked up is not acknowledged.
CALL_STATUS: Final = {
    "initiated": "queued",
    "ringing": "sending",
    "in-progress": "sent",
    "answered": "sent",
    "completed": "delivered",
    "busy": "undelivered",
    "no-answer": "undelivered",
}


async def _our_number(deps: Deps, number: str) -> SenderFacts:
    """A number of ours belongs to one clinic for good, so what was found once is kept."""
    known = deps.senders.get(number)
    if known is None:
        async with deps.system_db.begin() as tx:
            known = await organisation.sender_by_number(tx, number)
        if known is None:
            raise Invalid.field("To", "is not one of our numbers")
        deps.senders[number] = known
    return known


def _sid(value: str) -> str:
    if not value or len(value) > MAX_SID or not value.isalnum():
        raise Invalid.field("MessageSid", "is needed")
    return value


def _address(value: str) -> str:
    """E.164 where it is a number; other addresses (`rcs:...`, short codes) stay as they came."""
    if NORTH_AMERICAN.fullmatch(value):
        return value
    try:
        return phonenumbers.format_number(phonenumbers.parse(value), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        if not value or len(value) > 200:
            raise Invalid.field("From", "is needed") from None
        return value


def _count(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else 0


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


ROUTES: tuple[Any, ...] = (inbound, status)
