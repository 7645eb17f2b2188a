"""Plans as their page asks for them: several lines in one box, one point each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, NotFound
from kernel.web.forms import Pairs
from registry.care_plans import contents
from registry.care_plans.contents import FIELDS, TITLES, Content, PlanKind

AGREED: Final = "agreed_on"


class PlanFields(msgspec.Struct, frozen=True):
    """What every plan's form carries beside its own fields: `version` is the one the person looked at."""

    version: int
    agreed_on: date | None = None


class SignForm(msgspec.Struct, frozen=True):
    version: int
    read: Literal["yes"]
    note: Annotated[str, Meta(max_length=2000)] | None = None


def plan_kind(name: str) -> PlanKind:
    for kind in TITLES:
        if kind == name:
            return kind
    raise NotFound("plan")


def content(kind: PlanKind, fields: Pairs) -> Content:
    """Raises Invalid for a day that can't be read."""
    given = dict(fields)
    values: dict[str, Any] = {}
    for field in FIELDS[kind]:
        text = given.get(field.name, "").replace("\r\n", "\n")
        if field.shape == "lines":
            values[field.name] = tuple(text.split("\n"))
        elif field.shape == "day":
            values[field.name] = _day(field.name, text.strip())
        else:
            values[field.name] = text
    return msgspec.structs.replace(contents.empty(kind), **values)


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid.field(name, "is not a valid date") from None


def shown(plan: Content) -> dict[str, str]:
    """The content as the values of the form."""
    fields = FIELDS[contents.kind_of(plan)]
    return {field.name: "\n".join(contents.as_lines(getattr(plan, field.name))) for field in fields}


def labels(kind: PlanKind) -> Mapping[str, str]:
    return {field.name: field.label for field in FIELDS[kind]} | {AGREED: "Agreed with the patient on"}


SIGN: Final = {"read": "Having read this version", "note": "The note"}
