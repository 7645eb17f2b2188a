from datetime import UTC, datetime, timedelta

import pytest

from messaging.delivery.statuses import (
    Advance,
    Contradiction,
    Delivery,
    Keep,
    PollAt,
    PresumedSent,
    Settled,
    Unranked,
    advance,
    after_event,
    is_final,
    next_poll,
    rank,
)

LADDER = ["scheduled", "accepted", "queued", "sending", "sent", "delivered", "read"]
ENDS = ["delivered", "undelivered", "failed", "canceled"]


@pytest.mark.parametrize(("lower", "higher"), [(a, b) for i, a in enumerate(LADDER) for b in LADDER[i + 1 :]])
def test_a_status_moves_up_and_never_down(lower, higher):
    assert advance(lower, higher) == Advance(higher)
    assert advance(higher, lower) == Keep()


@pytest.mark.parametrize("status", [*LADDER, *ENDS, "partially_delivered"])
def test_the_first_status_counts_and_the_same_again_changes_nothing(status):
    assert advance(None, status) == Advance(status)
    assert advance(status, status) == Keep()


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in ENDS for b in ENDS if a != b])
def test_of_two_different_ends_the_first_is_kept_and_the_contradiction_told(first, second):
    assert advance(first, second) == Contradiction(kept=first, other=second)


@pytest.mark.parametrize("end", ENDS)
def test_a_late_sent_never_overwrites_an_end(end):
    assert advance(end, "sent") == Keep()
    assert is_final(end)
    assert not is_final("sent")


def test_a_partly_delivered_text_counts_as_sent():
    assert advance("sent", "partially_delivered") == Keep()
    assert advance("partially_delivered", "sent") == Keep()
    assert advance("partially_delivered", "delivered") == Advance("delivered")


@pytest.mark.parametrize("status", ["receiving", "received", "teleported", "", "Delivered"])
def test_a_status_we_do_not_know_is_kept_raw_and_changes_nothing(status):
    assert advance("sent", status) == Unranked(status)
    assert rank(status) == -1


def test_a_text_presumed_sent_still_moves_when_a_late_callback_comes():
    assert advance("presumed_sent", "delivered") == Advance("delivered")
    assert advance("presumed_sent", "sent") == Keep()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("sent", None), ("delivered", None)], Delivery("delivered")),
        ([("delivered", None), ("sent", None)], Delivery("delivered")),
        ([("sent", None), ("undelivered", 30003), ("undelivered", None)], Delivery("undelivered", 30003)),
        ([("failed", 30007), ("failed", 30008)], Delivery("failed", 30007)),
        ([("failed", 30008), ("delivered", None)], Delivery("failed", 30008, True)),
        ([("teleported", None), ("sent", None)], Delivery("sent")),
        ([("undelivered", None), ("sent", 30003)], Delivery("undelivered", 30003)),
    ],
)
def test_events_in_their_order_of_arrival(events, expected):
    delivery = Delivery()
    for status, error in events:
        delivery = after_event(delivery, status, error)
    assert delivery == expected


AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("polls", "after"),
    [
        (0, timedelta(minutes=5)),
        (1, timedelta(minutes=15)),
        (2, timedelta(hours=1)),
        (3, timedelta(hours=6)),
        (4, timedelta(hours=24)),
    ],
)
def test_a_text_without_an_end_is_asked_about(polls, after):
    assert next_poll("sent", AT, polls) == PollAt(AT + after)
    assert next_poll("accepted", AT, polls) == PollAt(AT + after)


def test_after_the_last_poll_it_is_presumed_sent():
    assert next_poll("sent", AT, 5) == PresumedSent()


def test_an_end_needs_no_poll_and_an_alert_is_asked_about_sooner():
    assert next_poll("delivered", AT, 0) == Settled()
    assert next_poll("sent", AT, 0, alert=True) == PollAt(AT + timedelta(seconds=90))
    assert next_poll("sent", AT, 1, alert=True) == PollAt(AT + timedelta(minutes=15))
