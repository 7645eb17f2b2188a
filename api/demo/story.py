"""Sixty courses of care, told in numbers: who gets better, who doesn't, who stops answering. Pure.

Scores follow the shapes that programmes see (about half respond within some months); every value comes from the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

from api.demo.dice import Dice
from registry.patients.forms import Channel

Kind = Literal[
    "responder",
    "slow",
    "long",  # in care for more than nine months
    "stalled",
    "worsening",
    "relapse",
    "remitted",
    "new",
    "no_answer",
    "opted_out",
    "waiting",  # referred, not enrolled yet
    "hospital",
    "on_hold",
    "lost",  # gave up trying to reach them
    "completed",
    "phone_only",  # speaks a language without approved wording
]
Scene = Literal[
    "none",
    "questions_waiting",  # the first question is on their phone right now
    "answered_by_text",
    "half_answered",
    "danger",
    "stopped",
    "wrote",
    "link_waiting",
    "link_unanswered",
    "answered_by_link",
]
Outcome = Literal["answered", "missed", "half"]

# Weeks in care where they make the story.
WEEKS: Final[Mapping[Kind, int]] = {"new": 2, "relapse": 25, "completed": 25, "long": 41}
EVERY: Final = timedelta(days=14)
# The last days belong to the scenes that the real engine plays; a measure is not asked twice within a week.
QUIET_DAYS: Final = 6
QUIET_BEFORE_A_SCENE: Final = 13

Part = tuple[Kind, Scene, Channel, str]  # and the language
QUIET: Final[Part] = ("responder", "none", "sms_link", "en")
# The first patients; the others follow KINDS.
LEADS: Final[tuple[Part, ...]] = (
    ("responder", "questions_waiting", "sms_items", "en"),
    ("slow", "link_waiting", "sms_link", "en"),
    ("responder", "link_waiting", "sms_link", "es"),
    ("worsening", "danger", "sms_items", "en"),
    ("responder", "answered_by_text", "sms_items", "en"),
    ("slow", "half_answered", "sms_items", "en"),
    ("opted_out", "stopped", "sms_items", "en"),
    ("stalled", "wrote", "sms_link", "en"),
    ("slow", "link_unanswered", "sms_link", "en"),
    ("remitted", "answered_by_link", "sms_link", "en"),
    ("stalled", "questions_waiting", "sms_items", "es"),
    ("new", "answered_by_link", "sms_link", "es"),
)
SHORT: Final[frozenset[Scene]] = frozenset({"answered_by_text", "answered_by_link", "danger"})  # PHQ-9 alone
KINDS: Final[tuple[tuple[Kind, int], ...]] = (
    ("responder", 12), ("slow", 6), ("long", 1), ("stalled", 5), ("worsening", 2), ("relapse", 3), ("remitted", 4),
    ("new", 4), ("no_answer", 3), ("waiting", 3), ("hospital", 1), ("on_hold", 1), ("lost", 1),
    ("completed", 1), ("phone_only", 1),
)  # fmt: skip
_CHANNELS: Final[tuple[Channel, ...]] = ("sms_link", "sms_link", "sms_items", "phone", "sms_link")


class CheckInStory(msgspec.Struct, frozen=True):
    """`phq9` and `gad7` are totals; None where nothing or not all was answered."""

    on: date
    outcome: Outcome
    phq9: int | None
    gad7: int | None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One patient. `baseline` are the totals at enrolment; `history` ends some days before `today`."""

    nth: int
    kind: Kind
    scene: Scene
    channel: Channel
    language: str
    enrolled_on: date
    with_gad7: bool
    baseline: tuple[int, int]
    history: tuple[CheckInStory, ...]

    @property
    def by_phone(self) -> bool:
        return self.channel in ("phone", "none")


def cast(count: int, today: date, dice: Dice, *, scenes: bool) -> tuple[Story, ...]:
    """`scenes` False: a quiet clinic, where everything is in order."""
    roles = _roles(count, dice) if scenes else [QUIET] * count
    return tuple(_story(nth, *role, today, dice) for nth, role in enumerate(roles))


def _roles(count: int, dice: Dice) -> list[Part]:
    others = [kind for kind, many in KINDS for _ in range(many)]
    roles = list(LEADS)
    for nth in range(len(LEADS), count):
        kind = others[(nth - len(LEADS)) % len(others)]
        language = "vi" if kind == "phone_only" else "es" if dice.chance(0.15, "es", nth) else "en"
        channel: Channel = "phone" if kind == "phone_only" else dice.pick(_CHANNELS, "channel", nth)
        roles.append((kind, "none", channel, language))
    return roles[:count]


def _story(
    nth: int, kind: Kind, scene: Scene, channel: Channel, language: str, today: date, dice: Dice
) -> Story:
    weeks = WEEKS[kind] if kind in WEEKS else dice.between(6, 25, "weeks", nth)
    enrolled_on = _weekday(today - timedelta(weeks=weeks, days=dice.between(0, 4, "day", nth)))
    with_gad7 = dice.chance(0.7, "gad7", nth) and scene not in SHORT
    first = dice.between(12, 19, "first", nth)
    until = today - timedelta(days=QUIET_DAYS if scene == "none" else QUIET_BEFORE_A_SCENE)
    history = () if kind == "waiting" else _history(nth, kind, first, enrolled_on, until, with_gad7, dice)
    return Story(
        nth=nth,
        kind=kind,
        scene=scene,
        channel=channel,
        language=language,
        enrolled_on=enrolled_on,
        with_gad7=with_gad7,
        baseline=(first, _anxiety(first, nth, 0, dice)),
        history=history,
    )


def _history(
    nth: int, kind: Kind, first: int, enrolled_on: date, until: date, with_gad7: bool, dice: Dice
) -> tuple[CheckInStory, ...]:
    days = []
    on = enrolled_on + EVERY
    while on <= until:
        days.append(on)
        on += EVERY
    told = []
    for step, day in enumerate(days, start=1):
        outcome = _outcome(kind, nth, step, len(days), dice)
        total = _total(kind, first, step, len(days), nth, dice) if outcome == "answered" else None
        anxiety = _anxiety(total, nth, step, dice) if total is not None and with_gad7 else None
        told.append(CheckInStory(day, outcome, total, anxiety))
    return tuple(told)


def _outcome(kind: Kind, nth: int, step: int, steps: int, dice: Dice) -> Outcome:
    if kind in ("no_answer", "lost"):
        return "missed" if step > steps - 3 else "answered"
    rolled = dice.fraction("outcome", nth, step)
    return "missed" if rolled < 0.1 else "half" if rolled < 0.15 else "answered"


def _total(kind: Kind, first: int, step: int, steps: int, nth: int, dice: Dice) -> int:
    """PHQ-9 at check-in `step` of `steps`; at most 24, since item 9 stays 0 in what is only told."""
    wobble = dice.between(-1, 1, "wobble", nth, step)
    share = step / max(steps, 1)
    match kind:
        case "responder" | "remitted" | "completed":
            shape = first * (1 - 0.75 * min(1.0, share * 1.5))
        case "slow" | "long" | "new" | "opted_out" | "phone_only":
            shape = first * (1 - 0.4 * share)
        case "stalled" | "no_answer" | "lost" | "hospital" | "on_hold" | "waiting":
            shape = first - 1.0
        case "worsening":
            shape = first + 5 * share
        case "relapse":
            shape = (
                first * (0.35 + 0.5 * max(0.0, share - 0.65) / 0.35) if share > 0.4 else first * (1 - share)
            )
    return max(0, min(23, round(shape) + wobble))


def _anxiety(total: int, nth: int, step: int, dice: Dice) -> int:
    return max(0, min(21, round(total * 0.7) + dice.between(-1, 2, "anxiety", nth, step)))


def spread(total: int, items: int, key: Sequence[object], dice: Dice) -> dict[int, int]:
    """Answers 0 to 3 to items 1 to `items` that add up to `total`. Raises ValueError when they can't."""
    if not 0 <= total <= 3 * items:
        raise ValueError("total: more than the items can hold")
    values = dict.fromkeys(range(1, items + 1), 0)
    order = sorted(values, key=lambda item: dice.fraction("order", *key, item))
    left = total
    while left:
        for item in order:
            step = min(left, 1 if values[item] < 3 else 0)
            values[item] += step
            left -= step
    return values


def _weekday(on: date) -> date:
    return on - timedelta(days=max(0, on.weekday() - 4))
