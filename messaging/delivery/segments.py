"""How many segments a text costs, and whether it stays in the cheap alphabet.

GSM 03.38 (3GPP TS 23.038): 160 characters alone, 153 a part; any character outside it turns the whole text into
UCS-2: 70 UTF-16 units alone, 67 a part. Providers bill and throttle by segment.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Encoding = Literal["gsm7", "ucs2"]
Sender = Literal["long_code", "toll_free"]

# The default alphabet without its escape character. Of the Spanish accents only é É ñ Ñ ü Ü are in it.
GSM7_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION: Final = frozenset("\f^{}\\[~]|€")  # escape + character: two septets each

SINGLE: Final[dict[Encoding, int]] = {"gsm7": 160, "ucs2": 70}
# A part gives 6 bytes to its header; US and Canadian toll-free routes take one unit more.
PART: Final[dict[Sender, dict[Encoding, int]]] = {
    "long_code": {"gsm7": 153, "ucs2": 67},
    "toll_free": {"gsm7": 152, "ucs2": 66},
}


class Segments(msgspec.Struct, frozen=True):
    """`units` are septets in GSM-7 and UTF-16 units in UCS-2. An empty text has no segment."""

    encoding: Encoding
    units: int
    count: int


def is_gsm7(text: str) -> bool:
    return all(char in GSM7_BASIC or char in GSM7_EXTENSION for char in text)


def segments(text: str, sender: Sender = "long_code") -> Segments:
    """Encoding, size and number of segments. A two-unit character is never split between two parts."""
    if GSM7_BASIC.issuperset(text):
        size = SINGLE["gsm7"] if len(text) <= SINGLE["gsm7"] else PART[sender]["gsm7"]
        return Segments("gsm7", len(text), -(-len(text) // size))
    encoding: Encoding = "gsm7" if is_gsm7(text) else "ucs2"
    costs = [_units(char, encoding) for char in text]
    units = sum(costs)
    if units <= SINGLE[encoding]:
        return Segments(encoding, units, 1 if text else 0)
    return Segments(encoding, units, _parts(costs, PART[sender][encoding]))


def _units(char: str, encoding: Encoding) -> int:
    if encoding == "gsm7":
        return 2 if char in GSM7_EXTENSION else 1
    return 2 if ord(char) > 0xFFFF else 1  # surrogate pair


def _parts(costs: Iterable[int], size: int) -> int:
    parts, used = 1, 0
    for cost in costs:
        if used + cost > size:
            parts, used = parts + 1, 0
        used += cost
    return parts
