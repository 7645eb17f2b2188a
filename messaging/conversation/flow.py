"""What follows an answer: the next item, item 9's own ways, the end. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from messaging.conversation.decision import (
    CloseCheckIn,
    CompleteRun,
    Decision,
    Effect,
    Line,
    OpenTask,
    RaiseRisk,
    SaveAnswer,
    Say,
    Standing,
    WakeAt,
)
from messaging.conversation.script import Item, Script
from messaging.conversation.state import Asking, Given, Idle, Paused
from messaging.delivery.kinds import Kind
from registry.measures.rules import alarm

# After the safety text of a clinic that goes on: long enough to be read first.
GO_ON_AFTER: Final = timedelta(minutes=15)
SUPPORT: Final = Line("support")


def labelled(key: str, item: Item, value: int) -> Line:
    return Line(key, (("value", str(value)), ("label", item.label(value))))


def ask(
    at: int,
    *lines: Line,
    tries: int = 0,
    laters: int = 0,
    last: Given | None = None,
    asked_before: bool = False,
    kind: Kind = "question",
    before: tuple[Effect, ...] = (),
) -> Decision:
    return Decision(Asking(at, tries, laters, last, asked_before), (*before, Say(kind, lines, ask=at)))


def was_asked(state: Asking, standing: Standing) -> bool:
    """Whether the provider had the item, in whichever turn, before the reply came."""
    return state.asked_before or standing.kind == "accepted"


def file(
    script: Script, at: int, value: int | None, *lines: Line, now: datetime, laters: int = 0
) -> Decision:
    """The answer is kept and the next thing happens. Item 9 of 1 or more ends the turn with the safety text alone."""
    after = script.mark(at, True)
    effects: tuple[Effect, ...] = (SaveAnswer(at, value), *_completed(after, at))
    if script.items[at].risk and value is not None and value >= 1:
        return positive(after, effects, now=now)
    last = None if value is None else Given(at, value)
    return go_on(after, at, *lines, now=now, laters=laters, last=last, before=effects)


def file_all(script: Script, ats: tuple[int, ...], values: tuple[int, ...], now: datetime) -> Decision:
    """Several answers of one text, confirmed. None of them is a positive item 9: that one is never read back."""
    effects: tuple[Effect, ...] = ()
    after = script
    for at, value in zip(ats, values, strict=True):
        after = after.mark(at, True)
        effects = (*effects, SaveAnswer(at, value), *_completed(after, at))
    return go_on(after, ats[-1], now=now, before=effects)


def _completed(after: Script, at: int) -> tuple[Effect, ...]:
    return (CompleteRun(after.items[at].run),) if after.run_done(at) else ()


def positive(after: Script, effects: tuple[Effect, ...], *, now: datetime) -> Decision:
    """`after_positive_item9`: remaining instruments wait for a person, or come once the safety text can be read."""
    says = Say("crisis", (Line("crisis"),))
    rest = after.first_open()
    if rest is None:
        return Decision(Idle(), (*effects, CloseCheckIn(), says))
    wake = (WakeAt(now + GO_ON_AFTER),) if after.after_positive == "continue" else ()
    return Decision(Paused(rest, "positive_item9"), (*effects, *wake, says))


def go_on(
    script: Script,
    done: int | None,
    *lines: Line,
    now: datetime,
    laters: int = 0,
    last: Given | None = None,
    before: tuple[Effect, ...] = (),
    kind: Kind = "question",
) -> Decision:
    """Asks what comes next. `done` is the item just dealt with; item 9 leaves the texts where the clinic says so."""
    first = script.first_open()
    if first is None:
        return finish(script, lines, before)
    if script.items[first].risk and script.item9 == "link_only":
        says = Say("link", (*lines, Line("item9_link")), bound=True)
        wake = WakeAt(now + script.item9_wait)
        return Decision(Paused(first, "item9_link", laters), (*before, wake, says))
    if script.items[first].risk and script.item9 == "staff_call":
        return _by_call(script, first, done, lines, laters, last, before, kind)
    return ask(first, *lines, laters=laters, last=last, before=before, kind=kind)


def _by_call(
    script: Script,
    first: int,
    done: int | None,
    lines: tuple[Line, ...],
    laters: int,
    last: Given | None,
    before: tuple[Effect, ...],
    kind: Kind,
) -> Decision:
    texted = script.next_texted()
    task = OpenTask("call_and_ask_item9")
    if texted is None:
        says = Say("acknowledgement", (*lines, Line("item9_call")), bound=True)
        return Decision(Paused(first, "item9_call", laters), (*before, task, says))
    if done is not None and first == done + 1:
        return ask(
            texted, *lines, Line("item9_call"), laters=laters, last=last, before=(*before, task), kind=kind
        )
    return ask(texted, *lines, laters=laters, last=last, before=before, kind=kind)


def finish(script: Script, lines: tuple[Line, ...], before: tuple[Effect, ...]) -> Decision:
    if script.contact is None:
        thanks = Line("done_no_next")
    else:
        thanks = Line("done_thanks", (("contact", script.contact),))
    return Decision(Idle(), (*before, CloseCheckIn(), Say("acknowledgement", (*lines, thanks))))


def alarm_of(value: int) -> RaiseRisk:
    """For a value that was read as an answer to item 9 but is not on file as one."""
    found = alarm(value)
    if found is None:
        raise ValueError("0 to item 9 alarms nobody")
    return RaiseRisk(found.trigger, found.tier, value=value)
