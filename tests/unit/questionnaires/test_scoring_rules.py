import msgspec
import pytest

from questionnaires.catalog import load
from questionnaires.instrument import Instrument
from questionnaires.scoring import BadAnswer, Score, floor_total_reached, item9_state, parse_answers, score

PHQ9 = load("phq9", "en")
GAD7 = load("gad7", "en")
PHQ2 = load("phq2", "en")
GAD2 = load("gad2", "en")


def answers(*values: int | None) -> dict[int, int | None]:
    return dict(enumerate(values, start=1))


def adding_up_to(total: int, n_items: int) -> dict[int, int | None]:
    """A complete form with this total, filled with 3s from the first item."""
    return answers(*(min(3, max(0, total - 3 * i)) for i in range(n_items)))


@pytest.mark.parametrize(
    ("total", "band", "label"),
    [
        (0, "minimal", "Minimal or none"),
        (4, "minimal", "Minimal or none"),
        (5, "mild", "Mild"),
        (9, "mild", "Mild"),
        (10, "moderate", "Moderate"),
        (14, "moderate", "Moderate"),
        (15, "moderately_severe", "Moderately severe"),
        (19, "moderately_severe", "Moderately severe"),
        (20, "severe", "Severe"),
        (27, "severe", "Severe"),
    ],
)
def test_a_complete_phq9_has_its_total_and_band(total: int, band: str, label: str) -> None:
    assert score(PHQ9, adding_up_to(total, 9)) == Score(total, 9, 9, True, total, None, band, label)


@pytest.mark.parametrize(
    ("total", "band", "label"),
    [
        (0, "minimal", "Minimal"),
        (4, "minimal", "Minimal"),
        (5, "mild", "Mild"),
        (9, "mild", "Mild"),
        (10, "moderate", "Moderate"),
        (14, "moderate", "Moderate"),
        (15, "severe", "Severe"),
        (21, "severe", "Severe"),
    ],
)
def test_a_complete_gad7_has_its_total_and_band(total: int, band: str, label: str) -> None:
    assert score(GAD7, adding_up_to(total, 7)) == Score(total, 7, 7, True, total, None, band, label)


@pytest.mark.parametrize("instrument", [PHQ2, GAD2], ids=lambda i: i.id)
@pytest.mark.parametrize(
    ("total", "band"), [(0, "negative"), (2, "negative"), (3, "positive"), (6, "positive")]
)
def test_the_two_item_screens_turn_positive_at_3(instrument: Instrument, total: int, band: str) -> None:
    result = score(instrument, adding_up_to(total, 2))
    assert (result.total, result.band) == (total, band)


@pytest.mark.parametrize(
    ("instrument", "given", "raw_sum", "n_answered", "prorated"),
    [
        (PHQ9, (1, 2, 1, 2, 1, 2, 1, 2, None), 12, 8, 14),  # 13.5 rounds up
        (PHQ9, (1, 2, 1, 2, 1, 1, 1, None, None), 9, 7, 12),  # 11.57
        (PHQ9, (2, 2, 2, 2, 2, 2, None, None, None), 12, 6, None),
        (PHQ9, (None,) * 9, 0, 0, None),
        (PHQ9, (0, 0, 0, 0, 0, 0, 0, 0, None), 0, 8, 0),
        (PHQ9, (3, 3, 3, 3, 3, 3, 3, None, None), 21, 7, 27),
        (PHQ9, (0, 0, 0, 0, 0, 0, 0, 1, None), 1, 8, 1),  # 1.125
        (PHQ9, (1, 1, 1, 1, 0, 0, 0, 0, None), 4, 8, 5),  # 4.5 rounds up
        (PHQ9, (1, 1, 1, 0, 0, 0, 0, 0, None), 3, 8, 3),  # 3.375
        (GAD7, (2, 2, 2, 1, 1, 1, None), 9, 6, 11),  # 10.5 rounds up
        (GAD7, (2, 2, 2, 1, 1, None, None), 8, 5, None),
        (PHQ2, (3, None), 3, 1, None),
        (GAD2, (None, 3), 3, 1, None),
    ],
)
def test_an_incomplete_form_has_no_total_and_at_most_an_estimate(
    instrument: Instrument, given: tuple[int | None, ...], raw_sum: int, n_answered: int, prorated: int | None
) -> None:
    n_items = len(given)
    expected = Score(raw_sum, n_answered, n_items, False, None, prorated, None, None)
    assert score(instrument, answers(*given)) == expected


def test_a_score_cannot_be_edited() -> None:
    with pytest.raises(AttributeError):
        score(PHQ2, answers(1, None)).total = 1  # type: ignore[misc]


def test_a_missing_item_is_never_zero() -> None:
    left_out = score(PHQ9, answers(1, 1, 1, 1, 1, 1, 1, 1))
    marked = score(PHQ9, answers(1, 1, 1, 1, 1, 1, 1, 1, None))
    zero = score(PHQ9, answers(1, 1, 1, 1, 1, 1, 1, 1, 0))
    assert left_out == marked
    assert (marked.total, zero.total) == (None, 8)


def test_a_clinics_setting_loosens_or_stops_the_estimate() -> None:
    given = answers(2, 2, 2, 1, 1, None, None)
    assert score(GAD7, given).prorated_total is None
    assert score(msgspec.structs.replace(GAD7, proration_min_answered=5), given).prorated_total == 11  # 11.2
    assert (
        score(
            msgspec.structs.replace(GAD7, proration_min_answered=None), answers(2, 2, 2, 1, 1, 1, None)
        ).prorated_total
        is None
    )


def test_the_difficulty_question_is_never_counted() -> None:
    complete = adding_up_to(12, 9)
    assert score(PHQ9, {**complete, 10: 3}) == score(PHQ9, complete)
    without_9 = answers(1, 1, 1, 1, 1, 1, 1, 1, None, 3)
    assert (score(PHQ9, without_9).raw_sum, score(PHQ9, without_9).n_answered) == (8, 8)


@pytest.mark.parametrize(
    ("instrument", "given", "message", "item"),
    [
        (PHQ9, {3: 4}, "item 3 of phq9: the answer must be one of 0, 1, 2, 3", 3),
        (PHQ9, {9: -1}, "item 9 of phq9: the answer must be one of 0, 1, 2, 3", 9),
        (PHQ9, {10: 7}, "item 10 of phq9: the answer must be one of 0, 1, 2, 3", 10),
        (PHQ9, {1: True}, "item 1 of phq9: the answer must be one of 0, 1, 2, 3", 1),
        (PHQ9, {11: 0}, "phq9 has no item 11", 11),
        (GAD7, {0: 0}, "gad7 has no item 0", 0),
        (PHQ2, {9: None}, "phq2 has no item 9", 9),
    ],
)
def test_an_answer_that_is_not_offered_is_refused_by_item(
    instrument: Instrument, given: dict[int, int | None], message: str, item: int
) -> None:
    with pytest.raises(BadAnswer) as error:
        score(instrument, given)
    assert (str(error.value), error.value.item) == (message, item)


@pytest.mark.parametrize("given", [{9: 4}, {9: -1}, {3: 9}, {11: 0}])
def test_item_9_and_the_soft_trigger_refuse_what_scoring_refuses(given: dict[int, int | None]) -> None:
    with pytest.raises(BadAnswer):
        item9_state(PHQ9, given)
    with pytest.raises(BadAnswer):
        floor_total_reached(PHQ9, given)


@pytest.mark.parametrize(
    ("given", "declined", "expected"),
    [
        (adding_up_to(0, 9), frozenset(), "0"),
        ({9: 0}, frozenset(), "0"),
        ({9: 1}, frozenset(), "1"),
        ({9: 2}, frozenset(), "2"),
        ({9: 3}, frozenset(), "3"),
        (answers(0, 0, 0, 0, 0, 0, 0, 0, None), frozenset(), "unknown"),
        (answers(0, 0, 0, 0, 0, 0, 0, 0), frozenset(), "unknown"),
        ({}, frozenset(), "unknown"),  # a total entered without its items
        (answers(0, 0, 0, 0, 0, 0, 0, 0, None), frozenset({9}), "declined"),
        ({}, frozenset({9}), "declined"),
        ({}, frozenset({3}), "unknown"),
        ({9: 0}, frozenset({9}), "declined"),
        ({9: 2}, frozenset({9}), "2"),
        ({9: 0}, frozenset({3}), "0"),
    ],
)
def test_item_9_reads_as_zero_only_when_it_was_answered_so(
    given: dict[int, int | None], declined: frozenset[int], expected: str
) -> None:
    assert item9_state(PHQ9, given, declined) == expected


@pytest.mark.parametrize("instrument", [GAD7, PHQ2, GAD2], ids=lambda i: i.id)
def test_an_instrument_without_item_9_did_not_ask_it(instrument: Instrument) -> None:
    assert item9_state(instrument, {1: 0, 2: 0}) == "not_asked"
    assert item9_state(instrument, {}, frozenset({9})) == "not_asked"


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        (adding_up_to(19, 9), False),
        (adding_up_to(20, 9), True),
        (answers(3, 3, 3, 3, 3, 3, None, None, None), False),
        (answers(3, 3, 3, 3, 3, 3, 2, None, None), True),
        (answers(3, 3, 3, 3, 3, 3, 1, None, None), False),  # an estimate of 24 does not count
        ({}, False),
        ({10: 3}, False),
    ],
)
def test_the_soft_trigger_needs_20_from_answered_items_alone(
    given: dict[int, int | None], reached: bool
) -> None:
    assert floor_total_reached(PHQ9, given) is reached


def test_the_soft_trigger_is_not_for_anxiety() -> None:
    assert not floor_total_reached(GAD7, adding_up_to(21, 7))


@pytest.mark.parametrize(
    ("instrument", "text", "expected"),
    [
        (PHQ2, "1,2", {1: 1, 2: 2}),
        (PHQ2, " 0 , - ", {1: 0, 2: None}),
        (PHQ2, "-,-", {1: None, 2: None}),
        (PHQ9, "1,2,0,3,-,1,1,0,0", answers(1, 2, 0, 3, None, 1, 1, 0, 0)),
        (PHQ9, "1,2,0,3,-,1,1,0,0,2", answers(1, 2, 0, 3, None, 1, 1, 0, 0, 2)),
    ],
)
def test_typed_answers_are_read_in_item_order(
    instrument: Instrument, text: str, expected: dict[int, int | None]
) -> None:
    assert parse_answers(instrument, text) == expected


@pytest.mark.parametrize(
    ("instrument", "text", "message", "item"),
    [
        (PHQ2, "", "phq2 takes 2 answers separated by commas; 0 given", None),
        (PHQ2, "1", "phq2 takes 2 answers separated by commas; 1 given", None),
        (PHQ2, "1,2,3", "phq2 takes 2 answers separated by commas; 3 given", None),
        (
            PHQ9,
            "1,2",
            "phq9 takes 9 (or 10 with the unscored ones) answers separated by commas; 2 given",
            None,
        ),
        (PHQ2, "1,4", "answer 2 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 2),
        (PHQ2, "-1,0", "answer 1 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 1),
        (PHQ2, "1.5,0", "answer 1 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 1),
        (PHQ2, "0,", "answer 2 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 2),
        (PHQ2, "01,0", "answer 1 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 1),
        (PHQ2, "²,0", "answer 1 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 1),
        (PHQ2, "x,0", "answer 1 of phq2 must be one of 0, 1, 2, 3, or - when it is missing", 1),
    ],
)
def test_typed_answers_that_cannot_be_read_name_the_position(
    instrument: Instrument, text: str, message: str, item: int | None
) -> None:
    with pytest.raises(BadAnswer) as error:
        parse_answers(instrument, text)
    assert (str(error.value), error.value.item) == (message, item)
