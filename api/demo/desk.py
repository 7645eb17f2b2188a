"""What lies on people's desks this morning: a view of one's own, a timer that runs, a note begun, one put right, a file
brought in."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from api.demo.clinics import Clinic
from api.demo.enrolments import Team, mrn
from api.demo.history import Course
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from registry.drafts import service as drafts
from registry.imports import service as imports
from registry.imports.files import ColumnMapping, read_file
from registry.time_log import timer
from registry.worklist import own_views
from staff_console.drafts import contact_place

VIEW: Final = "Stalled, longest first"
VIEW_FIELDS: Final = {"flag": "not_improving", "sort": "-last_contact"}
TIMER_SINCE: Final = timedelta(minutes=6)
BEGUN: Final = timedelta(minutes=34)
NOTE: Final = "Left work early on Monday, slept better since. Asks whether the dose"
IMPORTED_DAYS_AGO: Final = 8
COLUMNS: Final = {"mrn": "MRN", "instrument": "Form", "taken_on": "Date", "total": "Score", "item9": "Item 9"}
VISIT_BEFORE: Final = timedelta(days=4)  # the enrolment, when the clinician asked the questions first


class Desk:
    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening
        self._managers = [clinic.actor(person) for person in clinic.those("care_manager")]

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        await own_views.save_view(
            tx, self._managers[0], VIEW, VIEW_FIELDS, now=self._opening - timedelta(days=12)
        )
        await self._timer(tx, courses)
        await self._begun(tx, courses)
        await self._brought_in(tx, [course for course in courses if course.story.kind == "new"])

    async def _timer(self, tx: Tx, courses: Sequence[Course]) -> None:
        """The second care manager's: whoever tries the demo as the first can still start one."""
        whose = self._managers[1]
        for course in self._of(courses, whose, "slow")[:1]:
            now = self._opening - TIMER_SINCE
            await timer.start(tx, whose, course.patient_id, "registry_review", now=now)

    async def _begun(self, tx: Tx, courses: Sequence[Course]) -> None:
        whose = self._managers[0]
        for course in self._of(courses, whose, "stalled")[-1:]:
            at = self._opening - BEGUN
            local = at.astimezone(ZoneInfo(self._clinic.plan.zone))
            fields = [
                ("kind", "phone"), ("outcome", "reached"), ("on", f"{local:%Y-%m-%d}"), ("at", f"{local:%H:%M}"),
                ("identity_checked", "yes"), ("note", NOTE), ("adherence", "as_prescribed"),
            ]  # fmt: skip
            place = contact_place(course.patient_id)
            await drafts.keep(tx, whose, place, fields, patient_id=course.patient_id, now=at)

    async def _brought_in(self, tx: Tx, courses: Sequence[Course]) -> None:
        """The scores that the newest patients were referred with, from the EHR."""
        lead, now = (
            self._clinic.actor(self._clinic.those("clinic_lead")[0]),
            self._opening - timedelta(days=IMPORTED_DAYS_AGO),
        )
        known = [course for course in courses if course.story.enrolled_on < now.date()]
        sheet = io.StringIO()
        rows = csv.writer(sheet)
        rows.writerow(COLUMNS.values())
        for course in known:
            taken = course.story.enrolled_on - VISIT_BEFORE
            rows.writerow((mrn(self._clinic, course.story), "PHQ-9", f"{taken}", course.story.baseline[0], 0))
        mapping = ColumnMapping("Scores from the EHR", COLUMNS)
        ports = imports.Ports(self._deps.outreach, self._deps.alerts)
        await imports.run(
            tx, lead, "scores", read_file(sheet.getvalue().encode()), mapping, now=now, ports=ports
        )

    def _of(self, courses: Sequence[Course], whose: Actor, kind: str) -> list[Course]:
        return [c for c in courses if c.story.kind == kind and self._manager(c) == whose.id]

    def _manager(self, course: Course) -> UUID:
        return self._clinic.staff[Team(self._clinic, course.story.nth).manager.key]
