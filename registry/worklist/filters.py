"""What a filter of the registry means in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_

from kernel.audit import Actor
from registry.worklist.paging import mine
from registry.worklist.rules import CAN_BE_OVERDUE, RULE_FLAGS, Flag, RegistryFilter
from registry.worklist.tables import RaisedRule, RegistryLine

NOTHING_PLANNED: Final[ColumnElement[bool]] = and_(
    RegistryLine.next_contact_at.is_(None), RegistryLine.status.in_(sorted(CAN_BE_OVERDUE))
)
# Flags that the line itself holds; the others are rules.
_OWN: Final[Mapping[Flag, ColumnElement[bool]]] = {
    "safety": or_(RegistryLine.open_risk > 0, RegistryLine.safety_flag),
    "severe": RegistryLine.severe_flag.is_(True),
    "discuss": RegistryLine.discuss_flag.is_(True),
    "nothing_planned": NOTHING_PLANNED,
}


def flag_condition(flag: Flag) -> ColumnElement[bool]:
    ways = [_OWN[flag]] if flag in _OWN else []
    rules = RULE_FLAGS.get(flag, ())
    if rules:
        ways.append(_raised(RaisedRule.rule.in_(rules), RaisedRule.outcome == "met"))
    if flag == "not_judged":
        ways.append(_raised(RaisedRule.outcome == "unknown"))
    return or_(*ways)


def conditions(
    wanted: RegistryFilter, viewer: Actor, now: datetime, covering: Collection[UUID] = ()
) -> list[ColumnElement[bool]]:
    line = RegistryLine
    found: list[ColumnElement[bool]] = []
    if wanted.statuses:
        found.append(line.status.in_(wanted.statuses))
    if wanted.care_manager_id is not None:
        found.append(line.care_manager_id == wanted.care_manager_id)
    if wanted.mine:
        found.append(mine(viewer, covering))
    if wanted.overdue is not None:
        found.append(line.overdue_since <= now if wanted.overdue else line.overdue_since > now)
    if wanted.flags:
        found.append(or_(*(flag_condition(flag) for flag in sorted(wanted.flags))))
    if wanted.check_in_states:
        found.append(line.check_in_state.in_(sorted(wanted.check_in_states)))
    if wanted.opted_out is not None:
        found.append(line.opted_out.is_(wanted.opted_out))
    if wanted.planned is not None:
        found += planned(*wanted.planned)
    return found


def planned(since: datetime, before: datetime) -> list[ColumnElement[bool]]:
    """The next contact lies between these moments, of a patient in or before care."""
    at = RegistryLine.next_contact_at
    return [at >= since, at < before, RegistryLine.status.in_(sorted(CAN_BE_OVERDUE))]


def _raised(*wheres: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(RaisedRule.episode_id == RegistryLine.episode_id, *wheres)
