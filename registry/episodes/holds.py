"""Due work: a patient on hold whom somebody should look at again is on a list of tasks, whatever became of the first
task."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, false, select

from kernel.db import Database, Tx
from registry import working_time, zones
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.worklist import service as worklist
from registry.worklist.tables import Task

# The clinic's date is at most this far ahead of UTC.
AHEAD = timedelta(hours=14)


def key_of(episode_id: object) -> str:
    return f"hold:{episode_id}"


async def reopen_reviews(database: Database, now: datetime, *, limit: int = 200) -> dict[str, int]:
    """Opens the task of every hold whose review day has come, by the clinic's date, and that has none open."""

    async def body(tx: Tx) -> int:
        asked = exists().where(
            Task.episode_id == Episode.id, Task.kind == "hold_review", Task.done_at.is_(None)
        )
        rows = await tx.all(
            select(
                Episode.id, Episode.clinic_id, Episode.patient_id, Episode.care_manager_id,
                Episode.hold_review_on, Clinic.zone,
            )
            .join(Clinic, Clinic.id == Episode.clinic_id)
            .join(Patient, Patient.id == Episode.patient_id)
            .where(Episode.status == "on_hold", Episode.hold_review_on <= (now + AHEAD).date())
            .where(~asked, Patient.is_test == false())
            .order_by(Episode.hold_review_on, Episode.id)
            .limit(limit)
            .with_for_update(of=Episode, skip_locked=True)
        )  # fmt: skip
        due = [row for row in rows if row.hold_review_on <= zones.local_date(now, row.zone)]
        for row in due:
            await worklist.open_task(
                tx,
                clinic_id=row.clinic_id,
                patient_id=row.patient_id,
                episode_id=row.id,
                kind="hold_review",
                dedupe_key=key_of(row.id),
                due_at=working_time.noon(row.hold_review_on, row.zone),
                owner_id=row.care_manager_id,
                now=now,
            )
        return len(due)

    return {"reopened": await database.run(body)}
