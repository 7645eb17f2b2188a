"""Answers and totals that staff enter: from paper, a phone call or another record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Literal
from uuid import UUID

import msgspec

from kernel.errors import Invalid, Problem
from kernel.web.forms import Pairs
from questionnaires import catalog
from questionnaires.instrument import Instrument
from registry.measures.rules import EntrySource, ItemsForm, TotalForm

ASKED: Final = ("phq9", "gad7")
DECLINED: Final = "declined"
Entry = ItemsForm | TotalForm


class ScoreFields(msgspec.Struct, frozen=True):
    """`taken_on` and `source` hold for everything on the page."""

    taken_on: date
    source: EntrySource


class ScoreQuery(msgspec.Struct, frozen=True):
    source: Literal["paper", "phone", "ehr"] = "paper"


def instruments(language: str, added: Sequence[str] = ()) -> tuple[Instrument, ...]:
    """In the patient's language where it has approved wording, else in English. `added`: the clinic's own."""
    return tuple(_loaded(name, language) for name in (*ASKED, *added))


def _loaded(name: str, language: str) -> Instrument:
    spoken = catalog.languages(name)
    return catalog.load(name, next((one for one in (language, "en") if one in spoken), spoken[0]))


def entries(
    patient_id: UUID,
    given: Pairs,
    source: EntrySource,
    taken_on: date,
    language: str,
    added: Sequence[str] = (),
) -> tuple[Entry, ...]:
    """What was filled in, each measure by its items or by its total. Raises Invalid with every value that can't be
    read, and for a measure given both ways; empty when nothing was filled in."""
    fields = {name: value.strip() for name, value in given if value.strip()}
    problems: list[Problem] = []
    found: list[Entry] = []
    for instrument in instruments(language, added):
        items = {n: v for n in numbers(instrument) if (v := fields.get(f"{instrument.id}_{n}")) is not None}
        total = fields.get(f"{instrument.id}_total")
        if items and total is not None:
            problems.append(
                Problem(f"{instrument.id}_total", "is given as well as items: leave one of them out")
            )
        elif items:
            values, wrong = _values(instrument, items)
            problems += wrong
            declined = frozenset(n for n, v in items.items() if v == DECLINED)
            found.append(
                ItemsForm(patient_id, instrument.id, values, taken_on, source, instrument.language, declined)
            )
        elif total is not None:
            found += _total(patient_id, instrument, total, fields, source, taken_on, problems)
    if problems:
        raise Invalid(*problems)
    return tuple(found)


def numbers(instrument: Instrument) -> tuple[int, ...]:
    """Of the unscored question too: how difficult the problems make daily life belongs to the form."""
    return tuple(item.number for item in instrument.items)


def labels(language: str = "en", added: Sequence[str] = ()) -> dict[str, str]:
    """Field name -> label, in the order of the page."""
    named = {"taken_on": "Date", "source": "Where the answers come from"}
    for instrument in instruments(language, added):
        short = instrument.id.upper().replace("PHQ", "PHQ-").replace("GAD", "GAD-")
        named |= {f"{instrument.id}_{n}": f"{short} item {n}" for n in numbers(instrument)}
        named |= {f"{instrument.id}_total": f"{short} total", f"{instrument.id}_item9": "Item 9"}
    return named


def renamed(entry: Entry) -> dict[str, str]:
    """The record's field names as this page's."""
    name = entry.instrument_id
    items = {f"item_{n}": f"{name}_{n}" for n in range(1, 21)}
    return items | {
        "total": f"{name}_total",
        "item9": f"{name}_item9",
        "answers": f"{name}_1",
        "taken_on": "taken_on",
    }


def _values(instrument: Instrument, items: dict[int, str]) -> tuple[dict[int, int | None], Iterable[Problem]]:
    values: dict[int, int | None] = {}
    wrong = []
    for number, text in items.items():
        offered = instrument.item(number).values
        if text in map(str, offered):
            values[number] = int(text)
        elif text != DECLINED:
            reason = f"must be 0 to {offered[-1]}, or declined"
            wrong.append(Problem(f"{instrument.id}_{number}", reason))
    return values, wrong


def _total(
    patient_id: UUID,
    instrument: Instrument,
    text: str,
    fields: dict[str, str],
    source: EntrySource,
    taken_on: date,
    problems: list[Problem],
) -> list[Entry]:
    item9 = fields.get(f"{instrument.id}_item9")
    if not text.isdecimal() or not text.isascii():
        problems.append(Problem(f"{instrument.id}_total", "must be a whole number"))
        return []
    return [
        TotalForm(
            patient_id,
            instrument.id,
            int(text),
            taken_on,
            source,
            instrument.language,
            item9=int(item9) if item9 in ("0", "1", "2", "3") else None,
            item9_declined=item9 == DECLINED,
        )
    ]
