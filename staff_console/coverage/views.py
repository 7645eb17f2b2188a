"""Who pays for a patient, from when to when. Template `coverage/coverage.html`.

Posts: `/patients/{id}/coverage` to add, `/patients/{id}/coverage/{coverage}` to correct a row (payer, payer_id, plan,
member_id, subscriber, subscriber_family, subscriber_given, rank, valid_from, valid_to).
"""

from msgspec import Struct

from staff_console.formstate import Choice, FormState


class CoverageRow(Struct, frozen=True):
    id: str
    title: str
    detail: str
    form: FormState


class CoveragePage(Struct, frozen=True):
    """`gaps` are words about the present month, empty when one primary covers it."""

    patient: str
    patient_href: str
    post_to: str
    rows: tuple[CoverageRow, ...]
    add: FormState
    ranks: tuple[Choice, ...]
    subscribers: tuple[Choice, ...]
