"""What `check` refuses, one broken field at a time."""

import pytest
from msgspec.structs import replace

from questionnaires.catalog import load
from questionnaires.instrument import Band, Choice, Instrument, Item, check, is_loinc_code

PHQ9 = load("phq9", "en")
GAD7 = load("gad7", "en")
PHQ2 = load("phq2", "en")


def with_item(instrument: Instrument, number: int, /, **changes: object) -> Instrument:
    items = tuple(replace(i, **changes) if i.number == number else i for i in instrument.items)
    return replace(instrument, items=items)


def with_choices(*choices: Choice) -> Instrument:
    return with_item(PHQ2, 2, choices=choices)


NONE = Choice(0, "Not at all", "LA6568-5")
SOME = Choice(1, "Several days", "LA6569-3")
MOST = Choice(3, "Nearly every day", "LA6571-9")

BROKEN = [
    (replace(PHQ9, credit="  "), "credit is empty"),
    (replace(PHQ9, source=""), "source is empty"),
    (replace(PHQ9, validation=""), "validation is empty"),
    (replace(PHQ9, stem=""), "stem is empty"),
    (replace(PHQ9, version="0"), "version must be a whole number from 1"),
    (replace(PHQ9, version="1.2"), "version must be a whole number from 1"),
    (replace(PHQ9, version="²"), "version must be a whole number from 1"),
    (replace(PHQ2, items=PHQ2.items[::-1]), "items must be numbered 1, 2, 3 ... in order"),
    (with_item(PHQ2, 2, number=3), "items must be numbered 1, 2, 3 ... in order"),
    (replace(PHQ2, items=()), "no item is scored"),
    (with_item(PHQ9, 4, text=" "), "item 4 has no text"),
    (with_item(PHQ9, 4, code="44255-8"), "two items have the same code"),
    (with_item(PHQ9, 4, code="44254-2"), "'44254-2' is not a LOINC code: its form or check digit is wrong"),
    (replace(PHQ2, total_code="55758-0"), "'55758-0' is not a LOINC code: its form or check digit is wrong"),
    (with_choices(MOST), "item 2 needs at least two choices"),
    (
        with_choices(NONE, SOME, replace(MOST, value=1), MOST),
        "item 2 has two choices with the same value",
    ),
    (with_choices(SOME, NONE, MOST), "item 2 must list its choices from the lowest value up"),
    (
        with_choices(NONE, replace(SOME, label="not at all "), MOST),
        "item 2 needs a different, non-empty label for each choice",
    ),
    (
        with_choices(NONE, replace(SOME, label=""), MOST),
        "item 2 needs a different, non-empty label for each choice",
    ),
    (with_choices(SOME, MOST), "item 2 is scored but its lowest choice is not 0"),
    (with_item(PHQ9, 9, risk=False), "item 9 must be marked as a risk item"),
    (with_item(PHQ9, 10, risk=True), "item 10 is a risk item and must be scored"),
    (replace(PHQ9, bands=PHQ9.bands[:-1]), "bands must cover 0 to 27 exactly once"),
    (replace(PHQ9, bands=()), "bands must cover 0 to 27 exactly once"),
    (replace(PHQ9, bands=PHQ9.bands[1:]), "band mild must start at 0 and not end before it starts"),
    (
        replace(PHQ2, bands=(Band(0, 2, "negative", "Negative"), Band(2, 6, "positive", "Positive"))),
        "band positive must start at 3 and not end before it starts",
    ),
    (
        replace(PHQ2, bands=(Band(0, 2, "negative", "Negative"), Band(4, 6, "positive", "Positive"))),
        "band positive must start at 3 and not end before it starts",
    ),
    (
        replace(PHQ2, bands=(Band(0, 2, "same", "Negative"), Band(3, 6, "same", "Positive"))),
        "two bands have the same id",
    ),
    (
        replace(PHQ2, bands=(Band(0, 2, "negative", ""), Band(3, 6, "positive", "Positive"))),
        "the band from 0 needs an id and a label",
    ),
    (replace(PHQ9, max_total=30), "max_total must be 27, the sum of the highest choices"),
    (
        replace(PHQ9, proration_min_answered=6),
        "proration_min_answered must leave one or 2 of 9 items missing",
    ),
    (
        replace(PHQ9, proration_min_answered=9),
        "proration_min_answered must leave one or 2 of 9 items missing",
    ),
    (
        replace(PHQ2, proration_min_answered=0),
        "proration_min_answered must leave one or 2 of 2 items missing",
    ),
]


@pytest.mark.parametrize(("instrument", "problem"), BROKEN, ids=[problem for _, problem in BROKEN])
def test_a_broken_field_is_named(instrument: Instrument, problem: str) -> None:
    assert problem in check(instrument)


def test_every_problem_is_listed_at_once() -> None:
    broken = with_item(replace(PHQ9, credit="", max_total=9), 9, risk=False)
    assert check(broken) == [
        "credit is empty",
        "item 9 must be marked as a risk item",
        "bands must cover 0 to 9 exactly once",
        "max_total must be 27, the sum of the highest choices",
    ]


@pytest.mark.parametrize(
    "code", ["44249-1", "69722-7", "70274-6", "LA6568-5", "LA33-6", "LA137-2", "LL358-3", "LL5384-4"]
)
def test_a_real_loinc_code_passes_its_check_digit(code: str) -> None:
    assert is_loinc_code(code)


@pytest.mark.parametrize(
    "code",
    [
        "44249-2",
        "44294-1",
        "LA6568-4",
        "LL385-3",
        "44249",
        "44249-",
        "-1",
        "",
        "LX358-3",
        "44249-1 ",
        "４4249-1",
    ],
)
def test_a_mistyped_loinc_code_fails(code: str) -> None:
    assert not is_loinc_code(code)


def test_the_difficulty_question_is_never_texted() -> None:
    assert [item.number for item in PHQ9.items] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert [item.number for item in PHQ9.texted_items] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_only_item_9_of_the_phq9_is_a_risk_item() -> None:
    assert PHQ9.risk_item_numbers == (9,)
    assert GAD7.risk_item_numbers == ()
    assert PHQ2.risk_item_numbers == ()


def test_an_item_or_choice_that_does_not_exist_is_an_error() -> None:
    assert PHQ9.item(9).choice(3).label == "Nearly every day"
    with pytest.raises(LookupError, match="phq9 has no item 11"):
        PHQ9.item(11)
    with pytest.raises(LookupError, match="item 9 does not offer that answer"):
        PHQ9.item(9).choice(4)
    with pytest.raises(LookupError, match="phq9 totals run from 0 to 27"):
        PHQ9.band_of(28)


def test_an_item_keeps_its_import_only_code_apart() -> None:
    item = PHQ9.item(10)
    assert isinstance(item, Item)
    assert (item.code, item.other_codes) == ("69722-7", ("44256-6",))
