"""Who may act for a patient, or read along. Template `related_people/people.html`.

Posts under `/patients/{id}/people`: to add, `/{person}` to change (name, relation, phone, basis, scope, valid_from,
valid_to, agreed_on, agreed_how), `/{person}/end`.
"""

from msgspec import Struct

from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class PersonRow(Struct, frozen=True):
    """`state` says whether it holds; `form` changes it, None for one that has ended."""

    id: str
    name: str
    state: str
    holds: bool
    detail: str
    permission: str
    form: FormState | None = None


class PeoplePage(Struct, frozen=True):
    whose: Whose
    post_to: str
    rows: tuple[PersonRow, ...]
    add: FormState
    bases: tuple[Choice, ...]
    scopes: tuple[Choice, ...]
    ways: tuple[Choice, ...]
