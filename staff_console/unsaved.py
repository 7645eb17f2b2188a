"""What was typed into a form that the answer does not draw: to read and to copy at the top of the page, never lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from markupsafe import escape
from msgspec import Struct

from kernel.web.forms import Pairs

# Passwords and codes are never shown again; the others say what the form was about and were not typed.
SECRET: Final = frozenset({"password", "current", "new", "again", "code", "secret"})
NOT_TYPED: Final = frozenset({"version", "seen", "back", "opened_at", "file", "file_name"})
DRAWN: Final = "data-error-summary"  # how a page marks the errors of a form
_PLAIN: Final = {"on": "yes"}


class Unsaved(Struct, frozen=True):
    """`problem` says why it was not saved, empty where the page says so already; `text` has a line or a paragraph for
    each field, under the name that it has on the page."""

    problem: str
    text: str


def typed_text(fields: Pairs, labels: Mapping[str, str]) -> str:
    """With `labels` the fields that they name, in their order; without any, all that a person can have typed."""
    given: dict[str, list[str]] = {}
    for name, value in fields:
        if value.strip() and not _hidden(name, value):
            given.setdefault(name, []).append(_PLAIN.get(value, value.strip()))
    names = [name for name in labels if name in given] if labels else list(given)
    return "\n".join(_line(labels.get(name) or _words(name), ", ".join(given[name])) for name in names)


def has_words(fields: Pairs) -> bool:
    """Whether somebody typed a text; a button, a choice or a number is soon given again."""
    return any(" " in value.strip() and not _hidden(name, value) for name, value in fields)


def drawn(page: str, fields: Pairs, labels: Mapping[str, str]) -> bool:
    """Whether every typed field stands in a control of the page."""
    return all(
        f'value="{escape(value)}"' in page or f"{escape(value)}</textarea>" in page
        for name, value in fields
        if value.strip() and not _hidden(name, value) and (not labels or name in labels)
    )


def says(page: str, problem: str) -> bool:
    return escape(problem.rstrip(".")) in page


def _hidden(name: str, value: str) -> bool:
    return name.startswith("_") or name in SECRET or name in NOT_TYPED or _is_id(value)


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _line(label: str, text: str) -> str:
    label = label.rstrip(":,")
    return f"{label}:\n{text}" if "\n" in text else f"{label}: {text}"


def _words(name: str) -> str:
    plain = name.replace("_", " ").strip()
    return plain[:1].upper() + plain[1:]
