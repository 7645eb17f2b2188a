"""Who may act for a patient, and how far."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

import msgspec

from kernel.errors import Problem
from registry.organisation.rules import phone_problem

Scope = Literal["contacts", "plan", "messages"]
Basis = Literal["patient_agreed", "legal_authority"]
LONGEST_NAME: Final = 100
LONGEST_RELATION: Final = 60
Agreed = Literal["verbal", "written", "document"]
MOST: Final = 10


class RelatedPersonForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scope`: `contacts` the next contacts, `plan` goals and plan, `messages` writing to the care team. Answers,
    scores and what the patient wrote are in none of them. `valid_to` is the last day, on the patient's calendar.
    `agreed_on` and `agreed_how`: when and how the permission was given, by the patient's word, in writing, or by the
    document that gives a legal authority."""

    name: str
    relation: str
    phone: str
    basis: Basis
    scope: tuple[Scope, ...]
    valid_from: date
    valid_to: date | None = None
    agreed_on: date | None = None
    agreed_how: Agreed | None = None


def check(form: RelatedPersonForm, today: date) -> list[Problem]:
    """`today` is the patient's date."""
    found = [
        *_words("name", form.name, LONGEST_NAME),
        *_words("relation", form.relation, LONGEST_RELATION),
    ]
    if (bad := phone_problem("phone", form.phone)) is not None:
        found.append(bad)
    if not form.scope:
        found.append(Problem("scope", "names nothing this person may do"))
    if len(set(form.scope)) != len(form.scope):
        found.append(Problem("scope", "names the same twice"))
    if form.valid_to is not None and form.valid_to < max(form.valid_from, today):
        found.append(Problem("valid_to", "is over already"))
    return found + _check_permission(form, today)


def in_force(valid_from: date, valid_to: date | None, today: date) -> bool:
    """On the patient's own date; both ends belong to the term."""
    return valid_from <= today and (valid_to is None or today <= valid_to)


def _check_permission(form: RelatedPersonForm, today: date) -> list[Problem]:
    found = []
    if (form.agreed_on is None) != (form.agreed_how is None):
        missing = "agreed_on" if form.agreed_on is None else "agreed_how"
        found.append(Problem(missing, "is needed with the other half of the permission"))
    if form.agreed_on is not None and form.agreed_on > today:
        found.append(Problem("agreed_on", "is in the future"))
    if form.basis == "legal_authority" and form.agreed_how == "verbal":
        found.append(Problem("agreed_how", "must be in writing or a document for a legal authority"))
    return found


def _words(field: str, text: str, longest: int) -> list[Problem]:
    if not text.strip():
        return [Problem(field, "is empty")]
    if len(text) > longest or not text.isprintable():
        return [Problem(field, f"needs at most {longest} characters that can be printed")]
    return []
