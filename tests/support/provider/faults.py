"""Fault script: what goes wrong with the next API requests."""

from __future__ import annotations

import random
import re
from typing import Literal, get_args

import msgspec

from tests.support.provider.ledger import Ledger

Operation = Literal["create", "list", "fetch", "update"]
Name = Literal[
    "ok",
    "429",  # never processed; the argument is Retry-After in seconds
    "400",  # rejected with the Twilio code given as argument
    "500_before_accept",
    "500_after_accept",
    "timeout_before",  # no answer until the caller hangs up
    "timeout_after_accept",
    "reset_before",  # the connection breaks, nothing accepted
    "reset_mid_response",  # accepted, then the connection breaks inside the body
    "slow",  # accepted at once, answered after the argument's real seconds
    "malformed_json",  # accepted, answered with 201 and half a document
    "accept_but_never_callback",
    "accept_twice",  # the carrier's own duplicate: a second SID for one request
    "callback_before_response",
    "outage",  # 503 to everything for the argument's seconds of provider time
]
_PATTERN = re.compile(r"(\w+)(?:\(([\d.]+)\))?")
_DEFAULT_ARGUMENTS = {"429": 1.0, "400": 21211.0, "slow": 0.2, "outage": 60.0}


class Fault(msgspec.Struct, frozen=True):
    name: Name
    argument: float = 0.0

    def label(self) -> str:
        return f"{self.name}({self.argument:g})" if self.argument else self.name


OK = Fault("ok")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a script: `fault` as "slow(0.3)", for the next `times` requests of `on` (to `to`)."""

    fault: str
    on: Operation = "create"
    to: str | None = None
    times: int = 1


def parse(text: str) -> Fault:
    """ "400(21610)" and the like; `ValueError` names an unknown fault."""
    found = _PATTERN.fullmatch(text)
    if found is None or found[1] not in get_args(Name):
        raise ValueError(f"unknown fault {text!r}; known: {', '.join(get_args(Name))}")
    argument = float(found[2]) if found[2] else _DEFAULT_ARGUMENTS.get(found[1], 0.0)
    return msgspec.convert({"name": found[1], "argument": argument}, Fault)


def script(ledger: Ledger, entries: list[str | Entry]) -> None:
    """Appends to the script; each request takes the first line that fits it."""
    for entry in entries:
        line = Entry(entry) if isinstance(entry, str) else entry
        fault = parse(line.fault)
        row = {"operation": line.on, "to": line.to, "name": fault.name, "argument": fault.argument}
        ledger.add("fault", {**row, "times": line.times})


def take(ledger: Ledger, operation: Operation, to: str | None) -> Fault:
    """The fault of this request: from the script, else for creates by the seeded rates, else none."""
    fits = 'operation = ? AND times > 0 AND ("to" IS NULL OR "to" = ?)'
    for row in ledger.rows("fault", fits, (operation, to), "ORDER BY n LIMIT 1"):
        ledger.change("fault", row["n"], {"times": row["times"] - 1})
        return msgspec.convert({"name": row["name"], "argument": row["argument"]}, Fault)
    return _by_chance(ledger) if operation == "create" else OK


def _by_chance(ledger: Ledger) -> Fault:
    """Depends on the seed and the create's number only: neither reads nor a restarted provider change it."""
    settings = ledger.settings
    if not settings.fault_rates:
        return OK
    draw = random.Random(f"{settings.fault_seed}:{ledger.creates()}").random()
    for text, rate in settings.fault_rates.items():
        if draw < rate:
            return parse(text)
        draw -= rate
    return OK
