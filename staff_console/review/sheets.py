"""What the one-page summary of a patient is read from, for the case review, the clinician who decides and the contact."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from registry.care_plans import queries as care_plans
from registry.contacts import queries as contacts
from registry.intake import service as intake
from registry.measures import queries as measures
from registry.treatment_changes import queries as treatment_changes
from staff_console.pages import Visit
from staff_console.review import summary
from staff_console.review.summary import Sheet
from staff_console.review.views import Fact
from staff_console.whose import known


async def sheet(visit: Visit, patient_id: UUID) -> Sheet:
    """Each part with its audit row. Raises `NotFound` for another clinic's patient."""
    tx, viewer, now = visit.tx, visit.actor, visit.now
    patient = await known(visit, patient_id)
    episode = patient.episode
    results = (await measures.history(tx, viewer, patient_id, now=now)).results
    asked = summary.function_runs(results)
    return Sheet(
        patient=patient,
        results=results,
        answers=await measures.latest_answers(tx, viewer, patient_id, asked, now=now),
        changes=await treatment_changes.changes(tx, viewer, patient_id, now=now),
        contacts=await contacts.contacts(tx, viewer, patient_id, now=now, limit=summary.CONTACTS),
        plans=await care_plans.versions(tx, viewer, patient_id, "care", now=now),
        safety_plans=await care_plans.versions(tx, viewer, patient_id, "safety", now=now),
        intake=None if episode is None else await intake.intake(tx, viewer, patient_id, episode.id, now=now),
    )


def facts_named(visit: Visit, found: Sheet, labels: Collection[str]) -> Sequence[Fact]:
    """Those lines of the summary, in its order."""
    return [fact for fact in summary.facts(visit, found) if fact.label in labels]
