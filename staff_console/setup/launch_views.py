"""The first thirty days, the pilot, and what to take along. Templates `setup/launch.html`, `setup/downtime.html`.

Gets: `/setup/launch`, `/downtime`, `/setup/exit-export`. Posts: `/setup/launch/{item}`, `/setup/pilot` (steps),
`/setup/pilot/report` (day, decision, note), `/setup/pilot/end`.
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState


class ItemLine(Struct, frozen=True):
    """`action` ticks it, empty for what the record shows by itself; `href` is where an open one is settled."""

    id: str
    title: str
    why: str
    state: Literal["done", "open", "late"]
    due_on: Day
    detail: str
    action: str
    href: str = ""


class ReportLine(Struct, frozen=True):
    title: str
    decision: str
    go: bool
    note: str
    signed: str
    figures: tuple[tuple[str, str, str], ...]


class PilotPanel(Struct, frozen=True):
    """`state` in words; `days` can be signed now. Without a pilot `runs` is false and `steps` the limits offered."""

    runs: bool
    state: str
    figures: tuple[tuple[str, str, str], ...]
    days: tuple[Choice, ...]
    reports: tuple[ReportLine, ...]
    form: FormState
    may_decide: bool


class LaunchPage(Struct, frozen=True):
    done: int
    items: tuple[ItemLine, ...]
    pilot: PilotPanel
    may_export: bool


class SheetRow(Struct, frozen=True):
    name: str
    mrn: str
    phone: str
    status: str
    manager: str
    next: str
    open: str


class DowntimePage(Struct, frozen=True):
    clinic: str
    as_of: Moment
    rows: tuple[SheetRow, ...]
