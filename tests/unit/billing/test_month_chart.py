"""A closed patient-month as text for the EHR."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from billing.packet.chart import month_text, taken_back_text
from billing.packet.contents import (
    ContactNote,
    Record,
    ReviewNote,
    Score,
    TreatmentNote,
    derivation,
    time_log,
)
from tests.unit.billing.test_exports import frozen

AT = datetime(2026, 11, 10, 15, 30, tzinfo=UTC)
CLOSED = frozen()
RECORD = Record(
    consents=(), plans=(), plan_differences=(),
    scores=(
        Score("s0", "phq9", datetime(2026, 10, 31, 12, tzinfo=UTC), 18, None, True),
        Score("s1", "phq9", datetime(2026, 11, 1, 3, 59, tzinfo=UTC), 17, None, True),  # still October in New York
        Score("s2", "phq9", datetime(2026, 11, 1, 4, 0, tzinfo=UTC), 16, "moderately severe", True),
        Score("s3", "gad7", datetime(2026, 12, 1, 4, 59, tzinfo=UTC), None, None, False),
        Score("s4", "gad7", datetime(2026, 12, 1, 5, 0, tzinfo=UTC), 3, None, True),
    ),
    contacts=(ContactNote("c1", AT, AT, "no_show", "not_reached", "Dana Whitlock", "Private words", None, "", ""),),
    reviews=(ReviewNote("r1", AT, "Dr. Roth", "Case review. What changed: dose.", ()),),
    treatment_changes=(
        TreatmentNote("t1", date(2026, 11, 12), "dose_changed", "sertraline 50 to 100 mg", "Dana Whitlock", False),
        TreatmentNote("t2", date(2026, 11, 13), "started", "entered by mistake", "Dana Whitlock", True),
    ),
    time_log=time_log(CLOSED.inputs, {"cm": "Dana Whitlock"}),
    derivation=derivation(CLOSED.inputs),
)  # fmt: skip


def test_a_month_says_what_was_done_by_whom_and_what_changed_and_leaves_out_the_rest() -> None:
    text = month_text(CLOSED, RECORD, 1)
    lines = text.splitlines()
    assert lines[0] == "COLLABORATIVE CARE, 2026-11"
    assert lines[1].startswith("VALE, Vale, born ")
    assert "Counted: 90 min" in lines
    assert lines[lines.index("Time:") + 1] == "- Dana Whitlock, Follow-up with the patient: 90 min"
    assert lines[lines.index("Contacts:") + 1] == (
        "- 10-Nov-2026 10:30 EST, no show, not reached, Dana Whitlock"
    )
    scores = lines.index("Scores:")
    assert lines[scores + 1 : scores + 4] == [
        "- 01-Nov-2026, PHQ-9: 16",
        "- 30-Nov-2026, GAD-7: incomplete",
        "",
    ]
    assert "- 10-Nov-2026, Dr. Roth: Case review. What changed: dose." in lines
    assert "- 12-Nov-2026, dose changed: sertraline 50 to 100 mg (Dana Whitlock)" in lines
    assert "mistake" not in text
    assert "Private words" not in text
    assert "Version" not in text
    assert "Version: 2" in month_text(CLOSED, RECORD, 2)
    assert month_text(CLOSED, RECORD, 1) == text


def test_what_did_not_happen_has_no_heading() -> None:
    quiet = msgspec.structs.replace(RECORD, contacts=(), reviews=(), scores=(), treatment_changes=())
    text = month_text(CLOSED, quiet, 1)
    assert "Time:" in text
    assert not any(
        heading in text for heading in ("Contacts:", "Scores:", "Case reviews", "Changes of treatment")
    )


def test_a_month_taken_back_says_that_nothing_is_billed() -> None:
    text = taken_back_text(CLOSED)
    assert "nothing is billed for this month" in text
    assert "99492" not in text
