"""Time that counts and time that does not add up to what is shown of the entries."""

import pytest

from staff_console.patient.presenter import counted_words


@pytest.mark.parametrize(
    ("counted", "logged", "words"),
    [
        (106, 1112, ("1:46 min counted", "16:46 min not counted")),  # 18:32 logged
        (1200, 1200, ("20 min counted", "every minute counts")),
        (0, 59, ("0 min counted", "0:59 min not counted")),
        (0, 0, ("0 min counted", "every minute counts")),
    ],
)
def test_counted_and_uncounted_time_add_up_to_the_second(
    counted: int, logged: int, words: tuple[str, str]
) -> None:
    assert counted_words(counted, logged) == words
