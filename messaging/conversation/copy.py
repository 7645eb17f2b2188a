"""Our own words in texts: approved, versioned, in GSM-7, read once from copy/<language>.toml.

Item texts and answer labels are not among them: those come from the instrument's registered content, unaltered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import Final, Literal, get_args

import msgspec
import phonenumbers

from messaging.schedule.zones import to_local

Language = Literal["en", "es"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
CONTACT_MODES: Final = ("phone", "video", "in_person", "portal")

_DAYS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "es": ("lun", "mar", "mié", "jue", "vie", "sab", "dom"),
}
_MONTHS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}  # fmt: skip


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`first_contact`: may reach somebody who has not written, so it fits one segment."""

    version: int
    text: str
    first_contact: bool = False


class Rendered(msgspec.Struct, frozen=True):
    """`template` names the wording: key@version, joined by + where a text has several parts."""

    body: str
    template: str


@cache
def texts(language: Language) -> Mapping[str, Text]:
    content = (files("messaging.conversation") / "copy" / f"{language}.toml").read_bytes()
    return msgspec.toml.decode(content, type=dict[str, Text])


@cache
def placeholders(key: str, language: Language) -> frozenset[str]:
    """Names of the values a text needs. Raises KeyError for a key that does not exist."""
    parsed = Formatter().parse(texts(language)[key].text)
    return frozenset(name for _, name, _, _ in parsed if name is not None)


def render(key: str, language: str, /, **values: str) -> Rendered:
    """Raises KeyError for an unknown key, and ValueError naming key and value when one is missing or too many."""
    spoken = spoken_language(language)
    needed = placeholders(key, spoken)
    if needed != values.keys():
        wrong = ", ".join(sorted(needed ^ values.keys()))
        raise ValueError(f"text {key}: values that are missing or unknown: {wrong}")
    found = texts(spoken)[key]
    return Rendered(found.text.format_map(values), f"{key}@{found.version}")


def spoken_language(language: str) -> Language:
    """The language of our texts for a patient; English where there is no approved wording."""
    base = language.split("-")[0].lower()
    return "es" if base == "es" else "en"


def join(parts: list[Rendered]) -> Rendered:
    return Rendered("\n".join(part.body for part in parts), "+".join(part.template for part in parts))


def moment_words(moment: datetime, zone: str, language: str) -> str:
    """`Tue 10 Mar, 2:00 PM` on the patient's clock."""
    spoken = spoken_language(language)
    local = to_local(moment, zone)
    clock = f"{local.hour % 12 or 12}:{local.minute:02d} {'AM' if local.hour < 12 else 'PM'}"
    return f"{_DAYS[spoken][local.weekday()]} {local.day} {_MONTHS[spoken][local.month - 1]}, {clock}"


def contact_words(mode: str | None, moment: datetime, zone: str, language: str) -> str:
    """`phone call with your care team Tue 10 Mar, 2:00 PM`: how and when, never what about."""
    key = f"contact_{mode if mode in CONTACT_MODES else 'phone'}"
    return render(key, language, when=moment_words(moment, zone, language)).body


@lru_cache(maxsize=256)  # clinics' own numbers: one of them stands in every turn's script
def phone_words(number: str) -> str:
    """`(206) 555-0123` for a number of the United States, else as given."""
    try:
        parsed = phonenumbers.parse(number, "US")
    except phonenumbers.NumberParseException:
        return number
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        parsed, style.NATIONAL if parsed.country_code == 1 else style.INTERNATIONAL
    )
