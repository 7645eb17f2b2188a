"""Which of an episode's consents a month rests on: any that stood in it counts, one the payer takes before another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, tzinfo
from typing import Literal

import msgspec

from billing.rule_sets import ConsentMethod
from billing.statement.facts import Consent
from registry.time_log.months import Month


class ConsentRow(msgspec.Struct, frozen=True, kw_only=True):
    """As the record holds it: given, or withdrawn, which ends whatever was given before."""

    id: str
    kind: Literal["given", "withdrawn"]
    method: ConsentMethod
    given_at: datetime
    recorded_by: str


def consent_for(
    rows: Sequence[ConsentRow], month: Month, methods: Collection[str], zone: tzinfo
) -> Consent | None:
    """None when none was ever given. Where several stood in the month: the first by a method that the payer takes, else
    the first. Where none did: the last one before the month, else the first after it; the element says why it fails."""
    every = _spans(sorted(rows, key=lambda row: (row.given_at, row.kind == "given", row.id)), zone)
    stood = [each for each in every if _stood(each, month)]
    for group in ([each for each in stood if each.method in methods], stood):
        if group:
            return group[0]
    before = [each for each in every if each.given_on < month.first_day]
    return before[-1] if before else next(iter(every), None)


def _spans(rows: Sequence[ConsentRow], zone: tzinfo) -> list[Consent]:
    """A withdrawal at the very moment of a consent ends those before it alone."""
    found = []
    for place, row in enumerate(rows):
        if row.kind == "withdrawn":
            continue
        ended = next((later.given_at for later in rows[place + 1 :] if later.kind == "withdrawn"), None)
        found.append(
            Consent(
                id=row.id,
                given_on=_day(row.given_at, zone),
                method=row.method,
                recorded_by=row.recorded_by,
                withdrawn_on=None if ended is None else _day(ended, zone),
            )
        )
    return found


def _stood(consent: Consent, month: Month) -> bool:
    ended = consent.withdrawn_on
    return consent.given_on <= month.last_day and (ended is None or ended >= month.first_day)


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
