"""Entering scores. Template `scores/scores.html`; posts to `/patients/{patient_id}/scores` (taken_on, source, and for each
measure its items `phq9_1`, or `phq9_total` with `phq9_item9`)."""

from msgspec import Struct

from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class ItemRow(Struct, frozen=True):
    name: str
    number: int
    text: str
    choices: tuple[Choice, ...]


class MeasurePart(Struct, frozen=True):
    """`asks_item9`: a total without its items needs item 9 beside it."""

    name: str
    label: str
    stem: str
    rows: tuple[ItemRow, ...]
    item9: tuple[Choice, ...]
    credit: str
    language: str


class ScoresPage(Struct, frozen=True):
    """`script` is what the caller says first when the answers are asked by phone; `due`: a check-in waits for them."""

    whose: Whose
    action: str
    form: FormState
    sources: tuple[Choice, ...]
    parts: tuple[MeasurePart, ...]
    script: str
    crisis: tuple[str, ...]
    due: bool
    phone: str
