"""What a patient hears before agreeing to be texted, in words with a version that is stored with the agreement.

Contents: CTIA Messaging Principles and Best Practices, May 2023, 5.1 (who, what, how often, rates, STOP), and the
warning about unencrypted texts that lets a patient choose them (45 CFR 164.522(b); 78 FR 5634).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

Name = Literal["texting", "items_by_sms"]
_IDS: Final[Mapping[Name, str]] = {"texting": "texting-consent", "items_by_sms": "unencrypted-texts"}


class Script(msgspec.Struct, frozen=True):
    """`version` is what the consent row stores, as `texting-consent@1`."""

    version: str
    text: str


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    en: str
    es: str


def script(name: Name, language: str) -> Script:
    """English where there is no approved wording in the language."""
    stored = _stored()[name]
    text = stored.es if language.split("-")[0].lower() == "es" else stored.en
    return Script(f"{_IDS[name]}@{stored.version}", text.strip())


@cache
def _stored() -> Mapping[str, _Stored]:
    content = (files("messaging.consent") / "scripts.toml").read_bytes()
    return msgspec.toml.decode(content, type=dict[str, _Stored])
