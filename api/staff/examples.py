"""Request bodies as the API description shows them. Everybody in them is invented."""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.spec import Example

STAFF: Final = "019a0000-0000-7000-8000-00000000000{}"


def one(summary: str, value: dict[str, Any]) -> list[Example]:
    return [Example(summary=summary, value=value)]


REFERRAL: Final = one(
    "A warm handoff",
    {
        "family_name": "Aldercott",
        "given_name": "Maren",
        "referred_by": "Dr. Osei",
        "reason": "Low mood since spring",
        "phone": "+12065550123",
        "mrn": "TEST-1001",
        "birth_date": "1987-04-12",
        "language": "en",
    },
)
ENROLMENT: Final = one(
    "Enrolment with check-ins by link",
    {
        "person": {
            "family_name": "Aldercott",
            "given_name": "Maren",
            "birth_date": "1987-04-12",
            "mrn": "TEST-1001",
        },
        "phone": {"phone": "+12065550123", "safe_to_text": True},
        "preferences": {"language": "en", "zone": "America/Los_Angeles", "channel": "sms_link"},
        "team": {
            "treating_clinician_id": STAFF.format(1),
            "care_manager_id": STAFF.format(2),
            "consultant_id": STAFF.format(3),
        },
        "target_condition": "F33.1",
        "care_consent": {
            "method": "verbal",
            "given_at": "2026-11-20T17:05:00Z",
            "recorded_by": "Dana Whitlock",
            "wording_version": "care-consent@1",
        },
        "texting_consent": {
            "basis": "consent",
            "content_level": "link_only",
            "method": "verbal",
            "wording_version": "texting-consent@1",
            "language": "en",
        },
        "coverage": [{"payer": "Cascade Health Plan", "valid_from": "2026-01-01", "member_id": "TEST-77"}],
        "initiating_visit": {"on": "2026-11-12", "code": "99214"},
        "referred_by": "Dr. Osei",
        "referral_reason": "Low mood since spring",
    },
)
DETAILS: Final = one(
    "Moved to Denver, asked by phone from now on",
    {
        "person": {
            "family_name": "Aldercott",
            "given_name": "Maren",
            "birth_date": "1987-04-12",
            "mrn": "TEST-1001",
            "sex": "F",
            "address": {"line1": "12 Larch St", "city": "Denver", "state": "CO", "postal_code": "80202"},
        },
        "preferences": {"language": "en", "zone": "America/Denver", "channel": "phone"},
        "version": 3,
    },
)
PHONE: Final = one(
    "A new number with its own agreement",
    {
        "phone": {"phone": "+12065550177", "safe_to_text": True, "voicemail_ok": False},
        "texting_consent": {
            "basis": "consent",
            "content_level": "link_only",
            "method": "verbal",
            "wording_version": "texting@1",
            "language": "en",
        },
        "version": 3,
    },
)
STATUS: Final = one(
    "On hold during a hospital stay",
    {"status": "on_hold", "reason": "hospital", "from_date": "2026-11-20", "review_on": "2026-12-04"},
) + one(
    "Care ends with its goals met",
    {
        "status": "ended",
        "reason": "completed",
        "from_date": "2026-11-20",
        "ending": {
            "told_on": "2026-11-19",
            "told_how": "ehr",
            "no_plan_because": "Does not want one in writing",
        },
    },
)
DECEASED: Final = one("The day is not known", {})
PLAN: Final = one(
    "PHQ-9 every two weeks",
    {
        "lines": [
            {"instrument_id": "phq9", "every_days": 14, "local_time": "10:00:00", "anchor_on": "2026-12-01"}
        ]
    },
)
NEXT_CONTACT: Final = one(
    "A call next week",
    {"at": "2026-12-03T22:30:00Z", "mode": "phone", "purpose": "How the new dose is going"},
)
SEARCH: Final = one("By the beginning of a name", {"text": "alder"})
CHECK_IN: Final = one("PHQ-9 now", {"instruments": ["phq9"]})
MESSAGE: Final = one("A text from staff", {"body": "We moved your call to Thursday at 2:30 PM. OK?"})
CALLED: Final = one("A mobile phone", {"called": "+12065550123"})
TEXTING_STOP: Final = one("Said on the phone", {"said": "verbal", "wording": "Please no more texts."})
ITEMS: Final = one(
    "PHQ-9 filled in on paper",
    {
        "instrument_id": "phq9",
        "taken_on": "2026-11-20",
        "source": "paper",
        "answers": {"1": 2, "2": 2, "3": 1, "4": 2, "5": 0, "6": 1, "7": 1, "8": 0, "9": 0},
    },
)
TOTAL: Final = one(
    "A total from another record",
    {"instrument_id": "gad7", "taken_on": "2026-11-20", "source": "ehr", "total": 9},
)
TIME: Final = one(
    "A phone contact",
    {
        "started_at": "2026-11-20T17:05:00Z",
        "minutes": 14,
        "activity": "patient_contact",
        "staff_id": STAFF.format(2),
        "role": "care_manager",
    },
)
TASK: Final = one("The patient was called", {"outcome": "called"})
LADDER: Final = one(
    "A reminder after one day and after three, then a call",
    {
        "reminders": [{"after_hours": 24, "channel": "same"}, {"after_hours": 72, "channel": "other"}],
        "call_after_hours": 96,
        "answer_within_hours": 72,
    },
)
EMAIL: Final = one(
    "Agreed to on the phone",
    {"address": "ana@example.org", "method": "verbal", "wording_version": "email-consent@1"},
)

MEETING: Final = one(
    "An hour for all caseloads",
    {"starts_at": "2026-12-02T18:00:00Z", "minutes": 60, "consultant_id": STAFF.format(3)},
)
DISCUSSION: Final = one(
    "Discussed together",
    {
        "discussion": "joint",
        "people": [STAFF.format(2), STAFF.format(3)],
        "minutes": 7,
        "own_minutes": [{"staff_id": STAFF.format(3), "minutes": 10}],
        "note": "Half the drop after four weeks",
        "changed": "Dose goes up",
    },
)
RECOMMENDATION: Final = one(
    "A higher dose",
    {
        "parts": [{"kind": "medication", "text": "Raise sertraline to 100 mg"}],
        "urgency": "this_week",
        "if_then": "If no change in 4 weeks, add bupropion",
        "author_id": STAFF.format(3),
    },
)
DECISION: Final = one(
    "Accepted in the EHR",
    {"decision": "accepted", "via": "ehr", "decided_by": "Dr. Osei", "decided_on": "2026-11-20"},
)
ORDER: Final = one(
    "Ordered, and a change of treatment",
    {
        "what": "Sertraline 100 mg",
        "by": "Dr. Osei",
        "on": "2026-11-20",
        "change": {"on": "2026-11-20", "kind": "dose_changed", "what": "Sertraline 100 mg"},
    },
)
STEP_NOTE: Final = one("By phone", {"note": "Understood, starts tonight"})
IN_USE: Final = one("Taken every morning", {"note": "No side effects so far", "in_use": True})
ADVICE_WITHDRAWAL: Final = one("Superseded", {"reason": "Replaced by a new recommendation"})
CONTACT: Final = one(
    "A phone contact with its next date",
    {
        "kind": "phone",
        "outcome": "reached",
        "occurred_at": "2026-11-20T17:05:00Z",
        "note": "Sleeps better. Misses a dose on weekends.",
        "adherence": "some_missed",
        "minutes": 14,
        "staff_id": STAFF.format(2),
        "next": {"at": "2026-12-04T17:00:00Z", "mode": "phone", "purpose": "How the new dose is going"},
    },
)
IMPORT: Final = one(
    "Contacts of another registry",
    {
        "kind": "contacts",
        "mapping": {
            "name": "Old registry",
            "dates": "us",
            "columns": {"mrn": "Chart", "on": "Date", "mode": "How", "outcome": "Result", "by": "Who"},
        },
        "csv": "Chart,Date,How,Result,Who\nTEST-1001,11/5/2026,phone,reached,Casey Moore\n",
    },
)
AMENDMENT: Final = one(
    "The dose was another one",
    {
        "outcome": "reached",
        "note": "Sleeps better. Takes 50 mg, not 100 mg.",
        "adherence": "as_prescribed",
        "reason": "Wrong dose written down.",
        "version": 0,
    },
)
FILED: Final = one(
    "A contact's note is in the EHR",
    {"kind": "contact", "ref_id": "019a0000-0000-7000-8000-0000000000c1", "filed": True},
)
CARE_PLAN: Final = one(
    "The first care plan",
    {
        "version": 0,
        "care": {
            "problem": "Low mood since spring",
            "goals": ["Walk to school with my son again"],
            "rhythm": "Every two weeks by phone; PHQ-9 and GAD-7 every 14 days",
        },
        "agreed_on": "2026-11-20",
    },
)
INTAKE: Final = one(
    "Bipolar disorder was considered",
    {
        "version": 0,
        "content": {"history": "Second episode.", "bipolar": "considered", "pregnancy": "not_applicable"},
    },
)
CLOSING: Final = one(
    "Closed for now after three tries",
    {
        "decision": "inactive",
        "note": "Three tries by two ways in 22 days, letter sent.",
        "reentry": "Call the clinic and ask for the care manager.",
        "told_clinician_on": "2026-11-20",
    },
)
OUTWARD_REFERRAL: Final = one(
    "To specialty therapy",
    {"kind": "specialty_therapy", "to": "Alder Therapy", "why": "Trauma work", "sent_on": "2026-11-20"},
)
REFERRAL_STEP: Final = one("The patient was seen", {"step": "seen", "on": "2026-11-24"})
FLAGS: Final = one("For the case review", {"discuss": True})
THRESHOLDS: Final = one("A contact every three weeks", {"no_contact_days": 21})
TREATMENT_CHANGE: Final = one(
    "A dose raised by the treating clinician",
    {"on": "2026-11-20", "kind": "dose_changed", "what": "sertraline 100 mg", "source": "elsewhere"},
)
CHANGE_WITHDRAWAL: Final = one("Entered for the wrong patient", {"reason": "It was another patient's."})
DECLINE: Final = one("Not now", {"reason": "Starts therapy on Friday"})
ABSENCE: Final = one(
    "Two weeks away",
    {
        "absent_id": STAFF.format(2),
        "covering_id": STAFF.format(4),
        "from_on": "2026-12-21",
        "until_on": "2027-01-01",
    },
)
EVENTS: Final = one(
    "A visit and its diagnosis",
    {
        "events": [
            {
                "mrn": "TEST-1001",
                "kind": "encounter",
                "code": "99214",
                "status": "finished",
                "started_on": "2026-03-10",
            },
            {
                "mrn": "TEST-1001",
                "kind": "condition",
                "code": "F33.1",
                "status": "active",
                "started_on": "2026-01-05",
            },
        ]
    },
)
VALUE_SET: Final = one(
    "Visits",
    {
        "name": "Contact or Office Visit",
        "version": "2026",
        "source": "the publisher's release",
        "codes": ["99213", "99214"],
    },
)
