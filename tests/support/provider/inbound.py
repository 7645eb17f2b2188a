"""A text from a phone to one of our numbers: stored, opt-out words applied, posted to our webhook."""

from __future__ import annotations

import httpx
import msgspec

from tests.support.provider.carrier import new_sid
from tests.support.provider.ledger import Ledger, Row, stamp
from tests.support.provider.segments import segments
from tests.support.provider.settings import Settings, Signature
from tests.support.provider.webhooks import Pairs, Webhook, post

# Default keywords of Twilio's opt-out handling; only a whole body counts.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
_AUTOMATIC = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages from this number.",
    "START": "You have successfully been re-subscribed to messages from this number.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


class Inbound(
    msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}, forbid_unknown_fields=True
):
    """`copies`: how often the webhook is posted. `webhook=False`: Twilio has the text but never calls us."""

    from_: str
    to: str
    body: str = ""
    copies: int = 1
    signature: Signature = "right"
    webhook: bool = True
    sid: str | None = None
    media: int = 0
    extra: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    omit: frozenset[str] = frozenset()


class Received(msgspec.Struct, frozen=True):
    """`answers`: per post the final HTTP code, "connect" or "read"; empty for a lost webhook."""

    sid: str
    answers: list[int | str]


async def receive(ledger: Ledger, client: httpx.AsyncClient, text: Inbound) -> Received:
    """A `sid` that is already stored is posted again without a second row: a late repeat of a webhook."""
    sid = text.sid or new_sid()
    keyword = _keyword(text.body)
    if ledger.message(sid) is None:
        _store(ledger, text, sid)
        if ledger.settings.stop_filtering and keyword is not None:
            _answer_keyword(ledger, text, keyword)
    url = ledger.settings.inbound_urls.get(text.to, ledger.settings.inbound_url)
    if not text.webhook or url is None:
        return Received(sid, [])
    webhook = Webhook(
        kind="inbound",
        sid=sid,
        status="received",
        url=url,
        pairs=_pairs(ledger.settings, text, sid, keyword),
        signature=text.signature,
        fallback_url=ledger.settings.inbound_fallback_url,
    )
    answers = [await post(ledger, client, webhook) for _ in range(text.copies)]
    return Received(sid, [answer.code or answer.failure or "read" for answer in answers])


def opt_out_scope(settings: Settings, number: str) -> str:
    """An opt-out covers the whole messaging service of the number, or the number alone."""
    return settings.service_of(number) or number


def _keyword(body: str) -> str | None:
    word = body.strip().upper()
    for name, words in (("STOP", STOP_WORDS), ("START", START_WORDS), ("HELP", HELP_WORDS)):
        if word in words:
            return name
    return None


def _store(ledger: Ledger, text: Inbound, sid: str) -> None:
    now = stamp(ledger.now())
    row: Row = {"sid": sid, "direction": "inbound", "from": text.from_, "to": text.to, "body": text.body}
    row |= {"status": "received", "service": ledger.settings.service_of(text.to), "media": text.media}
    ledger.add(
        "message", {**row, "segments": segments(text.body), "created": now, "updated": now, "sent": now}
    )


def _answer_keyword(ledger: Ledger, text: Inbound, keyword: str) -> None:
    """Twilio's own handling: the list of opt-outs changes and it replies by itself."""
    scope = opt_out_scope(ledger.settings, text.to)
    if keyword == "STOP":
        ledger.opt_out(scope, text.from_)
    elif keyword == "START":
        ledger.opt_in(scope, text.from_)
    now, body = stamp(ledger.now()), _AUTOMATIC[keyword]
    row: Row = {
        "sid": new_sid(),
        "direction": "outbound-reply",
        "from": text.to,
        "to": text.from_,
        "body": body,
    }
    row |= {"status": "delivered", "service": ledger.settings.service_of(text.to), "segments": segments(body)}
    ledger.add("message", {**row, "created": now, "updated": now, "sent": now})


def _pairs(settings: Settings, text: Inbound, sid: str, keyword: str | None) -> Pairs:
    service = settings.service_of(text.to)
    pairs = [("ToCountry", "US"), ("ToState", ""), ("SmsMessageSid", sid), ("NumMedia", str(text.media))]
    pairs += [("FromCity", ""), ("FromState", "WA"), ("FromCountry", "US"), ("SmsSid", sid)]
    pairs += [("SmsStatus", "received"), ("Body", text.body), ("To", text.to), ("From", text.from_)]
    pairs += [("NumSegments", str(segments(text.body))), ("MessageSid", sid)]
    pairs += [("AccountSid", settings.account_sid), ("ApiVersion", "2010-04-01")]
    if service is not None:
        pairs.append(("MessagingServiceSid", service))
    if settings.advanced_opt_out and settings.stop_filtering and keyword is not None:
        pairs.append(("OptOutType", keyword))
    for index in range(text.media):
        pairs.append((f"MediaUrl{index}", f"https://api.twilio.com/2010-04-01/Media/{sid}/{index}"))
        pairs.append((f"MediaContentType{index}", "image/jpeg"))
    kept = [(name, value) for name, value in pairs if name not in text.omit and name not in text.extra]
    return [*kept, *text.extra.items(), *text.repeated]
