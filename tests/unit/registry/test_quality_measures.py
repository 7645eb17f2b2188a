"""The monthly figures against ten patients worked by hand, and CMS159 against its published logic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.flags.facts import Score
from registry.quality import cms159, measures
from registry.quality.cms159 import Event, Person, identification_period, remission_at_twelve_months
from registry.quality.facts import Asked, CheckInFact, ContactFact, Figure, Phase, Timeline
from registry.time_log.months import Month

MARCH = Month(2026, 3)


def on(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def phq9(*pairs: tuple[str, int]) -> tuple[Score, ...]:
    return tuple(
        Score(date.fromisoformat(f"{day}" if len(day) > 5 else f"2026-{day}"), t) for day, t in pairs
    )


def reached(*days: str, noted: int = 0) -> tuple[ContactFact, ...]:
    return tuple(ContactFact(on(day), True, noted) for day in days)


def figures(
    timelines: Sequence[Timeline],
    check_ins: Sequence[CheckInFact],
    month: Month,
    today: date = date(2026, 5, 1),
) -> tuple[Figure, ...]:
    return measures.figures(timelines, check_ins, month, today=today)


# Ten patients of March 2026. Beside each: where the hand calculation puts them, and why.
PATIENTS = {
    # In care all month; reached on 10 March; 16 to 8 is half; week 8 ends on 3 March with the score of 20 February, 12:
    # not improved; week 12 ends on 31 March, reviewed on 12 March.
    "Ana": Timeline("Ana", on("01-06"), phq9=phq9(("01-06", 16), ("02-20", 12), ("03-20", 8)), contacts=reached("01-20", "03-10"), reviews=(on("03-12"),)),
    # Nobody reached in March; the last score is 40 days old on 31 March; 18 to 17: no response.
    "Ben": Timeline("Ben", date(2025, 11, 1), phq9=phq9(("2025-11-01", 18), ("02-19", 17)), contacts=reached("02-02")),
    # Remission: 20 to 4. In relapse prevention since February: no monthly review asked.
    "Cleo": Timeline("Cleo", date(2025, 9, 1), phases=(Phase(date(2025, 9, 1), "active"), Phase(on("02-01"), "relapse_prevention")), phq9=phq9(("2025-09-01", 20), ("02-10", 4)), contacts=reached("03-02")),
    # Enrolled on 25 March: 7 days in the month, excluded from the month's rates.
    "Dov": Timeline("Dov", on("03-25"), phq9=phq9(("03-25", 15)), contacts=reached("03-30")),
    # Day 28 is 15 March; reached on day 29 only.
    "Eli": Timeline("Eli", on("02-15"), phq9=phq9(("02-15", 14)), contacts=reached("03-16", noted=3)),
    # Day 28 is 29 March; reached on day 28; began at 9.
    "Fay": Timeline("Fay", on("03-01"), phq9=phq9(("03-01", 9)), contacts=reached("03-29"), reviews=(on("03-05"),)),
    # Ended on 10 March: 10 days; its week 8 would have ended on 20 March.
    "Gus": Timeline("Gus", on("01-23"), ended_on=on("03-10"), phq9=phq9(("01-23", 22)), contacts=reached("03-03")),
    # On hold from 5 March: 4 days in care; not counted at the month's end, nor in week 12, which ends on 26 March.
    "Hal": Timeline("Hal", on("01-01"), phases=(Phase(on("01-01"), "active"), Phase(on("03-05"), "on_hold")), phq9=phq9(("01-01", 19))),
    # No complete score at all; only a failed attempt in March, noted two days later. Week 12 ends on 17 March.
    "Ida": Timeline("Ida", date(2025, 12, 23), contacts=(ContactFact(on("03-11"), False, 2),)),
    # Week 8 ends on 31 March: 21 to 11 is neither below 10 nor half; later 5, which does not count for it.
    "Jo": Timeline("Jo", on("02-03"), phq9=phq9(("02-03", 21), ("03-31", 11), ("04-14", 5)), contacts=reached("02-05", "03-31")),
}  # fmt: skip
FOUND = {f.measure: f for f in figures(tuple(PATIENTS.values()), (), MARCH)}


def who(figure: Figure, place: str) -> set[str]:
    return {one.patient_id for one in figure.evidence if one.place == place}


@pytest.mark.parametrize(
    ("measure", "numerator", "denominator", "excluded"),
    [
        ("Q-CONTACT", {"Ana", "Cleo", "Eli", "Fay", "Jo"}, {"Ben", "Ida"}, {"Dov", "Gus", "Hal"}),
        ("Q-FIRST-CONTACT", {"Fay", "Jo"}, {"Eli"}, set()),
        ("Q-RHYTHM", {"Ana", "Cleo", "Jo"}, {"Ben", "Eli", "Fay", "Ida"}, {"Dov"}),
        ("Q-RESPONSE", {"Ana", "Cleo"}, {"Ben", "Jo", "Hal"}, {"Dov", "Eli", "Fay", "Gus", "Ida"}),
        ("Q-REMISSION", {"Cleo"}, {"Ana", "Ben", "Jo", "Hal"}, {"Dov", "Eli", "Fay", "Gus", "Ida"}),
        ("Q-IMPROVED-8", set(), {"Ana", "Jo"}, {"Gus"}),
        ("Q-IMPROVED-24", set(), set(), set()),
        ("Q-REVIEW-MONTH", {"Ana", "Fay"}, {"Ben", "Eli", "Ida", "Jo"}, {"Dov", "Gus", "Hal"}),
        ("Q-REVIEWED-STALLED", {"Ana"}, set(), {"Hal", "Ida"}),
    ],
)
def test_each_figure_is_what_the_hand_calculation_gives(
    measure: Any, numerator: set[str], denominator: set[str], excluded: set[str]
) -> None:
    figure = FOUND[measure]
    places = (who(figure, "numerator"), who(figure, "denominator"), who(figure, "excluded"))
    assert places == (numerator, denominator, excluded)
    assert (figure.numerator, figure.denominator, figure.excluded) == (
        len(numerator),
        len(numerator) + len(denominator),
        len(excluded),
    )


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ((), "numerator"),
        ((Asked("gad7", on("01-06"), None),), "numerator"),
        ((Asked("phq9", on("01-06"), None), Asked("gad7", on("01-06"), None)), "denominator"),
        ((Asked("phq9", on("03-20"), None), Asked("gad7", on("01-06"), None)), "numerator"),
        ((Asked("phq9", on("01-06"), on("03-10")), Asked("gad7", on("01-06"), None)), "numerator"),
    ],
)
def test_a_gad7_is_no_rhythm_of_a_phq9_that_was_planned_all_the_time(
    asked: tuple[Asked, ...], place: str
) -> None:
    mia = Timeline("Mia", on("01-06"), gad7=phq9(("01-06", 12), ("03-20", 4)), asked=asked)
    found = next(one for one in figures([mia], (), MARCH) if one.measure == "Q-RHYTHM")
    assert ([one.place for one in found.evidence], found.version) == ([place], "2")


# The same ten on 16 March, with what had happened until then.
SO_FAR = {
    # Day 28 of Fay is 29 March, week 8 of Gus and Jo and week 12 of Ana and Hal end later too: nobody is judged by a
    # day to come. Ben's last score is 25 days old that day, and 40 at the month's end.
    "Q-CONTACT": ({"Ana", "Cleo", "Eli"}, {"Ben", "Fay", "Ida", "Jo"}, {"Gus", "Hal"}),
    "Q-FIRST-CONTACT": ({"Jo"}, {"Eli"}, {"Fay"}),
    "Q-RHYTHM": ({"Ana", "Ben", "Cleo", "Fay"}, {"Eli", "Ida", "Jo"}, set()),
    "Q-IMPROVED-8": (set(), {"Ana"}, {"Gus", "Jo"}),
    "Q-REVIEWED-STALLED": (set(), set(), {"Ana", "Hal", "Ida"}),
}


def until(today: date, who: Timeline) -> Timeline:
    return msgspec.structs.replace(
        who,
        phq9=tuple(score for score in who.phq9 if score.on <= today),
        contacts=tuple(contact for contact in who.contacts if contact.on <= today),
        reviews=tuple(review for review in who.reviews if review <= today),
    )


@pytest.mark.parametrize("measure", SO_FAR)
def test_nobody_is_judged_by_a_day_that_is_still_to_come(measure: Any) -> None:
    today = on("03-16")
    found = figures(
        [until(today, one) for one in PATIENTS.values() if one.enrolled_on <= today], (), MARCH, today
    )
    figure = next(one for one in found if one.measure == measure)
    assert (who(figure, "numerator"), who(figure, "denominator"), who(figure, "excluded")) == SO_FAR[measure]


def test_what_is_still_ahead_is_said_with_its_day() -> None:
    fay = figures([PATIENTS["Fay"]], (), MARCH, on("03-16"))
    because = {one.measure: one.evidence[0].because for one in fay if one.evidence}
    assert because["Q-FIRST-CONTACT"] == "Day 28 is 29-Mar-2026, still ahead."


@pytest.mark.parametrize("days", [0, 1, 30, 400])
def test_a_month_that_is_over_reads_the_same_whenever_it_is_read(days: int) -> None:
    later = MARCH.last_day + timedelta(days=days)
    assert figures(tuple(PATIENTS.values()), (), MARCH, later) == tuple(
        figures(tuple(PATIENTS.values()), (), MARCH)
    )


def test_a_check_in_that_can_still_be_answered_counts_for_neither_side() -> None:
    asked = [
        CheckInFact("Ana", "phone call", True),
        CheckInFact("Ben", "phone call", False),
        CheckInFact("Cleo", "phone call", False, still_open=True),
    ]
    [found] = [one for one in figures((), asked, MARCH) if one.measure == "Q-CHECK-INS"]
    assert (found.numerator, found.denominator, found.excluded) == (1, 2, 1)


def test_every_patient_behind_a_number_has_a_reason() -> None:
    assert all(one.because for figure in FOUND.values() for one in figure.evidence)
    reasons = {one.patient_id: one.because for one in FOUND["Q-RESPONSE"].evidence}
    assert reasons["Ana"] == "PHQ-9 16 (06-Jan-2026) to 8 (20-Mar-2026)."
    assert reasons["Fay"] == "Began at PHQ-9 9."
    assert reasons["Eli"] == "In care for 44 days."
    assert reasons["Ida"] == "No complete PHQ-9 to begin with."


def test_the_median_of_days_counts_who_was_followed_up_and_lists_who_was_not() -> None:
    figure = FOUND["Q-FOLLOW-UP-DAYS"]
    assert (figure.value, figure.denominator) == (28, 3)  # Jo 2, Fay 28, Eli 29
    lost = figures((Timeline("Kim", on("03-01")),), (), MARCH)
    empty = next(f for f in lost if f.measure == "Q-FOLLOW-UP-DAYS")
    assert (empty.value, empty.denominator, empty.excluded) == (None, 0, 1)


def test_the_registry_is_fresh_until_two_days_after_the_contact() -> None:
    figure = FOUND["Q-FRESH"]
    # Ana 10, Cleo 2, Dov 30, Eli 16 (3 days), Fay 29, Gus 3, Ida 11 (2 days), Jo 31.
    assert (figure.numerator, figure.denominator, figure.percent) == (7, 8, 88)
    assert who(figure, "denominator") == {"Eli"}


def test_check_ins_are_counted_by_channel() -> None:
    asked = [CheckInFact("Ana", "private page", n < 2) for n in range(3)] + [
        CheckInFact("Ben", "phone call", True)
    ]
    found = [f for f in figures((), asked, MARCH) if f.measure == "Q-CHECK-INS"]
    assert [(f.group, f.numerator, f.denominator, f.percent) for f in found] == [
        ("phone call", 1, 1, 100),
        ("private page", 2, 3, 67),
    ]


def test_nothing_is_no_percentage() -> None:
    assert all(f.percent is None for f in figures((), (), MARCH))


# CMS159
DEPRESSED, VISIT = "F33.1", "99214"
SETS = {
    cms159.ENCOUNTER: frozenset({VISIT, "99213"}),
    cms159.DEPRESSION: frozenset({DEPRESSED, "F32.1"}),
    **{name: frozenset({f"X{n}"}) for n, name in enumerate(cms159.EXCLUDED_AT_ANY_TIME)},
    **{name: frozenset({f"Y{n}"}) for n, name in enumerate(cms159.EXCLUDED_FROM_IDENTIFICATION)},
}
INDEX = date(2025, 3, 10)
BASE = Person(
    "p1", date(1980, 1, 1), None, (Score(INDEX, 16), Score(INDEX + timedelta(days=370), 4)),
    (Event("encounter", VISIT, "finished", INDEX), Event("condition", DEPRESSED, "active", date(2025, 1, 1))),
)  # fmt: skip


def place(**changes: Any) -> str | None:
    """Where measurement period 2026 puts the person; None outside the initial population."""
    person = msgspec.structs.replace(BASE, **changes)
    other = msgspec.structs.replace(BASE, patient_id="other")
    found = remission_at_twelve_months((person, other), SETS, 2026)
    assert found.computable
    return next((one.place for one in found.evidence if one.patient_id == "p1"), None)


def visit(day: date, code: str = VISIT, status: str = "finished") -> tuple[Event, ...]:
    return (Event("encounter", code, status, day), BASE.events[1])


def test_the_identification_period_is_fourteen_to_two_months_before() -> None:
    assert identification_period(2026) == (date(2024, 11, 1), date(2025, 10, 31))


@pytest.mark.parametrize(
    ("days", "total", "expected"),
    [
        (305, 4, "numerator"),
        (304, 4, "denominator"),
        (425, 4, "numerator"),
        (426, 4, "denominator"),
        (365, 5, "denominator"),
    ],
)
def test_remission_is_below_5_within_60_days_of_twelve_months(days: int, total: int, expected: str) -> None:
    scores = (Score(INDEX, 16), Score(INDEX + timedelta(days=days), total))
    assert place(phq9=scores) == expected


def test_the_last_score_of_the_window_counts() -> None:
    window = (Score(INDEX + timedelta(days=350), 3), Score(INDEX + timedelta(days=380), 8))
    assert place(phq9=(Score(INDEX, 16), *window)) == "denominator"


def test_the_index_is_the_first_score_above_9_and_never_moves() -> None:
    later = (Score(INDEX, 10), Score(INDEX + timedelta(days=30), 22), Score(INDEX + timedelta(days=420), 4))
    assert place(phq9=later) == "numerator"
    assert place(phq9=(Score(INDEX, 9), Score(INDEX + timedelta(days=365), 4))) is None


@pytest.mark.parametrize(("before", "inside"), [(7, True), (8, False), (0, True), (-1, False)])
def test_the_index_lies_from_a_week_before_the_visit_to_its_end(before: int, inside: bool) -> None:
    assert (place(events=visit(INDEX + timedelta(days=before))) is not None) == inside


@pytest.mark.parametrize(
    ("events", "inside"),
    [
        (visit(INDEX, "99492"), False),  # a month of collaborative care is no visit
        (visit(INDEX, status="cancelled"), False),
        ((BASE.events[0],), False),  # no diagnosis
        ((BASE.events[0], Event("condition", "F32.A", "active", date(2025, 1, 1))), False),
        ((BASE.events[0], Event("condition", DEPRESSED, "active", date(2025, 3, 11))), False),
        (
            (BASE.events[0], Event("condition", DEPRESSED, "active", date(2024, 1, 1), date(2025, 3, 9))),
            False,
        ),
        (
            (BASE.events[0], Event("condition", DEPRESSED, "active", date(2024, 1, 1), date(2025, 3, 10))),
            True,
        ),
        ((BASE.events[0], Event("condition", DEPRESSED, "provisional", date(2025, 1, 1))), False),
    ],
)
def test_the_visit_is_of_the_value_set_finished_and_about_a_depression(
    events: tuple[Event, ...], inside: bool
) -> None:
    assert (place(events=events) is not None) == inside


@pytest.mark.parametrize(
    ("day", "inside"),
    [
        (date(2024, 10, 31), False),
        (date(2024, 11, 1), True),
        (date(2025, 10, 31), True),
        (date(2025, 11, 1), False),
    ],
)
def test_the_visit_ends_in_the_identification_period(day: date, inside: bool) -> None:
    condition = Event("condition", DEPRESSED, "active", date(2020, 1, 1))
    events = (Event("encounter", VISIT, "finished", day), condition)
    assert (place(events=events, phq9=(Score(day, 16),)) is not None) == inside


@pytest.mark.parametrize(("born", "inside"), [(date(2013, 3, 10), True), (date(2013, 3, 11), False)])
def test_from_the_age_of_twelve(born: date, inside: bool) -> None:
    assert (place(birth_date=born) is not None) == inside


CLOSES = date(2026, 3, 10) + timedelta(days=60)


@pytest.mark.parametrize(
    ("changes", "excluded"),
    [
        ({"deceased_on": CLOSES}, True),
        ({"deceased_on": CLOSES + timedelta(days=1)}, False),
        ({"events": (*BASE.events, Event("condition", "X0", "active", CLOSES))}, True),
        ({"events": (*BASE.events, Event("condition", "X3", "active", date(1999, 1, 1)))}, True),
        ({"events": (*BASE.events, Event("condition", "X1", "active", CLOSES + timedelta(days=1)))}, False),
        (
            {
                "events": (
                    *BASE.events,
                    Event("other", "Y0", "finished", date(2024, 10, 1), date(2024, 11, 1)),
                )
            },
            True,
        ),
        (
            {
                "events": (
                    *BASE.events,
                    Event("other", "Y1", "finished", date(2024, 10, 1), date(2024, 10, 31)),
                )
            },
            False,
        ),
    ],
)
def test_exclusions_reach_to_the_end_of_the_window(changes: dict[str, Any], excluded: bool) -> None:
    assert (place(**changes) == "excluded") == excluded


def test_it_counts_by_age_and_says_why() -> None:
    teen = msgspec.structs.replace(
        BASE, patient_id="teen", birth_date=date(2010, 1, 1), phq9=(Score(INDEX, 12),)
    )
    found = remission_at_twelve_months((BASE, teen), SETS, 2026)
    assert (found.numerator, found.denominator, found.strata) == (1, 2, {"12-17": (0, 1), "18+": (1, 1)})
    assert [one.because for one in found.evidence] == [
        "Index PHQ-9 16 on 10-Mar-2025; PHQ-9 4 on 15-Mar-2026.",
        "Index PHQ-9 12 on 10-Mar-2025; no PHQ-9 from 09-Jan-2026 to 09-May-2026.",
    ]


def test_who_cannot_be_judged_is_counted_apart_with_the_reason() -> None:
    ageless = msgspec.structs.replace(BASE, patient_id="ageless", birth_date=None)
    unseen = msgspec.structs.replace(BASE, patient_id="unseen", events=())
    calm = msgspec.structs.replace(unseen, patient_id="calm", phq9=(Score(INDEX, 9),))
    found = remission_at_twelve_months((BASE, ageless, unseen, calm), SETS, 2026)
    assert (found.numerator, found.denominator, found.excluded, found.left_out) == (1, 1, 0, 2)
    assert [(one.patient_id, one.because) for one in found.evidence if one.place == "left_out"] == [
        ("ageless", "No date of birth, so no age at the index PHQ-9 of 10-Mar-2025."),
        ("unseen", "PHQ-9 16 on 10-Mar-2025, but no visit or diagnosis was imported."),
    ]
    assert found.strata == {"12-17": (0, 0), "18+": (1, 1)}
    assert (found.measure, found.version) == ("CMS159", "FHIR v0.3.000")


def test_without_value_sets_or_visits_there_is_no_number() -> None:
    found = remission_at_twelve_months((msgspec.structs.replace(BASE, events=()),), {}, 2026)
    assert not found.computable
    assert found.missing[0] == "value set: Contact or Office Visit"
    assert found.missing[-1] == "visits from the health record"
    assert len(found.missing) == len(cms159.NEEDED) + 1
