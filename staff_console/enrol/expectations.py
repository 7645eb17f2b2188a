"""The sheet a patient takes home: who is on the team, how often they hear from it, what for, and how to stop."""

from __future__ import annotations

from msgspec import Struct

from registry.organisation.rules import ClinicFacts
from registry.patients.queries import PatientPage
from registry.plans.queries import PlanFacts
from staff_console import formats, people
from staff_console.care_plan.presenter import crisis_lines
from staff_console.care_plan.views import HandoutPage, HandoutPart
from staff_console.pages import Visit


class _Words(Struct, frozen=True):
    title: str
    who: str
    doctor: str
    manager: str
    consultant: str
    often: str
    contact: str
    asked: str
    not_asked: str
    none_yet: str
    why: str
    reason: tuple[str, ...]
    cost: str
    paid: tuple[str, ...]


ENGLISH = _Words(
    "What to expect",
    "Who is on your team",
    "{name}, your doctor, stays in charge of your care.",
    "{name}, your care manager, checks in with you between visits.",
    "{name}, a psychiatrist, advises the team. You usually do not meet.",
    "How often you hear from us",
    "Next contact: {day}.",
    "Short questions about how you feel: every {days} days, starting {first}.",
    "No questions are planned for now.",
    "The next contact is not planned yet: we call you.",
    "What it is for",
    (
        "The questions show whether treatment helps. When it does not help enough, the team changes it.",
        "You can say no to any question, and you can stop at any time.",
        "Texts and links are not for emergencies.",
    ),
    "What it may cost",
    (
        "Your insurance may ask you to pay a part, also for time when you are not in the room. Ask us what applies.",
    ),
)
SPANISH = _Words(
    "Qué puede esperar",
    "Quién está en su equipo",
    "{name}, su médico, sigue a cargo de su cuidado.",
    "{name} coordina su cuidado y se comunica con usted entre las visitas.",
    "{name}, psiquiatra, aconseja al equipo. Por lo general usted no lo ve.",
    "Cada cuánto sabe de nosotros",
    "Próximo contacto: {day}.",
    "Preguntas cortas sobre cómo se siente: cada {days} días, desde el {first}.",
    "Por ahora no hay preguntas planeadas.",
    "El próximo contacto no está planeado todavía: le llamamos.",
    "Para qué sirve",
    (
        "Las preguntas muestran si el tratamiento ayuda. Si no ayuda lo suficiente, el equipo lo cambia.",
        "Puede no responder a cualquier pregunta y puede dejarlo en cualquier momento.",
        "Los textos y enlaces no son para emergencias.",
    ),
    "Lo que puede costar",
    (
        "Es posible que su seguro le pida pagar una parte, también por tiempo en que usted no está presente. Pregúntenos.",
    ),
)


def sheet(visit: Visit, patient: PatientPage, plan: PlanFacts, clinic: ClinicFacts) -> HandoutPage:
    spanish = patient.language.startswith("es")
    words = SPANISH if spanish else ENGLISH
    return HandoutPage(
        language="es" if spanish else "en",
        title=words.title,
        name=people.name(patient.family_name, patient.given_name),
        clinic=clinic.name,
        on=formats.day(visit.today).text,
        parts=(
            HandoutPart(words.who, _team(patient, words)),
            HandoutPart(words.often, _rhythm(visit, patient, plan, words)),
            HandoutPart(words.why, words.reason),
            HandoutPart(words.cost, words.paid),
        ),
        crisis=crisis_lines(clinic, spanish=spanish),
        back_href=f"/patients/{patient.id}",
        back="Patient",
    )


def _team(patient: PatientPage, words: _Words) -> tuple[str, ...]:
    episode = patient.episode
    if episode is None:
        return ()
    team = (
        (words.doctor, episode.treating_clinician),
        (words.manager, episode.care_manager),
        (words.consultant, episode.consultant),
    )
    return tuple(text.format(name=person.name) for text, person in team if person is not None)


def _rhythm(visit: Visit, patient: PatientPage, plan: PlanFacts, words: _Words) -> tuple[str, ...]:
    episode = patient.episode
    contact = words.none_yet
    if episode is not None and episode.next_contact_at is not None:
        at = visit.at(episode.next_contact_at)
        contact = words.contact.format(day=f"{at.day.text} {at.time} {at.zone}")
    if not plan.lines:
        return (contact, words.not_asked)
    line = plan.lines[0]
    return (contact, words.asked.format(days=line.every_days, first=formats.day(line.anchor_on).text))
