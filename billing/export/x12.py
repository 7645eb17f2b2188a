"""X12 005010 text: segments, separators, and what may stand between them.

Letters outside the basic character set are written without their accents; separators and control characters
inside a value become blanks, so no name can end a segment or begin another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

ELEMENT: Final = "*"
COMPONENT: Final = ":"
REPETITION: Final = "^"
TERMINATOR: Final = "~"
_NOT_BASIC: Final = re.compile(r"[^A-Z0-9!\"&'()+,\-./;?= ]")
_BLANKS: Final = re.compile(r" +")


def plain(text: str | None, longest: int = 80) -> str:
    """The text in the basic character set, capitals, single blanks, cut to `longest`; empty when nothing is left."""
    folded = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode().upper()
    return _BLANKS.sub(" ", _NOT_BASIC.sub(" ", folded)).strip()[:longest].strip()


def segment(*elements: str) -> str:
    """One segment without its terminator; empty elements at the end are left out. Elements come from `plain`, or
    are constants, digits and components of ours."""
    kept = list(elements)
    while kept and not kept[-1]:
        kept.pop()
    return ELEMENT.join(kept)


def text_of(segments: Iterable[str]) -> str:
    """One segment a line: readable, and every receiver must take it so."""
    return "".join(f"{segment}{TERMINATOR}\n" for segment in segments)


def money(cents: int) -> str:
    """Integer cents as X12 writes an amount: 16050 is `160.5`, 16000 is `160`."""
    units, rest = divmod(cents, 100)
    return str(units) if rest == 0 else f"{units}.{rest:02d}".rstrip("0")
