"""Which create requests Twilio refuses, with which code (its public error dictionary)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from tests.support.provider.settings import Settings

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
_MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
_MAGIC_ACCEPTED_FROM = "+15005550006"

MESSAGES = {
    11200: "HTTP retrieval failure",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20422: "Invalid parameter",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service unavailable",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid 'From' Phone Number",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required",
    21603: "A 'From' or 'MessagingServiceSid' parameter is required",
    21604: "'To' phone number is required",
    21606: "The 'From' phone number is not a valid, message-capable number of this account",
    21609: "Invalid 'StatusCallback'",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable via SMS",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21624: "Invalid validity period value",
    21701: "The Messaging Service does not exist",
    30034: "Message from an unregistered number",
    30409: "This message cannot be canceled",
    35111: "SendAt timestamp is missing",
    35114: "SendAt timestamp is invalid",
    35115: "SendAt is outside the supported window",
    35118: "MessagingServiceSid is required to schedule a message",
}
_HTTP = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503}


class Refusal(Exception):
    """An answer in Twilio's error shape; the text names no number and no body."""

    def __init__(self, code: int, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.http = _HTTP.get(code, 400)
        self.headers = headers or {}

    def body(self) -> bytes:
        message = MESSAGES.get(self.code, f"Error {self.code}")
        info = f"https://www.twilio.com/docs/errors/{self.code}"
        return msgspec.json.encode(
            {"code": self.code, "message": message, "more_info": info, "status": self.http}
        )


class Create(msgspec.Struct, frozen=True):
    """A create request that passed. `sender` is None while a messaging service has yet to pick one."""

    to: str
    sender: str | None
    service: str | None
    body: str
    status_callback: str | None
    validity_period: int | None
    send_at: datetime | None


def check_create(form: dict[str, str], settings: Settings, now: datetime) -> Create:
    """Raises `Refusal` with the first code that fits, in the order of the lines below. Opt-outs come later."""
    to = _check_to(form.get("To", ""))
    service = form.get("MessagingServiceSid") or None
    sender = _check_sender(form.get("From") or None, service, settings)
    return Create(
        to=to,
        sender=sender,
        service=service,
        body=_check_body(form.get("Body", "")),
        status_callback=_check_callback(form.get("StatusCallback") or None),
        validity_period=_check_validity(form.get("ValidityPeriod") or None),
        send_at=_check_send_at(form, service, now),
    )


def _check_to(to: str) -> str:
    if not to:
        raise Refusal(21604)
    if to in _MAGIC_TO:
        raise Refusal(_MAGIC_TO[to])
    if not _E164.fullmatch(to):
        raise Refusal(21211)
    return to


def _check_sender(sender: str | None, service: str | None, settings: Settings) -> str | None:
    if sender is None and service is None:
        raise Refusal(21603)
    if service is not None and service not in settings.services:
        raise Refusal(21701)
    if sender is None or sender == _MAGIC_ACCEPTED_FROM:
        return sender
    if sender in _MAGIC_FROM:
        raise Refusal(_MAGIC_FROM[sender])
    if not _E164.fullmatch(sender):
        raise Refusal(21212)
    known = settings.senders if service is None else settings.services[service]
    if sender not in known:
        raise Refusal(21606)
    return sender


def _check_body(body: str) -> str:
    if not body:
        raise Refusal(21602)
    if len(body) > 1600:
        raise Refusal(21617)
    return body


def _check_callback(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "_" in parts.hostname
        or len(url) > 4000
    ):
        raise Refusal(21609)
    return url


def _check_validity(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= 36_000:
        raise Refusal(21624)
    return int(text)


def _check_send_at(form: dict[str, str], service: str | None, now: datetime) -> datetime | None:
    """More than 300 seconds and at most 35 days ahead, and only with a messaging service."""
    text = form.get("SendAt") or None
    if text is None and form.get("ScheduleType") is None:
        return None
    if text is None:
        raise Refusal(35111)
    if service is None:
        raise Refusal(35118)
    try:
        send_at = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(35114) from None
    if send_at.tzinfo is None:
        raise Refusal(35114)
    if not timedelta(seconds=300) < send_at - now <= timedelta(days=35):
        raise Refusal(35115)
    return send_at
