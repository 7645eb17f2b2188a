"""The states of an outbox row, and what may be done with a due row now.

Each row becomes at most one text (class A and D) or at least one (B and C). The claim checks everything again
that may have changed since the row was written, in the transaction that takes the row.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from messaging.delivery.kinds import KIND_RULES, Kind, KindRule, MessageClass
from messaging.schedule.windows import MIN_VALIDITY, Defer, Window, validity

State = Literal[
    "pending",
    "sending",
    "unknown",
    "not_sent",  # passed through within one transaction, never stored
    "accepted",
    "simulated",
    "suppressed",
    "expired",
    "failed",
]
Event = Literal[
    "claim",
    "simulate",
    "suppress",
    "expire",
    "accept",
    "adopt",  # evidence of a submitted text: a callback, or a match in the provider's list
    "refuse",  # proven never processed, may be tried again
    "reject",
    "lose",  # no usable answer, or the lease ended
    "disprove",  # the provider's list shows that it was not accepted
    "give_up",
    "retry",
    "quarantine",
]

TERMINAL: Final[frozenset[State]] = frozenset({"accepted", "simulated", "suppressed", "expired", "failed"})
OPEN: Final[tuple[State, ...]] = ("pending", "sending", "unknown", "not_sent")
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    ("pending", "claim"): "sending",
    ("pending", "simulate"): "simulated",
    ("pending", "suppress"): "suppressed",
    ("pending", "expire"): "expired",
    ("pending", "adopt"): "accepted",  # a late callback for a row that was to be tried again
    ("sending", "accept"): "accepted",
    ("sending", "adopt"): "accepted",  # a callback that beat the answer
    ("sending", "refuse"): "pending",
    ("sending", "expire"): "expired",  # refused, and too late to try again
    ("sending", "reject"): "failed",
    ("sending", "lose"): "unknown",
    ("unknown", "adopt"): "accepted",
    ("unknown", "disprove"): "not_sent",
    ("unknown", "give_up"): "expired",
    ("not_sent", "retry"): "pending",
    ("not_sent", "expire"): "expired",
    **{(state, "quarantine"): "failed" for state in OPEN},
}

MAX_PER_HOUR: Final = 20  # per phone; the provider cuts two numbers off after 30 quick replies (error 14107)
RATE_WAIT: Final = timedelta(minutes=5)
# 47 CFR 64.1200(a)(9)(iv): texts without consent are at most 160 characters, one a day, three a week.
EXEMPT_CHARACTERS: Final = 160
EXEMPT_PER_DAY: Final = 1
EXEMPT_PER_WEEK: Final = 3
PROMPTS_PER_DAY: Final = 1

Consent = Literal["granted", "exemption", "none", "withdrawn"]
ClinicMode = Literal["simulation", "live"]
SuppressReason = Literal[
    "opted_out",
    "no_consent",
    "consent_withdrawn",
    "episode_closed",
    "contact_changed",
    "check_in_closed",
    "turn_moved",
    "question_answered",
    "alert_closed",
    "texts_paused",
    "exemption_scope",
    "exemption_length",
    "exemption_week",
    "no_window",
]


class IllegalMove(Exception):
    """A state and an event that do not go together: a defect, never a normal outcome."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"outbox: {event} in state {state}")


class RowFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A due row and everything its claim depends on, read in the claiming transaction.

    `opted_out` and `texts_paused` (an unclear STOP awaits its answer) are those of the number. Facts about a
    check-in, a turn, a question or an alert are None when the row is not about one. `contact_version_ok` is true
    when the row's contact is the current verified one, and when no contact of ours is involved.
    `window` holds `now`, or is None; `later_opening` is the first opening after `now`, `next_day_opening` the
    first on a later local date; all None if the zone is unknown. `sent_last_hour` counts texts to the phone;
    `sent_today` and `sent_last_week` count invitations, reminders and exempt texts to the patient on this local
    date and in 7 days that left or are leaving and are not known to have failed. `portal_quiet_until` ends 10
    minutes after the patient's last answer in the portal.
    """

    kind: Kind
    not_before: datetime
    not_after: datetime
    clinic_mode: ClinicMode
    consent: Consent
    opted_out: bool
    episode_open: bool
    contact_version_ok: bool
    window: Window | None
    later_opening: datetime | None
    next_day_opening: datetime | None
    check_in_open: bool | None = None
    turn_matches: bool | None = None
    question_open: bool | None = None
    alert_open: bool | None = None
    texts_paused: bool = False
    live_until: datetime | None = None
    portal_quiet_until: datetime | None = None
    sent_last_hour: int = 0
    sent_today: int = 0
    sent_last_week: int = 0
    characters: int = 0

    @property
    def rule(self) -> KindRule:
        return KIND_RULES[self.kind]

    @property
    def class_(self) -> MessageClass:
        return self.rule.class_


class Send(msgspec.Struct, frozen=True):
    """Claim it and submit it with this validity period."""

    validity_s: int


class Simulate(msgspec.Struct, frozen=True):
    """It would leave now, but the clinic is not live."""


class Suppress(msgspec.Struct, frozen=True):
    reason: SuppressReason


class Expire(msgspec.Struct, frozen=True):
    """Its time is over, or nothing of it would be left at the next moment it may leave."""


class DeferUntil(msgspec.Struct, frozen=True):
    """Not yet: look again at `at`."""

    at: datetime


ClaimDecision = Send | Simulate | Suppress | Expire | DeferUntil


def move(state: State, event: Event) -> State:
    """The state after an event. Raises IllegalMove."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalMove(state, event) from None


def decide_claim(row: RowFacts, now: datetime) -> ClaimDecision:
    """What to do with a due row now.

    What forbids it outright comes before what makes it late, so that the reason on file is the true one. In a
    clinic under simulation a patient's text is decided in full and then stays; staff alerts leave.
    """
    if now < row.not_before:
        return DeferUntil(row.not_before)
    reason = suppress_reason(row)
    if reason is not None:
        return Suppress(reason)
    if now >= row.not_after:
        return Expire()
    if _limited(row):
        return _wait(row, now + RATE_WAIT)
    if _day_is_used(row):
        return _wait(row, row.next_day_opening)
    if row.kind == "question" and row.portal_quiet_until is not None and now < row.portal_quiet_until:
        return _wait(row, row.portal_quiet_until)
    seconds = _validity(row, now)
    if isinstance(seconds, Defer):
        return _wait_for_window(row, now)
    if row.clinic_mode == "simulation" and row.class_ != "C":
        return Simulate()
    return Send(seconds)


def suppress_reason(row: RowFacts) -> SuppressReason | None:
    """Why this row may never be sent as it stands, None if it may."""
    return _person_forbids(row) or _moved_on(row) or _exemption_forbids(row)


def _person_forbids(row: RowFacts) -> SuppressReason | None:
    rule = row.rule
    if row.opted_out and not rule.after_stop:
        return "opted_out"
    if rule.needs_consent and row.consent == "withdrawn":
        return "consent_withdrawn"
    if rule.needs_consent and row.consent == "none":
        return "no_consent"
    if not row.episode_open and not rule.after_discharge:
        return "episode_closed"
    if not row.contact_version_ok and rule.needs_consent:
        return "contact_changed"  # the others answer the very number that has just written
    if not row.contact_version_ok and row.kind == "alert":
        return "contact_changed"  # a colleague's old phone; the ladder goes on with the new one
    if row.texts_paused and rule.class_ == "A" and rule.needs_consent:
        return "texts_paused"
    return None


def _moved_on(row: RowFacts) -> SuppressReason | None:
    if row.class_ == "B":
        return None  # a safety reply is owed whatever became of the conversation it answers
    if row.check_in_open is False:
        return "check_in_closed"
    if row.turn_matches is False:
        return "turn_moved"
    if row.question_open is False:
        return "question_answered"
    if row.alert_open is False:
        return "alert_closed"
    return None


def _exemption_forbids(row: RowFacts) -> SuppressReason | None:
    if row.consent != "exemption" or not row.rule.needs_consent:
        return None
    if not row.rule.by_exemption:
        return "exemption_scope"
    if row.characters > EXEMPT_CHARACTERS:
        return "exemption_length"
    if row.sent_last_week >= EXEMPT_PER_WEEK:
        return "exemption_week"
    return None


def _limited(row: RowFacts) -> bool:
    """Safety replies and alerts never wait for a rate, and a STOP confirmation has no time to."""
    if row.class_ in ("B", "C") or row.kind == "stop_confirmation":
        return False
    return row.sent_last_hour >= MAX_PER_HOUR


def _day_is_used(row: RowFacts) -> bool:
    if row.rule.once_a_day and row.sent_today >= PROMPTS_PER_DAY:
        return True
    return row.consent == "exemption" and row.rule.needs_consent and row.sent_today >= EXEMPT_PER_DAY


def _validity(row: RowFacts, now: datetime) -> int | Defer:
    open_now = row.window is not None and row.window.holds(now)
    return validity(
        now,
        row.not_after,
        row.window.closes_at if row.window is not None and open_now else None,
        row.class_,
        row.live_until if row.rule.live_reply else None,
        stop_confirmation=row.kind == "stop_confirmation",
    )


def _wait_for_window(row: RowFacts, now: datetime) -> ClaimDecision:
    if row.class_ == "D" or row.kind == "stop_confirmation" or row.not_after - now < MIN_VALIDITY:
        return Expire()  # no window gives back what is left of it
    return _wait(row, row.later_opening)


def _wait(row: RowFacts, at: datetime | None) -> ClaimDecision:
    if at is None:
        return Suppress("no_window")
    return Expire() if at + MIN_VALIDITY > row.not_after else DeferUntil(at)
