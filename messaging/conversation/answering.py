"""Replies to an open question: values, races, several at once, and what can't be read. Pure.

Arrival order is not sending order, so a value counts for a question only if the provider had it before the reply
came; otherwise it can only repeat or correct the answer before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

import msgspec

from messaging.conversation.decision import (
    ACCEPTED,
    UNREADABLE_FAST,
    Decision,
    Effect,
    Hold,
    Line,
    OpenTask,
    RaiseRisk,
    Received,
    SaveAnswer,
    Say,
    UnknownPair,
)
from messaging.conversation.flow import (
    SUPPORT,
    alarm_of,
    ask,
    file,
    file_all,
    labelled,
    positive,
    was_asked,
)
from messaging.conversation.meaning import Reply
from messaging.conversation.script import Script
from messaging.conversation.state import Asking, Confirming, Given, Paused

MAX_REPROMPTS: Final = 2
# A second or later value of several that can't be told apart: it could be 2 or 3, so the higher clock counts.
UNKNOWN_POSITIVE: Final = RaiseRisk("item9_unreadable", 2)
UNREADABLE: Final = RaiseRisk("item9_unreadable", 1)


def to_question(state: Asking, event: Received, script: Script, now: datetime) -> Decision:
    match event.reply.kind:
        case "answer":
            decision = _value(state, _to_what_was_asked(state, event), script, now)
            return _heard_on_item9(state, _given(event.reply), script, decision)
        case "bulk":
            return _several(state, _to_what_was_asked(state, event), script)
        case "ask" | "free_text":
            return _unread(state, event, script)
        case _:
            raise UnknownPair(state, event.reply.kind)


def _to_what_was_asked(state: Asking, event: Received) -> Received:
    """Asked in an earlier turn: the text that asks again need not have arrived, nor have been read."""
    return msgspec.structs.replace(event, standing=ACCEPTED) if state.asked_before else event


def _heard_on_item9(state: Asking, value: int, script: Script, decision: Decision) -> Decision:
    """1 or more while item 9 is open, and filed nowhere: whether it was meant for item 9 is for a person to find out.
    Held until its question's fate is known, it waits for the file and not for help."""
    kept = any(isinstance(effect, SaveAnswer | RaiseRisk) for effect in decision.effects)
    if value < 1 or kept or not script.items[state.at].risk:
        return decision
    effects = tuple(_with_support(e) if isinstance(e, Say) else e for e in decision.effects)
    help_now = (Say("crisis", (Line("crisis"),)),) if Hold() in effects else ()
    return Decision(decision.state, (alarm_of(value), *effects, *help_now))


def _with_support(say: Say) -> Say:
    return msgspec.structs.replace(say, lines=(SUPPORT, *say.lines))


def _value(state: Asking, event: Received, script: Script, now: datetime) -> Decision:
    value = _given(event.reply)
    match event.standing.kind:
        case "in_doubt":
            return Decision(state, (Hold(),))
        case "waiting":
            return _second(state, value, script, now)
        case "lost":
            if state.last is None or state.last.value == value:
                return ask(state.at, tries=state.tries, laters=state.laters, last=state.last)
            return _second(state, value, script, now)
        case "accepted":
            if state.last is not None and _too_fast(event):
                return _too_early(state, state.last, value, script)
            return file(script, state.at, value, *_said_back(event.reply, script, state.at), now=now,
                        laters=state.laters)  # fmt: skip
        case _:
            assert_never(event.standing.kind)


def _given(reply: Reply) -> int:
    if reply.value is None:
        raise ValueError("an answer without a value")
    return reply.value


def _too_fast(event: Received) -> bool:
    return event.standing.accepted_for is not None and event.standing.accepted_for < UNREADABLE_FAST


def _said_back(reply: Reply, script: Script, at: int) -> tuple[Line, ...]:
    if reply.note:
        return (labelled("note_kept", script.items[at], _given(reply)),)
    return (labelled("echo", script.items[at], _given(reply)),) if reply.echo else ()


def _too_early(state: Asking, last: Given, value: int, script: Script) -> Decision:
    """The question came less than 4 seconds before: it can't have been read."""
    if value == last.value:
        return Decision(state)
    if script.items[last.at].risk and value >= 1:
        return _correction_too_late(state, last.at, value, script)
    kept = labelled("kept", script.items[last.at], last.value)
    return ask(state.at, kept, tries=state.tries, laters=state.laters, last=last, asked_before=True)


def _second(state: Asking, value: int, script: Script, now: datetime) -> Decision:
    """The next question has not left: the same value again is a double tap, another one corrects the last answer."""
    if state.last is None or state.last.value == value:
        return Decision(state)
    at = state.last.at
    item = script.items[at]
    if not item.run_open:
        return _correction_too_late(state, at, value, script)
    if item.risk and value >= 1:
        return positive(script, (SaveAnswer(at, value),), now=now)
    changed = labelled("changed", item, value)
    return ask(
        state.at,
        changed,
        tries=state.tries,
        laters=state.laters,
        last=Given(at, value),
        before=(SaveAnswer(at, value),),
    )


def _correction_too_late(state: Asking, at: int, value: int, script: Script) -> Decision:
    """The questionnaire is scored already. A person corrects it; a positive item 9 alarms all the same."""
    if script.items[at].risk and value >= 1:
        says = Say("crisis", (Line("crisis"),))
        return Decision(
            Paused(state.at, "positive_item9", state.laters),
            (alarm_of(value), OpenTask("inbound_text"), says),
        )
    task = (OpenTask("inbound_text"),)
    return ask(state.at, Line("correction_noted"), tries=state.tries, laters=state.laters, before=task)


def _several(state: Asking, event: Received, script: Script) -> Decision:
    values = event.reply.values
    ats = script.rest(state.at)
    if len(values) != len(ats):
        raise UnknownPair(state, "bulk of another length")
    if event.reply.risk or any(script.items[at].risk and v >= 1 for at, v in zip(ats, values, strict=True)):
        return _positive_unfiled(state, values[-1])
    match event.standing.kind:
        case "in_doubt":
            return Decision(state, (Hold(),))
        case "waiting":
            return Decision(state)
        case "lost":
            return ask(state.at, tries=state.tries, laters=state.laters, last=state.last)
        case "accepted":
            return read_back(Confirming(state.at, values, 0, state.laters), script)
        case _:
            assert_never(event.standing.kind)


def _positive_unfiled(state: Asking | Confirming, value: int | None) -> Decision:
    """Nothing is filed without OK, and nothing positive about item 9 waits for one: a person takes over."""
    risk = UNKNOWN_POSITIVE if value is None or value < 1 else alarm_of(value)
    says = Say("crisis", (Line("crisis"),))
    return Decision(Paused(state.at, "positive_item9", state.laters), (risk, OpenTask("inbound_text"), says))


def read_back(state: Confirming, script: Script, *lines: Line, before: tuple[Effect, ...] = ()) -> Decision:
    pairs = zip(script.rest(state.at), state.values, strict=True)
    answers = ", ".join(f"Q{at + 1} {value}" for at, value in pairs)
    says = Say("question", (*lines, Line("bulk_readback", (("answers", answers),))), bound=True)
    return Decision(state, (*before, says))


def confirmed(state: Confirming, event: Received, script: Script, now: datetime) -> Decision:
    match event.standing.kind:
        case "accepted":
            return file_all(script, script.rest(state.at), state.values, now)
        case "in_doubt":
            return Decision(state, (Hold(),))
        case "waiting":
            return Decision(state)  # an OK to something else: what we read has not left yet
        case "lost":
            return read_back(state, script)
        case _:
            assert_never(event.standing.kind)


def to_read_back(state: Confirming, event: Received, script: Script) -> Decision:
    """Neither OK nor BACK."""
    if event.reply.risk:
        return _positive_unfiled(state, None)
    task: tuple[Effect, ...] = (OpenTask("inbound_text"),) if event.reply.review else ()
    if event.standing.kind in ("waiting", "in_doubt"):
        return Decision(state, task)
    if state.tries >= MAX_REPROMPTS:
        return give_up(state, task)
    again = Confirming(state.at, state.values, state.tries + 1, state.laters)
    return read_back(again, script, before=task)


def _unread(state: Asking, event: Received, script: Script) -> Decision:
    """A reply that is no answer. On item 9 that is a signal in itself, not a parsing problem."""
    reply = event.reply
    at_item9 = script.items[state.at].risk
    asked = was_asked(state, event.standing)
    if reply.risk and not at_item9:
        return _positive_unfiled(state, None)  # nine values at once, the ninth positive
    shown = asked or event.standing.kind == "in_doubt"
    before: tuple[Effect, ...] = (UNREADABLE,) if reply.risk and shown else ()
    if reply.review or reply.kind == "free_text":
        before = (*before, OpenTask("inbound_text"))
    if event.standing.kind in ("waiting", "in_doubt"):
        return Decision(state, before)  # the question is coming; this was no reply to it
    support = (SUPPORT,) if at_item9 and shown else ()
    if event.standing.kind == "lost":
        return ask(
            state.at,
            *support,
            tries=state.tries,
            laters=state.laters,
            last=state.last,
            asked_before=asked,
            before=before,
        )
    if state.tries >= MAX_REPROMPTS:
        return give_up(state, before, support)
    return _again(state, event, script, support, before)


def _again(
    state: Asking, event: Received, script: Script, support: tuple[Line, ...], before: tuple[Effect, ...]
) -> Decision:
    again = Asking(state.at, state.tries + 1, state.laters, state.last, asked_before=True)
    if state.tries and event.reply.kind != "free_text":
        says = Say("question", (*support, Line("reask_again")), ask=state.at, short=True)
        return Decision(again, (*before, says))
    pictures = (Line("pictures_not_read"),) if event.media else ()
    lines = (*support, *pictures, _reason(event.reply, script, state.at))
    return Decision(again, (*before, Say("question", lines, ask=state.at)))


def _reason(reply: Reply, script: Script, at: int) -> Line:
    if reply.kind == "free_text":
        return Line("gentle")
    match reply.detail:
        case "range" | "ambiguous" | "one_at_a_time":
            return Line(f"reask_{reply.detail}")
        case "suggest" if reply.suggested is not None:
            return labelled("reask_suggest", script.items[at], reply.suggested)
        case _:
            return Line("reask_unclear")


def give_up(
    state: Asking | Confirming, before: tuple[Effect, ...], support: tuple[Line, ...] = ()
) -> Decision:
    """The third time: another way, and a person."""
    says = Say("link", (*support, Line("third_failure")), bound=True)
    return Decision(Paused(state.at, "unclear", state.laters), (*before, OpenTask("could_not_parse"), says))
