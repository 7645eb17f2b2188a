"""Bodies of the calls about coverage, rule sets and the bill."""

from __future__ import annotations

from typing import Final

from api.staff.examples import one

BILLING_DECISION: Final = one(
    "A biller lets a line go that waited for the consultant's review",
    {
        "kind": "release",
        "month": "2026-11",
        "value": "consultant_review",
        "reason": "Reviewed 24 Nov, note in the EHR",
    },
)
WITHDRAWAL: Final = one("Entered for the wrong month", {"reason": "Entered for the wrong month"})
COVERAGE: Final = one(
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
RULE_SET: Final = one(
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
PAYER_RULES: Final = one(
    "The clinic's own for one payer", {"payer": "Evergreen Health Plan", "rule_set": "own_evergreen"}
)
CLOSE_MONTH: Final = one("Nobody looks like a duplicate", {})
MONTH_REASON: Final = one("Why", {"reason": "A call of 12 March was not logged"})
CLAIMS: Final = one("Without the patients who can't be claimed", {"leave_out": True})
SHADOW: Final = one("Another system's bill", {"csv": "mrn,code,units\r\nTEST-1001,99492,1\r\n"})
