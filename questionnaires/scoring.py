"""From answers to a score, and to what the suicide item said.

A missing item is never counted as 0: it leaves the form without a total. The estimate for a form with one
or two missing items follows the NHS Data Dictionary (PHQ-9: missing items take the mean of the answered
ones; more than two missing, no score) and is for display alone: never for risk, measures, change or rules.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from questionnaires.instrument import REQUIRED_RISK_ITEMS, Instrument, Item

# Item number -> the chosen value, or None for an item without an answer. An absent item is missing too.
Answers = Mapping[int, int | None]

Item9 = Literal["0", "1", "2", "3", "declined", "not_asked", "unknown"]

# The published lower edge of severe depression; on reaching it staff look the same day, whatever item 9 says.
SEVERE_FROM: Final = 20

_ITEM_9_VALUES: Final[Mapping[int, Item9]] = {0: "0", 1: "1", 2: "2", 3: "3"}


class BadAnswer(ValueError):
    """An answer the instrument does not offer. The message names the item and never the answer."""

    def __init__(self, message: str, item: int | None = None) -> None:
        super().__init__(message)
        self.item = item


class Score(msgspec.Struct, frozen=True):
    """`total` and `band` (its id) exist only for a complete form; `prorated_total` only for an incomplete one."""

    raw_sum: int
    n_answered: int
    n_items: int
    is_complete: bool
    total: int | None
    prorated_total: int | None
    band: str | None
    band_label: str | None


def score(instrument: Instrument, answers: Answers) -> Score:
    """Unscored items (PHQ-9 item 10) are checked and not counted. Raises BadAnswer."""
    answered = _answered(instrument, answers)
    raw_sum, n_answered, n_items = sum(answered.values()), len(answered), len(instrument.scored_items)
    is_complete = n_answered == n_items
    band = instrument.band_of(raw_sum) if is_complete else None
    return Score(
        raw_sum=raw_sum,
        n_answered=n_answered,
        n_items=n_items,
        is_complete=is_complete,
        total=raw_sum if is_complete else None,
        prorated_total=_prorated(raw_sum, n_answered, n_items, instrument.proration_min_answered),
        band=band.id if band else None,
        band_label=band.label if band else None,
    )


def item9_state(instrument: Instrument, answers: Answers, declined: frozenset[int] = frozenset()) -> Item9:
    """What is known about thoughts of death or self-harm; "0" only when "not at all" was truly chosen. PHQ-9 asks in its
    item 9, an instrument that a clinic added in whichever items it marks as risk items; of several the worst counts.

    "not_asked" is only for an instrument without that item. An item 9 that is missing for any other reason
    is "unknown", and a person looks. If the records contradict each other the more worrying one counts: a
    positive answer outlives a later decline, and a decline outweighs a 0. Raises BadAnswer.
    """
    risky = instrument.risk_item_numbers
    if not risky:
        return "not_asked"
    answered = _answered(instrument, answers)
    highest = max((answered[number] for number in risky if number in answered), default=0)
    if highest:
        return _ITEM_9_VALUES[highest]
    if any(number in declined for number in risky):
        return "declined"
    return "0" if all(number in answered for number in risky) else "unknown"


def floor_total_reached(instrument: Instrument, answers: Answers, floor: int = SEVERE_FROM) -> bool:
    """Whether the answered items alone already sum to `floor`, complete or not: the soft trigger for a look.

    Missing items could only add to the sum, so nothing is estimated. Only for instruments that ask about
    self-harm and whose severe range this is: a GAD-7 of 20 is severe anxiety and no such signal. Raises BadAnswer.
    """
    return instrument.id in REQUIRED_RISK_ITEMS and sum(_answered(instrument, answers).values()) >= floor


def parse_answers(instrument: Instrument, text: str) -> dict[int, int | None]:
    """Answers typed in item order, as in `1,2,0,-,3`; `-` is a missing item; spaces around each are allowed.

    Takes one entry per scored item, or one per item with the unscored ones at the end. Raises BadAnswer
    naming the position.
    """
    entries = [entry.strip() for entry in text.split(",")] if text.strip() else []
    _require_count(instrument, len(entries))
    return {
        item.number: _parsed(instrument, item, entry)
        for item, entry in zip(instrument.items, entries, strict=False)
    }


def _answered(instrument: Instrument, answers: Answers) -> dict[int, int]:
    """The scored items that have an answer."""
    items = {item.number: item for item in instrument.items}
    answered: dict[int, int] = {}
    for number, value in answers.items():
        item = items.get(number)
        if item is None:
            raise BadAnswer(f"{instrument.id} has no item {number}", number)
        if value is None:
            continue
        # True is an int to Python, and no answer to a question.
        if isinstance(value, bool) or value not in item.values:
            raise _not_offered(instrument, item)
        if item.scored:
            answered[number] = value
    return answered


def _not_offered(instrument: Instrument, item: Item) -> BadAnswer:
    offered = ", ".join(str(value) for value in item.values)
    return BadAnswer(
        f"item {item.number} of {instrument.id}: the answer must be one of {offered}", item.number
    )


def _prorated(raw_sum: int, n_answered: int, n_items: int, min_answered: int | None) -> int | None:
    """raw_sum / n_answered * n_items, halves rounded up, in whole numbers throughout."""
    if min_answered is None or not min_answered <= n_answered < n_items:
        return None
    return (2 * raw_sum * n_items + n_answered) // (2 * n_answered)


def _require_count(instrument: Instrument, given: int) -> None:
    n_scored, n_all = len(instrument.scored_items), len(instrument.items)
    if given in (n_scored, n_all):
        return
    wanted = str(n_scored) if n_scored == n_all else f"{n_scored} (or {n_all} with the unscored ones)"
    raise BadAnswer(f"{instrument.id} takes {wanted} answers separated by commas; {given} given")


def _parsed(instrument: Instrument, item: Item, entry: str) -> int | None:
    if entry == "-":
        return None
    if re.fullmatch(r"\d{1,3}", entry, re.ASCII) and int(entry) in item.values and str(int(entry)) == entry:
        return int(entry)
    offered = ", ".join(str(value) for value in item.values)
    raise BadAnswer(
        f"answer {item.number} of {instrument.id} must be one of {offered}, or - when it is missing",
        item.number,
    )
