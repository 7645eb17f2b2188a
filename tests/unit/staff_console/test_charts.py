from datetime import date

import pytest

from staff_console.charts import Band, Change, Score, minutes_bar, sparkline, trend
from staff_console.marks import change_tone, check_in_pill, flag, item9_words, severity_tone

BANDS = (Band(0, 9, "low", "minimal"), Band(10, 27, "high", "severe"))
FIRST, LAST = date(2026, 9, 1), date(2026, 11, 1)


def draw(*scores: Score, changes: tuple[Change, ...] = ()):  # type: ignore[no-untyped-def]
    return trend("c", "PHQ-9", scores, BANDS, 10, changes, LAST)


def test_the_line_joins_complete_totals_only() -> None:
    chart = draw(Score(FIRST, 18, True), Score(date(2026, 9, 20), 13.5, False), Score(LAST, 9, True))
    assert len(chart.line.split()) == 2
    assert [mark.kind for mark in chart.marks] == ["complete", "prorated", "complete"]


def test_a_form_without_a_total_is_a_cross_on_the_floor_and_never_a_zero() -> None:
    (mark,) = draw(Score(FIRST, None, False)).marks
    assert (mark.kind, mark.label, mark.y) == ("incomplete", "", 206.0)
    assert "no total" in mark.title


def test_a_prorated_total_says_so_in_words() -> None:
    (mark,) = draw(Score(FIRST, 13.5, False)).marks
    assert mark.label == "≈13.5"


def test_every_mark_and_change_lies_inside_the_plot() -> None:
    scores = [Score(FIRST, 0, True), Score(LAST, 27, True)]
    chart = draw(*scores, changes=(Change(date(2026, 8, 1), 1, "started"),))
    for x in [mark.x for mark in chart.marks] + [change.x for change in chart.changes]:
        assert chart.left <= x <= chart.right
    assert [mark.y for mark in chart.marks] == [chart.bottom, chart.top]


def test_bands_meet_without_a_gap() -> None:
    low, high = draw(Score(FIRST, 5, True)).bands
    assert high.y + high.height == pytest.approx(low.y)
    assert low.y + low.height == 206.0


def test_one_score_on_the_last_day_can_be_drawn() -> None:
    assert draw(Score(LAST, 12, True)).marks[0].title == "01-Nov-2026: 12"


def test_the_description_tells_the_course_the_target_and_item_9() -> None:
    chart = draw(Score(FIRST, 18, True, 2), Score(LAST, 9, True, 0))
    assert "from 18 on 01-Sep-2026 to 9 on 01-Nov-2026" in chart.desc
    assert "Target: below 10" in chart.desc
    assert "Item 9 above 0 in 1 of 2" in chart.desc


def test_no_complete_total_is_said_plainly() -> None:
    assert draw(Score(FIRST, 13.5, False)).desc == "No complete PHQ-9 total yet."


def test_a_long_series_labels_first_lowest_and_last() -> None:
    scores = [Score(date(2026, 9, n + 1), 20 - abs(n - 8), True) for n in range(14)]
    labels = [mark.label for mark in draw(*scores).marks]
    assert labels[0] == "12"
    assert labels[-1] == "15"
    assert labels[5] == ""


def test_a_sparkline_uses_the_whole_range_of_the_instrument() -> None:
    line = sparkline("PHQ-9", [27, 0], 27, 10)
    assert line.points == "3.0,3.0 39.0,25.0"
    assert line.title == "PHQ-9: 27, 0"
    assert line.target_y is not None
    assert sparkline("PHQ-9", [], 27).points == ""


@pytest.mark.parametrize(
    ("counted", "line", "next_at", "text", "filled"),
    [
        (44, "99493", 76, "44 min: 99493, next line at 76", 57.9),
        (12, "", 31, "12 min: no line yet, next line at 31", 38.7),
        (150, "99493 + 99494 x3", None, "150 min: 99493 + 99494 x3", 100.0),
        (0, "", None, "0 min: no line yet", 0.0),
    ],
)
def test_the_minutes_bar_says_the_line_and_the_next(
    counted: int, line: str, next_at: int | None, text: str, filled: float
) -> None:
    bar = minutes_bar(counted, line, next_at, (31,))
    assert (bar.text, bar.filled) == (text, filled)


@pytest.mark.parametrize(
    ("total", "tone"), [(0, "good"), (9, "good"), (10, "warn"), (14, "warn"), (15, "bad"), (27, "bad")]
)
def test_the_colour_of_a_total_changes_at_10_and_15(total: int, tone: str) -> None:
    assert severity_tone(total) == tone


@pytest.mark.parametrize(("change", "tone"), [(-50, "good"), (-49, "quiet"), (20, "quiet"), (None, "quiet")])
def test_only_a_drop_of_half_is_green(change: int | None, tone: str) -> None:
    assert change_tone(change) == tone


def test_item_9_has_words_for_an_answer_and_for_none() -> None:
    assert item9_words("positive", 2) == "Item 9: 2"
    assert item9_words("missing") == "No item 9"
    assert item9_words("zero", 0) == item9_words("not_asked") == ""


def test_unanswered_check_ins_are_counted_from_two() -> None:
    assert check_in_pill("no_answer", times=1).word == "No answer"
    assert check_in_pill("no_answer", times=3).word == "No answer x3"
    assert check_in_pill("done", times=3).word == "Done"


def test_a_flag_carries_word_shape_and_tone() -> None:
    shown = flag("overdue", "Due 17-Nov-2026.", detail="6 d")
    assert (shown.word, shown.shape, shown.tone) == ("Overdue 6 d", "clock", "warn")
