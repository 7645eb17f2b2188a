"""BACK, SKIP, LATER, LINK, WHY, OK and the languages, wherever the conversation stands. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

import msgspec

from messaging.conversation import requests
from messaging.conversation.answering import confirmed, read_back
from messaging.conversation.decision import (
    AskAgain,
    Decision,
    Effect,
    Line,
    Postpone,
    Received,
    Say,
    SetLanguage,
    UnknownPair,
    WithdrawAnswer,
)
from messaging.conversation.flow import SUPPORT, ask, file, was_asked
from messaging.conversation.meaning import Command
from messaging.conversation.script import Script
from messaging.conversation.state import Asking, Confirming, Idle, OptIn, Paused, State

MAX_LATERS: Final = 2
COMMANDS: Final[frozenset[str]] = frozenset(Command.__args__)  # type: ignore[attr-defined]


def command(state: State, event: Received, script: Script, now: datetime) -> Decision:
    """Commands never wait for the fate of a question: they are about the conversation, not about the item."""
    name = event.reply.detail
    if name not in COMMANDS:
        raise UnknownPair(state, f"command {name}")
    match state:
        case Asking():
            return _asking(state, event, script, now)
        case Confirming():
            return _confirming(state, event, script, now)
        case Paused(at=int(at), why="unclear") if name not in ("link", "lang_en", "lang_es"):
            return _asking(Asking(at, laters=state.laters, asked_before=True), event, script, now)
        case Paused() | Idle() | OptIn():
            return _elsewhere(state, event, script)
        case _:
            assert_never(state)


def _asking(state: Asking, event: Received, script: Script, now: datetime) -> Decision:
    asked = was_asked(state, event.standing)
    match event.reply.detail:
        case "back":
            return _back(state, asked, script)
        case "skip":
            return _skip(state, event, script, now)
        case "later":
            return _later(state, asked, script)
        case "link":
            return Decision(state, (Say("link", (Line("link"),)),))
        case "why":
            return _once_more(state, asked, Line("why"))
        case "lang_en" | "lang_es":
            anew = msgspec.structs.replace(state, tries=0)
            return _once_more(anew, asked, Line("lang_changed"), before=(_language(event),))
        case _:
            raise UnknownPair(state, f"command {event.reply.detail}")


def _once_more(state: Asking, asked: bool, *lines: Line, before: tuple[Effect, ...] = ()) -> Decision:
    return ask(
        state.at,
        *lines,
        tries=state.tries,
        laters=state.laters,
        last=state.last,
        asked_before=asked,
        before=before,
    )


def _back(state: Asking, asked: bool, script: Script) -> Decision:
    """Undoes one answer a time, to the first; never one of a questionnaire that is scored."""
    at = script.previous(state.at)
    if at is None:
        return _once_more(msgspec.structs.replace(state, last=None), asked, Line("nothing_to_undo"))
    return ask(at, Line("back_done"), laters=state.laters, before=(WithdrawAnswer(at),))


def _skip(state: Asking, event: Received, script: Script, now: datetime) -> Decision:
    """Declined, if the question was there to decline. On item 9 the answer itself opens an event, so here only the
    words differ."""
    if not was_asked(state, event.standing):
        return Decision(state) if event.standing.kind == "waiting" else _once_more(state, False)
    support = (SUPPORT,) if script.items[state.at].risk else ()
    return file(script, state.at, None, Line("skip_done"), *support, now=now, laters=state.laters)


def _later(state: Asking, asked: bool, script: Script) -> Decision:
    if state.laters >= MAX_LATERS or not script.may_postpone:
        return _once_more(state, asked, Line("later_used_up"))
    put_off = Asking(state.at, state.tries, state.laters + 1, state.last, asked, put_off=True)
    says = Say("acknowledgement", (Line("later_done"),), bound=True)
    return Decision(put_off, (Postpone(), says))


def _confirming(state: Confirming, event: Received, script: Script, now: datetime) -> Decision:
    match event.reply.detail:
        case "ok":
            return confirmed(state, event, script, now)
        case "back":
            return ask(state.at, laters=state.laters, asked_before=True)
        case "link":
            return Decision(state, (Say("link", (Line("link"),)),))
        case "why":
            return read_back(state, script, Line("why"))
        case "lang_en" | "lang_es":
            return read_back(state, script, Line("lang_changed"), before=(_language(event),))
        case "skip" | "later":
            return read_back(state, script)
        case _:
            raise UnknownPair(state, f"command {event.reply.detail}")


def _elsewhere(state: Paused | Idle | OptIn, event: Received, script: Script) -> Decision:
    """No question is open. A link is given to whoever has something to answer; the rest is for a person to read."""
    name = event.reply.detail
    if name in ("lang_en", "lang_es") and script.owner == "one":
        says: tuple[Effect, ...] = ()
        if not (script.quiet or script.stopped):
            says = (Say("acknowledgement", (Line("lang_changed"),)),)
        return Decision(state, (_language(event), *says))
    if name == "link" and script.owner == "one":
        return _link(state, script)
    return requests.for_a_person(state, script, requests.unread_task(script))


def _link(state: Paused | Idle | OptIn, script: Script) -> Decision:
    if script.stopped:
        return requests.for_a_person(state, script, "inbound_text")
    if script.has_open:
        return Decision(state, (Say("link", (Line("link"),)),))
    if script.aftermath == "expired":
        return Decision(state, (AskAgain(),))
    if script.quiet:
        return Decision(state)
    return Decision(state, (Say("acknowledgement", (Line("no_link"),)),))


def _language(event: Received) -> SetLanguage:
    return SetLanguage("es" if event.reply.detail == "lang_es" else "en")
