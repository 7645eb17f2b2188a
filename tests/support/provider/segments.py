"""Counts the parts a text is billed and throttled by (GSM 03.38 default alphabet, else UCS-2)."""

from __future__ import annotations

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"


def segments(body: str) -> int:
    """Parts of `body`: GSM-7 160 or 153 septets each, otherwise 70 or 67 UTF-16 units each; at least 1.

    Counts code units; a two-unit character that would straddle two parts is not pushed to the next.
    """
    if all(char in _BASIC or char in _EXTENDED for char in body):
        units, single, part = sum(2 if char in _EXTENDED else 1 for char in body), 160, 153
    else:
        units, single, part = len(body.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if units <= single else -(-units // part)
