"""Over random histories an event that nobody has taken always has a next moment, and people go on being told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from messaging.escalation.rules import Situation, Standing, Told, after_sending, decide
from registry.organisation.rules import OFFICE_WEEK
from registry.protocol.policy import AfterHours, Protocol, template
from registry.protocol.rules import lapses_at
from registry.safety.rules import FIRST_LOOK, alerts_again
from registry.working_time import WorkingTime

PEOPLE = [UUID(int=n) for n in range(1, 4)]
ZONES = ["America/Los_Angeles", "America/New_York", "Pacific/Honolulu", "America/Phoenix"]
STANDINGS = st.sampled_from(get_args(Standing))
SPANS = st.sampled_from([0, 1, 29, 30, 31, 60, 89, 90, 300, 600, 3_600, 30_000, 90_000, 400_000])


class Escalation(RuleBasedStateMachine):
    """One event as the tables keep it, moved by the rules that move it in the running system."""

    @initialize(
        tier=st.integers(1, 3),
        zone=st.sampled_from(ZONES),
        at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),
        route=st.sampled_from(get_args(AfterHours)),
        staffed=st.booleans(),
    )
    def opens(self, tier: int, zone: str, at: datetime, route: AfterHours, staffed: bool) -> None:
        hours = WorkingTime(zone, OFFICE_WEEK if staffed else ((),) * 7)
        policy = template(hours)
        tiers = tuple(msgspec.structs.replace(one, after_hours=route) for one in policy.tiers)
        self.protocol = Protocol(None, 0, msgspec.structs.replace(policy, tiers=tiers))
        self.now = at.replace(tzinfo=UTC)
        self.tier, self.state = tier, "open"
        self.taken_at: datetime | None = None
        self.rungs = 0
        self._new_round()

    def _new_round(self) -> None:
        self.state, self.taken_at = "open", None
        self.step, self.round_at = 0, self.now
        self.rung_at: datetime | None = None
        self.told: tuple[Told, ...] = ()
        self.next_at = self.now + FIRST_LOOK
        self.next_at = after_sending(self._situation(), self.now)
        self._sends()

    def _situation(self) -> Situation:
        policy = self.protocol.policy
        return Situation(
            policy.ladder(self.tier, "self"), policy.tier(self.tier).after_hours, policy.hours,
            self.round_at, self.step, self.rung_at, self.told,
        )  # fmt: skip

    def _sends(self) -> None:
        self.step, self.rung_at, self.rungs = self.step + 1, self.now, self.rungs + 1
        self.told = tuple(Told(who, "sms", "waiting") for who in PEOPLE)

    @rule(seconds=SPANS)
    def time_passes_and_a_sweep_looks(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        if self.now < self.next_at:
            return
        if self.state == "acknowledged":
            self._new_round()
        elif self.state == "assessed":
            self.next_at = lapses_at(self.protocol, self.tier, self.now)
        elif self.state == "open":
            done = decide(self._situation(), self.now)
            self.next_at = done.next_at
            if done.rung is not None:
                self._sends()
            assert done.step == self.step

    @precondition(lambda self: self.state == "open")
    @rule(became=st.lists(STANDINGS, min_size=3, max_size=3), calls=st.booleans())
    def the_provider_reports(self, became: list[Standing], calls: bool) -> None:
        self.told = tuple(Told(who, "sms", one) for who, one in zip(PEOPLE, became, strict=True))
        if calls:
            self.told += (Told(PEOPLE[0], "voice", "taken"),)
        self.next_at = min(self.next_at, self.now)  # a failure asks for a look at once
        self.time_passes_and_a_sweep_looks(seconds=0)

    @precondition(lambda self: self.state == "open")
    @rule()
    def somebody_acknowledges(self) -> None:
        self.state, self.taken_at = "acknowledged", self.now
        self.next_at = lapses_at(self.protocol, self.tier, self.now)

    @precondition(lambda self: self.state in ("acknowledged", "assessed"))
    @rule(assessed=st.booleans())
    def something_is_logged(self, assessed: bool) -> None:
        self.state = "assessed" if assessed else self.state
        self.next_at = lapses_at(self.protocol, self.tier, self.now)

    @precondition(lambda self: self.state != "closed")
    @rule(tier=st.integers(1, 3))
    def another_signal_joins(self, tier: int) -> None:
        raised = tier > self.tier
        if alerts_again(self.state, self.taken_at, raised, self.now):  # type: ignore[arg-type]
            self.tier = max(tier, self.tier)
            self._new_round()

    @precondition(lambda self: self.state == "assessed")
    @rule()
    def a_person_closes(self) -> None:
        self.state = "closed"

    @invariant()
    def an_open_event_has_a_next_moment(self) -> None:
        if getattr(self, "state", "closed") != "closed":
            assert self.next_at > self.now
            # The longest wait is that of a tier that waits for the opening, over a weekend.
            assert self.next_at <= self.now + timedelta(days=5)

    @invariant()
    def while_nobody_has_it_people_are_told_again(self) -> None:
        """Whoever looks at the next moment, again and again, tells somebody within five days of looking."""
        if getattr(self, "state", "closed") != "open":
            return
        event, now, told = self._situation(), self.next_at, 0
        start = now
        while told == 0:
            done = decide(event, max(now, self.now))
            told += done.rung is not None
            assert done.next_at > now
            now = done.next_at
            assert now - start < timedelta(days=5)
        assert done.step == event.step + 1


TestEscalation = Escalation.TestCase
TestEscalation.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
