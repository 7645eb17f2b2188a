"""Which check-ins a plan asks for, and when.

A plan line repeats an instrument every N days from an anchor date. All instruments due on one local date form one
occurrence, keyed by (patient, local due date); the plan's version is never part of the key, so an edited plan
cannot ask for a past day again.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from messaging.schedule.windows import SendingHours, Zone, home_zone, window_on
from messaging.schedule.zones import local_date, require_utc, to_utc

CHECK_IN_AT: Final = time(10, 0)  # an hour into the default window, early in the clinic's day
# These ask about the last two weeks; asked more often than weekly they measure the same days again and again.
TWO_WEEK_INSTRUMENTS: Final = frozenset({"phq9", "gad7", "phq8", "phq2", "gad2", "phq4"})
MIN_DAYS_TWO_WEEK: Final = 7
MAX_DAYS: Final = 366  # a longer rhythm is a typing error
ONE_DAY: Final = timedelta(days=1)


class PlanProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a plan: `field` as in `plan_lines[0].every_days`, and why."""

    field: str
    reason: str


class PlanRefused(ValueError):
    def __init__(self, problems: tuple[PlanProblem, ...]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.reason}" for problem in problems))
        self.problems = problems


class PlanLine(msgspec.Struct, frozen=True):
    """Ask `instrument` on `anchor` and every `every_days` days after it, up to and including `until`."""

    instrument: str
    every_days: int
    anchor: date
    until: date | None = None


class Occurrence(msgspec.Struct, frozen=True):
    """One check-in: its local date, wall time and zone, and the UTC instant they mean."""

    local_due_date: date
    local_time: time
    zone: str
    due_at: datetime
    instruments: tuple[str, ...]


class Scheduled(msgspec.Struct, frozen=True):
    """A check-in already on file; `invited` once its invitation was handed to the outbox or it ended."""

    occurrence: Occurrence
    invited: bool


class Replan(msgspec.Struct, frozen=True):
    """What an edited plan means for check-ins on file.

    `withdraw`: dates of rows never sent that the plan no longer asks for (delete them, so that their date stays
    free). `keep`: future unsent rows with instruments and instant recomputed. `add`: the next new check-in.
    """

    withdraw: tuple[date, ...]
    keep: tuple[Occurrence, ...]
    add: Occurrence | None


def check_plan_lines(lines: tuple[PlanLine, ...]) -> tuple[PlanProblem, ...]:
    """Everything wrong with a plan, in the order of its lines; empty when it may be used."""
    problems: list[PlanProblem] = []
    seen: set[str] = set()
    for index, line in enumerate(lines):
        name = f"plan_lines[{index}]"
        least = min_days(line.instrument)
        if not least <= line.every_days <= MAX_DAYS:
            reason = f"{line.instrument} may be asked every {least} to {MAX_DAYS} days"
            problems.append(PlanProblem(f"{name}.every_days", reason))
        if line.until is not None and line.until < line.anchor:
            problems.append(PlanProblem(f"{name}.until", "before the anchor date"))
        if line.instrument in seen:
            problems.append(PlanProblem(f"{name}.instrument", f"{line.instrument} already has a line"))
        seen.add(line.instrument)
    return tuple(problems)


def min_days(instrument: str) -> int:
    """The shortest allowed distance in days between two askings of an instrument."""
    return MIN_DAYS_TWO_WEEK if instrument in TWO_WEEK_INSTRUMENTS else 1


def next_occurrence(
    lines: tuple[PlanLine, ...],
    after: date,
    zone: str,
    *,
    at: time = CHECK_IN_AT,
    last_asked: Mapping[str, date] | None = None,
) -> Occurrence | None:
    """The first check-in on a local date later than `after`; None when every line has ended.

    Instruments keep the order of the lines. A date nearer to an instrument's last asking than its shortest
    distance is passed over for that instrument, so a new anchor cannot ask PHQ-9 twice in a week.
    Raises PlanRefused and UnknownZone.
    """
    problems = check_plan_lines(lines)
    if problems:
        raise PlanRefused(problems)
    asked = last_asked or {}
    dates = {line.instrument: _next_date(line, _floor(line, after, asked)) for line in lines}
    day = min((found for found in dates.values() if found is not None), default=None)
    if day is None:
        return None
    return _occurrence(day, at, zone, tuple(name for name, found in dates.items() if found == day))


def instruments_due(
    lines: tuple[PlanLine, ...], day: date, last_asked: Mapping[str, date] | None = None
) -> tuple[str, ...]:
    """Instruments the plan asks for on exactly this local date."""
    asked = last_asked or {}
    before = day - ONE_DAY
    return tuple(line.instrument for line in lines if _next_date(line, _floor(line, before, asked)) == day)


def not_after(invite_at: datetime, zone: Zone, hours: SendingHours) -> datetime:
    """When an invitation is too late to send: the close of the window on the next local day.

    A night's outage is caught up, a 40-hour-late "good morning" is not. Where that day has no window (candidate
    zones without overlap) it is 24 hours after the invitation.
    """
    invite_at = require_utc(invite_at, "invite_at")
    window = window_on(local_date(invite_at, home_zone(zone)) + ONE_DAY, zone, hours)
    return invite_at + ONE_DAY if window is None else window.closes_at


def replan(
    rows: tuple[Scheduled, ...],
    lines: tuple[PlanLine, ...],
    now: datetime,
    zone: str,
    *,
    at: time = CHECK_IN_AT,
    last_asked: Mapping[str, date] | None = None,
) -> Replan:
    """What to change after a plan was edited. Nothing on or before the newest settled date is asked again.

    A date of today is still offered while its moment lies ahead. Raises PlanRefused and UnknownZone.
    """
    open_rows = tuple(row.occurrence for row in rows if _open_to_change(row, now))
    settled = [row.occurrence.local_due_date for row in rows if not _open_to_change(row, now)]
    after = max([local_date(now, zone) - ONE_DAY, *settled])
    found = next_occurrence(lines, after, zone, at=at, last_asked=last_asked)
    if found is not None and found.due_at <= now:
        found = next_occurrence(lines, found.local_due_date, zone, at=at, last_asked=last_asked)
    keep, withdraw = [], []
    for row in open_rows:
        due = instruments_due(lines, row.local_due_date, last_asked)
        if due and row.local_due_date > after:
            keep.append(_occurrence(row.local_due_date, row.local_time, zone, due))
        else:
            withdraw.append(row.local_due_date)
    kept = {row.local_due_date for row in keep}
    add = None if found is None or found.local_due_date in kept else found
    return Replan(tuple(withdraw), tuple(keep), add)


def _open_to_change(row: Scheduled, now: datetime) -> bool:
    return not row.invited and row.occurrence.due_at > now


def _floor(line: PlanLine, after: date, asked: Mapping[str, date]) -> date:
    last = asked.get(line.instrument)
    return after if last is None else max(after, last + timedelta(days=min_days(line.instrument) - 1))


def _next_date(line: PlanLine, after: date) -> date | None:
    """First date of the line's rhythm later than `after`."""
    steps = max(0, (after - line.anchor).days // line.every_days + 1)
    day = line.anchor + timedelta(days=steps * line.every_days)
    return None if line.until is not None and day > line.until else day


def _occurrence(day: date, at: time, zone: str, instruments: tuple[str, ...]) -> Occurrence:
    return Occurrence(
        local_due_date=day, local_time=at, zone=zone, due_at=to_utc(day, at, zone), instruments=instruments
    )
