"""Who stands on the agenda of a case review, where, and who may not be left out."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.review.rules import (
    GROUPS,
    MINUTES_A_PATIENT,
    Candidate,
    OwnMinutes,
    agenda,
    check,
    group_of,
    spent,
)
from registry.review.rules import DiscussionForm as Form

NEXT = date(2026, 3, 10)


def candidate(number: int = 1, **facts: Any) -> Candidate:
    given: dict[str, Any] = {
        "patient_id": UUID(int=number),
        "episode_id": UUID(int=1000 + number),
        "name_key": f"patient {number:03}",
        "status": "active",
        "rules": frozenset(),
        "enrolled_on": date(2025, 11, 1),
        "last_review_on": date(2026, 2, 24),
    }
    return Candidate(**(given | facts))


@pytest.mark.parametrize(
    ("facts", "group"),
    [
        ({}, None),
        ({"open_risk": 1, "last_review_on": None}, "safety"),
        ({"safety_flag": True}, "safety"),
        ({"last_review_on": None}, "new"),
        ({"rules": frozenset({"R-NEW"})}, "new"),
        ({"rules": frozenset({"R-STALL-A"})}, "stalled"),
        ({"rules": frozenset({"R-STALL-B"}), "discuss_flag": True}, "stalled"),
        ({"rules": frozenset({"R-WORSE"})}, "stalled"),
        ({"rules": frozenset({"R-SEVERE"})}, "stalled"),
        ({"rules": frozenset({"R-RELAPSE"}), "status": "relapse_prevention"}, "stalled"),
        ({"discuss_flag": True}, "flagged"),
        ({"rules": frozenset({"R-REVIEW"})}, "not_reviewed"),
        ({"rules": frozenset({"R-RESP"})}, "responded"),
        ({"rules": frozenset({"R-RESP"}), "status": "relapse_prevention"}, None),
        ({"ending_proposed": True}, "ending"),
        ({"status": "inactive_disengaged"}, "ending"),
    ],
)
def test_a_patient_stands_in_the_first_group_that_fits(facts: dict[str, Any], group: str | None) -> None:
    assert group_of(candidate(**facts)) == group


def test_the_agenda_keeps_the_order_of_the_groups_and_medication_questions_come_first() -> None:
    people = [
        candidate(1, discuss_flag=True),
        candidate(2, rules=frozenset({"R-STALL-A"})),
        candidate(3, discuss_flag=True, medication=True),
        candidate(4, open_risk=2),
        candidate(5, last_review_on=None),
    ]
    places = agenda(people, next_on=NEXT, minutes=60)
    assert [place.patient_id.int for place in places] == [4, 5, 2, 3, 1]
    assert all(place.offered for place in places)


def test_of_patients_who_do_not_improve_the_longest_not_reviewed_comes_first() -> None:
    stalled = frozenset({"R-STALL-B"})
    people = [
        candidate(1, rules=stalled, last_review_on=date(2026, 2, 24)),
        candidate(2, rules=stalled, last_review_on=date(2026, 2, 3)),
    ]
    assert [p.patient_id.int for p in agenda(people, next_on=NEXT, minutes=60)] == [2, 1]


DUE = frozenset({"R-WORSE"})
LAST_DUE = date(2026, 2, 7)  # a month later is the day before the next meeting
REVIEWED_NEW = frozenset({"R-NEW"})


@pytest.mark.parametrize(
    ("people", "places", "offered"),
    [
        # One place, and one patient whose month ends before the next meeting; or on its day.
        ([{"rules": REVIEWED_NEW}, {"rules": DUE, "last_review_on": LAST_DUE}], 1, [2]),
        ([{"rules": REVIEWED_NEW}, {"rules": DUE, "last_review_on": date(2026, 2, 8)}], 1, [1]),
        # Nobody takes the place of a safety item, of one never reviewed, or of one flagged by a person.
        ([{"open_risk": 2}, {"rules": DUE, "last_review_on": LAST_DUE}], 1, [1, 2]),
        ([{"last_review_on": None}, {"rules": DUE, "last_review_on": LAST_DUE}], 1, [1, 2]),
        (
            [
                {"rules": DUE, "medication": True, "discuss_flag": True},
                {"rules": DUE, "last_review_on": LAST_DUE},
            ],
            1,
            [1, 2],
        ),
        # Of two new ones the one reviewed before gives way, though it stands no lower.
        (
            [
                {"rules": REVIEWED_NEW, "medication": True},
                {"last_review_on": None},
                {"rules": DUE, "last_review_on": LAST_DUE},
            ],
            2,
            [2, 3],
        ),
        # A safety item and a hand's flag have a place beyond the time; one never reviewed waits behind its like.
        ([{"open_risk": 2}, {"safety_flag": True}], 1, [1, 2]),
        ([{"last_review_on": None}, {"discuss_flag": True}], 1, [1, 2]),
        ([{"rules": DUE}, {"discuss_flag": True}], 1, [2]),
        ([{"last_review_on": None}, {"last_review_on": None}], 1, [1]),
        # Two who must have a place take it from the last two who need not.
        (
            [
                {"rules": DUE, "medication": True},
                {"rules": DUE, "medication": True, "name_key": "patient 001 b"},
                {"rules": DUE, "last_review_on": LAST_DUE},
                {"discuss_flag": True},
            ],
            2,
            [3, 4],
        ),
    ],
)
def test_a_place_goes_to_whoever_must_have_one_and_never_from_a_new_or_flagged_patient(
    people: list[dict[str, Any]], places: int, offered: list[int]
) -> None:
    found = agenda(
        [candidate(number, **facts) for number, facts in enumerate(people, 1)],
        next_on=NEXT,
        minutes=places * MINUTES_A_PATIENT,
    )
    assert [place.patient_id.int for place in found if place.offered] == offered


_ANYBODY = st.fixed_dictionaries(
    {
        "open_risk": st.sampled_from([0, 0, 0, 2]),
        "discuss_flag": st.booleans(),
        "medication": st.booleans(),
        "rules": st.sets(st.sampled_from(["R-NEW", "R-STALL-A", "R-WORSE", "R-REVIEW", "R-RESP"])).map(
            frozenset
        ),
        "last_review_on": st.none() | st.dates(date(2026, 1, 20), date(2026, 3, 3)),
    }
)


@given(people=st.lists(_ANYBODY, max_size=20), places=st.integers(1, 12))
def test_places_keep_the_order_of_the_groups_and_no_later_group_pushes_a_new_patient_off(
    people: list[dict[str, Any]], places: int
) -> None:
    everybody = {number: candidate(number, **facts) for number, facts in enumerate(people, 1)}
    found = agenda(everybody.values(), next_on=NEXT, minutes=places * MINUTES_A_PATIENT)
    order = list(GROUPS)
    offered = [order.index(place.group) for place in found if place.offered]
    assert offered == sorted(offered)
    for at, place in enumerate(found):
        patient = everybody[place.patient_id.int]
        if (
            place.group == "safety"
            or patient.discuss_flag
            or (at < places and patient.last_review_on is None)
        ):
            assert place.offered
    spare = [
        place
        for place in found
        if place.group != "safety"
        and not everybody[place.patient_id.int].discuss_flag
        and not (place.offer_by is not None and place.offer_by < NEXT)
        and everybody[place.patient_id.int].last_review_on is not None
    ]
    assert [place.offered for place in spare] == sorted((place.offered for place in spare), reverse=True)


@given(
    last=st.lists(st.dates(date(2025, 12, 1), date(2026, 3, 9)), min_size=1, max_size=30),
    minutes=st.integers(1, 120),
    flagged=st.sets(st.integers(0, 29)),
)
def test_nobody_who_does_not_improve_goes_a_month_without_an_offer(
    last: list[date], minutes: int, flagged: set[int]
) -> None:
    people = [
        candidate(
            number,
            last_review_on=on,
            rules=frozenset({"R-STALL-A"}) if number not in flagged else frozenset(),
            discuss_flag=number in flagged,
        )
        for number, on in enumerate(last)
    ]
    places = agenda(people, next_on=NEXT, minutes=minutes)
    assert len(places) == len(people)
    assert len({place.patient_id for place in places}) == len(people)
    assert all(place.offered for place in places if place.offer_by is not None and place.offer_by < NEXT)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"people": ()}, "people"),
        ({"people": (UUID(int=1),)}, "people"),
        ({"people": (UUID(int=2), UUID(int=3))}, "people"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 121}, "minutes"),
        ({"minutes": None}, "minutes"),
        ({"minutes": None, "own_minutes": (OwnMinutes(UUID(int=1), 5),)}, "minutes"),
        ({"own_minutes": (OwnMinutes(UUID(int=1), 121),)}, "own_minutes[0].minutes"),
        ({"own_minutes": (OwnMinutes(UUID(int=9), 5),)}, "own_minutes[0].staff_id"),
        ({"own_minutes": (OwnMinutes(UUID(int=1), 5),) * 2}, "own_minutes[1].staff_id"),
        ({"note": "  "}, "note"),
        ({"changed": "x" * 10_001}, "changed"),
    ],
)
def test_a_note_of_a_review_names_what_is_missing(changed: dict[str, Any], field: str) -> None:
    whole: dict[str, Any] = {
        "discussion": "joint", "people": (UUID(int=1), UUID(int=2)), "minutes": 6, "note": "Raise the dose."
    }  # fmt: skip
    assert check(Form(**whole), (UUID(int=1),)) == []
    assert [problem.field for problem in check(Form(**(whole | changed)), (UUID(int=1),))] == [field]


def test_who_has_no_minutes_of_their_own_spent_those_of_all() -> None:
    form = Form(
        discussion="joint", people=(UUID(int=1), UUID(int=2)), minutes=6, note="Raise the dose.",
        own_minutes=(OwnMinutes(UUID(int=1), 10),),
    )  # fmt: skip
    assert spent(form) == {UUID(int=1): 10, UUID(int=2): 6}
