"""What a timer is started for, judged by the page it is started on. The person may change it until it stops."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from registry.time_log import activities

USUAL: Final = "patient_contact"
# The part of the address after the patient, longest match first.
BY_PAGE: Final = (
    ("plans/relapse", "relapse_prevention"),
    ("plans/safety", "safety_follow_up"),
    ("plans", "care_plan"),
    ("scores", "assessment"),
    ("intake", "assessment"),
    ("rules", "measure_review"),
    ("referrals", "care_coordination"),
    ("recommend", "care_coordination"),
    ("people", "caregiver_contact"),
)


def preset(path: str, roles: Collection[str]) -> str:
    """The activity of the page, if these roles may log it; a consultant's is the own review."""
    offered = [one.id for one in activities.ACTIVITIES if set(one.roles) & set(roles)]
    wanted = _of_page(path)
    own = (wanted, USUAL, "consultant_review", *offered)
    return next((activity for activity in own if activity in offered), USUAL)


def _of_page(path: str) -> str:
    if path.startswith("/enrol"):
        return "outreach"
    _, _, rest = path.removeprefix("/patients/").partition("/")
    return next((activity for part, activity in BY_PAGE if rest.startswith(part)), USUAL)
