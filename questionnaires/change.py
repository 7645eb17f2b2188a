"""How two scores compare: the published definitions of response, remission and change, each with its id.

Scores are complete totals; an estimate for an incomplete form has no place here. `first` is the episode's
baseline and `last` the score compared with it; lower is better. Every comparison is made on whole numbers,
and rounded percentages are for display alone.
"""

from collections.abc import Mapping
from typing import Final, Literal, assert_never

import msgspec

DefinitionId = Literal[
    "response_50",
    "partial_25",
    "remission",
    "mcid",
    "reliable_change",
    "nhs_recovery",
    "clin_sig_original",
    "mhip_improved",
    "target_met",
]


class Definition(msgspec.Struct, frozen=True):
    """`numbers` maps an instrument to the definition's one number; an instrument left out has none.

    `rule` says it in words, `{n}` standing for the number.
    """

    id: DefinitionId
    version: str
    rule: str
    numbers: Mapping[str, int]
    source: str

    def with_number(self, instrument_id: str, number: int) -> "Definition":
        """The definition under a clinic's setting.

        Raises ValueError where it never applied to the instrument, or its number is part of its name.
        """
        if instrument_id not in self.numbers:
            raise ValueError(f"{self.id} is not defined for {instrument_id}")
        if self.id in ("response_50", "partial_25"):
            raise ValueError(f"{self.id} always means {self.numbers[instrument_id]}%")
        if number < 1:
            raise ValueError(f"{self.id}: the number must be at least 1")
        return msgspec.structs.replace(self, numbers={**self.numbers, instrument_id: number})


class Change(msgspec.Struct, frozen=True):
    """One outcome. `met` is None when it can't be judged, and `sentence` then says why.

    `inputs` holds `first`, `last` and `number` (the definition's number that was applied).
    """

    definition_id: DefinitionId
    version: str
    instrument_id: str
    met: bool | None
    inputs: dict[str, int | None]
    sentence: str


class _Scale(msgspec.Struct, frozen=True):
    label: str
    max_total: int


_SCALES: Final[Mapping[str, _Scale]] = {
    "phq9": _Scale("PHQ-9", 27),
    "gad7": _Scale("GAD-7", 21),
    "phq2": _Scale("PHQ-2", 6),
    "gad2": _Scale("GAD-2", 6),
}

_CMS159: Final = "CMS159, Depression Remission at Twelve Months"
_NHS: Final = "NHS Talking Therapies, reliable change and recovery"

DEFINITIONS: Final[Mapping[DefinitionId, Definition]] = {
    d.id: d
    for d in (
        Definition("response_50", "1", "at least {n}% lower than the first score", {"phq9": 50, "gad7": 50},
                   "HEDIS depression remission or response (PHQ-9); the same rule by convention for GAD-7"),
        Definition("partial_25", "1", "at least {n}% but less than 50% lower than the first score", {"phq9": 25},
                   "ICSI, Adult Depression in Primary Care: partial response"),
        Definition("remission", "1", "below {n}", {"phq9": 5, "gad7": 5},
                   f"{_CMS159} (PHQ-9); the minimal band by convention for GAD-7"),
        Definition("mcid", "1", "at least {n} points lower than the first score", {"phq9": 5, "gad7": 4},
                   f"{_CMS159}, citing Trivedi 2009 (PHQ-9); Toussaint 2020, doi 10.1016/j.jad.2020.01.032 (GAD-7)"),
        # Bischoff 2020 found 6 for GAD-7: a setting, by with_number("gad7", 6).
        Definition("reliable_change", "1", "at least {n} points lower than the first score",
                   {"phq9": 6, "gad7": 4}, _NHS),
        Definition("nhs_recovery", "1", "from {n} or more at first to below {n}", {"phq9": 10, "gad7": 8}, _NHS),
        Definition("clin_sig_original", "1", "{n} or below and at least 50% lower than the first score",
                   {"phq9": 9}, "the PHQ-9 developers' original criterion of clinically significant change"),
        Definition("mhip_improved", "1", "below {n} or at least 50% lower than the first score", {"phq9": 10},
                   "Bao et al. 2016, Psychiatric Services, appi.ps.201400577 (MHIP)"),
        Definition("target_met", "1", "below {n} and at least 50% lower than the first score",
                   {"phq9": 10, "gad7": 10}, "University of Washington, Collaborative Care in Oncology workflow"),
    )
}  # fmt: skip


def change_pct(first: int, last: int) -> int | None:
    """Whole percent of `first`, negative when the score fell, halves rounded away from zero; None from 0."""
    if first == 0:
        return None
    size = (200 * abs(last - first) + first) // (2 * first)
    return size if last >= first else -size


def dropped_by_percent(first: int, last: int, percent: int) -> bool | None:
    """Whether the score fell by at least `percent` of `first`; None when `first` is 0."""
    return None if first == 0 else 100 * (first - last) >= percent * first


def dropped_by_points(first: int, last: int, points: int) -> bool:
    return first - last >= points


def response_50(first: int, last: int) -> bool | None:
    return dropped_by_percent(first, last, 50)


def partial_25(first: int, last: int) -> bool | None:
    """25% up to, not including, 50%: what is a response is no longer a partial one."""
    if first == 0:
        return None
    return bool(dropped_by_percent(first, last, 25)) and not dropped_by_percent(first, last, 50)


def remission(last: int, below: int) -> bool:
    return last < below


def mcid(first: int, last: int, points: int) -> bool:
    """Minimal clinically important difference, for the better."""
    return dropped_by_points(first, last, points)


def reliable_change(first: int, last: int, points: int) -> bool:
    """A fall larger than the instrument's measurement error; a rise of that size is no improvement."""
    return dropped_by_points(first, last, points)


def nhs_recovery(first: int, last: int, caseness: int) -> bool | None:
    """None for a patient who was below caseness at first: there was nothing to recover from."""
    return None if first < caseness else last < caseness


def clin_sig_original(first: int, last: int, at_most: int) -> bool | None:
    halved = response_50(first, last)
    return None if halved is None else last <= at_most and halved


def mhip_improved(first: int, last: int, below: int) -> bool:
    """From a first score of 0 only the first half can be met."""
    return last < below or response_50(first, last) is True


def target_met(first: int, last: int, below: int) -> bool | None:
    halved = response_50(first, last)
    return None if halved is None else last < below and halved


def evaluate(definition: Definition, instrument_id: str, first: int | None, last: int | None) -> Change:
    """Apply a definition to two complete totals, None for one that does not exist.

    Raises ValueError for an unknown instrument or a total outside its range.
    """
    scale = _scale(instrument_id)
    for name, total in (("first", first), ("last", last)):
        if total is not None and not 0 <= total <= scale.max_total:
            raise ValueError(f"{name} must be between 0 and {scale.max_total} for {scale.label}")
    number = definition.numbers.get(instrument_id)
    met = None if number is None else _met(definition.id, number, first, last)
    return Change(
        definition_id=definition.id,
        version=definition.version,
        instrument_id=instrument_id,
        met=met,
        inputs={"first": first, "last": last, "number": number},
        sentence=_sentence(definition, scale.label, number, first, last, met),
    )


def _scale(instrument_id: str) -> _Scale:
    if instrument_id not in _SCALES:
        raise ValueError(f"unknown instrument {instrument_id!r}; there is {', '.join(_SCALES)}")
    return _SCALES[instrument_id]


def _met(definition_id: DefinitionId, number: int, first: int | None, last: int | None) -> bool | None:
    if last is None:
        return None
    match definition_id:
        case "remission":
            return remission(last, number)
        case _ if first is None:
            return None
        case "response_50":
            return response_50(first, last)
        case "partial_25":
            return partial_25(first, last)
        case "mcid":
            return mcid(first, last, number)
        case "reliable_change":
            return reliable_change(first, last, number)
        case "nhs_recovery":
            return nhs_recovery(first, last, number)
        case "clin_sig_original":
            return clin_sig_original(first, last, number)
        case "mhip_improved":
            return mhip_improved(first, last, number)
        case "target_met":
            return target_met(first, last, number)
        case _:
            assert_never(definition_id)


def _sentence(
    definition: Definition,
    label: str,
    number: int | None,
    first: int | None,
    last: int | None,
    met: bool | None,
) -> str:
    if number is None:
        return f"Not defined for {label}."
    rule = definition.rule.format(n=number)
    if met is not None:
        return f"{_movement(label, first, last)}; {'met' if met else 'not met'}: {rule}."
    return f"Cannot be judged ({rule}): {_obstacle(label, number, first, last)}."


def _obstacle(label: str, number: int, first: int | None, last: int | None) -> str:
    if last is None:
        return f"there is no complete {label} to compare"
    if first is None:
        return f"there is no complete first {label}"
    return f"the first {label} was 0" if first == 0 else f"the first {label} was already below {number}"


def _movement(label: str, first: int | None, last: int | None) -> str:
    if first is None or last is None:
        return f"{label} is {last}"
    percent = change_pct(first, last)
    if first == last:
        return f"{label} stayed at {last}"
    size = "" if percent is None else f" ({abs(percent)}% {'lower' if last < first else 'higher'})"
    return f"{label} went from {first} to {last}{size}"
