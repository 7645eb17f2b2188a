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
MOST: Final = 10


class RelatedPersonForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scope`: `contacts` the next contacts, `plan` goals and plan, `messages` writing to the care team. Answers,
    scores and what the patient wrote are in none of them. `valid_to` is the last day, on the clinic's calendar."""

    name: str
    relation: str
    phone: str
    basis: Basis
    scope: tuple[Scope, ...]
    valid_from: date
    valid_to: date | None = None


def check(form: RelatedPersonForm, today: date) -> list[Problem]:
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
    return found


def _words(field: str, text: str, longest: int) -> list[Problem]:
    if not text.strip():
        return [Problem(field, "is empty")]
    if len(text) > longest or not text.isprintable():
        return [Problem(field, f"needs at most {longest} characters that can be printed")]
    return []
