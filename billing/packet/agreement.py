"""Does the record in a packet hold the rows on which the closed month rests, and which of its rows are not among them?

The closed month names evidence by id, kind and clinic-local day; it holds no words, totals or notes, so those are
beyond what can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, tzinfo

import msgspec

from billing.packet.contents import Record
from billing.statement.derivation import Inputs
from billing.statement.facts import Dated, RowKind
from registry import zones

TOLD: dict[RowKind, str] = {
    "care_consent": "consent",
    "measure_result": "score",
    "care_plan": "plan",
    "contact": "contact",
    "case_review": "review",
    "recommendation": "recommendation",
}
_WHOLE_EPISODE: frozenset[RowKind] = frozenset({"measure_result", "care_plan", "care_consent"})


def not_in_close(inputs: Inputs, record: Record) -> tuple[str, ...]:
    """Ids of consents, scores, plans, contacts, reviews and advice that the closed month does not name, sorted."""
    named = {row.id for row in _named(inputs)}
    return tuple(sorted({row.id for row in _told(inputs, record)} - named))


def disagreements(inputs: Inputs, record: Record) -> Iterator[str]:
    """In words without a person's data: rows named at the close and missing here, of another kind or day, consent of
    another kind or method, and rows added without saying so."""
    told = {row.id: row for row in _told(inputs, record)}
    for row in _expected(inputs):
        found = told.get(row.id)
        word = TOLD[row.kind]
        if found is None:
            yield f"a {word} that the closed month rests on is missing"
        elif not _same(found, row):
            yield f"a {word} is of another kind or day than in the closed month"
    consent = inputs.facts.consent
    given = [each for each in record.consents if consent is not None and each.id == consent.id]
    if consent is not None and any(
        (each.kind, each.method, each.recorded_by) != ("given", consent.method, consent.recorded_by)
        for each in given
    ):
        yield "the consent differs from the one in the closed month"
    if record.not_in_close != not_in_close(inputs, record):
        yield "a row that the closed month does not name passes for its evidence"


def _same(found: Dated, row: Dated) -> bool:
    reviewed = ("case_review", "recommendation")
    kinds = found.kind == row.kind or (found.kind in reviewed and row.kind in reviewed)
    return kinds and found.on == row.on


def _named(inputs: Inputs) -> Iterator[Dated]:
    evidence, consent = inputs.facts.evidence, inputs.facts.consent
    for name in evidence.__struct_fields__:
        for row in getattr(evidence, name):
            if isinstance(row, Dated) and row.kind in TOLD:
                yield row
    yield from (Dated(row.id, row.on, "contact") for row in evidence.contacts)
    if consent is not None:
        yield Dated(consent.id, consent.given_on, "care_consent")


def _expected(inputs: Inputs) -> list[Dated]:
    """What a packet of the month shows: the episode up to the month's end, of contacts and reviews the month alone."""
    first, last = inputs.month.first_day, inputs.month.last_day
    rows = {
        row
        for row in _named(inputs)
        if row.kind == "care_consent" or (row.on <= last and (row.kind in _WHOLE_EPISODE or row.on >= first))
    }
    return sorted(rows, key=msgspec.structs.astuple)


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()


def _told(inputs: Inputs, record: Record) -> Iterator[Dated]:
    zone = zones.zone(inputs.zone)
    yield from (Dated(each.id, _day(each.given_at, zone), "care_consent") for each in record.consents)
    yield from (Dated(each.id, _day(each.taken_at, zone), "measure_result") for each in record.scores)
    yield from (Dated(each.id, _day(each.written_at, zone), "care_plan") for each in record.plans)
    yield from (Dated(each.id, _day(each.at, zone), "contact") for each in record.contacts)
    yield from (Dated(each.id, _day(each.at, zone), "case_review") for each in record.reviews)
