"""What a questionnaire is: its wording, answers, codes and bands, as registered for one language and version."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

# A content file that forgot to mark one of these would switch off the alert for suicidal thoughts
# without anything else failing, so `check` insists on them.
REQUIRED_RISK_ITEMS: Final[Mapping[str, tuple[int, ...]]] = {"phq9": (9,)}

# The NHS Data Dictionary lets at most two missing PHQ-9 items be replaced by the mean of the others.
MOST_PRORATED_ITEMS: Final = 2

_LOINC_CODE = re.compile(r"((?:LA|LL)?[0-9]{1,7})-([0-9])")


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer. `value` is the score on a scored item and only the printed order on an unscored one:
    LOINC list LL359-1 gives no scores, and its codes do not follow the printed order."""

    value: int
    label: str
    code: str | None = None


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question, numbered from 1 as printed. `code` is None where no LOINC code is known.

    `other_codes` are LOINC codes read on import as the same question and not written by default: PHQ-9
    item 10 is 69722-7 in the LOINC panel and 44256-6 in HL7's Structured Data Capture example.
    """

    number: int
    text: str
    code: str | None
    scored: bool
    risk: bool
    answer_list: str
    choices: tuple[Choice, ...]
    other_codes: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(choice.value for choice in self.choices)

    def choice(self, value: int) -> Choice:
        """Raises LookupError when the item does not offer `value`."""
        for choice in self.choices:
            if choice.value == value:
                return choice
        raise LookupError(f"item {self.number} does not offer that answer")


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Totals from `low` to `high`, both included."""

    low: int
    high: int
    id: str
    label: str


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A response points at (id, version, language): exactly what was shown.

    `proration_min_answered`: answered items from which a display-only estimate may be drawn; None means
    never. `total_code` is None where no LOINC code is known: a guess is never written.
    `awaits_confirmation`: a named clinical lead has still to compare the wording with the official copy;
    until then the instrument is for trial use only. `band` labels and `title` are for staff.
    """

    id: str
    version: str
    language: str
    title: str
    stem: str
    items: tuple[Item, ...]
    bands: tuple[Band, ...]
    max_total: int
    proration_min_answered: int | None
    panel_code: str | None
    total_code: str | None
    credit: str
    source: str
    validation: str
    awaits_confirmation: bool

    @property
    def scored_items(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.scored)

    @property
    def texted_items(self) -> tuple[Item, ...]:
        """What may be asked one by one by text message: the unscored difficulty question is not."""
        return self.scored_items

    @property
    def risk_item_numbers(self) -> tuple[int, ...]:
        return tuple(item.number for item in self.items if item.risk)

    def item(self, number: int) -> Item:
        """Raises LookupError when there is no such item."""
        for item in self.items:
            if item.number == number:
                return item
        raise LookupError(f"{self.id} has no item {number}")

    def band_of(self, total: int) -> Band:
        """Raises LookupError for a total outside 0 to `max_total`."""
        for band in self.bands:
            if band.low <= total <= band.high:
                return band
        raise LookupError(f"{self.id} totals run from 0 to {self.max_total}")


def check(instrument: Instrument) -> list[str]:
    """Every problem of a content file, in the order of its fields; empty when it may be used."""
    return [
        *_identity_problems(instrument),
        *_item_problems(instrument),
        *_risk_problems(instrument),
        *_band_problems(instrument),
        *_total_problems(instrument),
        *_code_problems(instrument),
    ]


def _identity_problems(instrument: Instrument) -> Iterable[str]:
    for field in ("id", "language", "title", "stem", "credit", "source", "validation"):
        if not getattr(instrument, field).strip():
            yield f"{field} is empty"
    if not re.fullmatch(r"[1-9]\d*", instrument.version, re.ASCII):
        yield "version must be a whole number from 1"


def _item_problems(instrument: Instrument) -> Iterable[str]:
    numbers = [item.number for item in instrument.items]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "items must be numbered 1, 2, 3 ... in order"
    if not instrument.scored_items:
        yield "no item is scored"
    for item in instrument.items:
        if not item.text.strip():
            yield f"item {item.number} has no text"
        yield from _choice_problems(item)


def _choice_problems(item: Item) -> Iterable[str]:
    values = item.values
    labels = [choice.label.strip().casefold() for choice in item.choices]
    if len(values) < 2:
        yield f"item {item.number} needs at least two choices"
    if len(set(values)) != len(values):
        yield f"item {item.number} has two choices with the same value"
    if list(values) != sorted(values):
        yield f"item {item.number} must list its choices from the lowest value up"
    if len(set(labels)) != len(labels) or "" in labels:
        yield f"item {item.number} needs a different, non-empty label for each choice"
    if item.scored and values and min(values) != 0:
        yield f"item {item.number} is scored but its lowest choice is not 0"


def _risk_problems(instrument: Instrument) -> Iterable[str]:
    for number in REQUIRED_RISK_ITEMS.get(instrument.id, ()):
        if number not in instrument.risk_item_numbers:
            yield f"item {number} must be marked as a risk item"
    for item in instrument.items:
        if item.risk and not item.scored:
            yield f"item {item.number} is a risk item and must be scored"


def _band_problems(instrument: Instrument) -> Iterable[str]:
    expected = 0
    for band in instrument.bands:
        if band.low != expected or band.high < band.low:
            yield f"band {band.id} must start at {expected} and not end before it starts"
        if not band.id.strip() or not band.label.strip():
            yield f"the band from {band.low} needs an id and a label"
        expected = band.high + 1
    if expected != instrument.max_total + 1:
        yield f"bands must cover 0 to {instrument.max_total} exactly once"
    ids = [band.id for band in instrument.bands]
    if len(set(ids)) != len(ids):
        yield "two bands have the same id"


def _total_problems(instrument: Instrument) -> Iterable[str]:
    highest = sum(max(item.values, default=0) for item in instrument.scored_items)
    if instrument.max_total != highest:
        yield f"max_total must be {highest}, the sum of the highest choices"
    least, n_items = instrument.proration_min_answered, len(instrument.scored_items)
    if least is not None and not max(1, n_items - MOST_PRORATED_ITEMS) <= least < n_items:
        yield f"proration_min_answered must leave one or {MOST_PRORATED_ITEMS} of {n_items} items missing"


def _code_problems(instrument: Instrument) -> Iterable[str]:
    item_codes = [
        code for item in instrument.items for code in (item.code, *item.other_codes) if code is not None
    ]
    if len(set(item_codes)) != len(item_codes):
        yield "two items have the same code"
    answer_codes = [
        code
        for item in instrument.items
        for code in (item.answer_list, *(choice.code for choice in item.choices))
        if code is not None and any(choice.code is not None for choice in item.choices)
    ]
    optional = [code for code in (instrument.panel_code, instrument.total_code) if code is not None]
    for code in dict.fromkeys([*optional, *item_codes, *answer_codes]):
        if not is_loinc_code(code):
            yield f"{code!r} is not a LOINC code: its form or check digit is wrong"


def is_loinc_code(code: str) -> bool:
    """Form and check digit of a LOINC term, answer (LA) or answer list (LL) code.

    The digit after the hyphen is the Mod 10 (Luhn) check digit of the LOINC Users' Guide; in LA and LL codes
    the letters count too, each as its ASCII code less 48.
    """
    match = _LOINC_CODE.fullmatch(code)
    if match is None:
        return False
    weights = [ord(character) - ord("0") for character in reversed(match[1])]
    doubled = [sum(divmod(2 * weight, 10)) for weight in weights[::2]]
    return (sum(doubled) + sum(weights[1::2]) + int(match[2])) % 10 == 0
