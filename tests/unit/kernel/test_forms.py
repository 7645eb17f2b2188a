"""A form's values at the door: each problem at its field, in words for whoever typed it."""

from datetime import date, datetime, time
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from kernel.errors import Invalid
from kernel.web.forms import parse


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    minutes: Annotated[int, Meta(ge=1, le=120)] | None = None
    weeks: Annotated[int, Meta(ge=0)] | None = None
    count: int | None = None
    hours: float | None = None
    note: Annotated[str, Meta(max_length=5)] | None = None
    on: date | None = None
    at: time | None = None
    opened: datetime | None = None
    who: UUID | None = None
    how: Literal["phone", "video"] | None = None
    people: tuple[UUID, ...] = ()
    ways: tuple[Literal["sms", "call"], ...] = ()
    voicemail: bool = False


def reason(*given: tuple[str, str]) -> str:
    with pytest.raises(Invalid) as caught:
        parse(given, Fields)
    [problem] = caught.value.problems
    assert problem.field == given[0][0]
    return problem.message


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("minutes", "many", "must be a whole number from 1 to 120"),
        ("minutes", "0", "must be a whole number from 1 to 120"),
        ("minutes", "9" * 40, "must be a whole number from 1 to 120"),
        ("weeks", "-1", "must be a whole number of at least 0"),
        ("count", "1.5", "must be a whole number"),
        ("hours", "a few", "must be a number"),
        ("note", "six of", "is longer than 5 characters"),
        ("on", "2026-02-30", "is not a valid date"),
        ("on", "tomorrow", "is not a valid date"),
        ("at", "25:00", "is not a valid time"),
        ("opened", "", None),
        ("opened", "garbage", "is not a valid date and time"),
        ("who", "nobody", "is not one of the choices"),
        ("how", "letter", "is not one of the choices"),
        ("people", "nobody", "is not one of the choices"),
        ("ways", "letter", "is not one of the choices"),
        ("voicemail", "perhaps", "must be ticked or not"),
    ],
)
def test_a_value_that_can_t_be_used_is_told_in_words(field: str, typed: str, told: str | None) -> None:
    if told is None:
        assert getattr(parse([(field, typed)], Fields), field) is None, "blank counts as not given"
    else:
        assert reason((field, typed)) == told


@pytest.mark.parametrize("typed", ["0001-01-01", "1849-12-31", "2200-01-01", "9999-12-31"])
def test_a_year_out_of_all_likelihood_is_a_slip_of_the_keyboard(typed: str) -> None:
    assert reason(("on", typed)) == "must lie between 1850 and 2199"


def test_a_moment_s_year_must_be_likely_too() -> None:
    assert reason(("opened", "0001-01-01T00:00:00Z")) == "must lie between 1850 and 2199"
    assert parse([("opened", "2026-03-02T10:00:00Z")], Fields).opened is not None


@pytest.mark.parametrize("typed", ["1850-01-01", "1931-07-04", "2199-12-31"])
def test_any_birthday_and_any_plan_is_taken(typed: str) -> None:
    assert parse([("on", typed)], Fields).on == date.fromisoformat(typed)


def test_what_browsers_send_is_read_as_meant() -> None:
    found = parse([("voicemail", "on"), ("at", "09:30"), ("ways", "sms"), ("ways", "call")], Fields)
    assert (found.voicemail, found.at, found.ways) == (True, time(9, 30), ("sms", "call"))
