"""What a text means: the result of understanding, and where in a conversation it was understood."""

import re
from typing import Final, Literal

import msgspec

from messaging.conversation.crisis import CrisisHit

Kind = Literal[
    "answer",
    "bulk",
    "ask",
    "command",
    "stop",
    "stop?",
    "start",
    "decline",
    "help",
    "wrong_number",
    "who",
    "crisis",
    "free_text",
    "late_answer",
    "already_done",
]
Command = Literal["back", "skip", "later", "link", "why", "ok", "lang_en", "lang_es"]
# Why we ask again, or the command.
Detail = Literal["", "range", "ambiguous", "one_at_a_time", "unclear", "suggest"] | Command
Place = Literal[
    "item",
    "item9",
    "item9_elsewhere",  # item 9 waits on the secure page or for a call
    "bulk",
    "confirm_bulk",
    "optin",
    "idle",
    "expired",
    "completed",
    "opted_out",
]
PLACES: Final[tuple[Place, ...]] = (
    "item",
    "item9",
    "item9_elsewhere",
    "confirm_bulk",
    "optin",
    "idle",
    "expired",
    "completed",
    "opted_out",
)
_BULK: Final = re.compile("bulk([1-9][0-9]?)")


class Context(msgspec.Struct, frozen=True):
    """`remaining`: items still open where the clinic allows bulk answers, else None. `to_item9`: items still open up to
    and with item 9, texted or not; None when it is not ahead. `highest`: the largest answer of the open item."""

    place: Place
    remaining: int | None = None
    to_item9: int | None = None
    highest: int = 3

    @property
    def check_in_open(self) -> bool:
        return self.place in ("item", "item9", "bulk", "confirm_bulk")


class UnknownContext(ValueError):
    """The message names the context that was given and the ones that exist."""


def parse_context(name: str) -> Context:
    """item, item9, item9_elsewhere, bulk1 to bulk99, confirm_bulk, optin, idle, expired, completed or opted_out.

    Raises UnknownContext.
    """
    for place in PLACES:
        if name == place:
            return Context(place)
    bulk = _BULK.fullmatch(name)
    if bulk is None:
        raise UnknownContext(f"context {name!r} is none of {', '.join(PLACES)}, bulkN (bulk9)")
    return Context("bulk", int(bulk[1]))


class Reply(msgspec.Struct, frozen=True):
    """What a text means. Fields that don't belong to `kind` keep their defaults."""

    kind: Kind
    value: int | None = None  # answer, late_answer, already_done: 0 to 3
    values: tuple[int, ...] = ()  # bulk: one per remaining item, in order
    suggested: int | None = None  # ask:suggest: offered, never filed
    detail: Detail = ""
    echo: bool = False  # say back what was understood
    note: bool = False
    note_text: str = ""  # the patient's words after the number: for staff, and to say back
    risk: bool = False  # the turn also opens or joins a risk event
    review: bool = False  # the turn also opens a staff review item
    also_stop: bool = False  # a crisis text that also ends texting
    crisis: CrisisHit | None = None

    @property
    def notation(self) -> str:
        """One line without the patient's words: answer:2;echo, stop+crisis, ask:unclear+risk."""
        parts = [self._meaning()]
        if self.risk:
            parts.append("risk")
        if self.review:
            parts.append("review")
        return "+".join(parts)

    def _meaning(self) -> str:
        match self.kind:
            case "answer":
                return f"answer:{self.value}{';echo' if self.echo else ''}{';note' if self.note else ''}"
            case "bulk":
                return f"bulk:{','.join(map(str, self.values))}"
            case "ask":
                suggestion = f"={self.suggested}" if self.detail == "suggest" else ""
                return f"ask:{self.detail}{suggestion}"
            case "command":
                return f"command:{self.detail}"
            case "crisis":
                return "stop+crisis" if self.also_stop else "crisis"
            case _:
                return self.kind
