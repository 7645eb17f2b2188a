"""The checklist of the first thirty days and the steps of a pilot."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.launch.checklist import IDS, ITEMS, NEEDED_ROLES, TICKED, Seen, checklist
from registry.launch.pilot import Raw, check_steps, due, report

MADE = date(2026, 3, 2)
NOTHING = Seen(
    safety_items_open=4, roles=frozenset(), holidays=0, senders=0, payers=0, referred=0, enrolled=0,
    check_ins_done=0, contacts=0, reviews=0, protocol_in_force=False, drills_passed=0, closed_months=0,
    signed_months=0, thresholds_set=False,
)  # fmt: skip
ALL = Seen(
    safety_items_open=0, roles=frozenset(NEEDED_ROLES), holidays=1, senders=1, payers=1, referred=1, enrolled=1,
    check_ins_done=1, contacts=1, reviews=1, protocol_in_force=True, drills_passed=1, closed_months=1,
    signed_months=1, thresholds_set=True,
)  # fmt: skip


def states(seen: Seen, day: int, ticks: Any = ()) -> dict[str, str]:
    lines = checklist(seen, ticks, MADE, MADE + timedelta(days=day))
    return {line.item.id: line.state for line in lines}


def test_nothing_is_done_on_the_first_day_and_nothing_is_late() -> None:
    assert set(states(NOTHING, 0).values()) == {"open"}


def test_an_item_is_late_from_the_day_after_its_own() -> None:
    assert states(NOTHING, 3)["safety"] == "open"
    assert states(NOTHING, 4)["safety"] == "late"
    assert set(states(NOTHING, 31).values()) == {"late"}


def test_what_the_record_shows_is_done_and_the_rest_waits_for_a_person() -> None:
    found = states(ALL, 31)
    assert {item for item, state in found.items() if state != "done"} == TICKED
    assert set(states(ALL, 31, TICKED).values()) == {"done"}


@pytest.mark.parametrize(
    "field", [f for f in Seen.__struct_fields__ if f not in ("thresholds_set", "safety_items_open", "roles")]
)
def test_each_thing_the_record_must_show_keeps_one_item_open(field: str) -> None:
    found = states(msgspec.structs.replace(ALL, **{field: 0}), 0, TICKED)
    assert list(found.values()).count("open") == 1


def test_a_missing_role_is_named() -> None:
    seen = msgspec.structs.replace(ALL, roles=frozenset(NEEDED_ROLES) - {"consultant"})
    line = next(one for one in checklist(seen, (), MADE, MADE) if one.item.id == "team")
    assert (line.state, line.detail) == ("open", "nobody yet: consultant")


def test_the_days_rise() -> None:
    days = [item.by_day for item in ITEMS]
    assert days == sorted(days)
    assert len(IDS) == len(ITEMS)


@pytest.mark.parametrize(
    ("steps", "right"),
    [
        ((5, 15, 40), True),
        ((5,), True),
        ((), False),
        ((5, 5), False),
        ((15, 5), False),
        ((0, 5), False),
        ((5, 2000), False),
        (tuple(range(1, 10)), False),
    ],
)
def test_limits_of_a_pilot_rise(steps: tuple[int, ...], right: bool) -> None:
    assert (check_steps(steps) == ()) == right


@pytest.mark.parametrize(
    ("day", "after", "can"), [(7, 6, False), (7, 7, True), (14, 13, False), (14, 14, True), (7, 20, True)]
)
def test_a_report_can_be_signed_from_its_day_on(day: int, after: int, can: bool) -> None:
    assert due(day, MADE, MADE + timedelta(days=after)) == can


def test_a_report_prints_its_denominators_and_makes_nothing_of_nothing() -> None:
    empty = report(Raw(0, 0, 0, 0, None, 0, 0, None, 0, 0))
    assert [figure.value for figure in empty] == ["none"] * 5 + ["0"]
    full = report(Raw(8, 6, 2, 2, 11.5, 4, 3, 18.0, 4, 1))
    assert [(figure.value, figure.of) for figure in full] == [
        ("75%", "6 of 8"),
        ("11.5", "2 of 2 events"),
        ("75%", "3 of 4"),
        ("18", "4 contacts"),
        ("0.5", "2 events, 4 positive"),
        ("1", "since the step began"),
    ]
