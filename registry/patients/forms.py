"""What is asked about a person, as forms and JSON bodies bring it."""

from __future__ import annotations

from datetime import date, time
from typing import Literal

import msgspec

Channel = Literal["sms_link", "sms_items", "portal", "phone", "none"]
# E-mail brings a link when the first channel stays silent or fails; it is nobody's only channel.
SecondChannel = Literal["sms_link", "sms_items", "portal", "phone", "none", "email"]
Untexted = Literal["phone", "none"]  # how check-ins are answered when no text may go
Sex = Literal["F", "M", "U"]
Subscriber = Literal["self", "spouse", "child", "other"]
PhoneState = Literal["unverified", "verified", "wrong", "unreachable"]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line1: str
    city: str
    state: str
    postal_code: str
    line2: str | None = None


class EmergencyContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call when the patient can't be reached after an answer that signals danger."""

    name: str
    relation: str
    phone: str


class PersonForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    family_name: str
    given_name: str
    birth_date: date | None = None
    mrn: str | None = None
    sex: Sex | None = None
    address: Address | None = None
    emergency: EmergencyContact | None = None


class PhoneForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`phone_shared`: other people, perhaps another patient, answer it. `safe_to_text`: the patient says that nobody
    who may not know reads along."""

    phone: str
    phone_shared: bool = False
    safe_to_text: bool = True
    voicemail_ok: bool = False


class PreferencesForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`zone` is the IANA zone the patient lives in; the window narrows the clinic's own on the patient's clock."""

    language: str
    zone: str | None
    channel: Channel
    second_channel: SecondChannel | None = None
    window_start: time | None = None
    window_end: time | None = None


class SubscriberName(msgspec.Struct, frozen=True):
    """Whose policy it is, as a claim names a person."""

    family: str
    given: str


class CoverageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rank` 1 is the primary payer; `valid_to` is the last covered day. The subscriber's name is for a patient who is
    covered through somebody else; a claim needs it."""

    payer: str
    valid_from: date
    rank: int = 1
    payer_id: str | None = None
    plan: str | None = None
    member_id: str | None = None
    subscriber: Subscriber = "self"
    valid_to: date | None = None
    subscriber_family: str | None = None
    subscriber_given: str | None = None
