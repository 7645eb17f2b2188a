"""What each signed-in page shows, ready to print: dates and hours are words already."""

from __future__ import annotations

from msgspec import Struct


class Problems(Struct, frozen=True):
    """`errors`: a field's name -> what is wrong with it. `said`: what was typed, shown again."""

    errors: dict[str, str]
    said: dict[str, str]


NOTHING_WRONG = Problems({}, {})


class SignInPage(Struct, frozen=True):
    problems: Problems = NOTHING_WRONG
    signed_out: bool = False


class CodePage(Struct, frozen=True):
    """`again_href`: where a new code is asked for. The code itself is never shown again."""

    again_href: str
    error: bool = False


class Waiting(Struct, frozen=True):
    href: str
    answered: int
    total: int
    until: str


class HomePage(Struct, frozen=True):
    """`own`: the patient, who has every part; a related person has those in `scope`."""

    own: bool
    scope: frozenset[str]
    contact: str
    contact_mode: str
    with_person: str
    waiting: tuple[Waiting, ...]


class MeasureLine(Struct, frozen=True):
    title: str
    days: int
    time: str
    when: str


class PlanPage(Struct, frozen=True):
    goals: tuple[str, ...]
    skill: str
    rhythm: str
    medications: tuple[str, ...]
    treatments: tuple[str, ...]
    measures: tuple[MeasureLine, ...]


class AnswerLine(Struct, frozen=True):
    text: str
    label: str


class ResultView(Struct, frozen=True):
    """`total` empty where answers are missing."""

    title: str
    when: str
    total: str
    answers: tuple[AnswerLine, ...]


class AnswersPage(Struct, frozen=True):
    shown: bool
    results: tuple[ResultView, ...]


class MessageLine(Struct, frozen=True):
    when: str
    by_team: bool
    body: str


class MessagesPage(Struct, frozen=True):
    """`reads`: may see the thread. `crisis`: what was just written calls for the help lines."""

    reads: bool
    lines: tuple[MessageLine, ...]
    sent: bool = False
    crisis: bool = False
    problems: Problems = NOTHING_WRONG


class WishesPage(Struct, frozen=True):
    language: str
    other_language: str
    channel: str
    may_text_items: bool
    window_start: str
    window_end: str
    saved: bool = False
    problems: Problems = NOTHING_WRONG


class NumberPage(Struct, frozen=True):
    ends: str
    problems: Problems = NOTHING_WRONG


class NewCodePage(Struct, frozen=True):
    again_href: str
    error: str = ""


class TextsPage(Struct, frozen=True):
    ends: str
    on: bool
    stopped: bool
    wording: str


class SafetyPage(Struct, frozen=True):
    code_word: str
    saved: bool = False
    problems: Problems = NOTHING_WRONG


class PersonLine(Struct, frozen=True):
    """`end_action` empty where only the clinic can end it."""

    name: str
    relation: str
    scope: tuple[str, ...]
    until: str
    end_action: str


class PeoplePage(Struct, frozen=True):
    people: tuple[PersonLine, ...]


class RefusedPage(Struct, frozen=True):
    """A part that is the patient's alone, opened by a related person."""
