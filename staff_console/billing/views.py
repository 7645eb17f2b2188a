"""One calendar month for the biller. Template `billing/month.html`.

Gets: `/billing/{yyyy-mm}`, `/billing/{yyyy-mm}/export.csv`.
"""

from typing import Literal

from msgspec import Struct

from staff_console.charts import MinutesBar
from staff_console.formats import Moment


class Check(Struct, frozen=True):
    """A required element: passed, missing (flags the row), held (keeps the line out of files), or not applicable."""

    state: Literal["passed", "missing", "held", "not_applicable"]
    text: str


class NotCounted(Struct, frozen=True):
    minutes: str
    reason: str


class BillingRow(Struct, frozen=True):
    """`codes` are suggestions (`99493`, `99494 x1`), empty with `no_code` saying why; `why` is the rules that led to
    them, in words. `state` is how the line stands: ready, held, or no line."""

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
    why: str
    checks: tuple[Check, ...]
    state: Literal["ready", "held", "none"]


class Summary(Struct, frozen=True):
    label: str
    value: str
    note: str = ""


class BillingPage(Struct, frozen=True):
    """`csv_href` is empty for people who may not export; `problems` concern the month as a whole."""

    month: str
    month_text: str
    previous_href: str
    next_href: str
    as_of: Moment
    summary: tuple[Summary, ...]
    rows: tuple[BillingRow, ...]
    csv_href: str
    rule_note: str
    near: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
