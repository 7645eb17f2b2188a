"""The Messages resource: create, list, fetch, cancel, clear a body."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode

from tests.support.provider.exchange import Reply, Request, json_reply
from tests.support.provider.inbound import opt_out_scope
from tests.support.provider.ledger import Ledger, Row, moment, stamp
from tests.support.provider.validation import MESSAGES, Create, Refusal

_REDACTED_BODY = "__REDACTED__"


def document(ledger: Ledger, row: Row) -> Row:
    """One text in the shape of Twilio's JSON; dates in whole seconds, `date_sent` null until sent."""
    account = ledger.settings.account_sid
    uri = f"/2010-04-01/Accounts/{account}/Messages/{row['sid']}"
    number = _masked if ledger.settings.redaction else _plain
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": _REDACTED_BODY if ledger.settings.redaction else row["body"],
        "date_created": _date(row["created"]),
        "date_sent": _date(row["sent"]),
        "date_updated": _date(row["updated"]),
        "direction": row["direction"],
        "error_code": row["error_code"],
        "error_message": MESSAGES.get(row["error_code"]),
        "from": number(row["from"]),
        "messaging_service_sid": row["service"],
        "num_media": str(row["media"]),
        "num_segments": str(row["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": row["sid"],
        "status": row["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": number(row["to"]),
        "uri": f"{uri}.json",
    }


def check_opt_out(ledger: Ledger, create: Create) -> None:
    """21610 while the recipient has opted out of the sender's service or number."""
    scope = create.service or opt_out_scope(ledger.settings, create.sender or "")
    if ledger.settings.stop_filtering and ledger.opted_out(scope, create.to):
        raise Refusal(21610)


def fetch(ledger: Ledger, sid: str) -> Reply:
    return json_reply(document(ledger, _known(ledger, sid)))


def update(ledger: Ledger, sid: str, form: dict[str, str]) -> Reply:
    """`Status=canceled` while scheduled; an empty `Body` once the text has reached its end."""
    row = _known(ledger, sid)
    changes: Row = {"updated": stamp(ledger.now())}
    if form.get("Status") == "canceled":
        if row["status"] != "scheduled":
            raise Refusal(30409)
        changes["status"] = "canceled"
    elif form.get("Body") == "" and row["status"] in ("delivered", "undelivered", "failed", "received"):
        changes["body"] = ""
    else:
        raise Refusal(20422)
    ledger.change("message", row["n"], changes)
    return fetch(ledger, sid)


def list_page(ledger: Ledger, request: Request) -> Reply:
    """Newest first, filtered, in pages that stay put while texts arrive: a token names the last row seen."""
    query = dict(request.query)
    where, values = _filters(ledger, query)
    size = min(1000, max(1, int(query.get("PageSize", "50"))))
    token = query.get("PageToken", "")
    if token:
        where, values = [*where, "n < ?"], [*values, int(token.removeprefix("PA"))]
    found = ledger.rows("message", " AND ".join(where), tuple(values), f"ORDER BY n DESC LIMIT {size + 1}")
    page, number = found[:size], int(query.get("Page", "0"))
    start = number * size
    more = _page_uri(request, number + 1, f"PA{page[-1]['n']}") if len(found) > size else None
    kept = [(key, value) for key, value in request.query if key not in ("Page", "PageToken")]
    return json_reply(
        {
            "messages": [document(ledger, row) for row in page],
            "end": start + len(page) - 1,
            "first_page_uri": f"{request.path}?{urlencode([*kept, ('Page', '0')])}",
            "next_page_uri": more,
            "page": number,
            "page_size": size,
            "previous_page_uri": None,
            "start": start,
            "uri": f"{request.path}?{urlencode(request.query)}",
        }
    )


def _page_uri(request: Request, number: int, token: str) -> str:
    kept = [(key, value) for key, value in request.query if key not in ("Page", "PageToken")]
    return f"{request.path}?{urlencode([*kept, ('Page', str(number)), ('PageToken', token)])}"


def _filters(ledger: Ledger, query: dict[str, str]) -> tuple[list[str], list[object]]:
    """To, From, and DateSent with <=, = (one UTC day) or >=. A text without `date_sent` fits none of these."""
    where, values = (
        ["created <= ?"],
        [stamp(ledger.now() - timedelta(seconds=ledger.settings.visibility_lag))],
    )
    for name, column in (("To", '"to"'), ("From", '"from"')):
        if name in query:
            where.append(f"{column} = ?")
            values.append(query[name])
    for name, text in query.items():
        if name == "DateSent":
            where.append("sent >= ? AND sent < ?")
            values += [stamp(_instant(text)), stamp(_instant(text[:10]) + timedelta(days=1))]
        elif name in ("DateSent>", "DateSent>="):
            where.append("sent >= ?")
            values.append(stamp(_instant(text)))
        elif name in ("DateSent<", "DateSent<="):
            where.append("sent <= ?")
            values.append(stamp(_instant(text)))
    return where, list(values)


def _instant(text: str) -> datetime:
    """A date (its first moment, UTC) or an ISO 8601 instant; naive means UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(20422) from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def _known(ledger: Ledger, sid: str) -> Row:
    row = ledger.message(sid)
    if row is None:
        raise Refusal(20404)
    return row


def _date(stamped: str | None) -> str | None:
    return None if stamped is None else format_datetime(moment(stamped).replace(microsecond=0))


def _plain(number: str | None) -> str | None:
    return number


def _masked(number: str | None) -> str | None:
    return None if number is None else number[:-4] + "XXXX"
