"""What a page says after a change. The address carries the code, so nothing about a person is ever in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAID: Final[Mapping[str, str]] = {
    "time_logged": "Time added.",
    "time_corrected": "Correction saved. The earlier entry stays in the log.",
    "time_undone": "The entry was taken back.",
    "text_queued": "Your text is on its way. Its state is shown beside it.",
    "referred": "Referral sent. The care manager sees it in the registry.",
    "enrolled": "Enrolled.",
    "contact_saved": "Contact saved. Copy it into the EHR, then tick it as filed.",
    "filed": "Ticked as filed in the EHR.",
    "unfiled": "The tick was taken back.",
    "template_saved": "Template saved. New notes start with it.",
    "next_contact": "Next contact saved.",
    "plan": "Check-ins changed.",
    "texts_stopped": "Texts to this number are stopped. Agree on another channel.",
    "number_confirmed": "Number confirmed.",
    "discuss_on": "Marked for the case review.",
    "discuss_off": "No longer marked for the case review.",
    "taken_event": "You have this event. Reach the patient now.",
    "had_event": "Somebody had acknowledged this event before you.",
    "attempt": "Attempt recorded.",
    "assessment": "Assessment saved.",
    "disposition": "Disposition and next contact saved.",
    "event_closed": "Event closed.",
    "noted": "Note added.",
    "task_done": "Task done.",
    "task_taken": "The task is yours.",
    "live": "The clinic is live. Texts to patients leave from now on.",
    "clinic_changed": "Clinic details saved.",
    "sender_added": "Number added.",
    "policy_signed": "Policy signed.",
    "responsible": "Saved whom alerts reach.",
    "password": "Password changed. Your other sessions were ended.",
    "view_saved": "View saved under your name.",
    "view_deleted": "View deleted.",
    "cover_set": "Cover arranged. The colleague sees your patients and tasks on these days.",
    "cover_ended": "Cover called off.",
    "thresholds": "Numbers saved. Every patient is judged again with them.",
    "clinic": "You work in this clinic now.",
}
