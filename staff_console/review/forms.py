"""The forms of case reviews as their pages send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, Problem
from kernel.web.forms import Pairs
from registry.review.rules import Discussion, DiscussionForm, OwnMinutes
from staff_console.approvals.forms import LABELS as ADVICE_LABELS
from staff_console.approvals.forms import RecommendFields

Text = Annotated[str, Meta(max_length=10_000)]
LABELS: Final = {
    "starts_at": "When",
    "consultant_id": "Consultant",
    "care_manager_id": "Care manager",
    "note": "Note",
    "impression": "Impression",
    "changed": "What changes, and why",
    "people": "Who took part",
    "minutes": "Minutes",
    "body": "Wording",
}
NOT_TODAY: Final = "not_today"
# What stands in a form before anybody types: alone it recommends nothing.
_PREFILLED: Final = {"recipient_id": None, "urgency": "routine"}
_DISCUSSION: Final = ("note", "impression", "changed")


class PlanFields(msgspec.Struct, frozen=True, kw_only=True):
    on: date
    at: time
    minutes: int
    consultant_id: UUID
    care_manager_id: UUID | None = None


class AddFields(msgspec.Struct, frozen=True, kw_only=True):
    patient_id: UUID


class CloseFields(msgspec.Struct, frozen=True, kw_only=True):
    note: Text | None = None


class PassFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    not_today: Text | None = None


class WordingFields(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    body: Text | None = None


class DiscussFields(msgspec.Struct, frozen=True, kw_only=True):
    """Beside these, each person on the page has a field of `minutes_of`."""

    version: int
    discussion: Discussion = "joint"
    people: tuple[UUID, ...] = ()
    note: Text
    impression: Text | None = None
    changed: Text | None = None

    def form(self, fields: Pairs) -> DiscussionForm:
        """Raises Invalid at the minutes that are missing or no number."""
        return DiscussionForm(
            discussion=self.discussion,
            people=self.people,
            note=self.note,
            impression=self.impression,
            changed=self.changed,
            own_minutes=_own_minutes(self.people, dict(fields)),
        )


def _own_minutes(people: tuple[UUID, ...], typed: dict[str, str]) -> tuple[OwnMinutes, ...]:
    given = {person: typed.get(minutes_of(person), "").strip() for person in people}
    wrong = [
        Problem(minutes_of(person), "must be a whole number" if text else "is needed")
        for person, text in given.items()
        if not (text.isascii() and text.isdigit() and len(text) < 6)
    ]
    if wrong:
        raise Invalid(*wrong)
    return tuple(OwnMinutes(person, int(text)) for person, text in given.items())


def minutes_of(person: UUID | str) -> str:
    """The name of the field with the minutes of one person."""
    return f"minutes_{person}"


def at_fields(error: Invalid, form: DiscussionForm) -> Invalid:
    """The same problems, those about somebody's minutes at the field of that person."""
    names = {
        f"own_minutes[{at}].{part}": minutes_of(own.staff_id)
        for at, own in enumerate(form.own_minutes)
        for part in ("minutes", "staff_id")
    }
    return Invalid(*(Problem(names.get(each.field, each.field), each.message) for each in error.problems))


def advises(fields: Pairs) -> bool:
    """Whether anything of a recommendation was filled in."""
    names = {each.encode_name for each in msgspec.structs.fields(RecommendFields)}
    return any(_given(name, text) for name, text in fields if name in names)


def discusses(fields: Pairs) -> bool:
    """Whether anything of a discussion was typed."""
    return any(name in _DISCUSSION and text.strip() for name, text in fields)


def _given(name: str, text: str) -> bool:
    beforehand = _PREFILLED.get(name, "")
    return bool(text.strip()) and beforehand is not None and text != beforehand


def advice_only(values: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What of a form's values belongs to the recommendation."""
    names = {each.encode_name for each in msgspec.structs.fields(RecommendFields)}
    return {name: given for name, given in values.items() if name in names}


def labels(people: Mapping[UUID, str]) -> dict[str, str]:
    """Of the form about one patient, in the order of its page; `people` are those who can take part."""
    own = {minutes_of(person): f"Minutes of {name}" for person, name in people.items()}
    return {**LABELS, **own, **ADVICE_LABELS, NOT_TODAY: "Why not today"}
