"""How each rule was judged for one patient, the flags people set, and the steps the rules propose. Template
`steps/steps.html`.

Gets: `/patients/{id}/rules`. Posts: `/patients/{id}/flags` (safety, discuss), `/steps/{id}/accept`,
`/steps/{id}/decline` (reason), `/steps/{id}/take-back` (reason).
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import FormState
from staff_console.marks import Flag, Shape, Tone


class RuleLine(Struct, frozen=True):
    """`state` in words with its shape and colour; `rule` explains it with the clinic's numbers; `inputs` are what it
    was judged by."""

    id: str
    version: str
    state: str
    shape: Shape
    tone: Tone
    sentence: str
    rule: str
    inputs: tuple[tuple[str, str], ...]


class StepLine(Struct, frozen=True):
    """`decided` says who, when and why of a proposal that is no longer open; `review_at` when a case review takes it up."""

    id: str
    title: str
    sentence: str
    rule: str
    from_on: Day
    due_on: Day
    late: bool
    state: Literal["open", "accepted", "declined", "settled"]
    decided: str
    form: FormState
    may_take_back: bool = False
    review_at: Moment | None = None


class ChangeLine(Struct, frozen=True):
    number: int
    on: Day
    text: str
    who: str


class StepsPage(Struct, frozen=True):
    """`may_decide`: people who treat or lead; `may_mark` the consultant too."""

    patient: str
    patient_href: str
    day: Day
    as_of: Moment
    flags: tuple[Flag, ...]
    rules: tuple[RuleLine, ...]
    open: tuple[StepLine, ...]
    past: tuple[StepLine, ...]
    changes: tuple[ChangeLine, ...]
    flags_action: str
    flags_form: FormState
    may_decide: bool
    may_mark: bool
