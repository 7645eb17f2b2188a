"""One calendar month for the biller. Template `billing/month.html`.

Gets: `/billing/{yyyy-mm}`, `/billing/{yyyy-mm}/export.csv`, `/billing/{yyyy-mm}/files/{version}/{kind}`,
`/billing/{yyyy-mm}/adjustments/{version}`, `/billing/{yyyy-mm}/packets/{episode}`,
`/billing/{yyyy-mm}/copies`, `/billing/{yyyy-mm}/copies/{patient}/{ref}`.
Posts: `/billing/{yyyy-mm}/close` (despite), `/correct` (reason), `/adjust` (reason), `/close-again`.
"""

from typing import Literal

from msgspec import Struct

from staff_console.charts import MinutesBar
from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState


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
    packet_href: str = ""
    why_href: str = ""


class Link(Struct, frozen=True):
    label: str
    href: str
    note: str = ""


class VersionLine(Struct, frozen=True):
    """Version 1 is the close, later ones are adjustments with their reason."""

    title: str
    closed_at: Moment
    closed_by: str
    content_hash: str
    reason: str
    files: tuple[Link, ...]
    delta_href: str = ""


class Changed(Struct, frozen=True):
    """A patient-month that differs from what was closed, or that an adjustment changed."""

    patient: str
    change: str
    fields: tuple[tuple[str, str, str], ...]


class CloseSection(Struct, frozen=True):
    """What can be done with the month as a whole. `state`: the month still runs, can be closed, is closed, or was
    opened again for a correction. `asks_why`: patients look like duplicates, so closing needs a reason."""

    month: str
    state: Literal["running", "open", "closed", "correcting"]
    asks_why: bool
    close_form: FormState
    correct_form: FormState
    adjust_form: FormState
    versions: tuple[VersionLine, ...]
    drift: tuple[Changed, ...]
    claims_href: str


class AdjustmentPage(Struct, frozen=True):
    month: str
    month_text: str
    version: VersionLine
    changed: tuple[Changed, ...]


class Refused(Struct, frozen=True):
    patient: str
    reasons: tuple[str, ...]


class ClaimsPage(Struct, frozen=True):
    """`missing` is what the set-up lacks; `problems` are what the X12 maps refuse; `file` is there once made."""

    month: str
    month_text: str
    version: int
    claims: int
    total: str
    held: int
    refused: tuple[Refused, ...]
    by_hand: tuple[Refused, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    form: FormState
    file: Link | None = None


class Practitioner(Struct, frozen=True):
    name: str
    field: str


class IdentityPage(Struct, frozen=True):
    form: FormState
    practitioners: tuple[Practitioner, ...]
    usages: tuple[Choice, ...]
    missing: tuple[str, ...]


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
    close: CloseSection | None = None
    links: tuple[Link, ...] = ()
    copies_href: str = ""


class RowLink(Struct, frozen=True):
    """A row of the record an element rests on; `href` is empty for people who may not open it."""

    text: str
    href: str


class ElementLine(Struct, frozen=True):
    """`fix` and `who` say what to do about a missing one, and who can."""

    label: str
    state: Literal["passed", "failed", "held", "not_applicable"]
    text: str
    rows: tuple[RowLink, ...]
    fix: str
    who: str


class SliceLine(Struct, frozen=True):
    """`text` is the one reason why a stretch does not count, or says that it does."""

    at: str
    minutes: str
    counts: bool
    text: str


class EntrySlices(Struct, frozen=True):
    at: Moment
    role: str
    activity: str
    slices: tuple[SliceLine, ...]


class DecisionLine(Struct, frozen=True):
    id: str
    text: str
    reason: str
    by: str
    at: Moment


class PacketLine(Struct, frozen=True):
    """An audit packet that was taken; `sha256` of the whole file."""

    at: Moment
    by: str
    version: int
    sha256: str


class ExplainedPage(Struct, frozen=True):
    """One patient's month: template `billing/explained.html`. Posts: `{post_to}/decisions` (kind, value, reason),
    `{post_to}/withdraw/{id}` (reason). `month_type` is the type and its reason, `steps` rule ids with their words."""

    month: str
    month_text: str
    patient: str
    patient_href: str
    coverage_href: str
    post_to: str
    lines: tuple[str, ...]
    status: str
    month_type: tuple[str, str]
    rule_set: str
    counted: str
    steps: tuple[tuple[str, str], ...]
    entries: tuple[EntrySlices, ...]
    elements: tuple[ElementLine, ...]
    holds: tuple[tuple[str, str], ...]
    released: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    decisions: tuple[DecisionLine, ...]
    kinds: tuple[Choice, ...]
    releasable: tuple[str, ...]
    form: FormState
    may_decide: bool
    packets: tuple[PacketLine, ...] = ()
    copy_href: str = ""


class MissingRow(Struct, frozen=True):
    patient: str
    href: str
    minutes: int
    next_line: str
    elements: tuple[ElementLine, ...]


class MissingPage(Struct, frozen=True):
    """What is missing this month, with who can mend it: template `billing/missing.html`."""

    month: str
    month_text: str
    mine: bool
    rows: tuple[MissingRow, ...]


class RuleSetLine(Struct, frozen=True):
    """`at` and `sha256` are of a clinic's own version; `holds` says from when to when."""

    rule_id: str
    title: str
    payer: str
    holds: str
    source: str
    by: str
    at: Moment | None
    sha256: str


class TrialRow(Struct, frozen=True):
    patient: str
    href: str
    before: str
    after: str


class TrialMonth(Struct, frozen=True):
    """A closed month keeps its rules: it has no rows. `unnamed` are changes beyond those listed."""

    month: str
    closed: bool
    reached: str
    rows: tuple[TrialRow, ...]
    unnamed: int


class RuleSetsPage(Struct, frozen=True):
    """Template `billing/rule_sets.html`. `tried` names the rule set whose `months` are shown."""

    form: FormState
    own: tuple[RuleSetLine, ...]
    shipped: tuple[RuleSetLine, ...]
    tried: str
    months: tuple[TrialMonth, ...]


class CopyRow(Struct, frozen=True):
    """A patient's month; `filed` None while it is not in the EHR, `changed` when an older wording is."""

    patient: str
    href: str
    owner: str
    filed: Moment | None
    filed_by: str
    changed: bool


class CopiesPage(Struct, frozen=True):
    """Template `billing/copies.html`. `left`: how many of the shown are to be filed."""

    month: str
    month_text: str
    mine: bool
    left: int
    rows: tuple[CopyRow, ...]
    may_file: bool
