"""What may follow what on a recommendation's way, and when a stage has lasted too long."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import Any, get_args

import pytest

from registry.recommendations.rules import (
    OPEN,
    ClinicianDecision,
    OrderForm,
    RecommendationForm,
    RecommendationPart,
    Stage,
    Step,
    Urgency,
    after,
    check,
    check_decision,
    check_order,
    overdue_at,
    proposed_change,
    turn,
)
from registry.working_time import WorkingTime

TODAY = date(2026, 3, 3)
HOURS = WorkingTime("America/Los_Angeles")
TUESDAY = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)  # 10:00 in Seattle
FRIDAY = datetime(2026, 3, 6, 18, 0, tzinfo=UTC)


def test_the_way_is_waiting_accepted_ordered_told_in_use_and_nothing_else() -> None:
    allowed = {
        (stage, step): after(stage, step)
        for stage, step in product(get_args(Stage), get_args(Step))
        if after(stage, step)
    }
    assert allowed == {
        ("waiting", "accepted"): "accepted",
        ("waiting", "modified"): "accepted",
        ("waiting", "declined"): "declined",
        ("accepted", "ordered"): "ordered",
        ("ordered", "told"): "told",
        ("told", "taking"): "done",
        ("told", "not_taking"): "told",
        **{(stage, "withdrawn"): "withdrawn" for stage in OPEN},
    }


@pytest.mark.parametrize(
    ("stage", "kinds", "whose"),
    [
        ("waiting", ("therapy",), "recipient"),
        ("accepted", ("medication", "therapy"), "recipient"),
        ("accepted", ("labs",), "recipient"),
        ("accepted", ("referral",), "recipient"),
        ("accepted", ("therapy", "measure", "safety", "relapse_prevention"), "care_manager"),
        ("ordered", ("medication",), "care_manager"),
        ("told", ("medication",), "care_manager"),
        ("done", ("medication",), "nobody"),
        ("declined", ("medication",), "nobody"),
        ("withdrawn", ("medication",), "nobody"),
    ],
)
def test_a_prescriber_orders_and_the_care_manager_does_the_rest(stage: Stage, kinds: Any, whose: str) -> None:
    assert turn(stage, kinds) == whose


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("Raise sertraline to 100 mg", "dose_changed", "sertraline 100 mg"),
        ("Increase the dose of sertraline to 100 mg.", "dose_changed", "sertraline 100 mg"),
        ("Lower venlafaxine to 75 mg in the morning", "dose_changed", "venlafaxine 75 mg in the morning"),
        ("Change sertraline to duloxetine 30 mg", "medication_changed", "duloxetine 30 mg"),
        ("Switch from sertraline to duloxetine 30 mg", "medication_changed", "duloxetine 30 mg"),
        ("Add mirtazapine 15 mg at night", "medication_started", "mirtazapine 15 mg at night"),
        ("start lithium 300 mg", "medication_started", "lithium 300 mg"),
        ("Stop trazodone", "medication_stopped", "Stop trazodone"),
        ("Half the step for two weeks", "dose_changed", "Half the step for two weeks"),
        ("Raise sertraline to 100 mg\nthen wait", "dose_changed", "sertraline 100 mg"),
    ],
)
def test_what_was_advised_is_proposed_as_the_treatment_from_now_on(text: str, kind: str, what: str) -> None:
    parts = (RecommendationPart("therapy", "Walk daily"), RecommendationPart("medication", text))
    assert proposed_change(parts) == (kind, what)


def test_a_change_that_the_clinician_made_is_proposed_instead_and_a_skill_never() -> None:
    parts = (RecommendationPart("medication", "Raise sertraline to 100 mg"),)
    assert proposed_change(parts, "Raise sertraline to 75 mg") == ("dose_changed", "sertraline 75 mg")
    assert proposed_change((RecommendationPart("therapy", "Walk daily"),)) is None


@pytest.mark.parametrize("urgency", get_args(Urgency))
@pytest.mark.parametrize("stage", get_args(Stage))
def test_every_open_stage_has_a_moment_at_which_somebody_hears_of_it(stage: Stage, urgency: Urgency) -> None:
    due = overdue_at(stage, urgency, TUESDAY, HOURS)
    assert (due is not None) == (stage in OPEN)
    assert due is None or due > TUESDAY


@pytest.mark.parametrize(
    ("stage", "urgency", "since", "due"),
    [
        ("waiting", "today", TUESDAY, datetime(2026, 3, 4, 1, 0, tzinfo=UTC)),  # 17:00 the same day
        ("waiting", "this_week", TUESDAY, datetime(2026, 3, 5, 18, 0, tzinfo=UTC)),
        (
            "waiting",
            "this_week",
            FRIDAY,
            datetime(2026, 3, 10, 17, 0, tzinfo=UTC),
        ),  # over the change of clocks
        ("waiting", "routine", TUESDAY, datetime(2026, 3, 10, 17, 0, tzinfo=UTC)),
    ],
)
def test_patience_is_counted_in_business_days(
    stage: Stage, urgency: Urgency, since: datetime, due: datetime
) -> None:
    assert overdue_at(stage, urgency, since, HOURS) == due


WHOLE = RecommendationForm((RecommendationPart("medication", "Raise sertraline to 100 mg"),))


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (RecommendationForm(()), "parts"),
        (RecommendationForm((RecommendationPart("labs", " "),)), "parts[0].text"),
        (RecommendationForm(WHOLE.parts, target_on=date(2026, 3, 2)), "target_on"),
        (RecommendationForm(WHOLE.parts, if_then="x" * 4001), "if_then"),
    ],
)
def test_a_recommendation_names_what_is_missing(form: RecommendationForm, field: str) -> None:
    assert check(WHOLE, TODAY) == ()
    assert [problem.field for problem in check(form, TODAY)] == [field]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"decision": "accepted"}, []),
        ({"decision": "declined"}, ["reason"]),
        ({"decision": "modified"}, ["instead"]),
        ({"decision": "accepted", "via": "ehr"}, ["decided_by", "decided_on"]),
        (
            {"decision": "accepted", "via": "phone", "decided_by": "Ines Roth", "decided_on": TODAY},
            ["read_back"],
        ),
        (
            {"decision": "accepted", "via": "ehr", "decided_by": "Ines Roth", "decided_on": date(2026, 3, 4)},
            ["decided_on"],
        ),
        (
            {
                "decision": "accepted",
                "via": "in_person",
                "decided_by": "Ines Roth",
                "decided_on": TODAY,
                "read_back": True,
            },
            [],
        ),
    ],
)
def test_a_decision_says_who_when_and_how(fields: dict[str, Any], missing: list[str]) -> None:
    assert [problem.field for problem in check_decision(ClinicianDecision(**fields), TODAY)] == missing


def test_an_order_is_not_entered_before_it_happens() -> None:
    assert check_order(OrderForm("Sertraline 100 mg", "Ines Roth", TODAY), TODAY) == ()
    ahead = check_order(OrderForm("", "", date(2026, 3, 4)), TODAY)
    assert [problem.field for problem in ahead] == ["what", "by", "on"]
