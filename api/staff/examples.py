"""Request bodies as the API description shows them. Everybody in them is invented."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.openapi.spec import Example

from registry.protocol.policy import template
from registry.working_time import WorkingTime

_STAFF: Final = "019a0000-0000-7000-8000-00000000000{}"


def _one(summary: str, value: dict[str, Any]) -> list[Example]:
    return [Example(summary=summary, value=value)]


REFERRAL: Final = _one(
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
ENROLMENT: Final = _one(
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
            "treating_clinician_id": _STAFF.format(1),
            "care_manager_id": _STAFF.format(2),
            "consultant_id": _STAFF.format(3),
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
DETAILS: Final = _one(
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
PHONE: Final = _one(
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
STATUS: Final = _one(
    "On hold during a hospital stay",
    {"status": "on_hold", "reason": "hospital", "from_date": "2026-11-20", "review_on": "2026-12-04"},
)
DECEASED: Final = _one("The day is not known", {})
PLAN: Final = _one(
    "PHQ-9 every two weeks",
    {
        "lines": [
            {"instrument_id": "phq9", "every_days": 14, "local_time": "10:00:00", "anchor_on": "2026-12-01"}
        ]
    },
)
NEXT_CONTACT: Final = _one(
    "A call next week",
    {"at": "2026-12-03T22:30:00Z", "mode": "phone", "purpose": "How the new dose is going"},
)
SEARCH: Final = _one("By the beginning of a name", {"text": "alder"})
CHECK_IN: Final = _one("PHQ-9 now", {"instruments": ["phq9"]})
MESSAGE: Final = _one("A text from staff", {"body": "We moved your call to Thursday at 2:30 PM. OK?"})
TEXTING_STOP: Final = _one("Said on the phone", {"said": "verbal", "wording": "Please no more texts."})
ITEMS: Final = _one(
    "PHQ-9 filled in on paper",
    {
        "instrument_id": "phq9",
        "taken_on": "2026-11-20",
        "source": "paper",
        "answers": {"1": 2, "2": 2, "3": 1, "4": 2, "5": 0, "6": 1, "7": 1, "8": 0, "9": 0},
    },
)
TOTAL: Final = _one(
    "A total from another record",
    {"instrument_id": "gad7", "taken_on": "2026-11-20", "source": "ehr", "total": 9},
)
TIME: Final = _one(
    "A phone contact",
    {
        "started_at": "2026-11-20T17:05:00Z",
        "minutes": 14,
        "activity": "patient_contact",
        "staff_id": _STAFF.format(2),
        "role": "care_manager",
    },
)
TASK: Final = _one("The patient was called", {"outcome": "called"})
LADDER: Final = _one(
    "A reminder after one day and after three, then a call",
    {
        "reminders": [{"after_hours": 24, "channel": "same"}, {"after_hours": 72, "channel": "other"}],
        "call_after_hours": 96,
        "answer_within_hours": 72,
    },
)
EMAIL: Final = _one(
    "Agreed to on the phone",
    {"address": "ana@example.org", "method": "verbal", "wording_version": "email-consent@1"},
)
SAFETY_POLICY: Final = _one(
    "The shipped template",
    msgspec.to_builtins(template(WorkingTime("America/Los_Angeles"))),
)
SHIFT: Final = _one(
    "Weeknights for four weeks",
    {
        "staff_id": _STAFF.format(1),
        "zone": "America/Los_Angeles",
        "on": "2026-11-23",
        "start": "17:00:00",
        "end": "09:00:00",
        "weeks": 4,
    },
)
COVER: Final = _one(
    "A colleague takes one evening",
    {"by_id": _STAFF.format(2), "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T06:00:00Z"},
)
SWAP: Final = _one("Two people change places", {"other_id": "019a0000-0000-7000-8000-000000000071"})
BILLING_DECISION: Final = _one(
    "A biller lets a line go that waited for the consultant's review",
    {
        "kind": "release",
        "month": "2026-11",
        "value": "consultant_review",
        "reason": "Reviewed 24 Nov, note in the EHR",
    },
)
WITHDRAWAL: Final = _one("Entered for the wrong month", {"reason": "Entered for the wrong month"})
COVERAGE: Final = _one(
    "Primary payer from January on",
    {
        "payer": "Evergreen Health Plan",
        "valid_from": "2026-01-01",
        "rank": 1,
        "payer_id": "EVG01",
        "member_id": "M-77812",
        "subscriber": "self",
    },
)

RULE_SET: Final = _one(
    "A payer that takes the shorter month from 30 minutes",
    {
        "document": {
            "id": "own_evergreen",
            "version": 1,
            "title": "Evergreen Health Plan",
            "source": "Evergreen Health Plan, provider manual 2026, page 14",
            "author": "Harbor Clinic",
            "payer": "Evergreen Health Plan",
            "effective_from": "2026-01-01",
            "reviewed_through": "2026-12-31",
            "time_rule": "cpt_midpoint",
            "g2214_min": 30,
        },
        "payers": [],
    },
)
PAYER_RULES: Final = _one(
    "The clinic's own for one payer", {"payer": "Evergreen Health Plan", "rule_set": "own_evergreen"}
)

CLOSE_MONTH: Final = _one("Nobody looks like a duplicate", {})
MONTH_REASON: Final = _one("Why", {"reason": "A call of 12 March was not logged"})
CLAIMS: Final = _one("Without the patients who can't be claimed", {"leave_out": True})
SHADOW: Final = _one("Another system's bill", {"csv": "mrn,code,units\r\nTEST-1001,99492,1\r\n"})
MEETING: Final = _one(
    "An hour for all caseloads",
    {"starts_at": "2026-12-02T18:00:00Z", "minutes": 60, "consultant_id": _STAFF.format(3)},
)
DISCUSSION: Final = _one(
    "Discussed together",
    {
        "discussion": "joint",
        "people": [_STAFF.format(2), _STAFF.format(3)],
        "minutes": 7,
        "note": "Half the drop after four weeks",
        "changed": "Dose goes up",
    },
)
RECOMMENDATION: Final = _one(
    "A higher dose",
    {
        "parts": [{"kind": "medication", "text": "Raise sertraline to 100 mg"}],
        "urgency": "this_week",
        "if_then": "If no change in 4 weeks, add bupropion",
        "author_id": _STAFF.format(3),
    },
)
DECISION: Final = _one(
    "Accepted in the EHR",
    {"decision": "accepted", "via": "ehr", "decided_by": "Dr. Osei", "decided_on": "2026-11-20"},
)
ORDER: Final = _one(
    "Ordered, and a change of treatment",
    {
        "what": "Sertraline 100 mg",
        "by": "Dr. Osei",
        "on": "2026-11-20",
        "change": {"on": "2026-11-20", "kind": "dose_changed", "what": "Sertraline 100 mg"},
    },
)
STEP_NOTE: Final = _one("By phone", {"note": "Understood, starts tonight"})
ADVICE_WITHDRAWAL: Final = _one("Superseded", {"reason": "Replaced by a new recommendation"})
CONTACT: Final = _one(
    "A phone contact with its next date",
    {
        "kind": "phone",
        "outcome": "reached",
        "occurred_at": "2026-11-20T17:05:00Z",
        "note": "Sleeps better. Misses a dose on weekends.",
        "adherence": "some_missed",
        "minutes": 14,
        "staff_id": _STAFF.format(2),
        "next": {"at": "2026-12-04T17:00:00Z", "mode": "phone", "purpose": "How the new dose is going"},
    },
)
IMPORT: Final = _one(
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
AMENDMENT: Final = _one(
    "The dose was another one",
    {
        "outcome": "reached",
        "note": "Sleeps better. Takes 50 mg, not 100 mg.",
        "adherence": "as_prescribed",
        "reason": "Wrong dose written down.",
        "version": 0,
    },
)
FILED: Final = _one(
    "A contact's note is in the EHR",
    {"kind": "contact", "ref_id": "019a0000-0000-7000-8000-0000000000c1", "filed": True},
)
CARE_PLAN: Final = _one(
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
INTAKE: Final = _one(
    "Bipolar disorder was considered",
    {
        "version": 0,
        "content": {"history": "Second episode.", "bipolar": "considered", "pregnancy": "not_applicable"},
    },
)
CLOSING: Final = _one(
    "Closed for now after three tries",
    {
        "decision": "inactive",
        "note": "Three tries by two ways in 22 days, letter sent.",
        "reentry": "Call the clinic and ask for the care manager.",
        "told_clinician_on": "2026-11-20",
    },
)
EVENT_ATTEMPT: Final = _one(
    "A call that nobody answered",
    {"by_id": _STAFF.format(2), "channel": "phone", "outcome": "no_answer", "note": "Rang for a minute"},
)
EVENT_ASSESSMENT: Final = _one(
    "With the built-in questions",
    {
        "by_id": _STAFF.format(1),
        "tool": "structured",
        "level": "low",
        "findings": "Spoke for twenty minutes.",
        "answers": {
            "thoughts": "wish_to_be_dead",
            "method": "not_reported",
            "intent": "not_reported",
            "plan": "not_reported",
            "behaviour": "not_reported",
            "means": "unsure",
        },
        "mitigation": "Sister stays tonight; call in the morning.",
    },
)
EVENT_STEP: Final = _one(
    "The consultant was informed",
    {
        "by_id": _STAFF.format(2),
        "step": "consultant_informed",
        "who": "Dr. Sung",
        "at": "2026-11-23T18:05:00Z",
    },
)
EVENT_NOTE: Final = _one("A note", {"by_id": _STAFF.format(2), "note": "Called back at four."})
OUTWARD_REFERRAL: Final = _one(
    "To specialty therapy",
    {"kind": "specialty_therapy", "to": "Alder Therapy", "why": "Trauma work", "sent_on": "2026-11-20"},
)
REFERRAL_STEP: Final = _one("The patient was seen", {"step": "seen", "on": "2026-11-24"})
FLAGS: Final = _one("For the case review", {"discuss": True})
THRESHOLDS: Final = _one("A contact every three weeks", {"no_contact_days": 21})
TREATMENT_CHANGE: Final = _one(
    "A dose raised by the treating clinician",
    {"on": "2026-11-20", "kind": "dose_changed", "what": "sertraline 100 mg", "source": "elsewhere"},
)
CHANGE_WITHDRAWAL: Final = _one("Entered for the wrong patient", {"reason": "It was another patient's."})
DECLINE: Final = _one("Not now", {"reason": "Starts therapy on Friday"})
ABSENCE: Final = _one(
    "Two weeks away",
    {
        "absent_id": _STAFF.format(2),
        "covering_id": _STAFF.format(4),
        "from_on": "2026-12-21",
        "until_on": "2027-01-01",
    },
)
EVENTS: Final = _one(
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
VALUE_SET: Final = _one(
    "Visits",
    {
        "name": "Contact or Office Visit",
        "version": "2026",
        "source": "the publisher's release",
        "codes": ["99213", "99214"],
    },
)
