"""Where a conversation stands. Stored as JSON on the thread; everything else is read from the facts each time."""

from __future__ import annotations

from typing import Any, Final, Literal, cast

import msgspec

Why = Literal[
    "unclear",  # three replies could not be read: a plain answer goes on
    "crisis",  # a person goes on, or the patient by the link
    "positive_item9",
    "who",  # asked who we are: nothing more is shown until the link is asked for
    "item9_link",  # item 9 waits on the secure page
    "item9_call",  # a person asks item 9
]


class Given(msgspec.Struct, frozen=True):
    """The last answer filed from a text: what a second reply to the same question repeats or corrects."""

    at: int
    value: int


class Idle(msgspec.Struct, frozen=True, tag_field="mode", tag="idle"):
    """Nothing is asked on this thread."""


class Asking(msgspec.Struct, frozen=True, tag_field="mode", tag="asking"):
    """Item `at` (index in the script) waits for its answer. `tries` counts replies to it that could not be read.

    `asked_before`: the provider had it in an earlier turn too, so a value answers it even if it came before the text
    that asks again has left. `put_off`: the text of this turn says when we ask again and shows no item.
    """

    at: int
    tries: int = 0
    laters: int = 0
    last: Given | None = None
    asked_before: bool = False
    put_off: bool = False


class Confirming(msgspec.Struct, frozen=True, tag_field="mode", tag="confirming"):
    """Several answers in one text were read back; `values` belong to item `at` and those after it."""

    at: int
    values: tuple[int, ...]
    tries: int = 0
    laters: int = 0


class Paused(msgspec.Struct, frozen=True, tag_field="mode", tag="paused"):
    """The check-in stays open and nothing is asked by text. `at` is the item that would be next, if any."""

    at: int | None
    why: Why
    laters: int = 0


class OptIn(msgspec.Struct, frozen=True, tag_field="mode", tag="opt_in"):
    """Our own question, whether texts are wanted, is open."""


State = Idle | Asking | Confirming | Paused | OptIn
# Paused so that a person decides, or the patient by the link: nothing asks to go on.
SILENT: Final[frozenset[Why]] = frozenset(("crisis", "positive_item9", "who"))
STATES: tuple[type[State], ...] = (Idle, Asking, Confirming, Paused, OptIn)


def to_json(state: State) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.to_builtins(state))


def from_json(stored: dict[str, Any]) -> State:
    """Raises `msgspec.ValidationError` for a state this version does not know."""
    return cast(State, msgspec.convert(stored, State))
