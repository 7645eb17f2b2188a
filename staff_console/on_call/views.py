"""Who is on call. Template `on_call/on_call.html`. Posts: `/safety/on-call/shifts`, `.../{id}/remove`,
`/safety/on-call/cover`, `/safety/on-call/swap`, `/safety/on-call/tests/{id}`."""

from __future__ import annotations

from msgspec import Struct

from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState


class ShiftLine(Struct, frozen=True):
    id: str
    who: str
    start: Moment
    end: Moment
    now: bool


class GapLine(Struct, frozen=True):
    start: Moment
    end: Moment


class OnCallPage(Struct, frozen=True):
    """`needed` False: the policy pages nobody after hours. `test_id` is the viewer's unanswered monthly test."""

    zone: str
    now: tuple[str, ...]
    needed: bool
    shifts: tuple[ShiftLine, ...]
    gaps: tuple[GapLine, ...]
    people: tuple[Choice, ...]
    hidden: tuple[str, ...]
    choices: tuple[Choice, ...]
    leads: bool
    add: FormState
    cover: FormState
    swap: FormState
    test_id: str
