"""Texts about the texting itself, and texts that are not for a machine: STOP, START, HELP, who, crisis words. Pure."""

from __future__ import annotations

from typing import assert_never

from messaging.conversation.decision import (
    Decision,
    Effect,
    LiftStop,
    Line,
    OpenTask,
    RaiseRisk,
    Say,
    Silence,
    Standing,
    StopNumber,
    UnknownPair,
)
from messaging.conversation.flow import ask, was_asked
from messaging.conversation.meaning import Reply
from messaging.conversation.script import Script
from messaging.conversation.state import Asking, Confirming, Idle, OptIn, Paused, State
from registry.safety.rules import Toward
from registry.worklist.tasks import TaskKind


def crisis(state: State, reply: Reply, script: Script) -> Decision:
    """Never "please reply 0 to 3". With an opt-out in the same text the person is told, and the number left alone."""
    hit = reply.crisis
    if hit is None:
        raise UnknownPair(state, "crisis without a finding")
    # The reply belongs to the event about the patient, so that one comes last.
    ways: tuple[tuple[Toward, bool], ...] = (("others", hit.toward_others), ("self", hit.toward_self))
    risks = tuple(RaiseRisk("crisis_text", hit.tier, way) for way, meant in ways if meant)
    if reply.also_stop:
        return Decision(Idle(), (*risks, *stop(script).effects))
    says = () if script.stopped else (Say("crisis", (Line("crisis"),)),)
    by_link = isinstance(state, Idle | OptIn) and script.has_open
    quiet: tuple[Effect, ...] = (Silence(),) if by_link else ()  # in other states `step` sees to it
    return Decision(_paused_by_crisis(state), (*quiet, *risks, *says))


def _paused_by_crisis(state: State) -> State:
    match state:
        case Idle() | OptIn():
            return Idle()
        case Asking() | Confirming() | Paused():
            return Paused(state.at, "crisis", state.laters)
        case _:
            assert_never(state)


def stop(script: Script) -> Decision:
    """Takes effect in this transaction. One confirmation, unless the provider's own filter sends it."""
    says: tuple[Effect, ...] = ()
    if script.confirms_stop and not script.stopped:
        says = (Say("stop_confirmation", (Line("stop_confirmation"),)),)
    return Decision(Idle(), (StopNumber("opt_out"), *says))


def maybe_stop(state: State, reply: Reply, script: Script) -> Decision:
    """Check-in texts wait, and the person is asked once."""
    risk = risk_of(reply)
    if script.stopped or script.paused:
        return Decision(state, (*risk, OpenTask("opt_out_unclear")))
    says = Say("fixed_reply", (Line("stop_question"),))
    return Decision(state, (*risk, StopNumber("paused"), says))


def start(state: State, standing: Standing, script: Script) -> Decision:
    """Undoes what a patient's or the carrier's STOP did. What staff recorded, or a wrong number, a person undoes."""
    if (script.stopped or script.paused) and not script.liftable:
        return Decision(state, (OpenTask("opted_out"),))
    lift: tuple[Effect, ...] = (LiftStop(),) if script.stopped or script.paused else ()
    match state:
        case Asking():
            asked = was_asked(state, standing)
            return ask(state.at, Line("resume"), laters=state.laters, asked_before=asked, before=lift)
        case OptIn():
            return Decision(Idle(), (LiftStop(), _welcome()))
        case Idle() | Confirming() | Paused():
            if script.owner == "none" and not lift:
                return for_a_person(state, script, "unknown_number")
            return Decision(state, (*lift, _welcome()))
        case _:
            assert_never(state)


def _welcome() -> Say:
    return Say("opt_in_confirmation", (Line("start_confirmation"),))


def decline(state: State) -> Decision:
    """NO to our own question is an opt-out."""
    if not isinstance(state, OptIn):
        raise UnknownPair(state, "decline")
    says = Say("stop_confirmation", (Line("declined"),))
    return Decision(Idle(), (StopNumber("opt_out"), says))


def help_wanted(state: State, reply: Reply, script: Script) -> Decision:
    """HELP may be a cry for help, so while a check-in is open a person looks as well. The question stays open."""
    looked_at = reply.review or isinstance(state, Paused)
    task: tuple[Effect, ...] = (OpenTask(unread_task(script)),) if looked_at else ()
    says = () if script.stopped else (Say("help", (Line("help"),)),)
    return Decision(state, (*task, *says))


def wrong_number(script: Script) -> Decision:
    """Every patient with this number loses it, and a person finds the right one."""
    says: tuple[Effect, ...] = ()
    if not script.stopped:
        says = (Say("stop_confirmation", (Line("wrong_number_ack"),)),)
    return Decision(Idle(), (StopNumber("wrong_number"), *says))


def who(state: State, script: Script) -> Decision:
    """Perhaps somebody else's phone: no more questions until the link is asked for. The number is not given up."""
    says = () if script.stopped or script.quiet else (Say("fixed_reply", (Line("who"),)),)
    task = OpenTask("who_is_this" if script.owner == "one" else unread_task(script))
    match state:
        case Asking() | Confirming() | Paused():
            return Decision(_paused_by_who(state), (task, *says))
        case Idle() | OptIn():
            quiet: tuple[Effect, ...] = (Silence(),) if script.has_open else ()
            return Decision(state, (*quiet, task, *says))
        case _:
            assert_never(state)


def _paused_by_who(state: Asking | Confirming | Paused) -> Paused:
    if isinstance(state, Paused) and state.why in ("crisis", "positive_item9"):
        return state
    return Paused(state.at, "who", state.laters)


def for_a_person(
    state: State,
    script: Script,
    task: TaskKind,
    key: str | None = None,
    *,
    before: tuple[Effect, ...] = (),
) -> Decision:
    """A person reads it. The automatic reply states the limits, and comes only so often a day."""
    effects = (*before, OpenTask(task))
    if script.quiet or script.stopped:
        return Decision(state, effects)
    if script.owner == "none":
        return Decision(state, (*effects, Say("fixed_reply", (Line("unknown_number"),))))
    return Decision(state, (*effects, Say("acknowledgement", (Line(key or "idle_ack"),))))


def unread_task(script: Script) -> TaskKind:
    match script.owner:
        case "one" | "shared":
            return "inbound_text"
        case "none":
            return "unknown_number"
        case _:
            assert_never(script.owner)


def risk_of(reply: Reply) -> tuple[Effect, ...]:
    """A risk mark on a reply that no question explains."""
    return (RaiseRisk("item9_unreadable", 1),) if reply.risk else ()
