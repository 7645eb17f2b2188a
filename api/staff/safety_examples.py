"""Bodies of the calls about safety: the policy, the calendar, what is done about an event."""

from __future__ import annotations

from typing import Final

import msgspec

from api.staff.examples import STAFF, one
from registry.protocol.policy import template
from registry.working_time import WorkingTime

SAFETY_POLICY: Final = one(
    "The shipped template",
    msgspec.to_builtins(template(WorkingTime("America/Los_Angeles"))),
)
SHIFT: Final = one(
    "Weeknights for four weeks",
    {
        "staff_id": STAFF.format(1),
        "zone": "America/Los_Angeles",
        "on": "2026-11-23",
        "start": "17:00:00",
        "end": "09:00:00",
        "weeks": 4,
    },
)
COVER: Final = one(
    "A colleague takes one evening",
    {"by_id": STAFF.format(2), "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T06:00:00Z"},
)
SWAP: Final = one("Two people change places", {"other_id": "019a0000-0000-7000-8000-000000000071"})
EVENT_ATTEMPT: Final = one(
    "A call that nobody answered",
    {"by_id": STAFF.format(2), "channel": "phone", "outcome": "no_answer", "note": "Rang for a minute"},
)
EVENT_ASSESSMENT: Final = one(
    "With the built-in questions",
    {
        "by_id": STAFF.format(1),
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
EVENT_STEP: Final = one(
    "The consultant was informed",
    {
        "by_id": STAFF.format(2),
        "step": "consultant_informed",
        "who": "Dr. Sung",
        "at": "2026-11-23T18:05:00Z",
    },
)
EVENT_NOTE: Final = one("A note", {"by_id": STAFF.format(2), "note": "Called back at four."})
