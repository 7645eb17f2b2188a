from datetime import time

import pytest

from api.portal.hours import hours_words
from registry.organisation.rules import OFFICE_WEEK, Shift

NINE_TO_FIVE = (Shift(time(9), time(17)),)
SPLIT = (Shift(time(8, 30), time(12)), Shift(time(13), time(17)))
CLOSED: tuple[Shift, ...] = ()


@pytest.mark.parametrize(
    ("week", "language", "words"),
    [
        (OFFICE_WEEK, "en", "Monday to Friday, 9 AM to 5 PM"),
        (OFFICE_WEEK, "es", "de lunes a viernes, de 9 a. m. a 5 p. m."),
        ((SPLIT, SPLIT, *[CLOSED] * 5), "en", "Monday and Tuesday, 8:30 AM to 12 PM and 1 PM to 5 PM"),
        ((SPLIT, *[CLOSED] * 6), "es", "los lunes, de 8:30 a. m. a 12 p. m. y de 1 p. m. a 5 p. m."),
        (
            (*[NINE_TO_FIVE] * 4, CLOSED, NINE_TO_FIVE, CLOSED),
            "en",
            "Monday to Thursday, 9 AM to 5 PM; Saturday, 9 AM to 5 PM",
        ),
        (
            (*[CLOSED] * 5, NINE_TO_FIVE, NINE_TO_FIVE),
            "es",
            "los sábado y domingo, de 9 a. m. a 5 p. m.",
        ),
        ((CLOSED,) * 7, "en", "when we can"),
        ((), "es", "when we can"),
    ],
)
def test_staffed_hours_in_words(week, language, words) -> None:  # type: ignore[no-untyped-def]
    assert hours_words(week, language, "when we can") == words
