"""Details and number as their pages ask for them, and as the record takes them."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, Problem
from registry.patients.details import DetailsForm
from registry.patients.forms import (
    Address,
    Channel,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
    SecondChannel,
    Sex,
    Untexted,
)
from registry.ports import TextingConsentForm
from staff_console.enrol import scripts

Text = Annotated[str, Meta(max_length=2000)]
Level = Literal["link_only", "items_by_sms"]
Method = Literal["verbal", "written"]


class DetailsFields(msgspec.Struct, frozen=True, kw_only=True):
    """`version` is the patient's that was looked at; `texting` a new agreement, absent when it stays as it is."""

    version: int
    family_name: Text
    given_name: Text
    birth_date: date | None = None
    sex: Sex | None = None
    mrn: Text | None = None
    language: Text
    zone: Text | None = None
    channel: Channel
    second_channel: SecondChannel | None = None
    window_start: time | None = None
    window_end: time | None = None
    texting: Level | None = None
    method: Method = "verbal"
    line1: Text | None = None
    line2: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = None
    emergency_name: Text | None = None
    emergency_relation: Text | None = None
    emergency_phone: Text | None = None

    def form(self) -> DetailsForm:
        """Raises Invalid when an address or an emergency contact is given in part."""
        person = PersonForm(
            self.family_name,
            self.given_name,
            self.birth_date,
            self.mrn,
            self.sex,
            self._address(),
            self._emergency(),
        )
        wishes = PreferencesForm(
            self.language, self.zone, self.channel, self.second_channel, self.window_start, self.window_end
        )
        consent = agreement(self.texting, self.method, self.language)
        return DetailsForm(person=person, preferences=wishes, version=self.version, texting_consent=consent)

    def _address(self) -> Address | None:
        parts = {name: getattr(self, name) or "" for name in ("line1", "city", "state", "postal_code")}
        if not any(parts.values()) and not self.line2:
            return None
        _whole(parts, "is needed with the rest of the address")
        return Address(**parts, line2=self.line2)

    def _emergency(self) -> EmergencyContact | None:
        parts = {name: getattr(self, f"emergency_{name}") or "" for name in ("name", "relation", "phone")}
        if not any(parts.values()):
            return None
        _whole(
            {f"emergency_{name}": value for name, value in parts.items()},
            "is needed with the other two fields",
        )
        return EmergencyContact(**parts)


class PhoneFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    phone: Text
    phone_shared: Literal["on"] | None = None
    phone_private: Literal["on"] | None = None
    voicemail_ok: Literal["on"] | None = None
    texting: Level | None = None
    method: Method = "verbal"
    otherwise: Untexted | None = None

    def number(self) -> PhoneForm:
        return PhoneForm(
            self.phone,
            self.phone_shared is not None,
            self.phone_private is not None,
            self.voicemail_ok is not None,
        )


def agreement(level: Level | None, method: Method, language: str) -> TextingConsentForm | None:
    """In the words that the page shows for reading out."""
    if level is None:
        return None
    return TextingConsentForm(
        basis="consent",
        content_level=level,
        method=method,
        wording_version=scripts.TEXTING.version,
        language=language if language in ("en", "es") else "en",
        risk_ack_version=scripts.RISK.version if level == "items_by_sms" else None,
    )


def _whole(parts: dict[str, str], why: str) -> None:
    missing = [Problem(name, why) for name, value in parts.items() if not value.strip()]
    if missing:
        raise Invalid(*missing)


DETAILS: Final = {
    "family_name": "Family name",
    "given_name": "Given name",
    "birth_date": "Date of birth",
    "sex": "Sex",
    "mrn": "MRN",
    "language": "Language",
    "zone": "Time zone",
    "line1": "Street",
    "line2": "Apartment or unit",
    "city": "City",
    "state": "State",
    "postal_code": "ZIP code",
    "emergency_name": "Emergency contact",
    "emergency_relation": "Relation",
    "emergency_phone": "Emergency contact's phone",
    "channel": "How check-ins are answered",
    "second_channel": "When that fails",
    "window_start": "Not before",
    "window_end": "Not after",
    "texting": "Agreement to texts",
    "method": "How it was given",
}
DETAILS_RENAMED: Final = {
    "address.line1": "line1",
    "address.city": "city",
    "address.state": "state",
    "address.postal_code": "postal_code",
    "emergency.name": "emergency_name",
    "emergency.relation": "emergency_relation",
    "emergency.phone": "emergency_phone",
    "texting_consent": "texting",
    "texting_consent.content_level": "texting",
    "phone": "channel",
    "safe_to_text": "channel",
}
PHONE: Final = {
    "phone": "Mobile phone",
    "phone_private": "Privacy of the phone",
    "phone_shared": "Sharing the phone",
    "voicemail_ok": "Voicemail",
    "texting": "Agreement to texts",
    "method": "How it was given",
    "otherwise": "Check-ins without texts",
}
PHONE_RENAMED: Final = {
    "texting_consent": "texting",
    "texting_consent.content_level": "texting",
    "safe_to_text": "phone_private",
}
TAKEN: Final = {
    "mrn_taken": Problem("mrn", "is another patient's record number"),
    "phone_taken": Problem(
        "phone", "is another patient's number: tick that others answer it, if both use it"
    ),
}
