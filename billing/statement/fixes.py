"""What to do about a missing element, and which roles can: shown during the month, while it can still be done.

None of it is about minutes: time is logged as it was worked, and nothing here asks for more of it.
"""

from typing import Final

from kernel.audit import Role

_CARE: Final[tuple[Role, ...]] = ("care_manager", "clinic_lead")
_BILLING: Final[tuple[Role, ...]] = ("biller", "clinic_lead")
_SETUP: Final[tuple[Role, ...]] = ("administrator", "clinic_lead")

FIXES: Final[dict[str, tuple[str, tuple[Role, ...]]]] = {
    "consent": ("Record the agreement that was given, with its date; time before it stays uncounted.", _CARE),
    "initiating_visit": (
        "Enter the visit's date and code, or have a biller record that the patient was seen within the year.",
        (*_CARE, "biller"),
    ),
    "diagnosis": (
        "Have the treating clinician name the condition and enter its code.",
        (*_CARE, "clinician"),
    ),
    "coverage": (
        "Correct the coverage rows on the patient's page so that one primary covers the month.",
        _BILLING,
    ),
    "billing_practitioner": ("Enter the NPI and tax id under Setup.", _SETUP),
    "one_practitioner": ("Settle with the other practice who reports the month.", _BILLING),
    "prior_authorisation": ("Record the authorisation with its date.", _BILLING),
    "scales": ("Have the patient answer a rating scale this month, or enter one from paper.", _CARE),
    "care_plan": ("Write the care plan.", _CARE),
    "plan_update": ("Write the recommended change into the plan, or record that it was declined.", _CARE),
    "direction": ("Ask the treating clinician to confirm the referral.", (*_CARE, "clinician")),
    "consultant_review": ("Put the patient on the agenda of the next case review.", (*_CARE, "consultant")),
    "review_outcome": (
        "Record what the review recommended, also when nothing changes.",
        (*_CARE, "consultant"),
    ),
    "registry": ("Record the follow-up that was done in the registry.", _CARE),
    "registry_freshness": (
        "Write contacts down within two days; those of this month stay as they are.",
        _CARE,
    ),
    "caseload_consultation": ("Record the caseload consultations that were held.", (*_CARE, "consultant")),
    "brief_intervention": ("Record the skill work that was done with the patient.", _CARE),
    "collaboration": ("Record what was discussed with the treating clinician.", (*_CARE, "clinician")),
    "relapse_plan": ("Write the plan against relapse with the patient.", _CARE),
    "next_contact": ("Agree the next contact with the patient and say what it is for.", _CARE),
}
