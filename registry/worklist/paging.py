"""Orders of the registry and its pages. A page goes on after a line, named by its episode: nothing about a person is
in the address."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, assert_never
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from kernel.audit import Actor
from registry.worklist.rules import NEVER, RegistryFilter, Sort
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


def mine(viewer: Actor, covering: Collection[UUID] = ()) -> ColumnElement[bool]:
    """The viewer, or a colleague for whom the viewer stands in, is care manager, treating clinician or consultant.
    A filter, not a wall."""
    line = RegistryLine
    if not covering:
        return or_(
            line.care_manager_id == viewer.id,
            line.treating_clinician_id == viewer.id,
            line.consultant_id == viewer.id,
        )
    people = sorted({*covering, *([] if viewer.id is None else [viewer.id])})
    return or_(
        line.care_manager_id.in_(people),
        line.treating_clinician_id.in_(people),
        line.consultant_id.in_(people),
    )


RANKS: Final = (0, 1, 2)


def clinic_wide(
    columns: Sequence[Any],
    wheres: Sequence[ColumnElement[bool]],
    at: Cursor | None,
    now: datetime,
    limit: int,
) -> Select[Any]:
    """The default order over a whole clinic, read from the two indexes that hold it: of each rank first the overdue,
    then the rest by name. Each part is cut at the page's size, so a page costs the same in a clinic of any size."""
    line = RegistryLine
    parts: list[Any] = []
    for rank in RANKS:
        for late in (True, False):
            beyond = _beyond(at, rank, late, now)
            if beyond is None:
                continue
            overdue = line.overdue_since if late else literal(NEVER, line.overdue_since.type)
            keys = (*((line.overdue_since,) if late else ()), line.name_key, line.episode_id)
            parts.append(
                select(
                    line.episode_id.label("id"),
                    literal(rank).label("rank"),
                    overdue.label("overdue"),
                    line.name_key.label("name"),
                )
                .where(*wheres, line.sort_rank == literal_column(str(rank)), *beyond)  # in the plan
                .where(line.overdue_since <= now if late else line.overdue_since > now)
                .order_by(*keys)
                .limit(limit)
                .subquery()
            )
    page = union_all(*(select(part) for part in parts)).subquery()
    order_by = (page.c.rank, page.c.overdue, page.c.name, page.c.id)
    first = select(page).order_by(*order_by).limit(limit).subquery()
    return (
        select(*columns)
        .join(first, first.c.id == line.episode_id)
        .order_by(first.c.rank, first.c.overdue, first.c.name, first.c.id)
    )


class Cursor(NamedTuple):
    """The last line of the page before."""

    sort_rank: int
    overdue_since: datetime
    name_key: str
    episode_id: UUID


def _beyond(at: Cursor | None, rank: int, late: bool, now: datetime) -> list[ColumnElement[bool]] | None:
    """What of a part lies beyond the cursor; None when nothing does."""
    line = RegistryLine
    if at is None:
        return []
    there = (at.sort_rank, at.overdue_since > now)
    if (rank, not late) != there:
        return None if (rank, not late) < there else []
    moment = line.overdue_since.type
    name, episode = literal(at.name_key), literal(at.episode_id, line.episode_id.type)
    if not late:
        return [tuple_(line.name_key, line.episode_id) > tuple_(name, episode)]
    return [
        tuple_(line.overdue_since, line.name_key, line.episode_id)
        > tuple_(literal(at.overdue_since, moment), name, episode)
    ]


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
