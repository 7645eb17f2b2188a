"""One line a patient. Template `registry/registry.html`.

Gets: `/registry` with the filter form's fields and the keyset cursor `after`, `/registry/print` and
`/registry/export` with the same fields; nothing about a person is in the address. Posts: `/registry/views` (name and
the fields), `/registry/views/{id}/delete`.
"""

from typing import Literal

from msgspec import Struct

from staff_console.charts import MinutesBar
from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import CheckInPill, Flag, ScoreCell
from staff_console.shell import TimerStart

Sort = Literal["ascending", "descending", "none"]


class Column(Struct, frozen=True):
    """`href` sorts by this column, or turns the order round; empty when it cannot be sorted by."""

    key: str
    label: str
    href: str = ""
    sort: Sort = "none"


class NextAction(Struct, frozen=True):
    """`late_by` is empty while the date has not passed."""

    what: str
    on: Day | None
    late_by: str = ""


class RegistryRow(Struct, frozen=True):
    """`id` names the line, to come back to it; `timing` when the viewer's timer runs for the patient."""

    patient_id: str
    href: str
    name: str
    mrn: str
    status: str
    weeks: str
    flags: tuple[Flag, ...]
    phq9: ScoreCell | None
    gad7: ScoreCell | None
    others: tuple[str, ...]
    check_in: CheckInPill
    last_contact: Day | None
    contacts: str
    next_action: NextAction
    last_review: Day | None
    review_late: bool
    minutes: MinutesBar | None
    id: str = ""
    timing: bool = False


class SavedView(Struct, frozen=True):
    """`count` as shown, `999+` at most. `delete` posts to remove one's own view, empty for those everybody has."""

    label: str
    href: str
    count: str | None
    current: bool = False
    delete: str = ""


class Pager(Struct, frozen=True):
    """Keyset pages: the first and the next. `shown` says what is on this page."""

    shown: str
    previous_href: str = ""
    next_href: str = ""


class Filters(Struct, frozen=True):
    """Fields `caseload`, `status`, `flag`, `check_in`, `due`, each a single choice with "" for any; `sort` is carried along.

    `rule_text` explains the chosen flag in words ("Not improving: ...") and is empty for other filters.
    """

    form: FormState
    caseloads: tuple[Choice, ...]
    statuses: tuple[Choice, ...]
    flags: tuple[Choice, ...]
    check_ins: tuple[Choice, ...]
    dues: tuple[Choice, ...] = ()
    active: int = 0
    sort: str = ""
    rule_text: str = ""


class RegistryPage(Struct, frozen=True):
    """`columns` in the order of the template: flags, patient, weeks, phq9, gad7, check_in, last_contact, contacts,
    next_action, last_review, minutes. `view_fields` are the filters that a saved view keeps; `covering` says for whom
    the viewer stands in today. `start` holds what each line's timer button sends."""

    as_of: Moment
    columns: tuple[Column, ...]
    rows: tuple[RegistryRow, ...]
    filters: Filters
    views: tuple[SavedView, ...]
    pager: Pager
    order_text: str
    view_form: FormState
    view_fields: dict[str, str]
    covering: str = ""
    export_href: str = "/registry/export"
    print_href: str = "/registry/print"
    enrol_href: str = "/enrol"
    refer_href: str = "/referrals"
    start: TimerStart | None = None


LABELS: tuple[tuple[str, str], ...] = (
    ("flags", "Flags"),
    ("patient", "Patient"),
    ("weeks", "Weeks"),
    ("phq9", "PHQ-9"),
    ("gad7", "GAD-7"),
    ("check_in", "Check-in"),
    ("last_contact", "Last contact"),
    ("contacts", "Contacts"),
    ("next_action", "Next action"),
    ("last_review", "Last review"),
    ("minutes", "Minutes this month"),
)
