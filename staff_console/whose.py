"""Whose page it is: shown at the top of every page about one patient that is not the patient's own."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from registry.filing.text import Heading
from registry.patients import queries as patients
from registry.patients.queries import PatientPage
from staff_console import formats, people, words
from staff_console.formats import Day
from staff_console.pages import Visit


class Whose(Struct, frozen=True):
    """`href` leads back to the patient's page."""

    patient_id: str
    name: str
    born: Day | None
    age: str
    mrn: str
    status: str
    href: str


async def known(visit: Visit, patient_id: UUID) -> PatientPage:
    return await patients.patient(visit.tx, visit.actor, patient_id, now=visit.now)


def whose(patient: PatientPage) -> Whose:
    episode = patient.episode
    return Whose(
        patient_id=str(patient.id),
        name=people.name(patient.family_name, patient.given_name),
        born=None if patient.birth_date is None else formats.day(patient.birth_date),
        age="" if patient.age is None else f"{patient.age} y",
        mrn=patient.mrn or "none",
        status="" if episode is None else words.shown(words.STATUSES, episode.status),
        href=f"/patients/{patient.id}",
    )


def heading(patient: PatientPage) -> Heading:
    return Heading(patient.family_name, patient.given_name, patient.birth_date, patient.mrn)
