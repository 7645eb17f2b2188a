"""Moves accepted texts along and queues the callback of each step. No clock runs: a test calls `advance`."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec

from tests.support.provider.ledger import Ledger, Row, Values, moment, stamp
from tests.support.provider.segments import segments
from tests.support.provider.settings import Outcome, Plan
from tests.support.provider.validation import Create

_DEFAULT_VALIDITY = 36_000
_ON_THE_WAY = ("scheduled", "accepted", "queued", "sent")
EXPIRED = Outcome(status="failed", error_code=30036)


def new_sid() -> str:
    return "SM" + secrets.token_hex(16)


def accept(
    ledger: Ledger, create: Create, *, fault: str, silent: bool, duplicate_of: str | None = None
) -> str:
    """Writes a text the provider has taken and returns its SID; the first status calls nobody back."""
    now = stamp(ledger.now())
    status = "queued" if create.service is None else "accepted" if create.send_at is None else "scheduled"
    row = {
        "sid": new_sid(),
        "direction": "outbound-api",
        "from": create.sender,
        "to": create.to,
        "body": create.body,
        "status": status,
        "service": create.service,
        "status_callback": create.status_callback,
        "validity_period": create.validity_period,
        "segments": segments(create.body) if create.service is None else 0,
        "created": now,
        "updated": now,
        "send_at": None if create.send_at is None else stamp(create.send_at),
        "fault": fault,
        "duplicate_of": duplicate_of,
        "silent": silent,
    }
    ledger.add("message", row)
    return str(row["sid"])


def advance(ledger: Ledger, plan: Plan, *, sid: str | None = None, until: str | None = None) -> None:
    """Moves every text under way (or one) to its outcome, or only as far as the status `until`."""
    marks = ", ".join("?" * len(_ON_THE_WAY))
    where = f"direction = 'outbound-api' AND status IN ({marks})"
    values: Values = _ON_THE_WAY
    if sid is not None:
        where, values = f"{where} AND sid = ?", (*values, sid)
    for row in ledger.rows("message", where, values):
        outcome = ledger.settings.outcomes.get(row["to"], Outcome())
        settle(ledger, row, outcome, plan, until=until)


def settle(ledger: Ledger, row: Row, outcome: Outcome, plan: Plan, *, until: str | None = None) -> None:
    """Takes one text through the remaining steps to `outcome`; expired or not yet due ones go elsewhere."""
    now = ledger.now()
    if row["status"] == "scheduled" and now < moment(row["send_at"]):
        return
    if _expired(row, now):
        outcome = EXPIRED
    for status in _steps(row["status"], outcome):
        _step(ledger, row, status, outcome.error_code, now)
        _queue_callback(ledger, row, plan, now)
        if status == until:
            return


def _expired(row: Row, now: datetime) -> bool:
    if row["status"] == "sent":
        return False
    start = moment(row["send_at"] or row["created"])
    return now - start > timedelta(seconds=row["validity_period"] or _DEFAULT_VALIDITY)


def _steps(current: str, outcome: Outcome) -> list[str]:
    """The statuses still to come. A failed text was never sent."""
    path = [*_ON_THE_WAY, outcome.status] if outcome.status != "sent" else [*_ON_THE_WAY]
    if outcome.status == "failed":
        path.remove("sent")
    return path[path.index(current) + 1 :] if current in path else [outcome.status]


def _step(ledger: Ledger, row: Row, status: str, error_code: int | None, now: datetime) -> None:
    changes: Row = {"status": status, "updated": stamp(now), "segments": segments(row["body"])}
    if status == "sent":
        changes["sent"] = stamp(now)
        changes["from"] = row["from"] or ledger.settings.services[row["service"]][0]
    if status in ("undelivered", "failed"):
        changes["error_code"] = error_code
    row.update(changes)
    ledger.change("message", row["n"], changes)


def _queue_callback(ledger: Ledger, row: Row, plan: Plan, now: datetime) -> None:
    if row["status_callback"] is None or row["silent"] or row["status"] in plan.drop:
        return
    callback = {
        "sid": row["sid"],
        "status": row["status"],
        "url": row["status_callback"],
        "pairs": msgspec.json.encode(_callback_pairs(ledger, row)).decode(),
        "due": stamp(now + timedelta(seconds=plan.delay)),
    }
    for _ in range(plan.copies):
        ledger.add("callback", callback)


def _callback_pairs(ledger: Ledger, row: Row) -> list[tuple[str, str]]:
    pairs = [
        ("MessageSid", row["sid"]),
        ("MessageStatus", row["status"]),
        ("SmsSid", row["sid"]),
        ("SmsStatus", row["status"]),
        ("To", row["to"]),
        ("From", row["from"] or row["service"]),
        ("AccountSid", ledger.settings.account_sid),
        ("ApiVersion", "2010-04-01"),
    ]
    if row["service"] is not None:
        pairs.append(("MessagingServiceSid", row["service"]))
    if row["error_code"] is not None:
        pairs.append(("ErrorCode", str(row["error_code"])))
    return pairs
