"""Telephone numbers as people write them, turned into E.164 at the edge."""

from __future__ import annotations

import phonenumbers


class BadNumber(ValueError):
    """Why a number can't be used. Never holds the number."""


def e164(written: str, region: str = "US") -> str:
    """`(206) 555-0123` and `+1 206 555 0123` are `+12065550123`. Raises `BadNumber`."""
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        raise BadNumber("is not a telephone number") from None
    if number.extension:
        raise BadNumber("has an extension; give a number that rings one phone")
    if not phonenumbers.is_possible_number(number):
        raise BadNumber("has the wrong number of digits")
    if not phonenumbers.is_valid_number(number):
        raise BadNumber("is not a number that is in use anywhere")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
