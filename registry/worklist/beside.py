"""What stands beside the registry's lines: whom to filter by, one's own views, whom one stands in for, and how many
patients each view holds, of one's own, of a colleague's or of the whole clinic. One statement; nothing in it is about one person, so it leaves no audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    cast,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)

from kernel.audit import Actor
from kernel.db import Tx
from registry.access import CLINICAL, require
from registry.cover.tables import Cover
from registry.organisation.tables import Staff, StaffRole
from registry.worklist.filters import NOTHING_PLANNED, planned
from registry.worklist.paging import mine
from registry.worklist.rules import CURRENT, RULE_FLAGS
from registry.worklist.tables import RaisedRule, RegistryLine, SavedView

COUNTED_TO: Final = 1000  # "999+": a clinic of any size is counted at the same cost
MAX_VIEWS: Final = 30
Whose = Literal["mine", "clinic"] | UUID
Day = tuple[datetime, datetime]
_WHO: Final = (RegistryLine.care_manager_id, RegistryLine.treating_clinician_id, RegistryLine.consultant_id)


class OwnView(msgspec.Struct, frozen=True):
    """`query`: the fields of the registry's address."""

    id: UUID
    name: str
    query: dict[str, str]


class Beside(msgspec.Struct, frozen=True):
    """`managers` by name; `covering` colleagues by name. `counts` by view, up to COUNTED_TO."""

    managers: dict[UUID, str]
    views: tuple[OwnView, ...]
    covering: dict[UUID, str]
    counts: dict[str, int]


async def beside(
    tx: Tx, viewer: Actor, *, today: date, now: datetime, whose: Whose = "clinic", day: Day | None = None
) -> Beside:
    """`whose` patients the views count, those of `mine` and `clinic` apart; `day` holds the contacts of today."""
    clinic_id = require(viewer, *CLINICAL)
    parts = [
        _managers(clinic_id),
        _views(clinic_id, viewer),
        _covering(clinic_id, viewer, today),
        *(_count(name, found) for name, found in _counted(clinic_id, viewer, today, now, whose, day).items()),
    ]
    managers: dict[UUID, str] = {}
    covering: dict[UUID, str] = {}
    views: list[OwnView] = []
    counts: dict[str, int] = {}
    rows = await tx.all(union_all(*parts))
    for row in sorted(rows, key=lambda row: (row.what, row.name)):
        match row.what:
            case "manager":
                managers[row.id] = row.name
            case "covering":
                covering[row.id] = row.name
            case "view":
                views.append(OwnView(row.id, row.name, row.query))
            case _:
                counts[row.name] = counts.get(row.name, 0) + row.number
    return Beside(managers, tuple(views), covering, counts)


_NO_ID: Final = cast(null(), Uuid())
_NO_QUERY: Final = cast(null(), JSON)
_NO_NUMBER: Final = cast(null(), Integer)


def _part(what: str, id_: Any, name: Any, query: Any, number: Any) -> Select[Any]:
    return select(
        literal(what, String).label("what"),
        type_coerce(id_, Uuid()).label("id"),
        name.label("name"),
        type_coerce(query, JSON).label("query"),
        number.label("number"),
    )


def _managers(clinic_id: UUID) -> Select[Any]:
    return (
        _part("manager", Staff.id, Staff.name, _NO_QUERY, _NO_NUMBER)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .where(
            StaffRole.clinic_id == clinic_id,
            StaffRole.role == "care_manager",
            Staff.disabled_at.is_(None),
        )
    )


def _views(clinic_id: UUID, viewer: Actor) -> Select[Any]:
    return _part("view", SavedView.id, SavedView.name, SavedView.query, _NO_NUMBER).where(
        SavedView.clinic_id == clinic_id, SavedView.staff_id == viewer.id
    )


def _covering(clinic_id: UUID, viewer: Actor, today: date) -> Select[Any]:
    return (
        _part("covering", Staff.id, Staff.name, _NO_QUERY, _NO_NUMBER)
        .join(Cover, Cover.absent_id == Staff.id)
        .where(*_covers(clinic_id, viewer, today))
    )


def _covers(clinic_id: UUID, viewer: Actor, today: date) -> tuple[ColumnElement[bool], ...]:
    return (
        Cover.clinic_id == clinic_id,
        Cover.covering_id == viewer.id,
        Cover.from_on <= today,
        Cover.until_on >= today,
        Cover.ended_at.is_(None),
    )


def _count(name: str, found: Select[Any]) -> Select[Any]:
    number = select(func.count()).select_from(found.limit(COUNTED_TO).subquery()).scalar_subquery()
    label, _, _ = name.partition("/")
    return _part("count", _NO_ID, literal(label, String), _NO_QUERY, number)


def _counted(
    clinic_id: UUID, viewer: Actor, today: date, now: datetime, whose: Whose, day: Day | None
) -> dict[str, Select[Any]]:
    """A view counted in parts names them `view/part`."""
    line = RegistryLine
    shown = select(line.episode_id).where(line.clinic_id == clinic_id, line.status.in_(CURRENT))
    covers = _covers(clinic_id, viewer, today)
    found = {"clinic": shown, **_mine("mine", shown, viewer, covers)}
    for name, flagged in _flagged(clinic_id, now, day, whole=whose == "clinic").items():
        if whose == "clinic":
            found[name] = flagged
        elif whose == "mine":
            found |= _mine(name, flagged, viewer, covers)
        else:
            found[name] = flagged.where(line.care_manager_id == whose)
    return found


def _mine(
    name: str, found: Select[Any], viewer: Actor, covers: Sequence[ColumnElement[bool]]
) -> dict[str, Select[Any]]:
    """One's own, and those of colleagues for whom one stands in: apart, so that each part has an index."""
    stood_in = found.join(Cover, and_(or_(*(Cover.absent_id == who for who in _WHO)), *covers))
    return {name: found.where(mine(viewer)), f"{name}/covered": stood_in.where(not_(_own(viewer))).distinct()}


def _flagged(clinic_id: UUID, now: datetime, day: Day | None, *, whole: bool) -> dict[str, Select[Any]]:
    line = RegistryLine
    lines = select(line.episode_id).where(line.clinic_id == clinic_id)
    rules: Sequence[str] = RULE_FLAGS["not_improving"]
    met = (RaisedRule.clinic_id == clinic_id, RaisedRule.rule.in_(rules), RaisedRule.outcome == "met")
    raised = select(RaisedRule.episode_id).where(*met).distinct()
    current = line.status.in_(CURRENT)
    return {
        "safety": lines.where(current, line.sort_rank == literal_column("0")),  # in the plan, not a parameter
        "discuss": lines.where(current, line.discuss_flag),
        "overdue": lines.where(line.overdue_since <= now),
        "nothing_planned": lines.where(NOTHING_PLANNED),
        "not_improving": raised if whole else lines.where(line.episode_id.in_(raised)),
        **({} if day is None else {"today": lines.where(*planned(*day))}),
    }


def _own(viewer: Actor) -> ColumnElement[bool]:
    """Never null, so that its negation keeps lines without a clinician or a consultant."""
    return or_(*(func.coalesce(column == viewer.id, False) for column in _WHO))
