"""What a person still holds, and who may take it over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal
from uuid import UUID

import msgspec

from kernel.audit import Role
from kernel.errors import Problem

Duty = Literal[
    "care_manager",
    "clinician",
    "consultant",
    "events",
    "approvals",
    "meetings",
    "caseload_meetings",
    "shifts",
    "tasks",
    "default_responsible",
    "timer",
    "other_clinics",
]
# What nobody can take over: it is settled in another way, which `check` says.
NOT_MOVED: Final[Mapping[Duty, str]] = {
    "timer": "a running timer is stopped or discarded, on the page of the person",
    "other_clinics": "roles in other clinics are taken away there",
}
LABELS: Final[Mapping[Duty, str]] = {
    "care_manager": "patients as care manager",
    "clinician": "patients as treating and billing practitioner",
    "consultant": "patients as psychiatric consultant",
    "events": "open safety events",
    "approvals": "recommendations that wait for a decision or an order",
    "meetings": "case reviews ahead",
    "caseload_meetings": "case reviews ahead of their caseload",
    "shifts": "on-call shifts ahead",
    "tasks": "open tasks",
    "default_responsible": "being told when an episode names nobody",
    "timer": "running timer, to be stopped or discarded",
    "other_clinics": "other clinics where they have roles",
}
# Where one of a duty reads another way than several.
_ONE: Final[Mapping[Duty, str]] = {
    "care_manager": "patient as care manager",
    "clinician": "patient as treating and billing practitioner",
    "consultant": "patient as psychiatric consultant",
    "events": "open safety event",
    "approvals": "recommendation that waits for a decision or an order",
    "meetings": "case review ahead",
    "caseload_meetings": "case review ahead of their caseload",
    "shifts": "on-call shift ahead",
    "tasks": "open task",
    "other_clinics": "other clinic where they have roles",
}
# Who must hold what to take a duty over.
NEEDS: Final[Mapping[Duty, tuple[Role, ...]]] = {
    "care_manager": ("care_manager",),
    "clinician": ("clinician",),
    "consultant": ("consultant",),
    "events": ("care_manager", "clinician", "consultant", "clinic_lead"),
    "approvals": ("clinician",),
    "meetings": ("consultant",),
    "caseload_meetings": ("care_manager",),
    "shifts": ("care_manager", "clinician", "consultant", "clinic_lead"),
    "tasks": ("care_manager", "clinician", "consultant", "clinic_lead"),
    "default_responsible": ("care_manager", "clinician", "consultant", "clinic_lead"),
}
LONGEST: Final = 4000


class HandoverForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything of these duties goes to `to_id`. `introduce`: patients whose care manager changes get one text that
    names the new one."""

    to_id: UUID
    duties: tuple[Duty, ...]
    note: str
    introduce: bool = False


def left(held: Mapping[Duty, int]) -> tuple[Duty, ...]:
    """Duties that must be handed over before an account may be closed, in the order of the page."""
    return tuple(duty for duty in LABELS if held.get(duty, 0) > 0)


def counted(duty: Duty, number: int) -> str:
    """`1 open task`, `2 open tasks`; what can't be counted stands without its number."""
    if duty == "default_responsible":
        return LABELS[duty]
    return f"{number} {_ONE.get(duty, LABELS[duty]) if number == 1 else LABELS[duty]}"


def may_take(roles: frozenset[Role], duties: Iterable[Duty]) -> tuple[Duty, ...]:
    """Of these duties those that somebody with these roles may take over."""
    return tuple(duty for duty in duties if duty not in NOT_MOVED and not roles.isdisjoint(NEEDS[duty]))


def check(
    form: HandoverForm, from_id: UUID, roles: frozenset[Role], held: Mapping[Duty, int]
) -> list[Problem]:
    """`roles` are those of the person who takes over, in this clinic; none for a stranger or a closed account."""
    found: list[Problem] = []
    if form.to_id == from_id:
        found.append(Problem("to_id", "is the person who hands over"))
    elif not roles:
        found.append(Problem("to_id", "is nobody who works in this clinic"))
    if not form.duties:
        found.append(Problem("duties", "choose at least one"))
    for duty in form.duties:
        if duty in NOT_MOVED:
            found.append(Problem("duties", NOT_MOVED[duty]))
        elif held.get(duty, 0) and roles and not may_take(roles, (duty,)):
            found.append(Problem("to_id", f"can't take over {LABELS[duty]}: lacks the role"))
    if not form.note.strip():
        found.append(Problem("note", "is needed: what must the next person know?"))
    elif len(form.note) > LONGEST:
        found.append(Problem("note", f"is longer than {LONGEST} characters"))
    return found
