"""The landing page: what cannot wait, what is late, what is waiting for an answer. Template `today/today.html`.

Gets: `/today` with `whose` mine or clinic. Posts: `/cover` (absent_id, covering_id, from_on, until_on),
`/cover/{id}/end`.
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import Flag


class SafetyLine(Struct, frozen=True):
    """`age` is how long it has waited (`12 min`); `clock` the policy limit in words (`acknowledge within 30 min`)."""

    href: str
    patient: str
    trigger: str
    tier: int
    age: str
    clock: str
    late: bool
    owner: str
    drill: bool = False


class OverdueLine(Struct, frozen=True):
    href: str
    patient: str
    due: Day
    late_by: str
    action: str
    flags: tuple[Flag, ...] = ()


class DueLine(Struct, frozen=True):
    """A contact planned for today; `time` on the clinic's clock. `record_href` is empty for those who may not."""

    href: str
    patient: str
    time: str
    action: str
    record_href: str


class ReferralLine(Struct, frozen=True):
    """`since` in words, from the referral."""

    href: str
    patient: str
    since: str


class WaitingLine(Struct, frozen=True):
    """A reply, approval or task that waits for a person; `since` in words (`3 h 05 min`)."""

    href: str
    patient: str
    what: str
    since: str
    who: str


class UnansweredLine(Struct, frozen=True):
    href: str
    patient: str
    since: Moment | None
    what: str


class OutgoingLine(Struct, frozen=True):
    """Texts that go out today in one hour of the clinic's zone, with the zone in `hour` (`09:00-10:00 PST`)."""

    hour: str
    check_ins: int
    reminders: int


class UnplannedLine(Struct, frozen=True):
    href: str
    patient: str


class StepLine(Struct, frozen=True):
    """A step that a rule proposes; `by` is its last day."""

    href: str
    patient: str
    what: str
    by: Day
    late: bool


class CoverLine(Struct, frozen=True):
    """`action` calls it off, empty for people who may not."""

    text: str
    action: str


class CoverPanel(Struct, frozen=True):
    """`standing_in`: for whom the viewer stands in today. `absent` is offered to the clinic lead; others arrange their
    own absence."""

    standing_in: str
    lines: tuple[CoverLine, ...]
    form: FormState
    absent: tuple[Choice, ...]
    colleagues: tuple[Choice, ...]


class TodayPage(Struct, frozen=True):
    """Each list is short; `*_more` is the number beyond it, shown as a link to the full page.
    `later_steps` are folded: no other page lists them."""

    heading: str
    as_of: Moment
    safety: tuple[SafetyLine, ...]
    overdue: tuple[OverdueLine, ...]
    due: tuple[DueLine, ...]
    referrals: tuple[ReferralLine, ...]
    waiting: tuple[WaitingLine, ...]
    unanswered: tuple[UnansweredLine, ...]
    outgoing: tuple[OutgoingLine, ...]
    unplanned: tuple[UnplannedLine, ...]
    steps: tuple[StepLine, ...]
    cover: CoverPanel
    whose: Literal["mine", "clinic"]
    later_steps: tuple[StepLine, ...] = ()
    unplanned_more: int = 0
    due_more: int = 0
    referrals_more: int = 0
    outgoing_note: str = ""
    safety_more: int = 0
    overdue_more: int = 0
    waiting_more: int = 0
    unanswered_more: int = 0
