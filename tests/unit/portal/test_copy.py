import string
from datetime import date, time

import msgspec
import pytest

from api.demo.views import Part, split_links
from api.portal.copy import COPY, Language, clock_time, long_date


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_fill_the_same_places() -> None:
    english, spanish = (msgspec.structs.asdict(COPY[language]) for language in ("en", "es"))
    for name, text in english.items():
        assert placeholders(text) == placeholders(spanish[name]), name
        assert spanish[name].strip(), name


@pytest.mark.parametrize("language", ["en", "es"])
def test_pages_shown_before_the_start_name_no_condition(language: Language) -> None:
    copy = COPY[language]
    early = " ".join([copy.start_title, copy.start_lede, copy.start_private, copy.birth_title, copy.birth_lede, copy.invalid_title, copy.invalid_text])  # fmt: skip
    words = (
        "depress",
        "depres",
        "anxi",
        "ansied",
        "suicid",
        "mental",
        "phq",
        "gad",
        "score",
        "psych",
        "psiq",
    )
    assert not any(word in early.lower() for word in words)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_crisis_panel_names_988_and_911_and_the_limits(language: Language) -> None:
    copy = COPY[language]
    assert "988" in copy.crisis_call
    assert "988" in copy.crisis_text_988
    assert "911" in copy.crisis_911
    assert "AYUDA" in copy.crisis_spanish
    assert "{hours}" in copy.crisis_watch


def test_dates_and_times_are_said_as_people_say_them() -> None:
    assert long_date(date(2026, 12, 3), "en") == "Thursday, December 3"
    assert long_date(date(2026, 12, 3), "es") == "jueves 3 de diciembre"
    assert [clock_time(time(hour, 5), "en") for hour in (0, 9, 12, 14)] == [
        "12:05 AM",
        "9:05 AM",
        "12:05 PM",
        "2:05 PM",
    ]
    assert clock_time(time(14, 0), "es") == "2:00 p. m."


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("no link", (Part("no link"),)),
        ("go https://x.test/c/ab.", (Part("go "), Part("https://x.test/c/ab", "/c/ab"), Part("."))),
        ("https://x.test/c/ab now", (Part("https://x.test/c/ab", "/c/ab"), Part(" now"))),
        ("https://evil.test/c/ab", (Part("https://evil.test/c/ab"),)),
        ("https://x.test.evil.test/a", (Part("https://x.test.evil.test/a"),)),
    ],
)
def test_only_our_own_addresses_become_links(body: str, parts: tuple[Part, ...]) -> None:
    assert split_links(body, "https://x.test") == parts
