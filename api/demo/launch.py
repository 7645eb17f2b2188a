"""How the demo clinic started and grows: the first thirty days ticked off, a drill in each part of the week, and a pilot
in which more patients come in by steps."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from api.demo.clinics import OPERATOR, Clinic
from api.wiring import Deps
from kernel.db import Tx
from messaging.schedule.zones import to_utc
from registry.drills import service as drills
from registry.launch import service as launch
from registry.launch.checklist import ITEMS
from registry.launch.pilot import DAYS
from registry.organisation import service as organisation
from registry.safety import service as safety

# Days ago, at what time, and after how many minutes it was taken and the patient's end reached: one a slot.
DRILLS: Final = (
    (23, time(10, 40), 4, 21),  # in staffed hours
    (16, time(18, 30), 7, 38),  # in the evening
    (15, time(23, 10), 9, 44),  # at night
    (0, time(14, 20), 6, 30),  # on the last Saturday
)
SATURDAY: Final = 5
CLOSED: Final = timedelta(minutes=15)  # a drill, after the patient's end was reached
HOLIDAYS: Final = (("New Year's Day", 1, 1), ("Independence Day", 7, 4), ("Christmas Day", 12, 25))
STEPS: Final = (55, 80)  # patients in care
PILOT_DAYS_AGO: Final = 23


class Report(NamedTuple):
    days_ago: int
    day: int
    note: str


# Of the first step both reports, of the second the first; its second falls due in the days to come.
REPORTS: Final = (
    Report(16, DAYS[0], "Answers come in, notes are on time. Nobody waited for a call back."),
    Report(
        9, DAYS[1], "Referrals of the whole practice may come in now, not of two clinicians alone: up to 80."
    ),
    Report(
        2,
        DAYS[0],
        "The second care manager has half of the caseload by now; contacts kept their length.",
    ),
)


class Launch:
    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening
        self._lead = clinic.actor(clinic.those("clinic_lead")[0])
        self._today = opening.astimezone(ZoneInfo(clinic.plan.zone)).date()

    async def rehearse(self, tx: Tx) -> None:
        """Each drill is taken, carried through and closed within the protocol's clocks."""
        first, second = (self._clinic.actor(each) for each in self._clinic.those("care_manager")[:2])
        for nth, (days, at, taken, reached) in enumerate(DRILLS):
            who = (first, second)[nth % 2]
            start = self._moment(self._today - timedelta(days=days) if days else self._saturday(), at)
            event_id = await drills.start_drill(tx, self._lead, now=start, alerts=self._deps.alerts)
            await safety.acknowledge(tx, who, event_id, now=start + timedelta(minutes=taken))
            end = start + timedelta(minutes=reached)
            await safety.log_attempt(tx, who, event_id, channel="phone", outcome="reached", now=end)
            await safety.close(tx, who, event_id, disposition="drill", now=end + CLOSED)

    async def first_days(self, tx: Tx, founded: datetime) -> None:
        for item in ITEMS:
            if item.ticked:
                await launch.tick(tx, self._lead, item.id, now=founded + timedelta(days=item.by_day - 1))
        for name, month, day in HOLIDAYS:
            on = date(self._today.year, month, day)
            coming = on if on > self._today else on.replace(year=on.year + 1)
            await organisation.add_holiday(tx, OPERATOR, self._clinic.id, coming, name, now=self._opening)

    async def pilot(self, tx: Tx) -> None:
        await launch.start_pilot(tx, self._lead, STEPS, now=self._ago(PILOT_DAYS_AGO))
        for report in REPORTS:
            now = self._ago(report.days_ago)
            await launch.sign_report(tx, self._lead, report.day, "go", report.note, now=now)

    def _saturday(self) -> date:
        return self._today - timedelta(days=(self._today.weekday() - SATURDAY) % 7)

    def _ago(self, days: int) -> datetime:
        return self._moment(self._today - timedelta(days=days), time(16, 10))

    def _moment(self, on: date, at: time) -> datetime:
        return to_utc(on, at, self._clinic.plan.zone)
