"""Texts as bubbles: what was said, by whom, when, and what is truly known about its delivery."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.marks import Tone

Delivery = Literal[
    "waiting", "sending", "accepted", "delivered", "unknown", "failed", "suppressed", "expired", "simulated"
]

# "accepted" is the provider's word, "delivered" the carrier's: neither says that somebody read the text.
_DELIVERY: dict[Delivery, tuple[str, Tone]] = {
    "waiting": ("Waiting to go", "quiet"),
    "sending": ("Going out", "quiet"),
    "accepted": ("Accepted by the provider", "info"),
    "delivered": ("Delivered", "good"),
    "unknown": ("Not known if sent", "warn"),
    "failed": ("Not delivered", "bad"),
    "suppressed": ("Held back", "quiet"),
    "expired": ("Not sent in time", "warn"),
    "simulated": ("Simulated, not sent", "quiet"),
}


class Bubble(Struct, frozen=True):
    """`note` says what a text meant to the system (`Answer 2 to item 3`); `reason` why one was not sent."""

    direction: Literal["in", "out"]
    author: str
    body: str
    at: Moment
    delivery: Delivery | None = None
    delivery_word: str = ""
    tone: Tone = "quiet"
    note: str = ""
    reason: str = ""


class ThreadDay(Struct, frozen=True):
    day: Day
    bubbles: tuple[Bubble, ...]


def received(author: str, body: str, at: Moment, note: str = "") -> Bubble:
    return Bubble("in", author, body, at, note=note)


def sent(author: str, body: str, at: Moment, delivery: Delivery, note: str = "", reason: str = "") -> Bubble:
    word, tone = _DELIVERY[delivery]
    return Bubble("out", author, body, at, delivery, word, tone, note, reason)


def by_day(bubbles: Sequence[Bubble]) -> tuple[ThreadDay, ...]:
    """Groups bubbles, oldest first, under the local date each carries."""
    return tuple(
        ThreadDay(day, tuple(group)) for day, group in groupby(bubbles, key=lambda bubble: bubble.at.day)
    )
