"""Terms and permissions of people who help, and wishes for a number that may not be texted."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from registry.patients.forms import Channel, PreferencesForm, SecondChannel, Untexted
from registry.patients.rules import without_texts
from registry.related_people.rules import RelatedPersonForm, check, in_force

TODAY = date(2026, 3, 2)
FORM = RelatedPersonForm("Rosa Vale", "sister", "+12065550188", "patient_agreed", ("contacts",), TODAY)


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "holds"),
    [
        (date(2026, 3, 2), date(2026, 3, 2), True),
        (date(2026, 3, 3), None, False),
        (date(2026, 1, 1), date(2026, 3, 1), False),
        (date(2026, 1, 1), None, True),
    ],
)
def test_both_ends_belong_to_the_term(valid_from: date, valid_to: date | None, holds: bool) -> None:
    assert in_force(valid_from, valid_to, TODAY) is holds


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"agreed_on": TODAY, "agreed_how": "verbal"}, []),
        ({"agreed_on": TODAY}, ["agreed_how"]),
        ({"agreed_how": "written"}, ["agreed_on"]),
        ({"agreed_on": date(2026, 3, 3), "agreed_how": "written"}, ["agreed_on"]),
        ({"basis": "legal_authority", "agreed_on": TODAY, "agreed_how": "verbal"}, ["agreed_how"]),
        ({"valid_to": date(2026, 3, 1)}, ["valid_to"]),
    ],
)
def test_a_permission_says_when_and_how(changes: dict[str, Any], fields: list[str]) -> None:
    assert [problem.field for problem in check(msgspec.structs.replace(FORM, **changes), TODAY)] == fields


@pytest.mark.parametrize(
    ("channel", "second", "otherwise", "expected"),
    [
        ("sms_link", "phone", "phone", ("phone", None)),
        ("sms_items", "portal", "phone", ("phone", "portal")),
        ("sms_link", "email", "none", ("none", None)),
        ("portal", "sms_link", "phone", ("portal", None)),
        ("phone", None, "none", ("phone", None)),
    ],
)
def test_without_texts_no_channel_is_texting(
    channel: Channel, second: SecondChannel | None, otherwise: Untexted, expected: tuple[str, str | None]
) -> None:
    found = without_texts(PreferencesForm("en", None, channel, second), otherwise)
    assert (found.channel, found.second_channel) == expected
