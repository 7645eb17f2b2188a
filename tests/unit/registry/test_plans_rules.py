"""Which plans may be set."""

from __future__ import annotations

from datetime import UTC, date, time
from typing import Any

import msgspec
import pytest

from registry.plans import rules
from registry.plans.rules import PlanLine, PlanWishes

TODAY = date(2026, 3, 2)
LANGUAGES = {"phq9": ("en", "es"), "gad7": ("en", "es"), "phq2": ("en",)}
WISHES = PlanWishes("en", ("sms_link",), time(9), time(20))
LINE = PlanLine("phq9", 14, time(10), TODAY)


def problems(*lines: PlanLine, **wishes: Any) -> list[str]:
    suited = msgspec.structs.replace(WISHES, **wishes)
    return [problem.field for problem in rules.check_plan(lines, suited, LANGUAGES, TODAY)]


def changed(**values: Any) -> PlanLine:
    return msgspec.structs.replace(LINE, **values)


def test_the_usual_plan_may_be_set() -> None:
    assert problems(*(PlanLine(instrument, 14, time(10), TODAY) for instrument in ("phq9", "gad7"))) == []
    assert problems() == []


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (changed(instrument_id="mdq"), "lines[0].instrument_id"),
        (changed(every_days=6), "lines[0].every_days"),
        (changed(every_days=0), "lines[0].every_days"),
        (changed(every_days=367), "lines[0].every_days"),
        (changed(local_time=time(8, 59)), "lines[0].local_time"),
        (changed(local_time=time(20)), "lines[0].local_time"),
        (changed(local_time=time(10, tzinfo=UTC)), "lines[0].local_time"),
        (changed(anchor_on=date(2027, 3, 4)), "lines[0].anchor_on"),
        (changed(anchor_on=date(2025, 2, 28)), "lines[0].anchor_on"),
    ],
)
def test_each_wrong_item_is_named_with_its_line(line: PlanLine, field: str) -> None:
    assert problems(line) == [field]


@pytest.mark.parametrize(
    "line",
    [
        changed(every_days=7),
        changed(every_days=366),
        changed(local_time=time(9)),
        changed(local_time=time(19, 59)),
        changed(anchor_on=date(2025, 3, 10)),
    ],
)
def test_the_limits_themselves_are_allowed(line: PlanLine) -> None:
    assert problems(line) == []


def test_a_measure_has_one_line() -> None:
    assert problems(LINE, changed(every_days=28)) == ["lines[1].instrument_id"]


def test_only_a_person_asks_in_a_language_without_approved_wording() -> None:
    assert problems(changed(instrument_id="phq2"), language="es") == ["lines[0].instrument_id"]
    assert problems(changed(instrument_id="phq2"), language="es", channels=("phone",)) == []
    assert problems(LINE, language="vi", channels=("phone", "portal")) == ["lines[0].instrument_id"]
