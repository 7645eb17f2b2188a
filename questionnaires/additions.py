"""What an instrument that a clinic adds must be like, beyond what every instrument must be.

It is asked by text as well as on a page, so it is short, its answers are single digits and its words can be read out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from questionnaires.instrument import Instrument

MOST_ITEMS: Final = 20
LONGEST_ITEM: Final = 320  # characters; with its answers a question of two or three segments
HIGHEST: Final = 9  # one digit answers a question by text
# A risk item opens a safety event at 1 and at 2 or more; finer steps would be read as finer knowledge of the danger.
HIGHEST_RISK: Final = 3
LANGUAGES: Final = ("en", "es")  # those in which the texts around a question exist
_ID: Final = re.compile(r"[a-z][a-z0-9]{1,23}")


def check_addition(instrument: Instrument, shipped: Collection[str]) -> list[str]:
    """Every problem, in the order of the fields."""
    return [
        *_identity(instrument, shipped),
        *(problem for item in instrument.items for problem in _item(instrument, item.number)),
        *_size(instrument),
    ]


def same_form(one: Instrument, other: Instrument) -> bool:
    """Whether two languages of one version ask and score the same: only their words may differ."""

    def shape(instrument: Instrument) -> object:
        items = [(item.scored, item.risk, item.values) for item in instrument.items]
        bands = [(band.low, band.high, band.id) for band in instrument.bands]
        return items, bands, instrument.max_total, instrument.proration_min_answered

    return shape(one) == shape(other)


def _identity(instrument: Instrument, shipped: Collection[str]) -> Iterable[str]:
    if instrument.id in shipped:
        yield f"{instrument.id} ships with Evenkeel and can't be replaced"
    elif not _ID.fullmatch(instrument.id):
        yield "id needs 2 to 24 small letters and digits, a letter first"
    if instrument.language not in LANGUAGES:
        yield f"language must be one of {', '.join(LANGUAGES)}"


def _item(instrument: Instrument, number: int) -> Iterable[str]:
    item = instrument.item(number)
    if not item.scored:
        yield f"item {number} must be scored: only scored items are asked by text"
    if list(item.values) != list(range(len(item.values))):
        yield f"item {number} must number its choices 0, 1, 2 ... without a gap"
    highest = HIGHEST_RISK if item.risk else HIGHEST
    if max(item.values, default=0) > highest:
        kind = "is a risk item and" if item.risk else ""
        yield " ".join(f"item {number} {kind} can't have choices above {highest}".split())
    if len(item.text) > LONGEST_ITEM:
        yield f"item {number} is longer than {LONGEST_ITEM} characters"


def _size(instrument: Instrument) -> Iterable[str]:
    if len(instrument.items) > MOST_ITEMS:
        yield f"more than {MOST_ITEMS} items"
