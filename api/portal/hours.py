"""Staffed hours in words, so that every page can say when answers are read: `Monday to Friday, 9 AM to 5 PM`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Final

from api.portal.copy import Language
from registry.organisation.rules import Shift, Week

_DAYS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
_TO: Final[Mapping[Language, str]] = {"en": " to ", "es": " a "}
_AND: Final[Mapping[Language, str]] = {"en": " and ", "es": " y "}


def hours_words(week: Week, language: Language, otherwise: str) -> str:
    """Days with the same hours are told together, in the order of the week; `otherwise` for a week without any."""
    spans = [(first, last, week[first]) for first, last in _runs(week) if week[first]]
    if not spans:
        return otherwise
    return "; ".join(
        f"{_days(first, last, language)}, {_shifts(shifts, language)}" for first, last, shifts in spans
    )


def _runs(week: Week) -> list[tuple[int, int]]:
    """(first, last) of each stretch of neighbouring days with the same shifts."""
    runs: list[tuple[int, int]] = []
    for day in range(len(week)):
        if runs and week[runs[-1][0]] == week[day]:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def _days(first: int, last: int, language: Language) -> str:
    names = _DAYS[language]
    if first == last:
        return names[first] if language == "en" else f"los {_plural(names[first])}"
    joint = _AND[language] if last == first + 1 else _TO[language]
    span = f"{names[first]}{joint}{names[last]}"
    return span if language == "en" else f"de {span}" if joint == _TO["es"] else f"los {span}"


def _plural(day: str) -> str:
    return day if day.endswith("s") else f"{day}s"


def _shifts(shifts: Sequence[Shift], language: Language) -> str:
    spans = [f"{_clock(s.start, language)}{_TO[language]}{_clock(s.end, language)}" for s in shifts]
    return _AND[language].join(span if language == "en" else f"de {span}" for span in spans)


def _clock(at: time, language: Language) -> str:
    hour = at.hour % 12 or 12
    half = ("AM", "PM") if language == "en" else ("a. m.", "p. m.")
    minutes = f":{at.minute:02d}" if at.minute else ""
    return f"{hour}{minutes} {half[at.hour >= 12]}"
