"""The landing page: what cannot wait, what is late, what is waiting for an answer. Template `today/today.html`."""

from msgspec import Struct

from staff_console.formats import Day, Moment
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


class TodayPage(Struct, frozen=True):
    """Each list is short; `*_more` is the number beyond it, shown as a link to the full page."""

    heading: str
    as_of: Moment
    safety: tuple[SafetyLine, ...]
    overdue: tuple[OverdueLine, ...]
    waiting: tuple[WaitingLine, ...]
    unanswered: tuple[UnansweredLine, ...]
    outgoing: tuple[OutgoingLine, ...]
    outgoing_note: str = ""
    safety_more: int = 0
    overdue_more: int = 0
    waiting_more: int = 0
    unanswered_more: int = 0
