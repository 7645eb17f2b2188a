"""What can happen to a conversation, and what a decision about it asks for. Each effect is applied in apply.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from messaging.conversation.meaning import Reply
from messaging.conversation.state import State
from messaging.delivery.kinds import Kind
from registry.safety.rules import Tier, Toward, Trigger
from registry.worklist.tasks import TaskKind

# An answer written within this time of the question's acceptance cannot be an answer to it: nobody reads so fast.
UNREADABLE_FAST: Final = timedelta(seconds=4)

StandingKind = Literal[
    "accepted",  # the provider had the question before the reply came
    "in_doubt",  # the question is on its way, its fate unknown, or earlier replies still wait for it
    "waiting",  # the question has not left yet
    "lost",  # it never will: expired, suppressed or failed, or this turn asked nothing
]


class Standing(msgspec.Struct, frozen=True):
    """How the open question stood when the reply came; `accepted_for` how long the provider had had it."""

    kind: StandingKind
    accepted_for: timedelta | None = None


ACCEPTED: Final = Standing("accepted", timedelta(minutes=1))
LOST: Final = Standing("lost")


class Received(msgspec.Struct, frozen=True):
    """A text came. `duplicate`: the same body from the same number within 4 seconds under another id."""

    reply: Reply
    standing: Standing
    duplicate: bool = False
    media: bool = False


class Opened(msgspec.Struct, frozen=True):
    """The thread takes up a check-in that is asked item by item."""


class Moved(msgspec.Struct, frozen=True):
    """Something was answered in another channel."""


class Woken(msgspec.Struct, frozen=True):
    """The moment came that this state asked to be woken at."""


class Overdue(msgspec.Struct, frozen=True):
    """A reply was held until the question's fate would be known, and it never was."""

    reply: Reply


class OptInAsked(msgspec.Struct, frozen=True):
    """Staff ask by text whether texts are wanted."""


Event = Received | Opened | Moved | Woken | Overdue | OptInAsked


class SaveAnswer(msgspec.Struct, frozen=True):
    """`value` None: the patient was asked and declined."""

    at: int
    value: int | None


class WithdrawAnswer(msgspec.Struct, frozen=True):
    at: int


class CompleteRun(msgspec.Struct, frozen=True):
    run: int


class CloseCheckIn(msgspec.Struct, frozen=True):
    state: Literal["completed"] = "completed"


class RaiseRisk(msgspec.Struct, frozen=True):
    """A risk event opens or is joined; its source is the text itself."""

    trigger: Trigger
    tier: Tier
    toward: Toward = "self"
    value: int | None = None


class OpenTask(msgspec.Struct, frozen=True):
    kind: TaskKind


class StopNumber(msgspec.Struct, frozen=True):
    kind: Literal["opt_out", "wrong_number", "paused"]


class LiftStop(msgspec.Struct, frozen=True):
    """The number may be texted again."""


class SetLanguage(msgspec.Struct, frozen=True):
    language: Literal["en", "es"]


class Postpone(msgspec.Struct, frozen=True):
    """The schedule's next reminder comes on a later day."""


class Silence(msgspec.Struct, frozen=True):
    """No reminder asks to go on with the open check-in, by text or by link: a person decides that."""


class WakeAt(msgspec.Struct, frozen=True):
    at: datetime


class AskAgain(msgspec.Struct, frozen=True):
    """The check-in ended before it was done and the patient wants it again: a new one, never the old one reopened."""


class Hold(msgspec.Struct, frozen=True):
    """Keep the text until the fate of the question is known."""


class Line(msgspec.Struct, frozen=True):
    """A text of copy/. Name, phone, hours, link, progress are filled in where the text has their mark."""

    key: str
    values: tuple[tuple[str, str], ...] = ()


class Say(msgspec.Struct, frozen=True):
    """The one text of a turn: `lines`, then item `ask` in full unless `short`. `bound`: it belongs to this turn, so
    it dies when the conversation moves on, and a reply to it counts."""

    kind: Kind
    lines: tuple[Line, ...] = ()
    ask: int | None = None
    short: bool = False
    bound: bool = False


Effect = (
    SaveAnswer
    | WithdrawAnswer
    | CompleteRun
    | CloseCheckIn
    | RaiseRisk
    | OpenTask
    | StopNumber
    | LiftStop
    | SetLanguage
    | Postpone
    | Silence
    | WakeAt
    | AskAgain
    | Hold
    | Say
)


class Decision(msgspec.Struct, frozen=True):
    state: State
    effects: tuple[Effect, ...] = ()

    @property
    def says(self) -> tuple[Say, ...]:
        return tuple(effect for effect in self.effects if isinstance(effect, Say))

    @property
    def wakes_at(self) -> datetime | None:
        return next((effect.at for effect in self.effects if isinstance(effect, WakeAt)), None)

    @property
    def asks(self) -> bool:
        return any(say.bound or say.ask is not None for say in self.says)


class UnknownPair(Exception):
    """A state and an event that do not go together: a defect, so the text is parked and a person sees it."""

    def __init__(self, state: State, what: str) -> None:
        super().__init__(f"{what} in state {type(state).__name__}")
