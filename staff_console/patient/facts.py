"""Everything the patient's page shows, read in one transaction with its audit rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.statement.near import NextLine
from kernel.errors import NotFound
from messaging.consent import emails
from messaging.consent import service as consent
from messaging.consent.emails import EmailFacts
from messaging.consent.service import ConsentFacts
from messaging.conversation import staff_texts, thread
from messaging.conversation.thread import Thread
from messaging.schedule import queries as schedule
from messaging.schedule.queries import CheckInLine
from questionnaires.catalog import INSTRUMENT_IDS
from registry.contacts import queries as contacts
from registry.contacts.queries import ContactFacts
from registry.disengagement import service as disengagement
from registry.disengagement.service import Standing
from registry.filing import service as filing
from registry.filing.service import CopyState
from registry.instruments import queries as added
from registry.measures import queries as measures
from registry.measures.rules import ResultFacts
from registry.organisation import queries as organisation
from registry.patients import details
from registry.patients import queries as patients
from registry.patients.details import Trace
from registry.patients.queries import PatientPage
from registry.plans import queries as plans
from registry.plans.queries import PlanFacts
from registry.recommendations import queries as recommendations
from registry.recommendations.queries import RecommendationPage
from registry.review import queries as reviews
from registry.review.queries import ReviewLine
from registry.safety import queries as safety
from registry.safety.queries import EventLine, HistoryLine
from registry.time_log import queries as time_log
from registry.time_log.queries import MonthTime
from registry.treatment_changes import queries as treatment_changes
from registry.treatment_changes.rules import Change, WithdrawnChange
from registry.worklist import queries as worklist
from registry.worklist.queries import Line
from staff_console.pages import Visit
from staff_console.registry.controller import next_lines_of

ANSWERED_RUNS: Final = 6  # administrations shown side by side, of each instrument
TEXTS: Final = 40
CONTACTS: Final = 30


class PatientFacts(msgspec.Struct, frozen=True):
    """`billed` is None before enrolment. `blocked` is the code of why no text can be sent."""

    patient: PatientPage
    line: Line | None
    results: tuple[ResultFacts, ...]
    answers: dict[UUID, dict[int, int | None]]
    texts: Thread
    events: tuple[EventLine, ...]
    deeds: tuple[HistoryLine, ...]  # what was done about them
    changes: tuple[Change, ...]
    withdrawn: tuple[WithdrawnChange, ...]
    check_ins: tuple[CheckInLine, ...]
    plan: PlanFacts
    month: MonthTime
    billed: NextLine | None
    texting: ConsentFacts | None
    email: EmailFacts | None
    blocked: str | None
    names: dict[UUID, str]
    contacts: tuple[ContactFacts, ...]
    reviews: tuple[ReviewLine, ...]
    copies: Mapping[UUID, CopyState]
    standing: Standing
    traces: tuple[Trace, ...]
    advice: tuple[RecommendationPage, ...]  # newest first


async def read(visit: Visit, patient_id: UUID, texts_before: datetime | None) -> PatientFacts:
    tx, viewer, now = visit.tx, visit.actor, visit.now
    patient = await patients.patient(tx, viewer, patient_id, now=now)
    if patient.episode is None:
        raise NotFound("patient")
    line = await worklist.line_of(tx, viewer, patient.episode.id, now=now)
    results = (await measures.history(tx, viewer, patient_id, now=now)).results
    await added.ensure(tx, {result.instrument_id for result in results})
    billed = {} if line is None else await next_lines_of(visit, (line,))
    return PatientFacts(
        patient=patient,
        line=line,
        results=results,
        answers=await measures.latest_answers(tx, viewer, patient_id, shown_runs(results), now=now),
        texts=await thread.messages(tx, viewer, patient_id, TEXTS, texts_before, now=now),
        events=await safety.events_of(tx, viewer, patient_id, now=now),
        deeds=await safety.history_of(tx, viewer, patient_id, now=now),
        changes=await treatment_changes.changes(tx, viewer, patient_id, now=now),
        withdrawn=await treatment_changes.withdrawn(tx, viewer, patient_id, now=now),
        check_ins=await schedule.check_ins(tx, viewer, patient_id, now=now, limit=12),
        plan=await plans.plan(tx, viewer, patient_id, now=now),
        month=await time_log.patient_month(tx, viewer, patient_id, None, now=now),
        billed=None if line is None else billed.get(line.episode_id),
        texting=await consent.current(tx, patient_id),
        email=await emails.newest(tx, patient_id) if patient.second_channel == "email" else None,
        blocked=await staff_texts.why_not(tx, visit.clinic_id, patient_id, now=now),
        names=await organisation.staff_names(tx, visit.clinic_id),
        contacts=await contacts.contacts(tx, viewer, patient_id, now=now, limit=CONTACTS),
        reviews=await reviews.of_patient(tx, viewer, patient_id, now=now),
        copies=await filing.states(tx, viewer, patient_id, now=now),
        standing=await disengagement.standing(tx, viewer, patient_id, now=now),
        traces=await details.trail(tx, viewer, patient_id),
        advice=await recommendations.of_patient(tx, viewer, patient_id, now=now),
    )


async def episode_of(visit: Visit, patient_id: UUID) -> UUID:
    """The patient's present episode. Raises NotFound for another clinic's."""
    patient = await patients.patient(visit.tx, visit.actor, patient_id, now=visit.now)
    if patient.episode is None:
        raise NotFound("patient")
    return patient.episode.id


def of_instrument(results: Sequence[ResultFacts], instrument_id: str) -> tuple[ResultFacts, ...]:
    """Oldest first."""
    return tuple(result for result in results if result.instrument_id == instrument_id)


def with_items(results: Sequence[ResultFacts], instrument_id: str) -> tuple[ResultFacts, ...]:
    """The newest administrations whose items are known, newest first."""
    found = [r for r in of_instrument(results, instrument_id) if r.source != "staff_total"]
    return tuple(reversed(found[-ANSWERED_RUNS:]))


def instruments(results: Sequence[ResultFacts]) -> tuple[str, ...]:
    """PHQ-9 and GAD-7 first, then whatever else was asked."""
    used = {result.instrument_id for result in results}
    shipped = [name for name in INSTRUMENT_IDS if name in used]
    return (*shipped, *sorted(used - set(shipped)))


def shown_runs(results: Sequence[ResultFacts]) -> tuple[UUID, ...]:
    return tuple(r.run_id for name in instruments(results) for r in with_items(results, name))
