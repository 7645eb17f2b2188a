"""Kinds of tasks: what each is called, when it is due unless its opener says so, and whether a person may close it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

import msgspec

from registry.working_time import WorkingTime, after_staffed, next_business_day, same_day

TaskKind = Literal[
    "safety_event",
    "inbound_text",
    "parked_text",
    "opted_out",
    "opt_out_unclear",
    "wrong_number",
    "misdelivered_link",
    "unknown_number",
    "who_is_this",
    "call_and_ask",
    "call_and_ask_item9",
    "complete_item9",
    "severe_score",
    "unanswered_check_in",
    "could_not_parse",
    "staff_question",
    "contact_invalid",
    "delivery_problem",
    "consent_review",
    "hold_review",
    "shared_phone",
    "late_answer",
    "alert_undeliverable",
    "lost_patient",
    "end_episode",
    "recommendation_declined",
    "recommendation_overdue",
    "referral_follow_up",
    "on_call_gap",
    "on_call_unsigned",
    "alert_test_missed",
    "staff_stopped_alerts",
    "unfiled_note",
    "call_back",
    "closing_proposed",
    "after_discharge",
    "plan_to_sign",
    "handover_note",
    "relapse_plan",
    "unfiled_months",
]
DueRule = Literal["now", "staffed_hour", "same_day", "next_business_day"]


class Kind(msgspec.Struct, frozen=True):
    """`reply`: a text from a patient waits to be read. `by_hand`: a person may close it; the others close with
    what they are about."""

    label: str
    due: DueRule
    reply: bool = False
    by_hand: bool = True


KINDS: Final[Mapping[TaskKind, Kind]] = {
    "safety_event": Kind("Safety event to handle", "now", by_hand=False),
    "inbound_text": Kind("Text to read", "same_day", reply=True),
    "parked_text": Kind("Text the system could not handle", "staffed_hour", reply=True),
    "opted_out": Kind("Opted out of texts: agree on another channel", "next_business_day"),
    "opt_out_unclear": Kind("May have opted out of texts: ask", "same_day", reply=True),
    "wrong_number": Kind("Wrong number: find the right one", "next_business_day"),
    "misdelivered_link": Kind("A link may have reached someone else: check the number", "same_day"),
    "unknown_number": Kind("Text from a number we don't know", "same_day", reply=True),
    "who_is_this": Kind("Asked who we are: check the number", "same_day", reply=True),
    "call_and_ask": Kind("Check-in by phone: call and ask", "same_day"),
    "call_and_ask_item9": Kind("Call and ask item 9", "next_business_day"),
    "complete_item9": Kind("Item 9 is missing: ask and enter it", "same_day"),
    "severe_score": Kind("Severe score: review today", "same_day"),
    "unanswered_check_in": Kind("Check-in not answered: call", "next_business_day"),
    "could_not_parse": Kind("Answers could not be read: call", "same_day", reply=True),
    "staff_question": Kind("Question from a colleague", "next_business_day"),
    "contact_invalid": Kind("Phone can't be reached: check it", "next_business_day"),
    "delivery_problem": Kind("Text may not have arrived", "next_business_day"),
    "consent_review": Kind("Consent to review", "next_business_day"),
    "hold_review": Kind("On hold: review", "next_business_day", by_hand=False),
    "shared_phone": Kind("Shared phone: agree on how to text", "next_business_day"),
    "late_answer": Kind("Answer after the check-in ended", "same_day", reply=True),
    "alert_undeliverable": Kind("A safety alert reached nobody", "now"),
    "unfiled_note": Kind("Note not filed in the EHR yet", "next_business_day", by_hand=False),
    "unfiled_months": Kind("Copies of a closed month to file in the EHR", "next_business_day", by_hand=False),
    "call_back": Kind("Asked to be called after a missed appointment", "same_day", reply=True),
    "closing_proposed": Kind("Not reached: decide whether to close", "next_business_day", by_hand=False),
    "after_discharge": Kind("Back from hospital or jail: contact", "next_business_day"),
    "handover_note": Kind("Patients or duties were handed over to you: read the note", "same_day"),
    "plan_to_sign": Kind("Care plan to sign", "next_business_day", by_hand=False),
    "on_call_gap": Kind("Nobody is on call", "now"),
    "on_call_unsigned": Kind("On call without having signed the safety policy", "same_day"),
    "alert_test_missed": Kind("Monthly test alert was not answered", "next_business_day"),
    "staff_stopped_alerts": Kind("A colleague's phone stopped safety alerts", "now"),
    "recommendation_declined": Kind("Recommendation declined: tell the consultant", "next_business_day"),
    "recommendation_overdue": Kind("Recommendation waits too long", "now", by_hand=False),
    "end_episode": Kind("Stable: end the episode with the patient", "next_business_day"),
    "relapse_plan": Kind("Write the plan against relapse with the patient", "next_business_day"),
    "referral_follow_up": Kind("Referral: find out whether the patient was seen", "next_business_day"),
    "lost_patient": Kind("Nothing is planned for this patient", "next_business_day"),
}  # fmt: skip
REPLIES: Final = tuple(kind for kind, about in KINDS.items() if about.reply)


def due_at(rule: DueRule, now: datetime, hours: WorkingTime) -> datetime:
    match rule:
        case "now":
            return now
        case "staffed_hour":
            return after_staffed(now, timedelta(hours=1), hours)
        case "same_day":
            return same_day(now, hours)
        case "next_business_day":
            return next_business_day(now, hours)
        case _:
            assert_never(rule)
