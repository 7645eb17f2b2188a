from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from staff_console.formats import age_on, day, formal_name, moment, percent, short_day, waited
from staff_console.formstate import FormState, filled

SEATTLE = ZoneInfo("America/Los_Angeles")


def test_a_date_has_its_month_in_letters() -> None:
    assert day(date(2026, 11, 3)).text == "03-Nov-2026"
    assert day(date(2026, 11, 3)).iso == "2026-11-03"
    assert short_day(date(2026, 1, 9)) == "09-Jan"


@pytest.mark.parametrize(
    ("at", "text", "time", "zone"),
    [
        (datetime(2026, 11, 23, 22, 5, tzinfo=UTC), "23-Nov-2026", "14:05", "PST"),
        (datetime(2026, 7, 1, 6, 59, tzinfo=UTC), "30-Jun-2026", "23:59", "PDT"),
        (datetime(2026, 11, 1, 8, 30, tzinfo=UTC), "01-Nov-2026", "01:30", "PDT"),
        (datetime(2026, 11, 1, 9, 30, tzinfo=UTC), "01-Nov-2026", "01:30", "PST"),
    ],
)
def test_a_moment_is_local_and_names_its_zone(at: datetime, text: str, time: str, zone: str) -> None:
    shown = moment(at, SEATTLE)
    assert (shown.day.text, shown.time, shown.zone) == (text, time, zone)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 11, 23, 22, 5), SEATTLE)


@pytest.mark.parametrize(
    ("family", "given", "text"),
    [
        ("o'neill", "Ana", "O'NEILL, Ana"),
        ("Núñez", "José", "NÚÑEZ, José"),
        ("Wu", "", "WU"),
        (" ", "Ana", "Ana"),
    ],
)
def test_a_name_is_family_first_in_capitals(family: str, given: str, text: str) -> None:
    assert formal_name(family, given) == text


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(1984, 11, 23), date(2026, 11, 22), 41),
        (date(1984, 11, 23), date(2026, 11, 23), 42),
        (date(2000, 2, 29), date(2026, 2, 28), 25),
        (date(2000, 2, 29), date(2026, 3, 1), 26),
    ],
)
def test_age_is_in_completed_years(born: date, today: date, age: int) -> None:
    assert age_on(born, today) == age


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "0 min"),
        (59, "59 min"),
        (60, "1 h 00 min"),
        (185, "3 h 05 min"),
        (1440, "1 day 0 h"),
        (3120, "2 days 4 h"),
    ],
)
def test_a_wait_is_given_in_the_two_largest_units(minutes: int, text: str) -> None:
    assert waited(minutes) == text


@pytest.mark.parametrize(("change", "text"), [(-44, "−44 %"), (12, "+12 %"), (0, "0 %")])
def test_a_change_carries_its_sign(change: int, text: str) -> None:
    assert percent(change) == text


def test_a_refused_form_gives_back_what_was_typed() -> None:
    form = FormState("f", {"days": ("mon", "wed"), "note": ("x",)}, {"note": "Too short."})
    assert (form.value("note"), form.value("absent"), form.error("note")) == ("x", "", "Too short.")
    assert form.chosen("days", "wed")
    assert not form.chosen("days", "tue")
    assert filled("f", note="y").value("note") == "y"
