"""What staff log time as, and whose time of each kind may count towards a collaborative-care month.

Labels are this project's own words. The kinds of work come from the required elements of the services as
payers restate them (Regence, collaborative care codes; Horizon NJ, collaborative care management services)
and from payers' notes on what is left out: NC Medicaid, 2019 collaborative care reminder (therapy,
evaluation, tobacco and substance-use services are reported apart); BCBS North Dakota, NDRP-GC-017.
"""

from typing import Final, Literal

import msgspec

Role = Literal[
    "care_manager", "consultant", "clinician", "clinic_lead", "biller", "administrator", "software"
]

Kind = Literal[
    "care", "joint_review", "consultant_review", "oversight", "clerical", "separately_reported", "automated"
]


class Activity(msgspec.Struct, frozen=True):
    """`roles` may log it; whether the minutes count follows from the kind, the role and the counting policy."""

    id: str
    label: str
    kind: Kind
    roles: tuple[Role, ...]


_CARE: Final[tuple[Role, ...]] = ("care_manager", "clinician")
_TEAM: Final[tuple[Role, ...]] = ("care_manager", "consultant", "clinician")
_PEOPLE: Final[tuple[Role, ...]] = (*_TEAM, "clinic_lead", "biller", "administrator")


def _care(id: str, label: str) -> Activity:
    return Activity(id=id, label=label, kind="care", roles=_CARE)


def _apart(id: str, label: str) -> Activity:
    return Activity(id=id, label=label, kind="separately_reported", roles=_PEOPLE)


ACTIVITIES: Final[tuple[Activity, ...]] = (
    _care("outreach", "Reaching out to the patient and getting started"),
    _care("assessment", "Assessment, including rating scales"),
    _care("care_plan", "Writing or changing the care plan"),
    _care("patient_contact", "Follow-up with the patient"),
    _care("brief_intervention", "Brief skill work with the patient"),
    _care("caregiver_contact", "Talking with family or a caregiver"),
    _care("measure_review", "Going over scores and progress"),
    _care("registry_review", "Registry work for this patient"),
    _care("care_coordination", "Coordinating with the treating clinician or other services"),
    _care("emergency_coordination", "Coordinating with an emergency department"),
    _care("safety_follow_up", "Following up a safety concern"),
    _care("relapse_prevention", "Relapse-prevention planning"),
    Activity(id="case_review", label="Case review together", kind="joint_review", roles=_TEAM),
    Activity(
        id="consultant_review",
        label="Psychiatric consultant's own review",
        kind="consultant_review",
        roles=("consultant",),
    ),
    Activity(
        id="oversight",
        label="Treating clinician's ordinary oversight",
        kind="oversight",
        roles=("clinician",),
    ),
    Activity(
        id="clerical", label="Scheduling, paperwork and other office work", kind="clerical", roles=_PEOPLE
    ),
    _apart("psychotherapy", "Psychotherapy reported on its own"),
    _apart("psychiatric_evaluation", "Psychiatric evaluation reported on its own"),
    _apart("office_visit", "Visit reported on its own"),
    _apart("tobacco_counselling", "Tobacco counselling reported on its own"),
    _apart("substance_use_service", "Substance-use service reported on its own"),
    _apart("other_care_management", "Care management reported under another programme"),
    Activity(
        id="automated_message", label="Text or call made by software", kind="automated", roles=("software",)
    ),
)

_BY_ID: Final[dict[str, Activity]] = {activity.id: activity for activity in ACTIVITIES}


def find(activity_id: str) -> Activity | None:
    return _BY_ID.get(activity_id)


def loggable_by(role: Role) -> tuple[Activity, ...]:
    """What the role is offered when logging time, in display order."""
    return tuple(activity for activity in ACTIVITIES if role in activity.roles)
