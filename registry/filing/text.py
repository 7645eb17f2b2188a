"""Notes as clean text for pasting into an EHR: no markup, one fact a line, what is empty left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from registry import zones

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Facts = Sequence[tuple[str, str]]


class Heading(msgspec.Struct, frozen=True):
    """Whom a copy is about, so that it can't land in another person's chart unnoticed."""

    family_name: str
    given_name: str
    birth_date: date | None
    mrn: str | None


def document(title: str, whose: Heading, facts: Facts, body: str = "") -> str:
    """Title, person, `Label: value` lines, then the free text. Lines end without blanks; one newline at the end."""
    head = [title.upper(), _person(whose)]
    lines = [f"{label}: {_one_line(value)}" for label, value in facts if value.strip()]
    parts = ["\n".join(head), "\n".join(lines), _tidy(body)]
    return "\n\n".join(part for part in parts if part) + "\n"


def section(label: str, lines: Iterable[str]) -> str:
    """A heading with its points, each on a line of its own; empty when there is none."""
    points = [f"- {_one_line(line)}" for line in lines if line.strip()]
    return "\n".join([f"{label}:", *points]) if points else ""


def body(*sections: str) -> str:
    return "\n\n".join(part for part in sections if part)


def moment_text(moment: datetime, zone: str) -> str:
    """`09-Mar-2026 14:05 PDT`."""
    local = moment.astimezone(zones.zone(zone))
    return f"{day_text(local.date())} {local:%H:%M} {local.tzname()}"


def day_text(day: date) -> str:
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year:04d}"


def _person(whose: Heading) -> str:
    born = "not known" if whose.birth_date is None else day_text(whose.birth_date)
    return f"{whose.family_name.upper()}, {whose.given_name}, born {born}, MRN {whose.mrn or 'none'}"


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _tidy(text: str) -> str:
    """Without trailing blanks, and with at most one empty line in a row."""
    kept: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept)
