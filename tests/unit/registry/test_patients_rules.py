"""What can't be true of a person, a phone or a wish."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from uuid import UUID

import msgspec
import pytest

from kernel.errors import Problem
from registry.patients import rules
from registry.patients.forms import (
    Address,
    CoverageForm,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
)
from registry.patients.rules import PhoneFacts, TextingFacts
from registry.ports import TextingConsentForm

TODAY = date(2026, 3, 2)
BORN = date(1984, 7, 9)
ANA = PersonForm("Reyes", "Ana", BORN, "MRN-1", "F", Address("12 Alder Street", "Seattle", "WA", "98101"))
PHONE = PhoneForm("+12065550123")
WISHES = PreferencesForm("en", "America/Los_Angeles", "sms_link", "phone")
LANGUAGES = {"en", "es"}


def fields(problems: list[Problem]) -> list[str]:
    return [problem.field for problem in problems]


def person(**changed: Any) -> list[str]:
    return fields(rules.check_person(msgspec.structs.replace(ANA, **changed), TODAY))


def wishes(*, phone: PhoneForm | None = PHONE, may_text: Any = "link_only", **changed: Any) -> list[str]:
    form = msgspec.structs.replace(WISHES, **changed)
    return fields(rules.check_preferences(form, phone=phone, may_text=may_text, languages=LANGUAGES))


def test_a_complete_person_has_no_problem() -> None:
    assert person() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"family_name": " "}, "family_name"),
        ({"given_name": ""}, "given_name"),
        ({"given_name": "12345"}, "given_name"),
        ({"family_name": "x" * 101}, "family_name"),
        ({"family_name": "Re\x00yes"}, "family_name"),
        ({"family_name": "Reyes\u202e"}, "family_name"),
        ({"family_name": "Reyes\ud800"}, "family_name"),
        ({"birth_date": date(2026, 3, 3)}, "birth_date"),
        ({"birth_date": date(1905, 3, 1)}, "birth_date"),
        ({"mrn": " "}, "mrn"),
        ({"mrn": "9" * 41}, "mrn"),
        ({"address": Address("", "Seattle", "WA", "98101")}, "address.line1"),
        ({"address": Address("12 Alder Street", " ", "WA", "98101")}, "address.city"),
        ({"address": Address("12 Alder Street", "Seattle", "Washington", "98101")}, "address.state"),
        ({"address": Address("12 Alder Street", "Seattle", "WA", "981")}, "address.postal_code"),
        ({"emergency": EmergencyContact("", "brother", "+12065550190")}, "emergency.name"),
        ({"emergency": EmergencyContact("Luis", "", "+12065550190")}, "emergency.relation"),
        ({"emergency": EmergencyContact("Luis", "brother", "911")}, "emergency.phone"),
    ],
)
def test_each_impossible_item_is_named(changed: dict[str, Any], field: str) -> None:
    assert person(**changed) == [field]


@pytest.mark.parametrize("birth", [date(2026, 3, 2), date(1906, 3, 3), date(1905, 3, 3)])
def test_the_youngest_and_the_oldest_possible_person_are_accepted(birth: date) -> None:
    assert person(birth_date=birth) == []


@pytest.mark.parametrize("name", ["O'Neil-Ünal", "李", "Núñez de la Vega", "نیک\u200cنام"])
def test_names_of_every_script_are_accepted(name: str) -> None:
    assert person(family_name=name) == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("abc", "is not a telephone number"),
        ("+1206555012", "has the wrong number of digits"),
        ("+15555550123", "is not a number that is in use anywhere"),
        ("206 555 0123 x9", "has an extension; give a number that rings one phone"),
    ],
)
def test_a_phone_that_cannot_ring_says_why(written: str, message: str) -> None:
    assert rules.check_phone(PhoneForm(written)) == [Problem("phone", message)]


@pytest.mark.parametrize("written", ["+12065550123", "(206) 555-0123", "1-206-555-0123", "206.555.0123"])
def test_a_phone_may_be_written_in_any_usual_way(written: str) -> None:
    assert rules.check_phone(PhoneForm(written)) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"zone": "Seattle"}, ["zone"]),
        ({"zone": "Factory"}, ["zone"]),
        ({"language": "English"}, ["language"]),
        ({"second_channel": "sms_link"}, ["second_channel"]),
        ({"channel": "phone"}, ["second_channel"]),
        ({"second_channel": "sms_items", "may_text": "items_by_sms"}, ["second_channel"]),
        ({"second_channel": "none"}, ["second_channel"]),
        ({"channel": "none"}, ["second_channel"]),
        ({"may_text": None}, ["texting_consent"]),
        ({"channel": "phone", "second_channel": "sms_link", "may_text": None}, ["texting_consent"]),
        ({"channel": "sms_items"}, ["texting_consent.content_level"]),
        ({"channel": "sms_items", "may_text": "items_by_sms"}, []),
        ({"channel": "portal", "may_text": None}, []),
        ({"phone": None}, ["phone", "phone"]),
        ({"channel": "none", "second_channel": None, "phone": None, "may_text": None}, []),
        ({"phone": PhoneForm("+12065550123", safe_to_text=False)}, ["safe_to_text"]),
        ({"language": "vi"}, ["channel"]),
        ({"language": "vi", "channel": "portal"}, ["channel"]),
        ({"language": "vi", "channel": "phone", "second_channel": None}, []),
        ({"language": "vi", "channel": "phone", "second_channel": "sms_link"}, ["second_channel"]),
        ({"window_start": time(10)}, ["window_end"]),
        ({"window_end": time(10)}, ["window_start"]),
        ({"window_start": time(7), "window_end": time(12)}, ["window_start"]),
        ({"window_start": time(18), "window_end": time(22)}, ["window_end"]),
        ({"window_start": time(12), "window_end": time(12, 59)}, ["window_end"]),
        ({"window_start": time(12), "window_end": time(13)}, []),
    ],
)
def test_wishes_are_weighed_against_each_other_and_the_facts(
    changed: dict[str, Any], expected: list[str]
) -> None:
    assert wishes(**changed) == expected


CONSENT = TextingConsentForm("consent", "link_only", "verbal", "texting-consent@1", "en")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"basis": "exemption"}, []),
        ({"wording_version": " "}, ["texting_consent.wording_version"]),
        ({"language": "?"}, ["texting_consent.language"]),
        ({"content_level": "items_by_sms"}, ["texting_consent.risk_ack_version"]),
        ({"content_level": "items_by_sms", "risk_ack_version": "risk@1"}, []),
        (
            {"content_level": "items_by_sms", "risk_ack_version": "risk@1", "basis": "exemption"},
            ["texting_consent.basis"],
        ),
    ],
)
def test_questions_by_text_need_consent_and_the_acknowledgement(
    changed: dict[str, Any], expected: list[str]
) -> None:
    assert fields(rules.check_texting_consent(msgspec.structs.replace(CONSENT, **changed))) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (CoverageForm("Plan", date(2026, 1, 1)), []),
        (CoverageForm("Plan", date(2026, 1, 1), valid_to=date(2026, 1, 1)), []),
        (CoverageForm("", date(2026, 1, 1)), ["coverage.payer"]),
        (CoverageForm("Plan", date(2026, 1, 1), rank=0), ["coverage.rank"]),
        (CoverageForm("Plan", date(2026, 1, 1), valid_to=date(2025, 12, 31)), ["coverage.valid_to"]),
        (CoverageForm("Plan", date(1984, 7, 8)), ["coverage.valid_from"]),
    ],
)
def test_coverage_needs_a_payer_and_an_order_of_days(form: CoverageForm, expected: list[str]) -> None:
    assert fields(rules.check_coverage(form, BORN)) == expected


@pytest.mark.parametrize(
    ("birth", "on", "age"),
    [
        (date(2008, 3, 2), date(2026, 3, 1), 17),
        (date(2008, 3, 2), date(2026, 3, 2), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_age_turns_on_the_birthday(birth: date, on: date, age: int) -> None:
    assert rules.age_on(birth, on) == age
    assert rules.is_minor(birth, on) is (age < 18)


@pytest.mark.parametrize(
    ("family", "given", "key"),
    [
        ("Núñez", "José", "nunez jose"),
        ("  de  la Cruz ", "ANA", "de la cruz ana"),
        ("Straße", "Jo", "strasse jo"),
    ],
)
def test_names_sort_without_case_or_accents(family: str, given: str, key: str) -> None:
    assert rules.name_key(family, given) == key


FACTS = TextingFacts(
    patient_id=UUID(int=1),
    clinic_id=UUID(int=2),
    language="en",
    zone="America/Los_Angeles",
    birth_date=BORN,
    channel="sms_link",
    second_channel=None,
    window_start=None,
    window_end=None,
    phone=PhoneFacts(UUID(int=3), "+12065550123", "k", "unverified", False, True, False),
    episode_id=UUID(int=4),
    episode_status="active",
    enrolled_on=TODAY,
    care_manager_id=None,
    deceased=False,
    is_test=False,
    minor_policy_signed_on=None,
)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"episode_status": "relapse_prevention"}, None),
        ({"episode_status": "referred"}, "not_enrolled"),
        ({"episode_status": "on_hold"}, "on_hold"),
        ({"episode_status": "inactive_disengaged"}, "inactive"),
        ({"episode_status": None}, "ended"),
        ({"deceased": True, "episode_status": None}, "deceased"),
        ({"birth_date": date(2010, 1, 1)}, "minor_without_policy"),
        ({"birth_date": date(2010, 1, 1), "minor_policy_signed_on": TODAY}, None),
        (
            {"birth_date": date(2010, 1, 1), "minor_policy_signed_on": date(2026, 3, 3)},
            "minor_without_policy",
        ),
        ({"birth_date": date(2008, 3, 2)}, None),
        ({"phone": None}, "no_phone"),
        ({"phone": msgspec.structs.replace(FACTS.phone, state="wrong")}, "phone_wrong"),  # type: ignore[type-var]
        ({"phone": msgspec.structs.replace(FACTS.phone, state="unreachable")}, "phone_unreachable"),  # type: ignore[type-var]
        ({"phone": msgspec.structs.replace(FACTS.phone, safe_to_text=False)}, "not_safe_to_text"),  # type: ignore[type-var]
    ],
)
def test_nothing_automatic_reaches_a_patient_who_must_not_be_texted(
    changed: dict[str, Any], expected: str | None
) -> None:
    assert rules.hindrance_to_texts(msgspec.structs.replace(FACTS, **changed), TODAY) == expected
