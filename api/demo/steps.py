"""Steps that the rules proposed yesterday and people decided: one taken, one not, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from api.demo.clinics import Clinic
from api.demo.enrolments import Team
from api.demo.history import Course
from api.wiring import Deps
from kernel.audit import Actor
from kernel.db import Tx
from registry.stepped_care import queries, service

WHY_NOT: Final = "Wants to keep the talks every two weeks until the exams are over"
PROPOSED: Final = timedelta(hours=20)  # before the opening
DECIDED: Final = timedelta(hours=18)


class Steps:
    def __init__(self, deps: Deps, clinic: Clinic, opening: datetime) -> None:
        self._deps = deps
        self._clinic = clinic
        self._opening = opening

    async def tell(self, tx: Tx, courses: Sequence[Course]) -> None:
        well = [c for c in courses if c.story.kind == "responder" and c.story.scene == "none"]
        decided = 0
        for course in well:
            actor = self._clinic.actor(Team(self._clinic, course.story.nth).manager)
            proposal = await self._step_down(tx, actor, course)
            if proposal is None:
                continue
            now = self._opening - DECIDED
            if decided == 0:
                await service.accept(tx, actor, proposal, now=now, outreach=self._deps.outreach)
            else:
                await service.decline(tx, actor, proposal, WHY_NOT, now=now)
                return
            decided += 1

    async def _step_down(self, tx: Tx, actor: Actor, course: Course) -> UUID | None:
        now = self._opening - PROPOSED
        if not await service.propose_for(tx, course.episode_id, now):
            return None
        lines = await queries.of_patient(tx, actor, course.patient_id, now=now)
        return next((line.id for line in lines if line.kind == "step_down" and line.state == "open"), None)
