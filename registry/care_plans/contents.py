"""What stands in a plan: the fields of each kind with their labels, and how two versions differ. Pure.

Care plan: the elements that payers ask of a collaborative-care plan (CMS, MLN909432: a plan with goals and measures
that is revised when nothing improves). Plan against relapse: the fields of UW SCOPE's self-care plan. Safety plan: in
words of our own; a clinic that is licensed for a published form uses that beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal, assert_never

import msgspec

from kernel.errors import Problem

PlanKind = Literal["care", "relapse", "safety"]
Lines = tuple[str, ...]
LONGEST: Final = 2000
MOST_LINES: Final = 30


class CareContent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="plan", tag="care"
):
    """`goals` in the patient's own words, one each; `rhythm` says how often who is in touch."""

    problem: str = ""
    diagnosis: str = ""
    goals: Lines = ()
    target: str = ""
    medications: Lines = ()
    treatments: Lines = ()
    skill: str = ""
    rhythm: str = ""
    barriers: Lines = ()
    safety_steps: Lines = ()
    next_check_in_on: date | None = None
    next_review_on: date | None = None


class RelapseContent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="plan", tag="relapse"
):
    """Filled in with the patient before care ends."""

    medications: Lines = ()
    treatments: Lines = ()
    warning_signs: Lines = ()
    what_helps: Lines = ()
    contacts: Lines = ()
    appointments: Lines = ()


class SafetyContent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="plan", tag="safety"
):
    """Filled in with the patient, who gets a copy."""

    signs: Lines = ()
    by_myself: Lines = ()
    company: Lines = ()
    helpers: Lines = ()
    professionals: Lines = ()
    surroundings: Lines = ()
    worth_it: Lines = ()


Content = CareContent | RelapseContent | SafetyContent


class Field(msgspec.Struct, frozen=True):
    """`shape`: one text, several lines, or a day. `spanish` is on the patient's copy."""

    name: str
    label: str
    spanish: str
    shape: Literal["text", "lines", "day"]
    needed: bool = False
    help: str = ""


FIELDS: Final[Mapping[PlanKind, tuple[Field, ...]]] = {
    "care": (
        Field("problem", "Problem", "Problema", "text", True),
        Field("diagnosis", "Provisional diagnosis", "Diagnóstico provisional", "text"),
        Field("goals", "Goals, in the patient's words", "Mis metas", "lines", True, "One goal a line."),
        Field("target", "Target of the measures", "Meta de los cuestionarios", "text"),
        Field("medications", "Medications", "Medicinas", "lines", help="One a line, with dose and time."),
        Field("treatments", "Other treatments", "Otros tratamientos", "lines"),
        Field("skill", "Brief skill", "Lo que practico", "text"),
        Field("rhythm", "Rhythm of contacts and check-ins", "Cada cuánto nos hablamos", "text", True),
        Field("barriers", "Barriers", "Lo que lo hace difícil", "lines"),
        Field("safety_steps", "Safety steps", "Pasos de seguridad", "lines"),
        Field("next_check_in_on", "Next check-in", "Próximas preguntas", "day"),
        Field("next_review_on", "Next case review", "Próxima revisión", "day"),
    ),
    "relapse": (
        Field("medications", "Medications to go on with", "Medicinas que sigo tomando", "lines", help="With dose, time and until when."),
        Field("treatments", "Other treatments", "Otros tratamientos", "lines"),
        Field("warning_signs", "My warning signs", "Mis señales de aviso", "lines", True),
        Field("what_helps", "What helps me", "Lo que me ayuda", "lines", True),
        Field("contacts", "Whom I call", "A quién llamo", "lines", True),
        Field("appointments", "Appointments ahead", "Próximas citas", "lines"),
    ),
    "safety": (
        Field("signs", "How I notice that it gets hard", "Cómo noto que se pone difícil", "lines", True),
        Field("by_myself", "What I can do on my own", "Lo que puedo hacer yo", "lines", True),
        Field("company", "Where I go, and who is good company", "Adónde voy y con quién", "lines"),
        Field("helpers", "Whom I ask for help", "A quién le pido ayuda", "lines", True),
        Field("professionals", "Professionals and services", "Profesionales y servicios", "lines", True),
        Field("surroundings", "Making my surroundings safer", "Hacer más seguro mi entorno", "lines"),
        Field("worth_it", "What I hold on to", "Lo que me da fuerzas", "lines"),
    ),
}  # fmt: skip
TITLES: Final[Mapping[PlanKind, str]] = {
    "care": "Care plan",
    "relapse": "Plan against relapse",
    "safety": "Safety plan",
}


class Difference(msgspec.Struct, frozen=True):
    """What one field lost and gained; texts and days as one line each."""

    label: str
    removed: Lines
    added: Lines


def kind_of(content: Content) -> PlanKind:
    match content:
        case CareContent():
            return "care"
        case RelapseContent():
            return "relapse"
        case SafetyContent():
            return "safety"
        case _:
            assert_never(content)


def empty(kind: PlanKind) -> Content:
    match kind:
        case "care":
            return CareContent()
        case "relapse":
            return RelapseContent()
        case "safety":
            return SafetyContent()
        case _:
            assert_never(kind)


def tidy(content: Content) -> Content:
    """Blanks around texts and lines gone, empty lines left out: what is stored and compared."""
    values: dict[str, object] = {}
    for field in FIELDS[kind_of(content)]:
        value = getattr(content, field.name)
        if field.shape == "lines":
            value = tuple(" ".join(line.split()) for line in value if line.strip())
        elif field.shape == "text":
            value = value.strip().replace("\r\n", "\n")
        values[field.name] = value
    return msgspec.structs.replace(content, **values)


def check(content: Content, today: date) -> list[Problem]:
    """Of tidied content. Every problem with its field."""
    found: list[Problem] = []
    for field in FIELDS[kind_of(content)]:
        value = getattr(content, field.name)
        if field.needed and not value:
            found.append(Problem(field.name, "is needed"))
        elif field.shape == "lines" and len(value) > MOST_LINES:
            found.append(Problem(field.name, f"has more than {MOST_LINES} lines"))
        elif field.shape != "day" and any(len(text) > LONGEST for text in as_lines(value)):
            found.append(Problem(field.name, f"has more than {LONGEST} characters in one place"))
        elif field.shape == "day" and value is not None and value < today:
            found.append(Problem(field.name, "is in the past"))
    return found


def as_lines(value: str | Lines | date | None) -> Lines:
    if value is None or value == "":
        return ()
    if isinstance(value, date):
        return (value.isoformat(),)
    return (value,) if isinstance(value, str) else value


def differences(before: Content, after: Content) -> tuple[Difference, ...]:
    """Field by field in the order of the form. A line that only moved is no difference. Raises ValueError for plans of
    two kinds."""
    if type(before) is not type(after):
        raise ValueError("plans of two kinds can't be compared")
    found = []
    for field in FIELDS[kind_of(after)]:
        old, new = as_lines(getattr(before, field.name)), as_lines(getattr(after, field.name))
        removed, added = _without(old, new), _without(new, old)
        if removed or added:
            found.append(Difference(field.label, removed, added))
    return tuple(found)


def _without(lines: Sequence[str], others: Sequence[str]) -> Lines:
    left = list(others)
    kept = []
    for line in lines:
        if line in left:
            left.remove(line)
        else:
            kept.append(line)
    return tuple(kept)
