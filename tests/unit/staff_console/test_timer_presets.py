"""What a timer is started for, by page and role."""

import pytest

from staff_console.time.presets import preset

PATIENT = "/patients/6d1e5a34-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("path", "role", "activity"),
    [
        ("/registry", "care_manager", "patient_contact"),
        (PATIENT, "care_manager", "patient_contact"),
        (f"{PATIENT}/contact", "care_manager", "patient_contact"),
        (f"{PATIENT}/plans/care", "clinician", "care_plan"),
        (f"{PATIENT}/plans/relapse", "care_manager", "relapse_prevention"),
        (f"{PATIENT}/plans/safety", "care_manager", "safety_follow_up"),
        (f"{PATIENT}/rules", "care_manager", "measure_review"),
        ("/enrol/6d1e5a34-0000-4000-8000-000000000001", "care_manager", "outreach"),
        (PATIENT, "consultant", "consultant_review"),
        (f"{PATIENT}/plans/care", "consultant", "consultant_review"),
        (PATIENT, "clinic_lead", "clerical"),
    ],
)
def test_the_page_and_the_role_say_what_the_timer_is_for(path: str, role: str, activity: str) -> None:
    assert preset(path, {role}) == activity
