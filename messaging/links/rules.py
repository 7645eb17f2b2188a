"""Which question a visit shows. Pure: what is asked, what stands and what this visit answered go in, one question out.

Unlike a conversation by text, a page also asks the unscored question at a form's end (how difficult the problems have
made things), if some problem was reported in this visit. It may be skipped, and no score waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from questionnaires.instrument import Instrument, Item
from registry.measures.rules import RunState


class Standing(msgspec.Struct, frozen=True):
    """An answer that stands; `value` None: declined. `mine`: given in this visit, so that this visit may show it."""

    value: int | None
    mine: bool


class Part(msgspec.Struct, frozen=True):
    """One instrument of the check-in. `run_id` None: not begun. `answers`: item number -> what stands."""

    instrument: Instrument
    run_id: UUID | None
    state: RunState
    answers: Mapping[int, Standing]


class Asked(msgspec.Struct, frozen=True):
    """One question; `number` from 1 counts all questions of the check-in and is its address."""

    number: int
    part: Part
    item: Item

    @property
    def standing(self) -> Standing | None:
        return self.part.answers.get(self.item.number)

    @property
    def can_be_answered(self) -> bool:
        """Scored items while their form is open; the unscored one also when the form was filed meanwhile."""
        if self.item.scored:
            return self.part.state == "open"
        return self.part.state != "closed_partial" and _problem_reported(self.part)


def lay_out(parts: Sequence[Part]) -> tuple[Asked, ...]:
    pairs = [(part, item) for part in parts for item in part.instrument.items]
    return tuple(Asked(number, part, item) for number, (part, item) in enumerate(pairs, start=1))


def waiting(asked: Iterable[Asked]) -> Asked | None:
    """The first question without an answer that can still be answered."""
    return next((one for one in asked if one.standing is None and one.can_be_answered), None)


def question(asked: Sequence[Asked], number: int) -> Asked | None:
    """Question `number` if this visit may show it: the one that waits, or one it answered itself.

    An answer given by text or in an earlier visit is never shown.
    """
    one = at(asked, number)
    if one is None or not one.can_be_answered:
        return None
    if one.standing is not None:
        return one if one.standing.mine else None
    return one if one == waiting(asked) else None


def may_be_posted(asked: Sequence[Asked], number: int) -> Asked | None:
    """Question `number` if an answer to it is accepted: shown before, or answered on the other channel while the page
    was open. Questions ahead of the one that waits are not reachable."""
    one = at(asked, number)
    if one is None or not one.can_be_answered:
        return None
    return one if one.standing is not None or one == waiting(asked) else None


def before(asked: Sequence[Asked], number: int) -> Asked | None:
    """Where Back leads: the nearest earlier question that this visit answered and may still change."""
    earlier = [one for one in asked[: number - 1] if one.can_be_answered]
    return next((one for one in reversed(earlier) if one.standing is not None and one.standing.mine), None)


def after(asked: Sequence[Asked], number: int) -> Asked | None:
    """Where Next leads from question `number`: the next one that this visit may show, else the one that waits."""
    later = [one for one in asked[number:] if question(asked, one.number) is not None]
    return later[0] if later else waiting(asked)


def progress(asked: Sequence[Asked], one: Asked) -> tuple[int, int]:
    """(number, total) as printed: scored questions are counted, the unscored one only while it is shown or behind."""
    total = sum(other.item.scored for other in asked)
    extra = [o for o in asked if not o.item.scored and (o == one or (o.standing and o.number < one.number))]
    ahead = sum(other.item.scored for other in asked if other.number <= one.number)
    return ahead + len(extra), total + len(extra)


def at(asked: Sequence[Asked], number: int) -> Asked | None:
    return asked[number - 1] if 1 <= number <= len(asked) else None


def _problem_reported(part: Part) -> bool:
    """PHQ-9's last question starts "If you checked off any problems": asked when one was, and seen, in this visit."""
    scored = {item.number for item in part.instrument.scored_items}
    return any(
        standing.mine and (standing.value or 0) > 0
        for number, standing in part.answers.items()
        if number in scored
    )
