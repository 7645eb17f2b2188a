"""Orders of the registry and its pages. A page goes on after a line, named by its episode: nothing about a person is
in the address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, assert_never

from sqlalchemy import ColumnElement, and_, case, literal, or_

from kernel.audit import Actor
from registry.worklist.flags import STALL_BELOW, stalls_from
from registry.worklist.rules import IN_CARE, NEVER, RegistryFilter, Sort
from registry.worklist.tables import RegistryLine


class Key(NamedTuple):
    by: ColumnElement[Any]
    down: bool = False


def order(line: Any, wanted: RegistryFilter, now: datetime) -> list[Key]:
    """Sort keys of a line, the last one unique. `line` is the table or an alias of it. Nulls come last either way."""
    return [*_first(line, wanted.sort, wanted.descending, now), Key(line.name_key), Key(line.episode_id)]


def after(at: Sequence[Key], here: Sequence[Key]) -> ColumnElement[bool]:
    """Whether a line comes later than the one at `at`."""
    later: list[ColumnElement[bool]] = []
    for place, (theirs, mine) in enumerate(zip(at, here, strict=True)):
        same = [h.by == a.by for a, h in zip(at[:place], here[:place], strict=True)]
        later.append(and_(*same, mine.by < theirs.by if mine.down else mine.by > theirs.by))
    return or_(*later)


def ordering(keys: Sequence[Key]) -> list[ColumnElement[Any]]:
    return [key.by.desc() if key.down else key.by.asc() for key in keys]


def mine(viewer: Actor) -> ColumnElement[bool]:
    """The viewer is care manager, treating clinician or consultant. A filter, not a wall."""
    line = RegistryLine
    return or_(
        line.care_manager_id == viewer.id,
        line.treating_clinician_id == viewer.id,
        line.consultant_id == viewer.id,
    )


def not_improving(today: date) -> ColumnElement[bool]:
    """The rule of `flags._stall` over the stored columns."""
    line = RegistryLine
    return and_(
        line.status.in_(IN_CARE),
        line.enrolled_on <= stalls_from(today),
        line.phq9_last >= STALL_BELOW,
        2 * line.phq9_last > line.phq9_first,
    )


def _first(line: Any, sort: Sort, down: bool, now: datetime) -> list[Key]:
    match sort:
        case "default":
            moment = RegistryLine.overdue_since.type
            overdue = case(
                (line.overdue_since <= literal(now, moment), line.overdue_since), else_=literal(NEVER, moment)
            )
            return [Key(line.sort_rank), Key(overdue)]
        case "name":
            return [Key(line.name_key, down)]
        case "phq9_last":
            return _nulls_last(line.phq9_last, down)
        case "last_contact":
            return _nulls_last(line.last_contact_at, down)
        case "next_contact":
            return _nulls_last(line.next_contact_at, down)
        case _:
            assert_never(sort)


def _nulls_last(column: Any, down: bool) -> list[Key]:
    # Lines without a value are equal in the second key, whatever it is made of; NULL = NULL would not be true.
    missing = case((column.is_(None), 1), else_=0)
    known = case((column.is_(None), literal(_FILLER[column.key], column.type)), else_=column)
    return [Key(missing), Key(known, down)]


_FILLER: dict[str, Any] = {"phq9_last": 0, "last_contact_at": NEVER, "next_contact_at": NEVER}
