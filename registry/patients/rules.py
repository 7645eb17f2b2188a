"""What can't be true of a person, a phone or a wish, and when nothing automatic may reach a patient."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date, time
from typing import Final, Literal
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry import zones
from registry.organisation.rules import check_window, phone_problem
from registry.organisation.wording import fold
from registry.patients.forms import (
    Channel,
    CoverageForm,
    PersonForm,
    PhoneForm,
    PhoneState,
    PreferencesForm,
    SecondChannel,
    Untexted,
)
from registry.ports import ContentLevel, TextingConsentForm

OLDEST_YEARS: Final = 120
ADULT_YEARS: Final = 18
LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 200
LONGEST_MRN: Final = 40
TEXTING: Final[frozenset[SecondChannel]] = frozenset({"sms_link", "sms_items"})
# Channels on which a person speaks with the patient, so that no written instrument is needed.
SPOKEN: Final[frozenset[SecondChannel]] = frozenset({"phone", "none"})
# Control characters and lone surrogates break exports and pages, direction marks make a name read otherwise; these
# two belong to the spelling of Persian and Indic names.
JOINERS: Final = frozenset("\u200c\u200d")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # BCP 47
_STATE: Final = re.compile(r"[A-Z]{2}")
_ZIP: Final = re.compile(r"\d{5}(-?\d{4})?", re.ASCII)

Hindrance = Literal[
    "not_enrolled",
    "on_hold",
    "inactive",
    "ended",
    "deceased",
    "minor_without_policy",
    "no_phone",
    "phone_wrong",
    "phone_unreachable",
    "not_safe_to_text",
]


class PhoneFacts(msgspec.Struct, frozen=True):
    """One version of a patient's number. `number` is E.164 in plain: for sending only."""

    id: UUID
    number: str
    key: str
    state: PhoneState
    shared: bool
    safe_to_text: bool
    voicemail_ok: bool


class TextingFacts(msgspec.Struct, frozen=True):
    """What messaging must know to decide about a text; no name. Episode fields are None without an open episode."""

    patient_id: UUID
    clinic_id: UUID
    language: str
    zone: str | None
    birth_date: date | None
    channel: Channel
    second_channel: SecondChannel | None
    window_start: time | None
    window_end: time | None
    phone: PhoneFacts | None
    episode_id: UUID | None
    episode_status: str | None
    enrolled_on: date | None
    care_manager_id: UUID | None
    deceased: bool
    is_test: bool
    minor_policy_signed_on: date | None


def name_key(family: str, given: str) -> str:
    """How names sort and how a search by the beginning of the name finds them."""
    return fold(f"{family} {given}")


def age_on(birth: date, on: date) -> int:
    """Whole years; someone born on 29 February is a year older on 1 March of other years."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def is_minor(birth: date | None, on: date) -> bool:
    """An unknown birth date counts as an adult's: enrolment asks for it, so only a referral lacks it."""
    return birth is not None and age_on(birth, on) < ADULT_YEARS


def hindrance_to_care(facts: TextingFacts, on: date) -> Hindrance | None:
    """Why nothing automatic may happen for this patient on a local date, by any channel; None when it may.

    Under 18 an automatic message waits for the clinic's signed adolescent policy: who may consent and who may read
    along differs by state.
    """
    if facts.deceased:
        return "deceased"
    match facts.episode_status:
        case "active" | "relapse_prevention":
            pass
        case "referred":
            return "not_enrolled"
        case "on_hold":
            return "on_hold"
        case "inactive_disengaged":
            return "inactive"
        case _:
            return "ended"
    signed = facts.minor_policy_signed_on
    if is_minor(facts.birth_date, on) and (signed is None or signed > on):
        return "minor_without_policy"
    return None


def hindrance_to_texts(facts: TextingFacts, on: date) -> Hindrance | None:
    """As `hindrance_to_care`, and whether the number itself can be texted. Consent is messaging's to check."""
    if (found := hindrance_to_care(facts, on)) is not None:
        return found
    if facts.phone is None:
        return "no_phone"
    if facts.phone.state == "wrong":
        return "phone_wrong"
    if facts.phone.state == "unreachable":
        return "phone_unreachable"
    return None if facts.phone.safe_to_text else "not_safe_to_text"


def check_person(form: PersonForm, today: date) -> list[Problem]:
    """`today` is the clinic's local date. Missing birth date and record number are left to the caller."""
    found = [
        *_check_name("family_name", form.family_name),
        *_check_name("given_name", form.given_name),
        *check_birth(form.birth_date, today),
    ]
    if form.mrn is not None:
        found += _check_words("mrn", form.mrn, LONGEST_MRN)
    if form.address is not None:
        found += _check_address(form)
    if form.emergency is not None:
        found += _check_words("emergency.name", form.emergency.name, LONGEST_NAME)
        found += _check_words("emergency.relation", form.emergency.relation, LONGEST_NAME)
        found += _some(phone_problem("emergency.phone", form.emergency.phone))
    return found


def check_birth(birth: date | None, today: date) -> list[Problem]:
    if birth is None:
        return []
    if birth > today:
        return [Problem("birth_date", "is in the future")]
    if age_on(birth, today) > OLDEST_YEARS:
        return [Problem("birth_date", f"is more than {OLDEST_YEARS} years ago")]
    return []


def check_language(field: str, tag: str) -> list[Problem]:
    return [] if _LANGUAGE.fullmatch(tag) else [Problem(field, "is not a language tag such as en or es")]


def check_phone(form: PhoneForm) -> list[Problem]:
    return _some(phone_problem("phone", form.phone))


def check_preferences(
    form: PreferencesForm,
    *,
    phone: PhoneForm | None,
    may_text: ContentLevel | None,
    languages: Collection[str],
) -> list[Problem]:
    """Wishes against each other and against the facts.

    `may_text` is what the texting consent allows, None without one. `languages` have approved wording of the
    measures; a patient who speaks another is asked by a person.
    """
    return [
        *_check_language(form, languages),
        *_check_zone(form),
        *_check_channels(form),
        *_check_texting(form, phone, may_text),
        *_check_window(form),
    ]


def check_texting_consent(form: TextingConsentForm) -> list[Problem]:
    """Items by text are read in the open: they need the warning that texts are not encrypted (45 CFR 164.522(b);
    78 FR 5634). A text without consent, under 47 CFR 64.1200(a)(9)(iv), holds a link or reminder only."""
    found = []
    by_items = form.content_level == "items_by_sms"
    if not form.wording_version.strip():
        found.append(Problem("texting_consent.wording_version", "is empty: which words were used?"))
    if by_items and not (form.risk_ack_version or "").strip():
        text = "is needed for questions by text: the patient must know that texts are not encrypted"
        found.append(Problem("texting_consent.risk_ack_version", text))
    if by_items and form.basis == "exemption":
        found.append(
            Problem("texting_consent.basis", "an exemption allows links only; questions need consent")
        )
    return found + check_language("texting_consent.language", form.language)


LONGEST_SUBSCRIBER: Final = 60


def check_coverage(form: CoverageForm, birth: date | None, field: str = "coverage") -> list[Problem]:
    found = _check_words(f"{field}.payer", form.payer, LONGEST_TEXT)
    if not 1 <= form.rank <= 9:
        found.append(Problem(f"{field}.rank", "must be from 1 (primary) to 9"))
    if form.valid_to is not None and form.valid_to < form.valid_from:
        found.append(Problem(f"{field}.valid_to", "is before the first day"))
    if birth is not None and form.valid_from < birth:
        found.append(Problem(f"{field}.valid_from", "is before the patient was born"))
    for name in ("subscriber_family", "subscriber_given"):
        if len(getattr(form, name) or "") > LONGEST_SUBSCRIBER:
            found.append(Problem(f"{field}.{name}", f"is longer than {LONGEST_SUBSCRIBER} characters"))
    return found


def without_texts(wishes: PreferencesForm, otherwise: Untexted) -> PreferencesForm:
    """The same wishes for a number that may not be texted."""
    channel: Channel = otherwise if wishes.channel in TEXTING else wishes.channel
    second = wishes.second_channel
    if second in TEXTING or second == channel or channel == "none":
        second = None
    return msgspec.structs.replace(wishes, channel=channel, second_channel=second)


def clean(text: str | None) -> str | None:
    """Without blanks around it; None when nothing is left."""
    return (text or "").strip() or None


def _check_language(form: PreferencesForm, languages: Collection[str]) -> list[Problem]:
    if bad := check_language("language", form.language):
        return bad
    if form.language in languages:
        return []
    text = f"has no approved questionnaire in this language ({', '.join(sorted(languages))}): choose phone or none"
    written = [("channel", form.channel), ("second_channel", form.second_channel)]
    return [
        Problem(field, text) for field, channel in written if channel is not None and channel not in SPOKEN
    ]


def _check_zone(form: PreferencesForm) -> list[Problem]:
    if form.zone is None or zones.known(form.zone):
        return []
    return [Problem("zone", "is not an IANA time zone such as America/Chicago")]


def _check_channels(form: PreferencesForm) -> list[Problem]:
    second = form.second_channel
    if second is None:
        return []
    if second == "none":
        return [Problem("second_channel", "leave it empty when there is none")]
    if form.channel == "none":
        return [Problem("second_channel", "can't be set while the preferred channel is none")]
    if second == form.channel:
        return [Problem("second_channel", "is the same as the preferred channel")]
    if second in TEXTING and form.channel in TEXTING:
        return [Problem("second_channel", "is texting too; a second channel must be another one")]
    return []


def _check_texting(
    form: PreferencesForm, phone: PhoneForm | None, may_text: ContentLevel | None
) -> list[Problem]:
    used = [
        (field, channel)
        for field, channel in (("channel", form.channel), ("second_channel", form.second_channel))
        if channel is not None
    ]
    found = []
    for field, channel in used:
        if channel in {*TEXTING, "phone"} and phone is None:
            found.append(Problem("phone", f"is needed for {field} {channel}"))
        if channel not in TEXTING:
            continue
        if may_text is None:
            found.append(Problem("texting_consent", f"is needed for {field} {channel}"))
        elif channel == "sms_items" and may_text != "items_by_sms":
            text = "must allow them, with the acknowledgement, for questions by text"
            found.append(Problem("texting_consent.content_level", text))
        if phone is not None and not phone.safe_to_text:
            found.append(
                Problem("safe_to_text", f"the phone is not safe to text, so {field} must be another")
            )
    return found


def _check_window(form: PreferencesForm) -> list[Problem]:
    start, end = form.window_start, form.window_end
    if start is None and end is None:
        return []
    if start is None or end is None:
        missing = "window_start" if start is None else "window_end"
        return [Problem(missing, "is needed with the other end of the window")]
    return check_window(start, end)


def _check_address(form: PersonForm) -> list[Problem]:
    address = form.address
    assert address is not None
    found = _check_words("address.line1", address.line1, LONGEST_TEXT)
    found += _check_words("address.city", address.city, LONGEST_NAME)
    if not _STATE.fullmatch(address.state):
        found.append(Problem("address.state", "needs the two capital letters"))
    if not _ZIP.fullmatch(address.postal_code):
        found.append(Problem("address.postal_code", "needs five or nine digits"))
    return found


def _check_name(field: str, text: str) -> list[Problem]:
    found = _check_words(field, text, LONGEST_NAME)
    if not found and not any(c.isalpha() for c in text):
        found.append(Problem(field, "has no letter"))
    return found


def _check_words(field: str, text: str, longest: int) -> list[Problem]:
    if not text.strip():
        return [Problem(field, "is empty")]
    if len(text) > longest:
        return [Problem(field, f"is longer than {longest} characters")]
    if any(unicodedata.category(c) in {"Cc", "Cs", "Cf"} and c not in JOINERS for c in text):
        return [Problem(field, "holds a character that can't be printed")]
    return []


def _some(problem: Problem | None) -> list[Problem]:
    return [] if problem is None else [problem]
