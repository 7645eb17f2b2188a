import pytest

from questionnaires.change import (
    DEFINITIONS,
    Change,
    DefinitionId,
    change_pct,
    dropped_by_percent,
    evaluate,
)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (18, 8, -56),  # -55.6
        (10, 10, 0),
        (10, 0, -100),
        (8, 5, -38),  # -37.5, away from zero
        (8, 11, 38),  # +37.5, away from zero
        (24, 23, -4),  # -4.2
        (16, 15, -6),  # -6.25
        (1, 27, 2600),
        (27, 26, -4),  # -3.7
        (0, 0, None),
        (0, 9, None),
    ],
)
def test_the_percentage_rounds_half_away_from_zero_and_is_undefined_from_zero(
    first: int, last: int, expected: int | None
) -> None:
    assert change_pct(first, last) == expected


def met(definition_id: DefinitionId, instrument_id: str, first: int | None, last: int | None) -> bool | None:
    return evaluate(DEFINITIONS[definition_id], instrument_id, first, last).met


TABLE: list[tuple[DefinitionId, str, int | None, int | None, bool | None]] = [
    ("response_50", "phq9", 18, 9, True),
    ("response_50", "phq9", 18, 10, False),
    ("response_50", "phq9", 17, 8, True),
    ("response_50", "phq9", 17, 9, False),
    ("response_50", "phq9", 1, 0, True),
    ("response_50", "phq9", 0, 0, None),
    ("response_50", "gad7", 15, 7, True),
    ("response_50", "gad7", 15, 8, False),
    ("partial_25", "phq9", 20, 15, True),
    ("partial_25", "phq9", 20, 16, False),
    ("partial_25", "phq9", 20, 11, True),
    ("partial_25", "phq9", 20, 10, False),
    ("partial_25", "phq9", 27, 14, True),
    ("partial_25", "phq9", 0, 0, None),
    ("partial_25", "gad7", 20, 15, None),
    ("remission", "phq9", 18, 4, True),
    ("remission", "phq9", 18, 5, False),
    ("remission", "phq9", 0, 0, True),
    ("remission", "phq9", None, 4, True),
    ("remission", "phq9", 18, None, None),
    ("remission", "gad7", 15, 4, True),
    ("remission", "gad7", 15, 5, False),
    ("mcid", "phq9", 15, 10, True),
    ("mcid", "phq9", 15, 11, False),
    ("mcid", "phq9", 10, 15, False),
    ("mcid", "gad7", 15, 11, True),
    ("mcid", "gad7", 15, 12, False),
    ("reliable_change", "phq9", 15, 9, True),
    ("reliable_change", "phq9", 15, 10, False),
    ("reliable_change", "gad7", 15, 11, True),
    ("reliable_change", "gad7", 15, 12, False),
    ("nhs_recovery", "phq9", 10, 9, True),
    ("nhs_recovery", "phq9", 10, 10, False),
    ("nhs_recovery", "phq9", 9, 4, None),
    ("nhs_recovery", "gad7", 8, 7, True),
    ("nhs_recovery", "gad7", 8, 8, False),
    ("nhs_recovery", "gad7", 7, 0, None),
    ("clin_sig_original", "phq9", 18, 9, True),
    ("clin_sig_original", "phq9", 20, 10, False),
    ("clin_sig_original", "phq9", 17, 9, False),
    ("clin_sig_original", "phq9", 0, 0, None),
    ("clin_sig_original", "gad7", 18, 9, None),
    ("mhip_improved", "phq9", 12, 9, True),
    ("mhip_improved", "phq9", 12, 10, False),
    ("mhip_improved", "phq9", 24, 12, True),
    ("mhip_improved", "phq9", 24, 13, False),
    ("mhip_improved", "phq9", 0, 9, True),
    ("mhip_improved", "phq9", 0, 10, False),
    ("mhip_improved", "phq9", None, 9, None),
    ("mhip_improved", "gad7", 12, 4, None),
    ("target_met", "phq9", 18, 9, True),
    ("target_met", "phq9", 20, 10, False),
    ("target_met", "phq9", 12, 9, False),
    ("target_met", "phq9", 0, 0, None),
    ("target_met", "gad7", 18, 9, True),
    ("target_met", "gad7", 20, 10, False),
    ("target_met", "gad7", 12, 7, False),
    ("target_met", "phq9", 18, None, None),
    ("response_50", "phq2", 6, 0, None),
    ("remission", "gad2", 6, 0, None),
]


@pytest.mark.parametrize(("definition_id", "instrument_id", "first", "last", "expected"), TABLE)
def test_each_definition_turns_exactly_at_its_published_number(
    definition_id: DefinitionId,
    instrument_id: str,
    first: int | None,
    last: int | None,
    expected: bool | None,
) -> None:
    assert met(definition_id, instrument_id, first, last) is expected


def test_the_three_meanings_of_better_really_differ() -> None:
    names: tuple[DefinitionId, ...] = ("response_50", "target_met", "mhip_improved")
    assert [met(name, "phq9", 24, 12) for name in names] == [True, False, True]
    assert [met(name, "phq9", 12, 9) for name in names] == [False, False, True]


def test_an_outcome_carries_its_definition_version_and_inputs() -> None:
    assert evaluate(DEFINITIONS["target_met"], "phq9", 18, 8) == Change(
        definition_id="target_met",
        version="1",
        instrument_id="phq9",
        met=True,
        inputs={"first": 18, "last": 8, "number": 10},
        sentence="PHQ-9 went from 18 to 8 (56% lower); met: below 10 and at least 50% lower than the first score.",
    )


@pytest.mark.parametrize(
    ("definition_id", "instrument_id", "first", "last", "sentence"),
    [
        ("remission", "gad7", None, 4, "GAD-7 is 4; met: below 5."),
        ("remission", "gad7", 5, 5, "GAD-7 stayed at 5; not met: below 5."),
        (
            "mcid",
            "phq9",
            10,
            15,
            "PHQ-9 went from 10 to 15 (50% higher); not met: at least 5 points lower than the first score.",
        ),
        ("remission", "phq9", 0, 6, "PHQ-9 went from 0 to 6; not met: below 5."),
        (
            "response_50",
            "phq9",
            0,
            6,
            "Cannot be judged (at least 50% lower than the first score): the first PHQ-9 was 0.",
        ),
        (
            "nhs_recovery",
            "gad7",
            7,
            2,
            "Cannot be judged (from 8 or more at first to below 8): the first GAD-7 was already below 8.",
        ),
        (
            "mcid",
            "gad7",
            None,
            2,
            "Cannot be judged (at least 4 points lower than the first score): there is no complete first GAD-7.",
        ),
        (
            "mcid",
            "gad7",
            9,
            None,
            "Cannot be judged (at least 4 points lower than the first score): there is no complete GAD-7 to compare.",
        ),
        ("mhip_improved", "gad7", 12, 4, "Not defined for GAD-7."),
    ],
)
def test_the_sentence_says_what_was_compared_or_why_it_could_not_be(
    definition_id: DefinitionId, instrument_id: str, first: int | None, last: int | None, sentence: str
) -> None:
    assert evaluate(DEFINITIONS[definition_id], instrument_id, first, last).sentence == sentence


def test_a_clinic_may_ask_for_six_points_on_the_gad7() -> None:
    stricter = DEFINITIONS["reliable_change"].with_number("gad7", 6)
    outcome = evaluate(stricter, "gad7", 15, 10)
    assert (outcome.met, outcome.inputs["number"]) == (False, 6)
    assert evaluate(stricter, "gad7", 15, 9).met is True
    assert evaluate(stricter, "phq9", 15, 9).met is True
    assert met("reliable_change", "gad7", 15, 10) is True
    assert evaluate(DEFINITIONS["mcid"].with_number("gad7", 1), "gad7", 15, 14).met is True


@pytest.mark.parametrize(
    ("definition_id", "instrument_id", "number", "message"),
    [
        ("mhip_improved", "gad7", 8, "mhip_improved is not defined for gad7"),
        ("reliable_change", "gad7", 0, "reliable_change: the number must be at least 1"),
        ("response_50", "phq9", 40, "response_50 always means 50%"),
        ("partial_25", "phq9", 30, "partial_25 always means 25%"),
    ],
)
def test_a_setting_cannot_make_a_definition_mean_something_else(
    definition_id: DefinitionId, instrument_id: str, number: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        DEFINITIONS[definition_id].with_number(instrument_id, number)


@pytest.mark.parametrize(
    ("instrument_id", "first", "last", "message"),
    [
        ("phq9", 28, 3, "first must be between 0 and 27 for PHQ-9"),
        ("gad7", 10, 22, "last must be between 0 and 21 for GAD-7"),
        ("gad7", -1, 2, "first must be between 0 and 21 for GAD-7"),
        ("phq2", 7, 2, "first must be between 0 and 6 for PHQ-2"),
        ("gad2", 2, 7, "last must be between 0 and 6 for GAD-2"),
        ("phq8", 3, 2, "unknown instrument 'phq8'; there is phq9, gad7, phq2, gad2"),
    ],
)
def test_a_total_outside_its_range_is_refused(
    instrument_id: str, first: int, last: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(DEFINITIONS["mcid"], instrument_id, first, last)


def test_each_definition_has_its_published_numbers() -> None:
    assert {definition_id: dict(definition.numbers) for definition_id, definition in DEFINITIONS.items()} == {
        "response_50": {"phq9": 50, "gad7": 50},
        "partial_25": {"phq9": 25},
        "remission": {"phq9": 5, "gad7": 5},
        "mcid": {"phq9": 5, "gad7": 4},
        "reliable_change": {"phq9": 6, "gad7": 4},
        "nhs_recovery": {"phq9": 10, "gad7": 8},
        "clin_sig_original": {"phq9": 9},
        "mhip_improved": {"phq9": 10},
        "target_met": {"phq9": 10, "gad7": 10},
    }


@pytest.mark.parametrize(
    ("first", "last", "percent", "expected"),
    [
        (200, 100, 50, True),
        (200, 101, 50, False),
        (400, 300, 25, True),
        (400, 301, 25, False),
        (0, 0, 50, None),
    ],
)
def test_a_percentage_is_compared_exactly_and_never_after_rounding(
    first: int, last: int, percent: int, expected: bool | None
) -> None:
    assert dropped_by_percent(first, last, percent) is expected


def test_every_definition_is_filed_under_its_own_id_with_a_version_and_a_source() -> None:
    for definition_id, definition in DEFINITIONS.items():
        assert definition.id == definition_id
        assert definition.version
        assert definition.source
