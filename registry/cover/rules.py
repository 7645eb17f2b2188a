"""What an assignment of cover must look like."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import msgspec

from kernel.audit import Role
from kernel.errors import Problem

LONGEST: Final = timedelta(days=366)


class CoverForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`covering_id` sees the absent colleague's patients and tasks as their own, `from_on` to `until_on` inclusive."""

    absent_id: UUID
    covering_id: UUID
    from_on: date
    until_on: date


class CoverFacts(msgspec.Struct, frozen=True):
    id: UUID
    absent_id: UUID
    absent_name: str
    covering_id: UUID
    covering_name: str
    from_on: date
    until_on: date


def check(
    form: CoverForm,
    today: date,
    roles: Mapping[UUID, Collection[Role]],
    existing: Collection[CoverFacts],
) -> tuple[Problem, ...]:
    """`roles` are those each of the two holds in the clinic; nobody can stand in for a role they don't hold."""
    found: list[Problem] = []
    if form.absent_id == form.covering_id:
        found.append(Problem("covering_id", "must be somebody else"))
    found += [
        Problem(name, "has no account with a role in this clinic")
        for name, who in (("absent_id", form.absent_id), ("covering_id", form.covering_id))
        if not roles.get(who)
    ]
    if not found and set(roles[form.absent_id]).isdisjoint(roles[form.covering_id]):
        found.append(Problem("covering_id", "holds none of the absent colleague's roles"))
    if form.until_on < form.from_on:
        found.append(Problem("until_on", "is before the first day"))
    elif form.until_on - form.from_on > LONGEST:
        found.append(
            Problem("until_on", "is more than a year after the first day: reassign the caseload instead")
        )
    if form.until_on < today:
        found.append(Problem("until_on", "is in the past"))
    if any(_overlaps(form, other) for other in existing if other.absent_id == form.absent_id):
        found.append(Problem("from_on", "somebody covers some of these days already"))
    return tuple(found)


def _overlaps(form: CoverForm, other: CoverFacts) -> bool:
    return form.from_on <= other.until_on and other.from_on <= form.until_on
