"""The only file that talks to Twilio.

The client library has no usable timeout and can re-send on its own; both are taken away here: every call runs under
a deadline, once. What the provider's answer means is decided by the delivery rules.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape

import aiohttp
import msgspec
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from messaging.delivery.errors import classify
from messaging.delivery.outcomes import Accepted, NotSent, Outcome, Rejected, Unknown
from messaging.gateways.sms import FoundText, Listing, OutgoingText
from messaging.gateways.voice import OutgoingCall

LIST_SIZE = 50
INBOUND_PAGE = 1000
RINGS_S = 40


class TooManyRequests(Exception):
    def __init__(self, outcome: NotSent | Rejected) -> None:
        super().__init__("429")
        self.outcome = outcome


class DeadlineClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """One attempt under one deadline, to the configured host."""

    def __init__(self, deadline_s: float, base_url: str | None) -> None:
        super().__init__(max_retries=None)
        self._deadline_s = deadline_s
        self._base = urlsplit(base_url) if base_url else None

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        kwargs["timeout"] = self._deadline_s  # the constructor's own is ignored by the library
        async with asyncio.timeout(self._deadline_s):
            response = await super().request(method, self._rewrite(url), *args, **kwargs)
        if response.status_code == 429:
            raise TooManyRequests(refused_for_now(response))
        return response

    def _rewrite(self, url: str) -> str:
        if self._base is None:
            return url
        parts = urlsplit(url)
        return urlunsplit(parts._replace(scheme=self._base.scheme, netloc=self._base.netloc))


def read_out(words: str) -> str:
    """TwiML that says the words twice."""
    said = f"<Say>{escape(words)}</Say>"
    return f'<Response>{said}<Pause length="1"/>{said}</Response>'


class _Problem(msgspec.Struct):
    code: int | None = None


def refused_for_now(response: Response) -> NotSent | Rejected:
    """A 429 was surely not processed. Its code may say that waiting a moment is not enough: a spent daily cap."""
    try:
        code = msgspec.json.decode(response.text, type=_Problem).code
    except msgspec.MsgspecError:
        code = None
    if classify(response.status_code, code) == "backoff":
        return NotSent(_retry_after(response))
    return Rejected(response.status_code, code)


def _retry_after(response: Response) -> timedelta | None:
    headers: Any = getattr(response, "headers", None) or {}
    value = headers.get("Retry-After") or headers.get("retry-after")
    return timedelta(seconds=int(value)) if value is not None and str(value).isdigit() else None


class TwilioGateway:
    """Made inside the running loop and kept for the life of the process; one client, one connection pool."""

    def __init__(
        self,
        account_sid: str,
        user: str,
        secret: str,
        *,
        callback_base: str,
        deadline_s: float,
        base_url: str | None = None,
    ) -> None:
        self._http = DeadlineClient(deadline_s, base_url)
        self._client = Client(user, secret, account_sid, http_client=self._http)
        self._callback_base = callback_base.rstrip("/")

    async def send(self, text: OutgoingText) -> Outcome:
        sender: dict[str, str] = (
            {"messaging_service_sid": text.service_sid} if text.service_sid else {"from_": text.sender}
        )
        try:
            message = await self._client.messages.create_async(
                to=text.to,
                body=text.body,
                validity_period=text.validity_s,
                # Retries of the callback are asked for by the fragment, which the signature does not cover.
                status_callback=f"{self._callback_base}{text.status_path}#rc=5&rp=all&ct=2000&rt=5000",
                **sender,
            )
        except TooManyRequests as error:
            return error.outcome
        except TwilioRestException as error:
            return Rejected(error.status, error.code or None)
        except aiohttp.ClientConnectorError:
            return NotSent()
        except Exception:
            # A time-out, a reset, an answer that can't be read: nobody knows whether the text was taken.
            return Unknown()
        if not message.sid:
            return Unknown()
        return Accepted(message.sid, str(message.status or "queued"))

    async def call(self, call: OutgoingCall) -> Outcome:
        """Implements `VoiceGateway`. The status callback says later how the call ended."""
        try:
            made = await self._client.calls.create_async(
                to=call.to,
                from_=call.sender,
                twiml=read_out(call.words),
                timeout=RINGS_S,
                status_callback=f"{self._callback_base}{call.status_path}#rc=5&rp=all&ct=2000&rt=5000",
                status_callback_method="POST",
            )
        except TooManyRequests as error:
            return error.outcome
        except TwilioRestException as error:
            return Rejected(error.status, error.code or None)
        except aiohttp.ClientConnectorError:
            return NotSent()
        except Exception:
            return Unknown()  # as for a text: nobody knows whether the call was taken
        return Accepted(made.sid, "queued") if made.sid else Unknown()

    async def list_to(self, number: str) -> Listing:
        return await self._list(to=number, limit=LIST_SIZE)

    async def list_inbound(self, our_number: str, since: datetime) -> Listing:
        # Every page: a list that ended early would let the sweep move on past the oldest texts of an outage.
        listing = await self._list(to=our_number, date_sent_after=since, page_size=INBOUND_PAGE)
        found = tuple(text for text in listing.found if text.direction == "inbound")
        return Listing(listing.http_status, found)

    async def _list(self, **filters: Any) -> Listing:
        try:
            messages = await self._client.messages.list_async(**filters)
            return Listing(200, tuple(_found(message) for message in messages))
        except TwilioRestException as error:
            return Listing(error.status)
        except Exception:
            return Listing(0)

    async def fetch(self, sid: str) -> FoundText | None:
        try:
            return _found(await self._client.messages(sid).fetch_async())
        except Exception:
            return None

    async def close(self) -> None:
        await self._http.close()


def _found(message: Any) -> FoundText:
    return FoundText(
        sid=str(message.sid),
        direction=str(message.direction),
        created_at=message.date_created or datetime(1970, 1, 1, tzinfo=UTC),
        service_sid=message.messaging_service_sid or None,
        to=str(message.to),
        sender=message.from_,
        body=None if _redacted(message.body) else message.body,
        status=str(message.status),
        error_code=int(message.error_code) if message.error_code else None,
        media_count=int(message.num_media or 0),
    )


def _redacted(body: str | None) -> bool:
    return body is None or body == "__REDACTED__" or (bool(body) and set(body) <= {"*", "X"})
