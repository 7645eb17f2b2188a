from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from messaging.delivery.errors import ERROR_CODES, ErrorClass
from messaging.delivery.kinds import KIND_RULES, Kind, class_of
from messaging.delivery.outcomes import Accepted, NotSent, Rejected, Unknown
from messaging.delivery.reconcile import (
    Adopt,
    Listed,
    NotProvable,
    ProvenNotSent,
    ReadAgain,
    UnknownRow,
    healthy_read,
    matching,
    next_copy,
    on_evidence,
    reconcile_decision,
)
from messaging.delivery.rules import (
    TERMINAL,
    TRANSITIONS,
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
from messaging.delivery.settle import (
    CODE_EFFECTS,
    EFFECTS,
    Attempt,
    Push,
    Quarantine,
    Settled,
    after_raise,
    backoff,
    delivery_failed,
    lease_ended,
    settle,
)
from messaging.schedule.windows import Window

NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


OPEN = Window(after(hours=-6), after(hours=5))
TOMORROW = after(hours=18)
READY = RowFacts(
    kind="question",
    not_before=NOW,
    not_after=after(hours=30),
    clinic_mode="live",
    consent="granted",
    opted_out=False,
    episode_open=True,
    contact_version_ok=True,
    window=OPEN,
    later_opening=TOMORROW,
    next_day_opening=TOMORROW,
    check_in_open=True,
    turn_matches=True,
    question_open=True,
)


def row(**changes) -> RowFacts:
    return msgspec.structs.replace(READY, **changes)


# --- the claim ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Send(4 * 3600)),
        ({"not_after": after(minutes=20)}, Send(1200)),
        ({"window": Window(OPEN.opens_at, after(minutes=10))}, Send(600)),
        ({"not_before": after(seconds=1)}, DeferUntil(after(seconds=1))),
        # forbidden
        ({"opted_out": True}, Suppress("opted_out")),
        ({"consent": "none"}, Suppress("no_consent")),
        ({"consent": "withdrawn"}, Suppress("consent_withdrawn")),
        ({"episode_open": False}, Suppress("episode_closed")),
        ({"contact_version_ok": False}, Suppress("contact_changed")),
        ({"check_in_open": False}, Suppress("check_in_closed")),
        ({"turn_matches": False}, Suppress("turn_moved")),
        ({"question_open": False}, Suppress("question_answered")),
        ({"texts_paused": True}, Suppress("texts_paused")),
        # the true reason comes before lateness
        ({"opted_out": True, "not_after": after(hours=-1)}, Suppress("opted_out")),
        # late
        ({"not_after": NOW}, Expire()),
        ({"not_after": after(hours=-1)}, Expire()),
        ({"not_after": after(seconds=59)}, Expire()),
        ({"not_after": after(seconds=60)}, Send(60)),
        # outside the window
        ({"window": None}, DeferUntil(TOMORROW)),
        ({"window": None, "not_after": after(hours=18)}, Expire()),
        ({"window": None, "not_after": after(hours=18, seconds=60)}, DeferUntil(TOMORROW)),
        ({"window": Window(OPEN.opens_at, after(seconds=59))}, DeferUntil(TOMORROW)),
        ({"window": None, "later_opening": None}, Suppress("no_window")),
        # a window that is over by now, or not yet open, counts as none
        ({"window": Window(OPEN.opens_at, after(seconds=-1))}, DeferUntil(TOMORROW)),
        ({"window": Window(after(seconds=1), after(hours=5))}, DeferUntil(TOMORROW)),
        # live exchange
        ({"window": None, "live_until": after(minutes=25)}, Send(1500)),
        ({"window": None, "live_until": after(seconds=59)}, DeferUntil(TOMORROW)),
        # rate per phone
        ({"sent_last_hour": 19}, Send(4 * 3600)),
        ({"sent_last_hour": 20}, DeferUntil(after(minutes=5))),
        ({"sent_last_hour": 20, "not_after": after(minutes=5)}, Expire()),
        # the portal is being used
        ({"portal_quiet_until": after(minutes=9)}, DeferUntil(after(minutes=9))),
        ({"portal_quiet_until": NOW}, Send(4 * 3600)),
        # simulation: decided in full, then stays
        ({"clinic_mode": "simulation"}, Simulate()),
        ({"clinic_mode": "simulation", "opted_out": True}, Suppress("opted_out")),
        ({"clinic_mode": "simulation", "window": None}, DeferUntil(TOMORROW)),
    ],
)
def test_a_question_at_claim_time(changes, expected):
    assert decide_claim(row(**changes), NOW) == expected


@pytest.mark.parametrize("kind", ["invitation", "reminder", "contact_reminder"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Send(4 * 3600)),
        ({"sent_today": 1}, DeferUntil(TOMORROW)),
        ({"sent_today": 1, "not_after": after(hours=10)}, Expire()),
        ({"sent_today": 1, "next_day_opening": None}, Suppress("no_window")),
        # never exempt from the window
        ({"window": None, "live_until": after(minutes=25)}, DeferUntil(TOMORROW)),
    ],
)
def test_one_invitation_or_reminder_a_day_and_only_in_the_window(kind, changes, expected):
    assert decide_claim(row(kind=kind, **changes), NOW) == expected


@pytest.mark.parametrize(
    ("kind", "stopped", "no_consent", "discharged"),
    [
        ("invitation", False, False, False),
        ("reminder", False, False, False),
        ("contact_reminder", False, False, False),
        ("no_show", False, False, False),
        ("question", False, False, False),
        ("acknowledgement", False, False, False),
        ("link", False, False, False),
        ("opt_in_confirmation", False, False, False),
        ("staff_text", False, False, False),
        ("help", False, True, True),
        ("fixed_reply", False, True, True),
        ("stop_confirmation", True, True, True),
        ("crisis", False, True, True),
        ("alert", True, True, True),
        ("notice", True, True, True),
        ("passcode", False, False, False),
        ("requested_code", False, True, False),
    ],
)
def test_who_may_still_be_texted_after_stop_without_consent_and_after_discharge(
    kind, stopped, no_consent, discharged
):
    def leaves(**changes) -> bool:
        return isinstance(decide_claim(row(kind=kind, **changes), NOW), Send)

    assert leaves()
    assert leaves(opted_out=True) is stopped
    assert leaves(consent="none") is no_consent
    assert leaves(consent="withdrawn") is no_consent
    assert leaves(episode_open=False) is discharged
    # What needs no consent answers the number that has just written, whatever became of it as a contact. An alert
    # answers nobody: a colleague's old phone is not told.
    assert leaves(contact_version_ok=False) == (kind != "alert" and not KIND_RULES[kind].needs_consent)


def test_the_table_above_has_every_kind():
    assert set(KIND_RULES) == set(get_args(Kind))
    assert len(KIND_RULES) == 17


@pytest.mark.parametrize(
    ("kind", "class_"),
    [
        ("question", "A"),
        ("staff_text", "A"),
        ("stop_confirmation", "A"),
        ("crisis", "B"),
        ("alert", "C"),
        ("passcode", "D"),
    ],
)
def test_classes(kind, class_):
    assert class_of(kind) == class_
    assert row(kind=kind).class_ == class_


def test_more_urgent_kinds_leave_first():
    order = ["alert", "crisis", "passcode", "stop_confirmation", "question", "invitation", "reminder"]
    priorities = [KIND_RULES[kind].priority for kind in order]
    assert priorities == sorted(set(priorities))


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        # at night, over the rate, in simulation
        ("crisis", {"window": None}, Send(900)),
        ("crisis", {"sent_last_hour": 100}, Send(900)),
        ("crisis", {"clinic_mode": "simulation"}, Simulate()),
        ("crisis", {"texts_paused": True}, Send(900)),
        ("alert", {"window": None, "clinic_mode": "simulation"}, Send(300)),
        ("alert", {"sent_last_hour": 100, "alert_open": True}, Send(300)),
        ("alert", {"alert_open": False}, Suppress("alert_closed")),
        ("alert", {"not_after": NOW}, Expire()),
        ("passcode", {"window": None}, Send(120)),
        ("passcode", {"window": None, "not_after": after(seconds=70)}, Send(70)),
        ("passcode", {"window": None, "not_after": after(seconds=50)}, Expire()),
        ("passcode", {"sent_last_hour": 20, "not_after": after(minutes=10)}, DeferUntil(after(minutes=5))),
        ("stop_confirmation", {"window": None, "opted_out": True}, Send(300)),
        ("stop_confirmation", {"window": None, "not_after": after(minutes=2)}, Send(120)),
        ("stop_confirmation", {"window": None, "not_after": after(seconds=59)}, Expire()),
        ("stop_confirmation", {"sent_last_hour": 20}, Send(300)),
        ("stop_confirmation", {"texts_paused": True}, Send(300)),
        ("help", {"window": None, "live_until": after(minutes=30)}, Send(1800)),
        ("help", {"texts_paused": True}, Send(4 * 3600)),
    ],
)
def test_kinds_with_rules_of_their_own(kind, changes, expected):
    assert decide_claim(row(kind=kind, **changes), NOW) == expected


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("invitation", {"characters": 160}, Send(4 * 3600)),
        ("invitation", {"characters": 161}, Suppress("exemption_length")),
        ("link", {}, Send(4 * 3600)),
        ("link", {"sent_today": 1}, DeferUntil(TOMORROW)),
        ("contact_reminder", {"sent_last_week": 2}, Send(4 * 3600)),
        ("contact_reminder", {"sent_last_week": 3}, Suppress("exemption_week")),
        ("question", {}, Suppress("exemption_scope")),
        ("staff_text", {}, Suppress("exemption_scope")),
        ("passcode", {}, Suppress("exemption_scope")),
        ("stop_confirmation", {"opted_out": True, "sent_today": 1, "sent_last_week": 3}, Send(300)),
        ("crisis", {"characters": 300}, Send(900)),
    ],
)
def test_without_consent_the_exemption_allows_one_short_text_a_day_and_three_a_week(kind, changes, expected):
    assert decide_claim(row(kind=kind, consent="exemption", **changes), NOW) == expected


# --- states ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("event", get_args(Event))
def test_a_row_that_has_ended_never_leaves_its_state(state, event):
    with pytest.raises(IllegalMove):
        move(state, event)


def test_every_open_state_can_end_and_every_state_is_known():
    states = {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values())
    assert states == set(get_args(State))
    assert {state for state, _ in TRANSITIONS} == states - TERMINAL
    for state in states - TERMINAL:
        assert move(state, "quarantine") == "failed"


def test_an_unknown_row_never_goes_straight_back_to_pending():
    targets = {target for (state, _), target in TRANSITIONS.items() if state == "unknown"}
    assert targets == {"accepted", "not_sent", "expired", "failed"}


def test_only_a_refusal_or_proof_puts_a_row_back():
    back = {pair for pair, target in TRANSITIONS.items() if target == "pending"}
    assert back == {("sending", "refuse"), ("not_sent", "retry")}


def test_an_impossible_move_names_state_and_event_only():
    with pytest.raises(IllegalMove, match=r"^outbox: accept in state pending$"):
        move("pending", "accept")


# --- settling ----------------------------------------------------------------------------------------------------


def attempt(class_="A", number=1, **span) -> Attempt:
    return Attempt(class_, number, after(**(span or {"hours": 30})))


@pytest.mark.parametrize(
    ("outcome", "what", "expected"),
    [
        (Accepted("SM1", "accepted"), attempt(), Settled("accept", "accepted", "accepted", after(minutes=5))),
        (
            Accepted("SM1", "queued"),
            attempt("C"),
            Settled("accept", "accepted", "accepted", after(seconds=90)),
        ),
        (Unknown(), attempt(), Settled("lose", "unknown", "no_answer", after(seconds=30))),
        (
            Unknown(),
            attempt("C"),
            Settled("lose", "unknown", "no_answer", after(seconds=30), ("second_channel",)),
        ),
        (NotSent(), attempt(), Settled("refuse", "pending", "not_sent", after(seconds=2.5))),
        (
            NotSent(timedelta(minutes=3)),
            attempt(),
            Settled("refuse", "pending", "not_sent", after(minutes=3)),
        ),
        (NotSent(timedelta(hours=31)), attempt(), Settled("expire", "expired", "not_sent", None)),
        (NotSent(), attempt(number=3), Settled("refuse", "pending", "not_sent", after(seconds=10))),
        (NotSent(), attempt(seconds=62), Settled("expire", "expired", "not_sent", None)),
        (NotSent(), attempt("B", seconds=62), Settled("refuse", "pending", "not_sent", after(seconds=2.5))),
        (Rejected(429), attempt(), Settled("refuse", "pending", "backoff", after(seconds=2.5))),
        (
            Rejected(429, 21611),
            attempt(),
            Settled("refuse", "pending", "backoff", after(seconds=2.5), ("alert_operator",)),
        ),
        (
            Rejected(401, 20003),
            attempt(),
            Settled("refuse", "pending", "halt", after(minutes=5), ("halt_dispatcher", "alert_operator")),
        ),
        (
            Rejected(429, 63038),
            attempt(),
            Settled("refuse", "pending", "pause", after(hours=1), ("pause_dispatcher", "alert_operator")),
        ),
        (Rejected(503), attempt(), Settled("lose", "unknown", "unknown_outcome", after(seconds=30))),
        (Rejected(500, 20003), attempt(), Settled("lose", "unknown", "unknown_outcome", after(seconds=30))),
        (
            Rejected(400, 21610),
            attempt(),
            Settled("reject", "failed", "opt_out", None, ("record_opt_out", "staff_task")),
        ),
        (
            Rejected(400, 21211),
            attempt(),
            Settled("reject", "failed", "bad_contact", None, ("invalidate_contact", "staff_task")),
        ),
        (
            Rejected(400, 21211),
            attempt("C"),
            Settled(
                "reject",
                "failed",
                "bad_contact",
                None,
                ("invalidate_contact", "staff_task", "second_channel"),
            ),
        ),
        (Rejected(400, 21606), attempt(), Settled("reject", "failed", "config", None, ("alert_operator",))),
        (
            Rejected(400, 30034),
            attempt(),
            Settled("reject", "failed", "config", None, ("alert_operator", "halt_dispatcher")),
        ),
        (Rejected(400, 99999), attempt(), Settled("reject", "failed", "unknown", None, ("staff_task",))),
        (Rejected(404), attempt(), Settled("reject", "failed", "unknown", None, ("staff_task",))),
    ],
)
def test_what_an_outcome_means(outcome, what, expected):
    assert settle(outcome, what, NOW, 0.0) == expected


def test_a_row_whose_lease_ended_is_unknown_and_never_sent_again_by_that():
    assert lease_ended(attempt(), NOW) == Settled("lose", "unknown", "lease_ended", after(seconds=30))
    assert lease_ended(attempt("C"), NOW).effects == ("second_channel",)


@pytest.mark.parametrize(
    ("class_", "number", "low", "high"),
    [
        ("A", 1, 2.5, 5),
        ("A", 2, 5, 10),
        ("A", 7, 160, 320),
        ("A", 9, 450, 900),
        ("A", 1000, 450, 900),
        ("B", 4, 15, 30),
        ("C", 9, 15, 30),
        ("D", 1, 2.5, 5),
    ],
)
def test_backoff_doubles_up_to_its_cap_and_half_of_it_is_chance(class_, number, low, high):
    assert backoff(class_, number, 0.0) == timedelta(seconds=low)
    assert timedelta(seconds=high * 0.99) < backoff(class_, number, 0.999) < timedelta(seconds=high)


@pytest.mark.parametrize("chance", [-0.1, 1.0, 2.0])
def test_chance_outside_its_range_is_refused(chance):
    with pytest.raises(ValueError, match=r"^chance: outside \[0, 1\)$"):
        backoff("A", 1, chance)


def test_every_error_class_says_what_follows():
    assert set(EFFECTS) == set(get_args(ErrorClass))
    assert set(CODE_EFFECTS) <= set(ERROR_CODES)


@pytest.mark.parametrize(
    ("class_", "code", "effects"),
    [
        ("A", 30003, ("count_soft_failure",)),
        ("B", 30003, ("count_soft_failure",)),
        ("C", 30003, ("count_soft_failure", "second_channel")),
        ("A", 30001, ()),
        ("A", 30008, ("count_soft_failure",)),
        ("A", 30036, ()),
        ("A", 21610, ("record_opt_out", "staff_task")),
        ("A", 30005, ("invalidate_contact", "staff_task")),
        ("A", 30034, ("alert_operator", "halt_dispatcher")),
        ("A", None, ("staff_task",)),
    ],
)
def test_what_follows_when_an_accepted_text_does_not_arrive(class_, code, effects):
    assert delivery_failed(class_, code) == effects


@pytest.mark.parametrize(
    ("class_", "raises", "expected"),
    [
        ("A", 1, Push(after(minutes=5))),
        ("A", 2, Push(after(minutes=5))),
        ("A", 3, Quarantine()),
        ("C", 2, Push(after(seconds=30))),
        ("C", 3, Quarantine()),
    ],
)
def test_a_poison_row_is_pushed_twice_and_then_quarantined(class_, raises, expected):
    assert after_raise(class_, raises, NOW) == expected


# --- reconciling -------------------------------------------------------------------------------------------------


def lost(class_="A", *, ago=600, reads=2, resent=False, left=3600) -> UnknownRow:
    return UnknownRow(class_, after(seconds=-ago), after(seconds=left), reads, resent)


@pytest.mark.parametrize(
    ("what", "matches", "healthy", "expected"),
    [
        (lost(ago=30, reads=0), ("SM1",), True, Adopt("SM1")),
        (lost(ago=30, reads=0), ("SM1", "SM2"), True, Adopt("SM1", ("SM2",))),
        (lost(ago=600), ("SM1",), False, Adopt("SM1")),
        (lost("D", left=-1), ("SM1",), True, Adopt("SM1")),
        # reads at 30 s, 2 min and 10 min
        (lost(ago=30, reads=0), (), True, ReadAgain(after(seconds=90), 1)),
        (lost(ago=120, reads=1), (), True, ReadAgain(after(seconds=480), 2)),
        (lost(ago=120, reads=1), (), False, ReadAgain(after(seconds=480), 1)),
        # proven after ten minutes of healthy reads
        (lost(ago=600), (), True, ProvenNotSent("pending")),
        (lost(ago=599), (), True, ReadAgain(after(seconds=1), 3)),
        (lost(ago=600, reads=1), (), True, ProvenNotSent("pending")),
        (lost(ago=600, reads=0), (), True, ReadAgain(after(minutes=1), 1)),
        (lost(ago=600), (), False, ReadAgain(after(minutes=1), 2)),
        # put back once, while it has a minute left
        (lost(resent=True), (), True, ProvenNotSent("expired")),
        (lost(left=60), (), True, ProvenNotSent("pending")),
        (lost(left=59), (), True, ProvenNotSent("expired")),
        (lost("B"), (), True, ProvenNotSent("expired")),
        (lost("C"), (), True, ProvenNotSent("expired")),
        (lost("D"), (), True, ProvenNotSent("expired")),
        # never provable
        (lost(ago=3599, reads=0), (), False, ReadAgain(after(minutes=1), 0)),
        (lost(ago=3600, reads=0), (), False, NotProvable()),
        (lost(ago=3600, reads=5), (), False, NotProvable()),
        (lost(ago=3600, reads=5), (), True, ProvenNotSent("pending")),
    ],
)
def test_what_one_reading_of_the_list_means(what, matches, healthy, expected):
    assert reconcile_decision(what, matches, healthy, NOW) == expected


def message(sid="SM1", *, direction="outbound-api", seconds=1.0, service="MG1", body="h1") -> Listed:
    return Listed(sid, direction, after(seconds=seconds), service, body)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ((message(),), ("SM1",)),
        ((message(body=None),), ("SM1",)),  # redacted
        ((message(body="h2"),), ()),
        ((message(direction="inbound"),), ()),
        ((message(direction="outbound-reply"),), ()),
        ((message(service="MG2"),), ()),
        ((message(service=None),), ()),
        ((message("SM9"),), ()),  # already another row's
        ((message(seconds=-5),), ("SM1",)),
        ((message(seconds=-5.1),), ()),
        ((message(seconds=40),), ("SM1",)),
        ((message(seconds=40.1),), ()),
        ((message("SM1", seconds=3), message("SM2", seconds=2)), ("SM2", "SM1")),
    ],
)
def test_which_listed_messages_may_be_the_attempt(listed, expected):
    found = matching(
        listed,
        frozenset({"SM9"}),
        attempted_at=NOW,
        deadline=timedelta(seconds=10),
        service_sid="MG1",
        body_hash="h1",
    )
    assert found == expected


@pytest.mark.parametrize(
    ("status", "newest", "expected"),
    [(200, "SM1", True), (200, None, True), (200, "SM7", False), (503, "SM1", False), (503, None, False)],
)
def test_a_reading_is_healthy_when_it_shows_the_newest_text_we_know(status, newest, expected):
    assert healthy_read(status, (message(),), newest) is expected


@pytest.mark.parametrize(
    ("copies", "settled", "expected"),
    [
        (0, False, after(seconds=30)),
        (1, False, after(minutes=2)),
        (2, False, None),
        (0, True, None),
        (1, True, None),
    ],
)
def test_a_safety_reply_is_copied_twice_while_none_is_accepted(copies, settled, expected):
    assert next_copy(NOW, copies, settled) == expected


@pytest.mark.parametrize(
    ("state", "known", "expected"),
    [
        ("sending", None, "adopt"),
        ("unknown", None, "adopt"),
        ("pending", None, "adopt"),
        ("accepted", "SM1", "same"),
        ("accepted", "SM0", "duplicate"),
        ("expired", None, "note"),
        ("failed", None, "note"),
        ("expired", "SM0", "duplicate"),
    ],
)
def test_a_callback_is_evidence_whatever_became_of_the_row(state, known, expected):
    assert on_evidence(state, known, "SM1") == expected
