"""The engine under any order of texts, portal answers, late acceptances and lost questions, against a model provider.

The machine does what the service does (file what is decided, move the turn, queue the one text) over plain objects,
and checks after each step: I1 a question is sent once; I6 nothing is sent after STOP but its confirmation; I9 an
answer is filed only for a question accepted before it came; I10 a completed run has one score, that of its answers;
a positive item 9 always has an alarm; one text a turn; no question once the check-in is over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from messaging.conversation.decision import (
    AskAgain,
    CloseCheckIn,
    CompleteRun,
    Decision,
    Event,
    Hold,
    LiftStop,
    Moved,
    Opened,
    OpenTask,
    Overdue,
    Postpone,
    RaiseRisk,
    Received,
    SaveAnswer,
    Say,
    SetLanguage,
    Silence,
    Standing,
    StopNumber,
    WakeAt,
    WithdrawAnswer,
    Woken,
)
from messaging.conversation.replies import default_labels, understand
from messaging.conversation.rules import context_of, step
from messaging.conversation.saving import waits_for_item9
from messaging.conversation.script import Script
from messaging.conversation.state import Asking, Confirming, Idle, Paused, State, from_json, to_json
from messaging.conversation.wording import compose, needs_link
from tests.support.scripts import nothing_open, script

START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
TEXTS = (
    "0", "1", "2", "3", "two", "several days", "sevral days", "7", "2 or 3", "o", "2 because I can't sleep",
    "not really", "my pharmacy has closed and I need a refill", "👍", "BACK", "SKIP", "LATER", "LINK", "WHY", "OK",
    "ESPAÑOL", "ENGLISH", "HELP", "STOP", "stop this bill", "START", "who is this", "I want to die",
    "stop texting me, I want to die", "0 0 0 0 0 0 0 0 0", "0 0 0 0 0 0 0 0 2", "0 0 0 0 1",
)  # fmt: skip


class SentText:
    """A row of the outbox, as far as the engine cares."""

    def __init__(self, say: Say, turn: int, body: str, at: datetime) -> None:
        self.say, self.turn, self.body, self.queued_at = say, turn, body, at
        self.state = "pending"
        self.accepted_at: datetime | None = None

    @property
    def bound(self) -> bool:
        return self.say.bound or self.say.ask is not None


class Conversation(RuleBasedStateMachine):
    @initialize(
        instruments=st.sampled_from([("phq9",), ("gad7",), ("phq9", "gad7")]),
        item9=st.sampled_from(["sms", "link_only", "staff_call"]),
        bulk=st.booleans(),
        after_positive=st.sampled_from(["stop", "continue"]),
    )
    def begin(self, instruments: tuple[str, ...], item9: Any, bulk: bool, after_positive: Any) -> None:
        self.now = START
        self.instruments = instruments
        self.asked = script(
            *instruments, item9=item9, bulk=bulk, after_positive=after_positive, may_postpone=True,
            confirms_stop=True,
        )  # fmt: skip
        self.answers: dict[int, int | None] = {}
        self.scores: dict[int, int | None] = {}
        self.runs_of = {index: item.run for index, item in enumerate(self.asked.items)}
        self.state: State = Idle()
        self.turn = 0
        self.outbox: list[SentText] = []
        self.held: list[tuple[str, datetime]] = []
        self.alarms: list[RaiseRisk | SaveAnswer] = []
        self.stopped = self.paused = self.closed = False
        self.stopped_at: datetime | None = None
        self.woken_by: int | None = None
        self.to_call = False
        self.heard: tuple[str, datetime] | None = None
        self.received_at = START
        self.decide(Opened())

    # --- the model of the shell ---

    @property
    def script(self) -> Script:
        if self.closed:
            done = self.scores.keys() == set(self.runs_of.values())
            last = max(self.runs_of)
            late = self.answers.get(last) if done and self.asked.items[last].risk else None
            return nothing_open(
                aftermath="completed" if done else "none", late_item9=late, stopped=self.stopped,
                paused=self.paused, confirms_stop=True,
            )  # fmt: skip
        made = self.asked
        for index in sorted(self.answers):
            made = made.mark(index, True)
        items = tuple(
            item if item.run not in self.scores else type(item)(**{**_fields(item), "run_open": False})
            for item in made.items
        )
        return Script(**{**_fields(made), "items": items, "stopped": self.stopped, "paused": self.paused})

    def standing(self, received_at: datetime) -> Standing:
        if self.held:
            return Standing("in_doubt")
        return self.standing_in_order(received_at)

    def standing_in_order(self, received_at: datetime) -> Standing:
        mine = [text for text in self.outbox if text.bound and text.turn == self.turn]
        accepted = [t.accepted_at for t in mine if t.accepted_at is not None]
        if accepted and min(accepted) <= received_at:
            return Standing("accepted", received_at - min(accepted))
        if any(text.state in ("sending", "unknown") for text in mine):
            return Standing("in_doubt")
        return Standing("waiting" if accepted or any(t.state == "pending" for t in mine) else "lost")

    def decide(self, event: Event) -> Decision:
        asked = self.script
        decision = step(self.state, event, asked, self.now)
        assert step(self.state, event, asked, self.now) == decision
        assert len(decision.says) <= 1, "two texts in one turn"
        before = self.state
        self.check(event, decision, before, asked)
        if decision.state != before or decision.asks or decision.wakes_at is not None:
            self.save_state(decision, asked)
        for effect in decision.effects:
            self.carry_out(effect, asked)
        return decision

    def save_state(self, decision: Decision, asked: Script) -> None:
        """As `saving.save_state`: a wait for item 9 outlasts what pauses the texts."""
        waits = waits_for_item9(self.state, asked) and waits_for_item9(decision.state, asked)
        due = self.woken_by == self.turn
        self.state, self.turn = from_json(to_json(decision.state)), self.turn + 1
        self.woken_by = self.turn if waits and due else None

    def check(self, event: Event, decision: Decision, before: State, asked: Script) -> None:
        saves = [effect for effect in decision.effects if isinstance(effect, SaveAnswer)]
        if isinstance(event, Received):
            self.hears_item9(event, decision, before, asked)
        if not isinstance(event, Received) or not saves:
            return
        assert isinstance(before, Asking | Confirming | Paused)
        # I9: what is filed for the open question came after the provider had it, in this turn or an earlier one; a
        # correction is for the one before.
        for save in saves:
            if save.at in self.answers:
                assert isinstance(before, Asking)
                assert before.last is not None
                assert before.last.at == save.at
                assert event.standing.kind in ("waiting", "lost")
            else:
                assert event.standing.kind == "accepted" or self.was_asked(save.at)
        assert event.reply.kind in ("answer", "command")

    def was_asked(self, at: int) -> bool:
        """Whether the provider had a text with this item before the reply came."""
        times = [text.accepted_at for text in self.outbox if text.say.ask == at]
        return any(accepted is not None and accepted <= self.received_at for accepted in times)

    def hears_item9(self, event: Received, decision: Decision, before: State, asked: Script) -> None:
        """1 or more while item 9 is open is filed or alarms, whatever became of the question."""
        if not isinstance(before, Asking) or not asked.items[before.at].risk or event.duplicate:
            return
        if event.reply.kind == "answer" and (event.reply.value or 0) >= 1:
            assert any(isinstance(effect, SaveAnswer | RaiseRisk) for effect in decision.effects)

    def carry_out(self, effect: Any, asked: Script) -> None:
        match effect:
            case SaveAnswer(at=at, value=value):
                assert self.runs_of[at] not in self.scores, "an answer to a scored questionnaire"
                self.answers[at] = value
                if asked.items[at].risk and (value is None or value >= 1):
                    self.alarms.append(effect)  # record_answer opens the event itself
            case WithdrawAnswer(at=at):
                assert self.runs_of[at] not in self.scores
                del self.answers[at]
            case CompleteRun(run=run):
                assert run not in self.scores, "two scores for one run"
                values = [self.answers[i] for i, r in self.runs_of.items() if r == run]
                self.scores[run] = None if None in values else sum(v for v in values if v is not None)
            case CloseCheckIn():
                self.close()
            case RaiseRisk():
                self.alarms.append(effect)
            case StopNumber(kind="paused"):
                self.paused = True
                self.suppress()
            case StopNumber():
                if not self.stopped:
                    self.stopped_at = self.now
                self.stopped = True
                self.suppress()
                if not self.closed:
                    self.close()
            case LiftStop():
                self.stopped = self.paused = False
                self.stopped_at = None
            case WakeAt():
                self.woken_by = self.turn
            case Say():
                body = compose(effect, self.script if self.closed else asked,
                               "https://care.example/c/x" if needs_link(effect, asked) else None).body  # fmt: skip
                self.outbox.append(SentText(effect, self.turn, body, self.now))
            case OpenTask(kind="call_and_ask_item9"):
                self.to_call = True
            case OpenTask() | SetLanguage() | Postpone() | Silence() | AskAgain() | Hold():
                pass
            case _:
                raise AssertionError(f"an effect nobody carries out: {effect}")

    def close(self) -> None:
        self.closed = True
        self.state = Idle()
        self.turn += 1
        for text in self.outbox:
            if text.state == "pending" and text.say.kind in ("invitation", "question", "reminder", "link"):
                text.state = "suppressed"

    def suppress(self) -> None:
        for text in self.outbox:
            if text.state == "pending" and text.say.kind not in ("stop_confirmation", "crisis"):
                text.state = "suppressed"

    def receive(
        self, body: str, received_at: datetime, standing: Standing, *, duplicate: bool = False
    ) -> bool:
        """True when the text was held."""
        self.received_at = received_at
        reply = understand(
            body, context=context_of(self.state, self.script), language="en", labels=default_labels()
        )
        decision = self.decide(Received(reply, standing, duplicate))
        return Hold() in decision.effects

    # --- what may happen ---

    @rule(body=st.sampled_from(TEXTS), after=st.integers(0, 40))
    def text_comes(self, body: str, after: int) -> None:
        self.now += timedelta(seconds=after)
        repeated = (
            self.heard is not None
            and self.heard[0] == body
            and self.now - self.heard[1] <= timedelta(seconds=4)
        )
        self.heard = (body, self.now)
        if self.receive(body, self.now, self.standing(self.now), duplicate=repeated):
            self.held.append((body, self.now))

    @rule(count=st.integers(1, 9), value=st.sampled_from("0012"))
    def answers_come(self, count: int, value: str) -> None:
        """An undisturbed stretch, so that the machine also reaches the end of a check-in."""
        for _ in range(count):
            self.all_accepted()
            self.text_comes(value, 20)

    @rule()
    def all_accepted(self) -> None:
        for text in self.outbox:
            if text.state == "pending" and self.may_leave(text):
                self.take(text)

    @precondition(lambda self: any(text.state == "pending" for text in self.outbox))
    @rule(fate=st.sampled_from(["sending", "expired", "failed"]))
    def next_text_leaves(self, fate: str) -> None:
        text = next(text for text in self.outbox if text.state == "pending")
        if self.may_leave(text):
            text.state = fate
            text.queued_at = self.now

    @precondition(lambda self: any(text.state == "sending" for text in self.outbox))
    @rule(taken=st.booleans(), after=st.integers(0, 60))
    def callback_comes_late(self, taken: bool, after: int) -> None:
        """Accepted at the moment it was sent, known only now; or proven not sent."""
        self.now += timedelta(seconds=after)
        text = next(text for text in self.outbox if text.state == "sending")
        text.state = "accepted" if taken else "expired"
        text.accepted_at = text.queued_at if taken else None
        self.release()

    @precondition(lambda self: bool(self.held))
    @rule()
    def twelve_minutes_pass(self) -> None:
        self.now += timedelta(minutes=12)
        self.release()

    def release(self) -> None:
        while self.held:
            body, received_at = self.held[0]
            self.received_at = received_at
            reply = understand(
                body, context=context_of(self.state, self.script), language="en", labels=default_labels()
            )
            standing = self.standing_in_order(received_at)
            decision = step(self.state, Received(reply, standing), self.script, self.now)
            if Hold() in decision.effects:
                if self.now - received_at < timedelta(minutes=12):
                    return
                self.decide(Overdue(reply))
            else:
                self.decide(Received(reply, standing))
            self.held.pop(0)

    @precondition(lambda self: not self.closed)
    @rule(value=st.integers(0, 3))
    def page_answers(self, value: int) -> None:
        at = self.script.first_open()
        assert at is not None
        self.carry_out(SaveAnswer(at, value), self.script)
        run = self.runs_of[at]
        if all(i in self.answers for i, r in self.runs_of.items() if r == run):
            self.carry_out(CompleteRun(run), self.script)
        if self.script.first_open() is None:
            self.close()
            return
        asked = self.script
        decision = step(self.state, Moved(), asked, self.now)
        assert not decision.says
        self.save_state(decision, asked)
        for effect in decision.effects:
            self.carry_out(effect, asked)

    @precondition(lambda self: self.woken_by is not None)
    @rule()
    def the_moment_comes(self) -> None:
        due, self.woken_by = self.woken_by, None
        if due == self.turn and not self.closed:
            self.decide(Woken())

    def may_leave(self, text: SentText) -> bool:
        """The claim's own checks; a text that may not leave is suppressed."""
        stale = text.bound and (
            text.turn != self.turn or (self.closed and text.say.kind != "acknowledgement")
        )
        forbidden = self.stopped and text.say.kind != "stop_confirmation"
        waits = self.paused and text.say.kind not in ("stop_confirmation", "crisis", "fixed_reply", "help")
        if stale or forbidden or waits:
            text.state = "suppressed"
        return text.state == "pending"

    def take(self, text: SentText) -> None:
        assert text.state == "pending"
        text.state, text.accepted_at = "accepted", self.now

    # --- what must hold ---

    @invariant()
    def one_question_a_turn(self) -> None:
        keys = [text.turn for text in self.outbox if text.bound]
        assert len(keys) == len(set(keys)), "I1: two texts under one key"

    @invariant()
    def silence_after_stop(self) -> None:
        if self.stopped_at is None:
            return
        late = [t for t in self.outbox if t.accepted_at is not None and t.accepted_at > self.stopped_at]
        assert {t.say.kind for t in late if t.queued_at >= self.stopped_at} <= {"stop_confirmation"}, "I6"
        assert sum(text.say.kind == "stop_confirmation" for text in late) <= 1

    @invariant()
    def a_score_is_that_of_the_answers(self) -> None:
        for run, total in self.scores.items():
            values = [self.answers[index] for index, of in self.runs_of.items() if of == run]
            assert total == (None if None in values else sum(v for v in values if v is not None)), "I10"

    @invariant()
    def a_whole_questionnaire_has_its_score(self) -> None:
        for run in set(self.runs_of.values()):
            if all(index in self.answers for index, of in self.runs_of.items() if of == run):
                assert run in self.scores, "I10"

    @invariant()
    def item_9_is_never_without_its_alarm(self) -> None:
        for index, value in self.answers.items():
            if self.asked.items[index].risk and (value is None or value >= 1):
                assert any(isinstance(a, SaveAnswer) and a.at == index for a in self.alarms)

    @invariant()
    def item_9_left_to_another_channel_is_asked_by_somebody(self) -> None:
        """By the page until the moment set, then by a person; whatever paused the texts, and whoever got there."""
        first = self.script.first_open() if not self.closed else None
        if first is None or not self.asked.items[first].risk or self.asked.item9 == "sms":
            return
        if self.asked.item9 == "link_only":
            assert self.woken_by == self.turn or self.to_call
        else:
            assert self.to_call

    @invariant()
    def a_state_asks_what_is_open(self) -> None:
        if self.closed:
            assert isinstance(self.state, Idle)
        elif isinstance(self.state, Asking | Confirming):
            assert self.state.at not in self.answers
            assert self.runs_of[self.state.at] not in self.scores
            assert not self.asked.items[self.state.at].risk or self.asked.item9 == "sms"

    @invariant()
    def no_question_follows_the_end(self) -> None:
        if self.closed:
            assert not any(text.say.ask is not None for text in self.outbox if text.state == "pending")


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


Conversation.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase
