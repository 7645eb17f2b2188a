"""The conversation engine: `step(state, event, script, now)` decides, `apply.py` acts. Pure.

At most one text leaves per turn. What a text means was decided before (`replies.understand`); here it is decided
what follows from it where the conversation stands. A pair that makes no sense raises and is never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

import msgspec

from messaging.conversation import requests
from messaging.conversation.answering import to_question, to_read_back
from messaging.conversation.decision import (
    LOST,
    UNREADABLE_FAST,
    Decision,
    Effect,
    Event,
    Line,
    Moved,
    Opened,
    OpenTask,
    OptInAsked,
    Overdue,
    Received,
    Say,
    Silence,
    UnknownPair,
    WakeAt,
    Woken,
)
from messaging.conversation.flow import alarm_of, go_on
from messaging.conversation.meaning import Context, Place, Reply
from messaging.conversation.orders import command
from messaging.conversation.replies import default_labels
from messaging.conversation.script import Script
from messaging.conversation.state import SILENT, Asking, Confirming, Idle, OptIn, Paused, State, Why

__all__ = ["UNREADABLE_FAST", "context_of", "labels_of", "step"]

USUAL_HIGHEST = 3  # answers are 0 to 3, except those of an instrument that a clinic added
FEWEST_AT_ONCE = 4  # values in one text that make it a bulk reply


def context_of(state: State, script: Script) -> Context:
    """Where the next text is understood."""
    match state:
        case Asking(at=at):
            return _item_context(at, script)
        case Paused(at=int(at), why="unclear"):
            return _item_context(at, script)
        case Confirming(at=at):
            return Context("confirm_bulk", to_item9=script.to_item9(at))
        case OptIn():
            return Context("optin")
        case Paused():
            if state.at is not None and _item9_elsewhere(state, script):
                return Context("item9_elsewhere", highest=script.items[state.at].highest)
            return Context("idle")
        case Idle():
            return Context(_aftermath(script))
        case _:
            assert_never(state)


def labels_of(state: State, script: Script) -> Mapping[int, tuple[str, ...]]:
    """What may be written for each answer where the conversation stands: the words of every shipped instrument and
    language, or those of the open item when a clinic added its instrument."""
    at: int | None = getattr(state, "at", None)
    own = None if at is None else script.items[at].own_labels
    return default_labels() if own is None else own


def _item_context(at: int, script: Script) -> Context:
    highest = script.items[at].highest
    if script.items[at].risk:
        return Context("item9", highest=highest)
    if highest != USUAL_HIGHEST:
        return Context("item", to_item9=script.to_item9(at), highest=highest)
    remaining = len(script.rest(at))
    to_item9 = script.to_item9(at)
    if script.bulk and remaining >= FEWEST_AT_ONCE:
        return Context("bulk", remaining, to_item9)
    return Context("item", to_item9=to_item9)


def _aftermath(script: Script) -> Place:
    if script.stopped:
        return "opted_out"
    if _item9_elsewhere(Idle(), script):
        return "item9_elsewhere"
    # A number may answer the text after a missed appointment, but never where it may mean item 9.
    if script.no_show and script.late_item9 is None and not script.stopped_at_item9:
        return "idle"
    return "idle" if script.aftermath == "none" else script.aftermath


def _item9_elsewhere(state: Paused | Idle, script: Script) -> bool:
    """Whether item 9 waits on the secure page, or for a call."""
    if isinstance(state, Paused):
        return state.at is not None and script.items[state.at].risk
    return script.has_open and script.stopped_at_item9


def step(state: State, event: Event, script: Script, now: datetime) -> Decision:
    """Raises UnknownPair for a state and an event that do not go together."""
    decision = _decide(state, event, script, now)
    if _silent(decision.state) and not _silent(state):
        return msgspec.structs.replace(decision, effects=(Silence(), *decision.effects))
    return decision


def _silent(state: State) -> bool:
    return isinstance(state, Paused) and state.why in SILENT


def _decide(state: State, event: Event, script: Script, now: datetime) -> Decision:
    match event:
        case Received():
            return _received(state, _to_what_was_shown(state, event), script, now)
        case Opened():
            return _opened(state, script, now)
        case Moved():
            return _moved(state, script, now)
        case Woken():
            return _woken(state, script, now)
        case Overdue(reply=reply):
            return _overdue(state, reply, script)
        case OptInAsked():
            return _ask_opt_in(state)
        case _:
            assert_never(event)


def _to_what_was_shown(state: State, event: Received) -> Received:
    """Put off before it was ever sent, the item was not in the text that the provider took: it is asked now."""
    unseen = isinstance(state, Asking) and state.put_off and not state.asked_before
    if unseen and event.standing.kind == "accepted":
        return msgspec.structs.replace(event, standing=LOST)
    return event


def _received(state: State, event: Received, script: Script, now: datetime) -> Decision:
    kind = event.reply.kind
    if event.duplicate and kind not in ("crisis", "stop", "help"):
        return Decision(state)
    match kind:
        case "crisis":
            return requests.crisis(state, event.reply, script)
        case "stop":
            return requests.stop(script)
        case "stop?":
            return requests.maybe_stop(state, event.reply, script)
        case "start":
            return requests.start(state, event.standing, script)
        case "decline":
            return requests.decline(state)
        case "help":
            return requests.help_wanted(state, event.reply, script)
        case "wrong_number":
            return requests.wrong_number(script)
        case "who":
            return requests.who(state, script)
        case "command":
            return command(state, event, script, now)
        case "answer" | "bulk" | "ask" | "free_text" | "late_answer" | "already_done":
            return _reply(state, event, script, now)
        case _:
            assert_never(kind)


def _reply(state: State, event: Received, script: Script, now: datetime) -> Decision:
    match state:
        case Asking():
            return to_question(state, event, script, now)
        case Confirming():
            if event.reply.kind != "ask":
                raise UnknownPair(state, event.reply.kind)
            return to_read_back(state, event, script)
        case Paused(at=int(at), why="unclear"):
            return _after_giving_up(
                Asking(at, laters=state.laters, asked_before=True), state, event, script, now
            )
        case Paused() | OptIn() | Idle():
            return _nothing_open(state, event, script)
        case _:
            assert_never(state)


def _after_giving_up(
    asking: Asking, state: Paused, event: Received, script: Script, now: datetime
) -> Decision:
    """A plain answer goes on; whatever else comes is for the person who follows up."""
    if event.reply.kind in ("answer", "bulk"):
        decision = to_question(asking, event, script, now)
        return Decision(state, decision.effects) if decision.state == asking else decision
    if event.reply.kind not in ("ask", "free_text"):
        raise UnknownPair(state, event.reply.kind)
    risk = to_question(asking, event, script, now).effects if event.reply.risk else ()
    kept = tuple(effect for effect in risk if not isinstance(effect, Say))
    return requests.for_a_person(state, script, "inbound_text", before=kept)


def _nothing_open(state: Paused | OptIn | Idle, event: Received, script: Script) -> Decision:
    reply = event.reply
    match reply.kind:
        case "free_text":
            task = requests.unread_task(script)
            return requests.for_a_person(state, script, task, before=requests.risk_of(reply))
        case "late_answer" if not isinstance(state, OptIn) and _item9_elsewhere(state, script):
            return _for_item9(state, reply, script)
        case "late_answer" if isinstance(state, Idle):
            if script.stopped_at_item9 and (reply.value or 0) >= 1:
                return _late_positive(state, reply)
            return requests.for_a_person(state, script, "late_answer", "late_offer_resume")
        case "already_done" if isinstance(state, Idle):
            return _already_done(state, reply, script)
        case _:
            raise UnknownPair(state, reply.kind)


def _already_done(state: Idle, reply: Reply, script: Script) -> Decision:
    """A late change of item 9 is never "already done": a person hears of it at once."""
    value, filed = reply.value, script.late_item9
    if value is not None and filed is not None and value >= 1 and value != filed:
        return _late_positive(state, reply)
    if script.quiet or script.stopped:
        return Decision(state)
    return Decision(state, (Say("acknowledgement", (Line("already_done"),)),))


def _for_item9(state: Paused | Idle, reply: Reply, script: Script) -> Decision:
    """A number texted while item 9 waits elsewhere. It is filed nowhere, since the question was not shown here; 1 or
    more is heard all the same, and nothing asks the patient to go on until a person has."""
    if (reply.value or 0) < 1:
        return requests.for_a_person(state, script, "inbound_text")
    quiet: tuple[Effect, ...] = (Silence(),) if isinstance(state, Idle) else ()  # `step` silences the others
    paused = Paused(state.at, "crisis", state.laters) if isinstance(state, Paused) else state
    says = (Say("crisis", (Line("crisis"),)),)
    return Decision(paused, (*quiet, alarm_of(reply.value or 0), OpenTask("inbound_text"), *says))


def _late_positive(state: Idle, reply: Reply) -> Decision:
    """Item 9 of 1 or more, too late to be filed and never too late to be heard."""
    says = Say("crisis", (Line("crisis"),))
    return Decision(state, (alarm_of(reply.value or 0), OpenTask("late_answer"), says))


def _opened(state: State, script: Script, now: datetime) -> Decision:
    if not isinstance(state, Idle | OptIn):
        raise UnknownPair(state, "opened")
    done = any(item.answered for item in script.items)
    first = script.next_texted()
    if first is None:
        return go_on(script, None, now=now, kind="invitation")
    stem = Line("first_question", (("stem", script.items[first].stem),))
    return go_on(script, None, Line("resume") if done else stem, now=now, kind="invitation")


def _moved(state: State, script: Script, now: datetime) -> Decision:
    """Nothing is sent: the patient is answering elsewhere. The next text, whoever's, goes on from there."""
    at = script.next_texted()
    first = script.first_open()
    match state:
        case Idle() | OptIn():
            raise UnknownPair(state, "moved")
        case Paused(why=why) if why in SILENT:
            return Decision(Paused(first, why, state.laters), _item9_left(state, first, script, now))
        case Asking() | Confirming() | Paused():
            left = _item9_left(state, first, script, now)
            if at is None or (script.item9 == "link_only" and first != at):
                return Decision(Paused(first, _item9_waits(state, script), state.laters), left)
            return Decision(Asking(at, laters=state.laters), left)
        case _:
            assert_never(state)


def _item9_left(
    state: Asking | Confirming | Paused, first: int | None, script: Script, now: datetime
) -> tuple[Effect, ...]:
    """The other channel has come to item 9, which is not texted: somebody is to ask it if the patient leaves there.
    Nothing new when the texts were there already."""
    if first is None or not script.items[first].risk or script.item9 == "sms":
        return ()
    if state.at is not None and (state.at > first or (state.at == first and isinstance(state, Paused))):
        return ()
    if script.item9 == "link_only":
        return (WakeAt(now + script.item9_wait),)
    return (OpenTask("call_and_ask_item9"),)


def _item9_waits(state: Asking | Confirming | Paused, script: Script) -> Why:
    told = isinstance(state, Paused) and state.why == "item9_call"
    return "item9_call" if told or script.item9 == "staff_call" else "item9_link"


def _woken(state: State, script: Script, now: datetime) -> Decision:
    match state:
        case Paused(why="item9_link"):
            return Decision(Paused(state.at, "item9_call", state.laters), (OpenTask("call_and_ask_item9"),))
        case Paused(at=int(at), why="crisis" | "who") if script.items[at].risk:
            return Decision(state, (OpenTask("call_and_ask_item9"),))
        case Paused(why="positive_item9"):
            return go_on(script, None, now=now, laters=state.laters)
        case Idle() | OptIn() | Paused() | Asking() | Confirming():
            raise UnknownPair(state, "woken")
        case _:
            assert_never(state)


def _overdue(state: State, reply: Reply, script: Script) -> Decision:
    """Whether the question ever arrived is not known: nothing is filed, and a person looks."""
    effects: tuple[Effect, ...] = (OpenTask("could_not_parse"),)
    if isinstance(state, Asking) and script.items[state.at].risk and reply.value:
        effects = (alarm_of(reply.value), *effects)
    return Decision(state, effects)


def _ask_opt_in(state: State) -> Decision:
    if not isinstance(state, Idle | OptIn):
        raise UnknownPair(state, "opt-in")
    return Decision(OptIn(), (Say("opt_in_confirmation", (Line("opt_in_question"),), bound=True),))
