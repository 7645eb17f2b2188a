"""The mark of what could not be judged says each missing thing once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from registry.worklist.queries import Line
from staff_console import people


def line(*rules: tuple[str, str, str]) -> Line:
    """A line of the registry as it is read back; `rules`: (rule, outcome, sentence)."""
    given: dict[str, Any] = {
        "episode_id": UUID(int=1),
        "patient_id": UUID(int=2),
        "status": "active",
        "referred_at": datetime(2026, 11, 1, tzinfo=UTC),
        "phq9_series": [],
        "rules": [
            {"rule": rule, "version": 2, "outcome": outcome, "sentence": sentence, "inputs": {}}
            for rule, outcome, sentence in rules
        ],
    }
    return Line(**{name: given.get(name) for name in Line.__struct_fields__})


BOTH = "There is no complete PHQ-9. There is no complete GAD-7."


def test_a_missing_score_is_said_once_with_the_rules_that_wait_for_it() -> None:
    found = people.rule_flags(
        line(
            ("R-RESPONSE", "unknown", BOTH),
            ("R-SEVERE", "unknown", "There is no complete PHQ-9."),
            ("R-STALL-A", "unknown", BOTH),
        ),
        "",
    )
    assert [flag.kind for flag in found] == ["not_judged"]
    assert found[0].why == (
        "There is no complete PHQ-9. (R-RESPONSE, version 2; R-SEVERE, version 2; R-STALL-A, version 2) "
        "There is no complete GAD-7. (R-RESPONSE, version 2; R-STALL-A, version 2)"
    )


def test_a_rule_that_is_met_keeps_its_own_mark_beside_what_is_not_judged() -> None:
    found = people.rule_flags(
        line(("R-STALL-A", "met", "No change."), ("R-SEVERE", "unknown", "There is no complete PHQ-9.")), ""
    )
    assert len(found) == 2
    assert [flag.why for flag in found if flag.kind == "not_judged"] == [
        "There is no complete PHQ-9. (R-SEVERE, version 2)"
    ]
