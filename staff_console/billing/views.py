"""One calendar month for the biller. Template `billing/month.html`.

Gets: `/billing/{yyyy-mm}`, `/billing/{yyyy-mm}/export.csv`. Posts: `/billing/{yyyy-mm}/close`,
`/billing/lines/{id}/release` (reason).
"""

from typing import Literal

from msgspec import Struct

from staff_console.charts import MinutesBar
from staff_console.formats import Moment
from staff_console.formstate import FormState


class Check(Struct, frozen=True):
    """A required element: passed, missing (flags the row), held (keeps the line out of files), or not applicable."""

    state: Literal["passed", "missing", "held", "not_applicable"]
    text: str


class NotCounted(Struct, frozen=True):
    minutes: int
    reason: str


class BillingRow(Struct, frozen=True):
    """`codes` are suggestions (`99493`, `99494 x1`), empty with `no_code` saying why. `state` is how the line
    stands: ready, held until somebody releases it, or no line."""

    line_id: str
    patient: str
    mrn: str
    patient_href: str
    payer: str
    rule_set: str
    month_type: str
    bar: MinutesBar
    counted: int
    not_counted: tuple[NotCounted, ...]
    codes: tuple[str, ...]
    no_code: str
    checks: tuple[Check, ...]
    state: Literal["ready", "held", "none"]
    packet_href: str = ""


class Summary(Struct, frozen=True):
    label: str
    value: str
    note: str = ""


class BillingPage(Struct, frozen=True):
    """`close_blocked` says why the month cannot be closed yet, empty when it can; `closed` names who closed
    it and when, empty while open."""

    month: str
    month_text: str
    previous_href: str
    next_href: str
    as_of: Moment
    summary: tuple[Summary, ...]
    rows: tuple[BillingRow, ...]
    csv_href: str
    xlsx_href: str
    rule_note: str
    form: FormState
    closed: str = ""
    close_blocked: str = ""
    near: tuple[str, ...] = ()
