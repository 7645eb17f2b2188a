"""What the registry may be asked, as its address writes it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from kernel.errors import NotFound
from registry.worklist.beside import Whose
from registry.worklist.rules import CURRENT, UNANSWERED_STATES, Flag, RegistryFilter, Sort, Status

STATUS_CHOICES: Final[dict[str, str]] = {
    "": "In or before care",
    "referred": "Referred",
    "active": "Active",
    "relapse_prevention": "Relapse prevention",
    "on_hold": "On hold",
    "inactive_disengaged": "Not reached",
    "ended": "Ended",
}
FLAG_CHOICES: Final[dict[str, str]] = {
    "": "Any",
    "safety": "Safety",
    "discuss": "Discuss",
    "overdue": "Overdue",
    "nothing_planned": "No next contact",
    "severe": "Severe",
    "worse": "Worse",
    "relapse": "Relapse",
    "not_improving": "Not improving or stalled",
    "no_score": "No score",
    "no_contact": "No contact",
    "review_due": "Review due",
    "response": "Responding",
    "new": "New",
    "long": "9 months or more",
    "not_judged": "Not judged",
}
CHECK_IN_CHOICES: Final[dict[str, str]] = {
    "": "Any",
    "invited": "Sent",
    "in_progress": "Partial",
    "completed": "Done",
    "missed": "No answer",
    "unanswered": "Sent, not answered in full",
    "opted_out": "Opted out",
}
DUE_CHOICES: Final[dict[str, str]] = {"": "Any", "today": "Today", "week": "In the next 7 days"}
DUE_DAYS: Final = {"today": 1, "week": 7}
SORTS: Final[dict[str, Sort]] = {
    "patient": "name",
    "phq9": "phq9_last",
    "last_contact": "last_contact",
    "next_action": "next_contact",
}


FIELDS: Final = ("caseload", "status", "flag", "check_in", "due", "sort")


class RegistryQuery(msgspec.Struct, frozen=True):
    """`caseload` is mine, clinic or a care manager's id; `due` when the next contact is; `sort` a column of `SORTS`,
    with a minus for descending."""

    caseload: str = "mine"
    status: str = ""
    flag: str = ""
    check_in: str = ""
    sort: str = ""
    after: UUID | None = None
    due: str = ""

    @property
    def column(self) -> str:
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def fields(self, **changed: str) -> dict[str, str]:
        """For the address of another page or order; defaults are left out."""
        given = {name: getattr(self, name) for name in FIELDS} | changed
        return {
            name: value for name, value in given.items() if value and (name, value) != ("caseload", "mine")
        }


class ViewForm(msgspec.Struct, frozen=True):
    """The filters of the page under a name of one's own."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    caseload: str = "mine"
    status: str = ""
    flag: str = ""
    check_in: str = ""
    sort: str = ""
    due: str = ""

    @property
    def query(self) -> RegistryQuery:
        return RegistryQuery(self.caseload, self.status, self.flag, self.check_in, self.sort, due=self.due)


VIEW: Final = {"name": "The name"}


def wanted(asked: RegistryQuery, today: date, zone: ZoneInfo) -> RegistryFilter:
    """`today` is the clinic's date in its `zone`. Raises NotFound for an address nobody was led to."""
    known = (
        asked.status in STATUS_CHOICES
        and asked.flag in FLAG_CHOICES
        and asked.check_in in CHECK_IN_CHOICES
        and asked.due in DUE_CHOICES
    )
    if not known or (asked.column and asked.column not in SORTS):
        raise NotFound("this view of the registry")
    statuses: tuple[Status, ...] = CURRENT if not asked.status else (asked.status,)  # type: ignore[assignment]
    flagged: frozenset[Flag] = frozenset()
    if asked.flag and asked.flag != "overdue":
        flagged = frozenset({asked.flag})  # type: ignore[arg-type]
    return RegistryFilter(
        care_manager_id=_manager(asked.caseload),
        mine=asked.caseload == "mine",
        statuses=statuses,
        overdue=True if asked.flag == "overdue" else None,
        flags=flagged,
        check_in_states=_states(asked.check_in),
        opted_out=True if asked.check_in == "opted_out" else None,
        planned=days(today, DUE_DAYS[asked.due], zone) if asked.due else None,
        sort=SORTS.get(asked.column, "default"),
        descending=asked.descending,
    )


def days(first: date, number: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of a day to that of the day `number` days on."""
    ends = (first, first + timedelta(days=number))
    since, before = (datetime.combine(day, time(), zone).astimezone(UTC) for day in ends)
    return since, before


def whose(asked: RegistryQuery) -> Whose:
    manager = _manager(asked.caseload)
    if manager is not None:
        return manager
    return "mine" if asked.caseload == "mine" else "clinic"


def _states(check_in: str) -> frozenset[str]:
    match check_in:
        case "" | "opted_out":
            return frozenset()
        case "unanswered":
            return frozenset(UNANSWERED_STATES)
        case "missed":
            return frozenset({"missed", "partial_expired"})
        case "completed":
            return frozenset({"completed", "portal_completed"})
        case state:
            return frozenset({state})


def _manager(caseload: str) -> UUID | None:
    if caseload in ("mine", "clinic"):
        return None
    try:
        return UUID(caseload)
    except ValueError:
        raise NotFound("this caseload") from None
