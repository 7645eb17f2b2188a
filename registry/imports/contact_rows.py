"""What a row of contacts says, or why it can't be used. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Final, TypeVar, get_args
from uuid import UUID

import msgspec

from registry import zones
from registry.contacts import past as history
from registry.contacts.forms import AttemptChannel, ContactKind, ContactOutcome, NextStep
from registry.contacts.past import PastContact
from registry.contacts.rules import CONVERSATIONS
from registry.episodes.forms import ContactMode
from registry.imports.cells import Book, Cells, Judged, judged, on_file
from registry.imports.files import DateStyle, Row
from registry.working_time import noon

T = TypeVar("T")
# How other registries and spreadsheets write it, besides our own words; "telehealth" and "home" are UW SCOPE's.
MODES: Final[Mapping[str, ContactKind]] = {
    **{kind.replace("_", " "): kind for kind in get_args(ContactKind)},
    "telephone": "phone",
    "call": "phone",
    "phone call": "phone",
    "video call": "video",
    "telehealth": "video",
    "office": "in_person",
    "home": "in_person",
    "sms": "text",
}
OUTCOMES: Final[Mapping[str, ContactOutcome]] = {
    **{outcome.replace("_", " "): outcome for outcome in get_args(ContactOutcome)},
    "spoke": "reached",
    "voicemail": "left_message",
    "no show": "did_not_come",
}
CHANNELS: Final[Mapping[str, AttemptChannel]] = {
    channel.replace("_", " "): channel for channel in get_args(AttemptChannel)
}
NEXT_MODES: Final[Mapping[str, ContactMode]] = {
    mode.replace("_", " "): mode for mode in get_args(ContactMode)
}
# What the rules call a field -> what a mapping calls it.
FIELDS: Final[Mapping[str, str]] = {
    "occurred_at": "on",
    "next.at": "next_on",
    "next.mode": "next_mode",
    "next.purpose": "next_purpose",
}
_Key = tuple[UUID, str, str, date, time | None]


class ContactRow(msgspec.Struct, frozen=True):
    patient_id: UUID
    past: PastContact


def judge_contacts(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[ContactRow]]:
    seen: dict[_Key, int] = {}

    def parse(cells: Cells, book: Book) -> ContactRow:
        return _contact(cells, book, seen)

    return [judged(row, parse, style, book, {}, lambda _: "") for row in rows]


def _contact(cells: Cells, book: Book, seen: dict[_Key, int]) -> ContactRow:
    patient_id = on_file(cells, book)
    on, at = cells.day("on", needed=True), cells.time("time")
    kind, outcome, channel = _what(cells)
    _refuse_twice(cells, book, seen, (patient_id, kind, channel, on or book.today, at))
    staff_id, by = _whose(cells, book)
    past = PastContact(
        kind=kind,
        outcome=outcome,
        channel=channel,
        occurred_at=_moment(on or book.today, at, book),
        timed=at is not None,
        staff_id=staff_id,
        by=by,
        note=cells.text("note") or "",
        minutes=cells.number("minutes") or None,
        next=_next(cells, channel, book),
    )
    for problem in history.check(past if on else msgspec.structs.replace(past, next=None), book.now):
        cells.wrong(FIELDS.get(problem.field, problem.field), problem.message)
    return ContactRow(patient_id, past)


def _what(cells: Cells) -> tuple[ContactKind, ContactOutcome, str]:
    said = _word(cells, "mode", MODES) or "phone"
    missed = said == "no_show" and cells.text("outcome") is None
    outcome = "did_not_come" if missed else _word(cells, "outcome", OUTCOMES) or "reached"
    kind = history.kind_of(said, outcome)
    if kind in CONVERSATIONS:
        return kind, outcome, kind
    by_way_of = _word(cells, "channel", CHANNELS) if cells.text("channel") else None
    if by_way_of is None and said in CONVERSATIONS:
        return kind, outcome, said
    if by_way_of is None and kind == "attempt":
        cells.wrong("channel", "is needed: how was it tried?")
    return kind, outcome, by_way_of or "phone"


def _refuse_twice(cells: Cells, book: Book, seen: dict[_Key, int], key: _Key) -> None:
    """The same kind of contact on the same day is another one only where both times of day are known."""
    if cells.problems:
        return
    patient_id, kind, channel, on, at = key
    known = book.met.get((patient_id, kind, channel, on), frozenset())
    if at in known or (known and at is None):
        cells.wrong("on", "has this contact on file already; write the time of day if it is another")
    earlier = [
        line
        for other, line in seen.items()
        if other[:4] == key[:4] and (other[4] == at or None in (other[4], at))
    ]
    if earlier:
        cells.wrong("on", f"is in line {earlier[0]} of this file already; write the times of day of both")
    seen.setdefault(key, cells.line)


def _whose(cells: Cells, book: Book) -> tuple[UUID | None, str | None]:
    """Somebody who has, or had, an account here, or a name."""
    text = cells.needed("by")
    if text.casefold() not in book.people:
        return None, text
    found = book.people[text.casefold()]
    if found is None:
        cells.wrong("by", "names more than one person: write the e-mail")
    return found, None


def _next(cells: Cells, channel: str, book: Book) -> NextStep | None:
    """A day without its time would have the patient reminded of a wrong one."""
    on, at = cells.day("next_on"), cells.time("next_time")
    purpose = cells.text("next_purpose")
    if on is None:
        return None if purpose is None else NextStep(None, None, purpose)
    if at is None:
        cells.wrong("next_time", "is needed: at what time is the next contact?")
    same = NEXT_MODES.get(channel.replace("_", " "))
    mode = _word(cells, "next_mode", NEXT_MODES) if cells.text("next_mode") else same
    return NextStep(_moment(on, at, book), mode, purpose)


def _moment(on: date, at: time | None, book: Book) -> datetime:
    """Noon, or now where that is later, of a day without a time."""
    if at is not None:
        return datetime.combine(on, at, zones.zone(book.zone)).astimezone(UTC)
    found = noon(on, book.zone)
    return min(found, book.now) if on == book.today else found


def _word(cells: Cells, field: str, known: Mapping[str, T]) -> T | None:
    text = cells.needed(field).casefold().replace("_", " ").replace("-", " ")
    found = known.get(text)
    if text and found is None:
        cells.wrong(field, f"must be one of {', '.join(known)}")
    return found
