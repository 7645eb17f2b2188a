"""How often a code may be asked for, what a refresh token is good for, when an offline answer was given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.patient_access.rules import (
    REFRESH_LIFE,
    TokenFacts,
    given_at,
    of_token,
    too_many_sends,
)

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ([], False),
        ([ago(minutes=1)] * 4, False),
        ([ago(minutes=1)] * 5, True),
        ([ago(minutes=61)] * 5, False),
        ([ago(hours=1)] * 5, False),
        ([ago(hours=2)] * 9, False),
        ([ago(hours=2)] * 10, True),
        ([ago(hours=25)] * 50, False),
    ],
)
def test_five_codes_an_hour_and_ten_a_day(asked: list[datetime], refused: bool) -> None:
    assert too_many_sends(asked, NOW) is refused


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (TokenFacts(NOW + REFRESH_LIFE, None, False), "rotate"),
        (TokenFacts(NOW, None, False), "expired"),
        (TokenFacts(NOW + REFRESH_LIFE, None, True), "expired"),
        (TokenFacts(NOW + REFRESH_LIFE, ago(days=1), False), "reused"),
        (TokenFacts(ago(days=1), ago(days=2), False), "reused"),
        (TokenFacts(ago(days=1), ago(days=2), True), "reused"),
    ],
)
def test_a_refresh_token_is_good_once(token: TokenFacts, expected: str) -> None:
    assert of_token(token, NOW) == expected


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (None, None),
        (ago(hours=5), ago(hours=5)),
        (NOW, None),
        (NOW + timedelta(minutes=5), None),  # a clock that is ahead
        (NOW + timedelta(minutes=5, seconds=1), "refused"),
        (ago(hours=24), ago(hours=24)),  # the moment of the offer
        (ago(hours=24, minutes=4), ago(hours=24)),  # a clock that is behind
        (ago(hours=24, minutes=6), "refused"),
    ],
)
def test_an_offline_answer_lies_between_the_offer_and_now(
    claimed: datetime | None, expected: datetime | str | None
) -> None:
    assert given_at(claimed, ago(hours=24), NOW) == expected


def test_an_answer_older_than_a_check_in_may_last_is_refused() -> None:
    offered = ago(days=10)
    assert given_at(ago(days=7), offered, NOW) == ago(days=7)
    assert given_at(ago(days=7, seconds=1), offered, NOW) == "refused"
