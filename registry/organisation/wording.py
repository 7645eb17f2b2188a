"""What may stand in the clinic's own words inside a text message."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_TEXT_NAME: Final = 30  # leaves room for the message in a single 160-character text
MAX_HOURS_TEXT: Final = 60

# Letters and signs that cost one unit in the GSM 03.38 alphabet (3GPP TS 23.038). A single character outside it
# turns the whole text into UCS-2 at less than half the length; á, í, ó and ú are such characters.
TEXT_CHARACTERS: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;&'()/+-!?%#*@èéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà"
)

# Beginnings of words, English and Spanish, without accents. A phone is read over shoulders: the sender's name
# must not say what kind of care this is (45 CFR 164.530(c), reasonable safeguards).
SPECIALITY: Final = (
    "addict",
    "adic",
    "alcohol",
    "animo",
    "ansied",
    "ansios",
    "anxi",
    "behavior",
    "behaviour",
    "bipolar",
    "conductual",
    "consejer",
    "counsel",
    "crisis",
    "depres",
    "detox",
    "drog",
    "drug",
    "emotion",
    "emocion",
    "mental",
    "mood",
    "psic",
    "psiq",
    "psych",
    "psyq",
    "rehab",
    "salud mental",
    "schizo",
    "esquizo",
    "sicolog",
    "siquiatr",
    "substance",
    "sustancia",
    "suicid",
    "terapeut",
    "terapi",
    "therap",
    "trauma",
)
_SPECIALITY: Final = re.compile(r"\b(?:" + "|".join(SPECIALITY) + ")")


def fold(text: str) -> str:
    """Lower case without accents, blanks collapsed: how words and names are compared."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in spread if not unicodedata.combining(c)).split())


def unsendable(text: str) -> tuple[str, ...]:
    """Characters that must not stand in a text of ours, each once, in order of appearance."""
    return tuple(dict.fromkeys(c for c in text if c not in TEXT_CHARACTERS))


def names_speciality(text: str) -> bool:
    """Whether a word of the text begins like a kind of mental-health care. `Fundamental Clinic` does not."""
    return _SPECIALITY.search(fold(text).replace("_", " ")) is not None
