"""Which end of care asks for what, what the record answers, and when the measures are stable."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from registry.episodes import ending
from registry.episodes.ending import EndingFacts
from registry.episodes.forms import EndingForm, EndReason, StatusForm
from registry.flags.facts import Facts, Score
from registry.flags.thresholds import Thresholds
from registry.stepped_care import stability

TODAY = date(2026, 3, 2)
ENROLLED = date(2025, 11, 3)
NOTHING = EndingFacts(
    enrolled_on=ENROLLED, preventing=False, plan_written=False, stable=False, scored=False, told=False,
    handover_open=False,
)  # fmt: skip
TOLD = ("ending.told_on", "ending.told_how")


def missing(reason: EndReason, said: EndingForm | None = None, **facts: Any) -> list[str]:
    form = StatusForm("ended", reason, TODAY, ending=said)
    return [p.field for p in ending.check(form, msgspec.structs.replace(NOTHING, **facts), TODAY)]


@pytest.mark.parametrize(
    ("reason", "facts", "fields"),
    [
        ("completed", {}, ["ending.unstable_because", "ending.no_plan_because", *TOLD]),
        ("completed", {"scored": True}, ["ending.unstable_because", "ending.no_plan_because", *TOLD]),
        ("completed", {"stable": True}, ["ending.no_plan_because", *TOLD]),
        ("completed", {"plan_written": True}, ["ending.unstable_because", *TOLD]),
        ("completed", {"stable": True, "plan_written": True}, [*TOLD]),
        ("completed", {"stable": True, "plan_written": True, "told": True}, []),
        ("referred_to_specialty", {}, ["ending.no_score_because", *TOLD]),
        ("referred_to_specialty", {"preventing": True, "scored": True}, [*TOLD]),
        *(
            row
            for reason in ("moved", "insurance", "declined", "other")
            for row in (
                (reason, {}, ["ending.no_score_because", *TOLD]),
                (reason, {"scored": True}, [*TOLD]),
                (reason, {"scored": True, "told": True}, []),
                (reason, {"scored": True, "preventing": True}, ["ending.no_plan_because", *TOLD]),
                (reason, {"scored": True, "preventing": True, "plan_written": True}, [*TOLD]),
            )
        ),
        ("ineligible", {"preventing": True}, [*TOLD]),
        ("disengaged", {"preventing": True}, [*TOLD]),
        ("consent_withdrawn", {"preventing": True}, []),
        *((reason, {"enrolled_on": None}, []) for reason in ("declined", "ineligible", "moved", "other")),
    ],
)
def test_an_end_asks_for_what_the_record_does_not_answer(
    reason: EndReason, facts: dict[str, Any], fields: list[str]
) -> None:
    assert missing(reason, **facts) == fields


def test_what_is_said_answers_and_blanks_do_not() -> None:
    said = EndingForm(
        told_on=TODAY, told_how="ehr", unstable_because="Feels well", no_plan_because="Does not want one"
    )
    assert missing("completed", said) == []
    blank = msgspec.structs.replace(said, unstable_because="  ", no_plan_because="\n")
    assert missing("completed", blank) == ["ending.unstable_because", "ending.no_plan_because"]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        (EndingForm(told_on=ENROLLED, told_how="phone"), []),
        (EndingForm(told_on=ENROLLED - timedelta(days=1), told_how="phone"), ["ending.told_on"]),
        (EndingForm(told_on=TODAY, told_how="in_person"), []),
        (EndingForm(told_on=TODAY + timedelta(days=1), told_how="phone"), ["ending.told_on"]),
        (EndingForm(told_on=TODAY), ["ending.told_how"]),
        (EndingForm(told_how="phone"), ["ending.told_on"]),
        (EndingForm(told_on=TODAY, told_how="phone", no_score_because="x" * 2001), ["ending.no_score_because"]),
    ],
)  # fmt: skip
def test_what_is_said_must_be_possible(said: EndingForm, fields: list[str]) -> None:
    assert missing("ineligible", said) == fields


def test_only_an_end_is_asked() -> None:
    hold = StatusForm("on_hold", "hospital", TODAY, review_on=TODAY)
    assert ending.check(hold, NOTHING, TODAY) == []


@pytest.mark.parametrize(
    ("form", "held"),
    [
        *((StatusForm("ended", reason, TODAY), True) for reason in (
            "completed", "referred_to_specialty", "disengaged", "declined", "moved", "insurance", "ineligible", "other",
        )),
        (StatusForm("ended", "consent_withdrawn", TODAY), False),
        (StatusForm("inactive_disengaged", "no_contact", TODAY), False),
        (StatusForm("on_hold", "hospital", TODAY), False),
    ],
)  # fmt: skip
def test_a_handover_under_way_holds_every_end_but_a_withdrawn_agreement(form: StatusForm, held: bool) -> None:
    assert not ending.held_by_handover(form, NOTHING)
    assert ending.held_by_handover(form, msgspec.structs.replace(NOTHING, handover_open=True)) is held


def test_the_note_of_an_end_says_one_fact_a_line() -> None:
    said = EndingForm(told_on=TODAY, told_how="phone", unstable_because=" Feels well ", no_plan_because=" ")
    form = StatusForm("ended", "completed", TODAY, note="Goals met.", ending=said)
    assert ending.note(form) == (
        "Goals met.\nEnded although not shown to be stable: Feels well\n"
        "Treating clinician told: 02-Mar-2026, by phone"
    )
    assert ending.note(StatusForm("on_hold", "hospital", TODAY)) is None
    assert ending.note(StatusForm("on_hold", "hospital", TODAY, note="Admitted")) == "Admitted"


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("totals", "stable"),
    [
        ([(90, 16), (31, 4), (3, 4)], True),  # 28 days apart
        ([(90, 16), (30, 4), (3, 4)], False),  # 27 days apart
        ([(90, 16), (31, 4), (3, 5)], True),  # 5 is halved and below 10
        ([(90, 16), (31, 8), (3, 8)], True),
        ([(90, 16), (31, 9), (3, 8)], False),  # 9 of 16 is not halved
        ([(90, 20), (31, 9), (3, 9)], True),
        ([(90, 20), (31, 10), (3, 9)], False),
        ([(90, 16), (60, 4), (30, 11), (3, 4)], False),  # outside in between
        ([(90, 16), (3, 4)], False),  # one score
        ([(90, 16), (31, 15), (3, 13)], False),
        ([], False),
    ],
)
def test_stable_is_within_the_target_on_two_scores_four_weeks_apart(
    totals: list[tuple[int, int]], stable: bool
) -> None:
    facts = Facts(
        status="active", enrolled_on=ago(100), phq9=tuple(Score(ago(days), total) for days, total in totals)
    )
    judged = stability.judge(facts, Thresholds())
    assert judged.stable is stable
    assert judged.sentence.endswith(".")


def test_every_target_measure_must_be_stable_and_a_newer_form_without_a_total_is_not() -> None:
    phq9 = (Score(ago(90), 16), Score(ago(31), 4), Score(ago(3), 4))
    gad7 = (Score(ago(90), 15), Score(ago(3), 14))
    both = Facts(status="active", enrolled_on=ago(100), phq9=phq9, gad7=gad7)
    assert stability.judge(both, Thresholds()) == stability.Stability(
        False,
        "PHQ-9 has stayed within the target from 30-Jan-2026 to 27-Feb-2026. "
        "GAD-7 was 14 on 27-Feb-2026, outside the target.",
    )
    newer = Facts(status="active", enrolled_on=ago(100), phq9=phq9, phq9_incomplete_on=ago(1))
    assert not stability.judge(newer, Thresholds()).stable
