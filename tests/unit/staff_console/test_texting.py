"""Which texts wait for a person: never one with a word, a picture or a doubt in it that no rule has handled."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from messaging.conversation.thread import TextLine
from staff_console.patient.texting import needs_reading

AT = datetime(2026, 3, 2, 18, tzinfo=UTC)


def text(understood: str | None, **changes: Any) -> TextLine:
    given: dict[str, Any] = {"direction": "in", "state": "applied", "understood": understood}
    return TextLine(id=UUID(int=1), at=AT, body="", **(given | changes))


@pytest.mark.parametrize(
    "understood", ["answer:0", "answer:3", "answer:2;echo", "bulk:1,2,0,1", "command:back", "command:later"]
)
def test_what_the_rules_filed_whole_waits_for_nobody(understood: str) -> None:
    assert not needs_reading(text(understood))


@pytest.mark.parametrize(
    "understood",
    [
        "answer:2;note", "answer:2;echo;note", "answer:1+risk", "answer:1+review", "bulk:1,2+risk", "ask:unclear",
        "ask:suggest=2", "crisis", "stop+crisis", "stop", "other", "wrong_number", "", None,
    ],
)  # fmt: skip
def test_more_than_an_answer_or_any_doubt_is_read_by_a_person(understood: str | None) -> None:
    assert needs_reading(text(understood))


@pytest.mark.parametrize(
    "changes", [{"media_count": 1}, {"state": "parked"}, {"state": "held"}, {"state": None}]
)
def test_an_answer_with_a_picture_or_one_that_was_not_applied_is_read_too(changes: dict[str, Any]) -> None:
    assert needs_reading(text("answer:2", **changes))


def test_what_was_read_or_what_we_sent_waits_for_nobody() -> None:
    assert not needs_reading(text("ask:unclear", seen_at=AT))
    assert not needs_reading(text(None, direction="out"))
