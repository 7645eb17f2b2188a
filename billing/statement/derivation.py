"""Everything a month's row is derived from, in one value that can be stored, hashed, and derived again by anyone.

`derive` needs nothing else: no database, no clock, no file. A closed month and an audit packet keep `Inputs`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, tzinfo
from typing import Final

import msgspec

from billing.rule_sets import RuleSet
from billing.statement.facts import Dated, PatientFacts
from billing.statement.rules import StatementRow, statement_row
from registry import zones
from registry.time_log.months import Month
from registry.time_log.rules import Count, Entry, Window, count, is_late

VERSION: Final = 1


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """`zone` is the clinic's IANA zone, `today` the clinic's day on which the row was made (no line is dated after
    it). `entries` are all that touch the month, superseded ones left out."""

    month: Month
    zone: str
    today: date
    prepared_by: str
    rule_set: RuleSet
    facts: PatientFacts
    window: Window
    entries: tuple[Entry, ...]
    version: int = VERSION


class Derived(msgspec.Struct, frozen=True):
    """`count` says second by second what counts; `row` carries the lines, elements, holds and every rule applied."""

    count: Count
    row: StatementRow


def derive(inputs: Inputs) -> Derived:
    """Raises KeyError for an unknown zone, ValueError for entries that make no sense together."""
    zone = zones.zone(inputs.zone)
    counted = count(inputs.entries, inputs.window, inputs.rule_set.counting, inputs.month, zone)
    row = statement_row(
        inputs.facts,
        counted,
        inputs.rule_set,
        inputs.month,
        zone=zone,
        today=inputs.today,
        prepared_by=inputs.prepared_by,
        late=late_entries(inputs.entries, zone),
    )
    return Derived(counted, row)


def late_entries(entries: Iterable[Entry], zone: tzinfo) -> tuple[Dated, ...]:
    """Entries written down on a later day of the clinic than the one their work ended on."""
    return tuple(
        Dated(entry.id, entry.started_at.astimezone(zone).date(), "time_entry")
        for entry in entries
        if is_late(entry.started_at, entry.seconds, entry.created_at, zone)
    )


def encoded(inputs: Inputs) -> bytes:
    """The same inputs give the same bytes, whatever order they were read in."""
    return msgspec.json.encode(inputs, order="deterministic")


def decoded(content: bytes) -> Inputs:
    """Raises msgspec.ValidationError naming the field."""
    return msgspec.json.decode(content, type=Inputs)


def digest(inputs: Inputs) -> str:
    """SHA-256 of `encoded`, in hexadecimal."""
    return hashlib.sha256(encoded(inputs)).hexdigest()
