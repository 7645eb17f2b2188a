"""Flags, score cells and check-in pills: state as a word, a shape and a colour, never as colour alone."""

from typing import Literal

from msgspec import Struct

from staff_console.charts import Sparkline
from staff_console.formats import Day

Tone = Literal["bad", "warn", "good", "info", "quiet"]
Shape = Literal[
    "octagon", "diamond", "clock", "triangle", "square", "circle", "check", "ring", "half", "cross"
]

FlagKind = Literal[
    "safety", "discuss", "overdue", "worse", "not_improving", "severe", "relapse",
    "no_contact", "no_score", "review_due", "long", "new", "response", "stall", "not_judged", "nothing_planned",
]  # fmt: skip

_FLAGS: dict[FlagKind, tuple[str, Shape, Tone]] = {
    "safety": ("Safety", "octagon", "bad"),
    "discuss": ("Discuss", "diamond", "warn"),
    "overdue": ("Overdue", "clock", "warn"),
    "worse": ("Worse", "triangle", "bad"),
    "not_improving": ("Not improving", "triangle", "warn"),
    "severe": ("Severe", "triangle", "bad"),
    "relapse": ("Relapse", "triangle", "bad"),
    "no_contact": ("No contact", "ring", "warn"),
    "no_score": ("No score", "ring", "warn"),
    "review_due": ("Review due", "clock", "warn"),
    "long": ("9 months+", "square", "quiet"),
    "new": ("New", "circle", "info"),
    "response": ("Responding", "check", "good"),
    "stall": ("Stalled", "square", "warn"),
    "not_judged": ("Not judged", "ring", "quiet"),
    "nothing_planned": ("No next contact", "cross", "warn"),
}
# R-SAFETY is shown from the line's own state, with a link to the event.
OF_RULE: dict[str, FlagKind] = {
    "R-SEVERE": "severe",
    "R-WORSE": "worse",
    "R-RELAPSE": "relapse",
    "R-STALL-A": "stall",
    "R-STALL-B": "not_improving",
    "R-NOSCORE": "no_score",
    "R-NOCONTACT": "no_contact",
    "R-REVIEW": "review_due",
    "R-RESP": "response",
    "R-LONG": "long",
    "R-NEW": "new",
}


class Flag(Struct, frozen=True):
    """`why` is the rule in words with its inputs; `href` leads to the answers or records behind it."""

    kind: FlagKind
    word: str
    shape: Shape
    tone: Tone
    why: str
    href: str = ""


def flag(kind: FlagKind, why: str, href: str = "", detail: str = "") -> Flag:
    word, shape, tone = _FLAGS[kind]
    return Flag(kind, f"{word} {detail}".strip(), shape, tone, why, href)


CheckInKind = Literal["none", "scheduled", "sent", "partial", "done", "declined", "no_answer", "opted_out"]

_CHECK_INS: dict[CheckInKind, tuple[str, Shape, Tone]] = {
    "none": ("Not scheduled", "ring", "quiet"),
    "scheduled": ("Scheduled", "ring", "quiet"),
    "sent": ("Sent", "circle", "info"),
    "partial": ("Partial", "half", "warn"),
    "done": ("Done", "check", "good"),
    "declined": ("Declined", "cross", "warn"),
    "no_answer": ("No answer", "clock", "warn"),
    "opted_out": ("Opted out", "cross", "quiet"),
}


class CheckInPill(Struct, frozen=True):
    kind: CheckInKind
    word: str
    shape: Shape
    tone: Tone
    detail: str = ""


def check_in_pill(kind: CheckInKind, detail: str = "", times: int = 0) -> CheckInPill:
    """`times` counts unanswered check-ins in a row and shows from two: `No answer x3`."""
    word, shape, tone = _CHECK_INS[kind]
    if kind == "no_answer" and times > 1:
        word = f"{word} x{times}"
    return CheckInPill(kind, word, shape, tone, detail)


Item9 = Literal["positive", "zero", "missing", "not_asked"]


class ScoreCell(Struct, frozen=True):
    """First and last complete totals of one instrument.

    `first`, `last` and `change` are display texts, empty when there is none; `change` stays empty when the
    first total is 0. `item9_text` carries the words of the mark (`Item 9: 2`), empty when nothing is shown.
    """

    instrument: str
    first: str
    last: str
    change: str
    change_tone: Tone
    last_tone: Tone
    last_on: Day | None
    item9: Item9 = "not_asked"
    item9_text: str = ""
    spark: Sparkline | None = None


def severity_tone(total: int) -> Tone:
    """The colour of a PHQ-9 or GAD-7 total: 15 and more bad, 10 to 14 warning, below 10 good.

    Source: the score columns of the University of Washington's SCOPE caseload table. A screen colour, not a
    diagnosis: the bands of each instrument are drawn in the trend chart.
    """
    if total >= 15:
        return "bad"
    return "warn" if total >= 10 else "good"


def change_tone(change: int | None) -> Tone:
    """Green from a drop of half, the response threshold of the same table; otherwise neutral."""
    return "good" if change is not None and change <= -50 else "quiet"


def item9_words(item9: Item9, answer: int | None = None) -> str:
    """An answer of 0 is shown as the answer it is; nothing here ever reads as "no risk"."""
    match item9:
        case "positive":
            return f"Item 9: {answer}" if answer is not None else "Item 9: yes"
        case "zero":
            return ""
        case "missing":
            return "No item 9"
        case "not_asked":
            return ""
