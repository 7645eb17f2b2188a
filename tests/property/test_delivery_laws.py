"""Laws of the outbox: claims, outcomes, reconciliation and statuses."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from messaging.delivery.errors import ERROR_CODES
from messaging.delivery.kinds import KIND_RULES, Kind
from messaging.delivery.outcomes import Accepted, NotSent, Rejected, Unknown
from messaging.delivery.reconcile import (
    Adopt,
    NotProvable,
    ProvenNotSent,
    ReadAgain,
    UnknownRow,
    reconcile_decision,
)
from messaging.delivery.rules import (
    TERMINAL,
    DeferUntil,
    Event,
    Expire,
    IllegalMove,
    RowFacts,
    Send,
    Simulate,
    State,
    Suppress,
    decide_claim,
    move,
)
from messaging.delivery.segments import is_gsm7, segments
from messaging.delivery.settle import Attempt, backoff, settle
from messaging.delivery.statuses import RANK, Delivery, after_event, is_final, rank
from messaging.schedule.windows import Window

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def moments(low: int, high: int) -> st.SearchStrategy[datetime]:
    return st.integers(low, high).map(lambda seconds: NOW + timedelta(seconds=seconds))


maybe = st.sampled_from([None, True, True, False])
windows = st.one_of(
    st.none(),
    st.builds(
        lambda back, ahead: Window(NOW - timedelta(seconds=back), NOW + timedelta(seconds=ahead)),
        st.integers(0, 40000),
        st.integers(1, 40000),
    ),
)
facts = st.builds(
    RowFacts,
    kind=st.sampled_from(get_args(Kind)),
    not_before=moments(-3600, 60),
    not_after=moments(-60, 150000),
    clinic_mode=st.sampled_from(["live", "live", "simulation"]),
    consent=st.sampled_from(["granted", "granted", "exemption", "none", "withdrawn"]),
    opted_out=st.sampled_from([False, False, True]),
    episode_open=st.sampled_from([True, True, False]),
    contact_version_ok=st.sampled_from([True, True, True, False]),
    window=windows,
    later_opening=st.one_of(st.none(), moments(1, 90000)),
    next_day_opening=st.one_of(st.none(), moments(1, 90000)),
    check_in_open=maybe,
    turn_matches=maybe,
    question_open=maybe,
    alert_open=maybe,
    texts_paused=st.sampled_from([False, False, True]),
    live_until=st.one_of(st.none(), moments(-60, 1800)),
    portal_quiet_until=st.one_of(st.none(), moments(-600, 600)),
    sent_last_hour=st.integers(0, 25),
    sent_today=st.integers(0, 2),
    sent_last_week=st.integers(0, 4),
    characters=st.integers(0, 320),
)


@given(facts)
def test_what_is_sent_was_allowed_by_every_rule(row):
    found = decide_claim(row, NOW)
    if not isinstance(found, Send | Simulate):
        return
    rule = KIND_RULES[row.kind]
    assert row.not_before <= NOW < row.not_after
    assert not row.opted_out or rule.after_stop
    assert row.consent in ("granted", "exemption") or not rule.needs_consent
    assert row.episode_open or rule.after_discharge
    assert row.contact_version_ok or not rule.needs_consent
    moved_on = False in (row.check_in_open, row.turn_matches, row.question_open, row.alert_open)
    assert not moved_on or rule.class_ == "B"  # a safety reply is owed whatever became of the conversation
    assert row.sent_last_hour < 20 or rule.class_ in ("B", "C") or row.kind == "stop_confirmation"
    assert not (rule.once_a_day and row.sent_today)
    assert isinstance(found, Simulate) == (row.clinic_mode == "simulation" and rule.class_ != "C")


@given(facts)
def test_a_class_a_text_is_gone_before_its_window_or_live_exchange_ends(row):
    found = decide_claim(row, NOW)
    if not isinstance(found, Send) or row.class_ != "A":
        return
    gone = NOW + timedelta(seconds=found.validity_s)
    assert gone <= row.not_after
    if row.kind == "stop_confirmation":
        assert found.validity_s <= 300
        return
    ends = [row.window.closes_at] if row.window is not None else []
    if KIND_RULES[row.kind].live_reply and row.live_until is not None:
        ends.append(row.live_until)
    assert ends
    assert gone <= max(ends)


@given(facts)
def test_a_deferred_row_waits_for_a_later_moment_at_which_it_can_still_be_sent(row):
    found = decide_claim(row, NOW)
    if isinstance(found, DeferUntil):
        assert found.at > NOW
        assert found.at + timedelta(seconds=60) <= row.not_after or found.at == row.not_before


@given(facts)
def test_stop_withdrawal_discharge_and_a_changed_number_stop_a_row_at_any_moment(row):
    for change in (
        {"opted_out": True},
        {"consent": "withdrawn"},
        {"episode_open": False},
        {"contact_version_ok": False},
    ):
        stopped = msgspec.structs.replace(row, kind="question", not_before=NOW, **change)
        assert isinstance(decide_claim(stopped, NOW), Suppress)


@given(facts)
def test_safety_replies_and_alerts_never_wait(row):
    for kind in ("crisis", "alert"):
        urgent = msgspec.structs.replace(row, kind=kind, not_before=NOW)
        assert isinstance(decide_claim(urgent, NOW), Send | Simulate | Suppress | Expire)


@given(st.lists(st.sampled_from(get_args(Event)), max_size=20))
def test_no_history_leads_out_of_an_end_or_from_unknown_straight_to_pending(events):
    state: State = "pending"
    for event in events:
        try:
            reached = move(state, event)
        except IllegalMove:
            continue
        assert state not in TERMINAL
        assert not (state == "unknown" and reached in ("pending", "sending"))
        assert not (state == "sending" and reached == "pending" and event != "refuse")
        state = reached


outcomes = st.one_of(
    st.just(Accepted("SM1", "accepted")),
    st.just(Unknown()),
    st.builds(NotSent, st.one_of(st.none(), st.integers(0, 7200).map(lambda s: timedelta(seconds=s)))),
    st.builds(
        Rejected,
        st.integers(100, 599),
        st.one_of(st.none(), st.integers(10000, 70000), st.sampled_from(sorted(ERROR_CODES))),
    ),
)
attempts = st.builds(
    Attempt, st.sampled_from(["A", "B", "C", "D"]), st.integers(1, 500), moments(-60, 100000)
)
chances = st.floats(0, 1, exclude_max=True)


@given(outcomes, attempts, chances)
def test_a_row_goes_back_only_when_it_was_surely_not_taken_and_never_past_its_end(outcome, row, chance):
    found = settle(outcome, row, NOW, chance)
    assert found.state == move("sending", found.event)
    if found.state == "pending":
        sure = isinstance(outcome, NotSent) or (
            isinstance(outcome, Rejected) and 400 <= outcome.http_status < 500
        )
        assert sure
        assert found.next_at is not None
        assert NOW < found.next_at <= row.not_after
    if isinstance(outcome, Unknown) or (isinstance(outcome, Rejected) and outcome.http_status >= 500):
        assert found.state == "unknown"
    # An end owes nothing more, but an accepted text is still followed to its own end.
    assert (found.next_at is None) == (found.state in TERMINAL - {"accepted"})


@given(outcomes, attempts, chances)
def test_an_alert_that_is_not_accepted_starts_the_second_channel(outcome, row, chance):
    found = settle(outcome, msgspec.structs.replace(row, class_="C"), NOW, chance)
    assert ("second_channel" in found.effects) == (found.state != "accepted")


@given(st.sampled_from(["A", "B", "C", "D"]), st.integers(1, 5000), chances)
def test_backoff_is_positive_bounded_and_grows(class_, number, chance):
    wait = backoff(class_, number, chance)
    assert timedelta(seconds=2) < wait <= timedelta(minutes=15)
    assert backoff(class_, number + 1, chance) >= wait


lost_rows = st.builds(
    UnknownRow,
    st.sampled_from(["A", "B", "C", "D"]),
    moments(-8000, 0),
    moments(-8000, 100000),
    st.integers(0, 6),
    st.booleans(),
)
matches = st.lists(st.sampled_from(["SM1", "SM2", "SM3"]), max_size=3, unique=True).map(tuple)


@given(lost_rows, matches, st.booleans())
def test_reconciling_puts_back_only_a_first_proven_class_a_text_in_time(row, found, healthy):
    decision = reconcile_decision(row, found, healthy, NOW)
    if isinstance(decision, ProvenNotSent):
        assert healthy
        assert not found
        assert row.attempted_at + timedelta(minutes=10) <= NOW
        if decision.then == "pending":
            assert (row.class_, row.resent) == ("A", False)
            assert row.not_after >= NOW + timedelta(seconds=60)
    assert isinstance(decision, Adopt) == bool(found)
    if isinstance(decision, ReadAgain):
        assert decision.at > NOW


@given(st.sampled_from(["A", "B", "C", "D"]), st.lists(st.booleans(), min_size=100, max_size=100))
def test_an_unknown_row_is_settled_within_an_hour_or_so_whatever_the_readings(class_, healths):
    row = UnknownRow(class_, NOW, NOW + timedelta(days=2))
    now = NOW + timedelta(seconds=30)
    for healthy in healths:
        decision = reconcile_decision(row, (), healthy, now)
        if not isinstance(decision, ReadAgain):
            assert isinstance(decision, ProvenNotSent | NotProvable)
            break
        row = msgspec.structs.replace(row, healthy_reads=decision.healthy_reads)
        now = decision.at
    assert now - NOW <= timedelta(minutes=61)
    assert not isinstance(decision, ReadAgain)


ends = [status for status in RANK if is_final(status)]
provider_statuses = [status for status in RANK if status != "presumed_sent"]
one_end = st.sampled_from([status for status in ends if status != "read"])


@given(st.lists(st.sampled_from([*provider_statuses, "received", "odd"]), max_size=12))
def test_a_status_never_goes_down_and_its_first_error_stays(history):
    delivery = Delivery()
    for number, status in enumerate(history):
        after = after_event(delivery, status, 30000 + number)
        assert rank(after.status) >= rank(delivery.status)
        assert after.error_code == 30000
        if is_final(delivery.status) and after.status != "read":
            assert after.status == delivery.status
        delivery = after


@given(one_end, st.data())
def test_any_order_of_callbacks_with_any_repeats_ends_the_same(end, data):
    ladder = ["accepted", "queued", "sending", "sent", end]
    repeats = data.draw(st.lists(st.sampled_from(ladder), max_size=10))
    order = data.draw(st.permutations(ladder + repeats))
    delivery = Delivery()
    for status in order:
        delivery = after_event(delivery, status)
    assert delivery == Delivery(end)


@given(st.text(max_size=400))
def test_segments_hold_the_whole_text_and_no_more_than_they_must(text):
    found = segments(text)
    assert found.encoding == ("gsm7" if is_gsm7(text) else "ucs2")
    size = 153 if found.encoding == "gsm7" else 67
    if found.count > 1:
        assert found.units > (160 if found.encoding == "gsm7" else 70)
        assert found.units <= found.count * size
        assert found.units > (found.count - 1) * (size - 1)
    if found.encoding == "ucs2":
        assert found.units == len(text.encode("utf-16-le")) // 2


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_longer_text_never_costs_less(first, second):
    assert segments(first + second).count >= segments(first).count
