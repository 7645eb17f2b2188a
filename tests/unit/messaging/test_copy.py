"""Every text of our own: cheap alphabet, neutral words, the same values in both languages, short on first contact."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from messaging.conversation.copy import (
    LANGUAGES,
    Language,
    contact_words,
    join,
    moment_words,
    phone_words,
    placeholders,
    render,
    spoken_language,
    texts,
)
from messaging.conversation.decision import Line, Say
from messaging.conversation.script import Script
from messaging.conversation.wording import compose, needs_link
from messaging.delivery.segments import GSM7_BASIC, segments
from registry.organisation.wording import MAX_HOURS_TEXT, MAX_TEXT_NAME, names_speciality
from tests.support.scans import not_gsm7
from tests.support.scripts import nothing_open, script

# The longest values each mark can have. A token is 27 characters; the address is a clinic's own.
LONGEST: dict[str, str] = {
    "person": "P" * 40,
    "name": "N" * MAX_TEXT_NAME,
    "phone": "(206) 555-0100",
    "hours": "H" * MAX_HOURS_TEXT,
    "link": "https://care.example.org/c/" + "t" * 27,
    "stem": "",
    "number": "16",
    "highest": "3",
    "total": "16",
    "done": "15",
    "item": "",
    "choices": "",
    "value": "2",
    "label": "L" * 27,
    "code": "493027",
    "when": "Wed 30 Sep, 12:30 PM",
    "contact": "phone call with your care team Wed 30 Sep, 12:30 PM",
    "answers": ", ".join(f"Q{n} 0" for n in range(1, 10)),
}
# A clinic's condition, questionnaires, scores and medicines never stand in a text of ours.
NEVER = re.compile(
    r"depres|anx|ansied|suicid|phq|gad\b|gad-|score|puntaje|medic|antidepress|psych|psiq|psic|therap|terap|mental|mood",
    re.IGNORECASE,
)
EVERY = [(key, language) for language in LANGUAGES for key in texts(language)]


def filled(key: str, language: Language) -> str:
    values = {name: LONGEST[name] for name in placeholders(key, language)}
    return render(key, language, **values).body


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    assert texts("en").keys() == texts("es").keys()
    for key in texts("en"):
        assert placeholders(key, "en") == placeholders(key, "es"), key
        assert texts("en")[key].first_contact == texts("es")[key].first_contact, key


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_a_text_of_ours_stays_in_the_cheap_alphabet(key: str, language: Language) -> None:
    assert not_gsm7(texts(language)[key].text) == ()


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_no_text_of_ours_names_what_care_it_is(key: str, language: Language) -> None:
    text = texts(language)[key].text
    assert NEVER.search(text) is None
    assert not names_speciality(re.sub(r"\{\w+\}", "", text))


@pytest.mark.parametrize(
    ("key", "language"), [pair for pair in EVERY if texts(pair[1])[pair[0]].first_contact]
)
def test_a_first_contact_fits_one_segment_and_says_who_writes(key: str, language: Language) -> None:
    body = filled(key, language)
    assert segments(body).units <= 160, body
    assert body.startswith(LONGEST["name"])


def test_which_texts_can_be_a_first_contact() -> None:
    first = {key for key, text in texts("en").items() if text.first_contact}
    assert first == {
        "contact_reminder", "invitation_link", "no_show", "passcode", "reminder_not_started", "reminder_started_link", "unknown_number", "who",
    }  # fmt: skip


def test_every_text_has_a_known_number_of_segments(capsys: pytest.CaptureFixture[str]) -> None:
    for key, language in EVERY:
        counted = segments(filled(key, language))
        print(f"{language} {key}: {counted.count} ({counted.units})")
        assert counted.count <= (4 if key == "first_question" else 3), key
    assert capsys.readouterr().out.count("\n") == len(EVERY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_safety_text_says_what_it_must(language: Language) -> None:
    body = filled("crisis", language)
    for needed in ("988", "911", "838255", LONGEST["phone"]):
        assert needed in body
    assert ("not watched around the clock" in body) or ("Nadie lee textos las 24 horas" in body)
    assert "press 3" not in body.casefold()
    assert "PRIDE" not in body


def test_the_spanish_safety_text_names_the_spanish_line() -> None:
    assert "oprima 2" in filled("crisis", "es")
    assert "AYUDA al 988" in filled("crisis", "es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_says_what_carriers_and_care_ask_for(language: Language) -> None:
    body = filled("help", language)
    for needed in (LONGEST["name"], LONGEST["phone"], "STOP", "988", "911"):
        assert needed in body
    assert "Msg&data rates may apply" in body or "cargos por mensajes y datos" in body
    assert "around the clock" in body or "24 horas" in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_question_says_the_limits_before_item_1(language: Language) -> None:
    text = filled("first_question", language)
    assert "911" in text
    assert "988" in text
    assert "STOP" in text
    assert LONGEST["hours"] in text


@pytest.mark.parametrize(("key", "language"), EVERY)
def test_a_text_holds_at_most_one_link_and_no_shortener(key: str, language: Language) -> None:
    text = texts(language)[key].text
    assert text.count("{link}") <= 1
    assert re.search(r"https?:|www\.|bit\.ly", text) is None


def test_values_are_all_needed_and_no_others() -> None:
    with pytest.raises(ValueError, match="text help: values that are missing or unknown: hours"):
        render("help", "en", name="N", phone="P")
    with pytest.raises(ValueError, match="unknown: link"):
        render("why", "en", link="x")
    with pytest.raises(KeyError):
        render("no_such_text", "en")


def test_a_template_names_its_version() -> None:
    assert render("why", "en").template == "why@1"
    assert join([render("why", "en"), render("skip_done", "en")]).template == "why@1+skip_done@1"


@pytest.mark.parametrize(
    ("language", "spoken"), [("en", "en"), ("es", "es"), ("es-MX", "es"), ("EN-us", "en"), ("vi", "en")]
)
def test_other_languages_are_written_to_in_english(language: str, spoken: str) -> None:
    assert spoken_language(language) == spoken


def test_moments_are_told_on_the_patients_clock() -> None:
    moment = datetime(2026, 3, 10, 21, 0, tzinfo=UTC)
    assert moment_words(moment, "America/Los_Angeles", "en") == "Tue 10 Mar, 2:00 PM"
    assert moment_words(moment, "America/New_York", "es") == "mar 10 mar, 5:00 PM"
    assert moment_words(datetime(2026, 3, 11, 7, 5, tzinfo=UTC), "America/Los_Angeles", "en") == (
        "Wed 11 Mar, 12:05 AM"
    )


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("phone", "phone call with your care team"),
        ("video", "video visit with your care team"),
        ("in_person", "visit with your care team"),
        ("portal", "message from your care team"),
        (None, "phone call with your care team"),
    ],
)
def test_a_contact_is_told_by_its_kind_and_never_by_its_purpose(mode: str | None, words: str) -> None:
    moment = datetime(2026, 3, 10, 21, 0, tzinfo=UTC)
    assert contact_words(mode, moment, "America/Los_Angeles", "en") == f"{words} Tue 10 Mar, 2:00 PM"


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_and_months_stay_in_the_cheap_alphabet(language: Language) -> None:
    for month in range(1, 13):
        for day in range(1, 8):
            words = moment_words(datetime(2026, month, day, 20, tzinfo=UTC), "America/Chicago", language)
            assert set(words) <= GSM7_BASIC


@pytest.mark.parametrize(
    ("number", "words"),
    [("+12065550100", "(206) 555-0100"), ("+525555550100", "+52 55 5555 0100"), ("call us", "call us")],
)
def test_a_support_number_is_written_as_people_dial_it(number: str, words: str) -> None:
    assert phone_words(number) == words


# --- composing ---------------------------------------------------------------------------------------------------


def body(say: Say, asked: Script, link: str | None = None) -> str:
    return compose(say, asked, link).body


def test_a_question_is_the_registered_item_with_its_printed_answers() -> None:
    assert body(Say("question", ask=1), script("phq9")) == (
        "(2 of 9) Feeling down, depressed, or hopeless\n"
        "0 = Not at all\n1 = Several days\n2 = More than half the days\n3 = Nearly every day"
    )


def test_the_first_item_of_a_measure_comes_with_its_stem_once() -> None:
    asked = script("phq9", "gad7", answered=range(9))
    assert body(Say("question", ask=9), asked).startswith("Over the last 2 weeks, how often")
    opening = Say("invitation", (Line("first_question", (("stem", "STEM"),)),), ask=0)
    assert body(opening, asked).count("STEM") == 1
    assert "Over the last" not in body(opening, asked)
    assert "Over the last" not in body(Say("question", ask=1), asked)


def test_a_reminder_repeats_the_stem_and_the_progress() -> None:
    asked = script("phq9", answered=range(3))
    text = body(Say("reminder", (Line("reminder_started"),), ask=3), asked)
    assert "3 of 9 done" in text
    assert "Over the last 2 weeks" in text
    assert "(4 of 9)" in text


def test_a_short_question_names_the_item_by_its_number_only() -> None:
    text = body(Say("question", (Line("reask_again"),), ask=1, short=True), script("phq9"))
    assert text == "(2 of 9) Please send just one number from 0 to 3. For example: 1"


def test_a_link_is_asked_for_only_where_a_text_has_one() -> None:
    assert needs_link(Say("link", (Line("link"),)), nothing_open())
    assert not needs_link(Say("help", (Line("help"),)), nothing_open())
    with pytest.raises(ValueError, match="text link: values that are missing or unknown: link"):
        compose(Say("link", (Line("link"),)), nothing_open())


def test_spanish_items_go_unaltered_whatever_they_cost() -> None:
    text = body(Say("question", ask=0), script("phq9", language="es"))
    assert "Poco interés o placer en hacer cosas" in text
    assert "0 = Ningún día" in text
    assert segments(text).encoding == "ucs2"
