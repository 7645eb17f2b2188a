"""What kinds of text the outbox carries, and which rules of sending each kind obeys.

Classes: A may be skipped but is never sent twice; B (safety reply) and C (staff alert) may be sent twice but are
never skipped; D (passcode) is sent at most once and soon worthless.
"""

from typing import Final, Literal

import msgspec

MessageClass = Literal["A", "B", "C", "D"]

Kind = Literal[
    "invitation",  # first text of a check-in
    "reminder",  # check-in not started, or started and waiting
    "contact_reminder",  # next contact with the care team
    "no_show",  # once after a missed appointment: today or this week?
    "question",  # the next item of an open check-in
    "acknowledgement",  # thanks, echo, read-back, answer to a command
    "link",  # portal link
    "opt_in_confirmation",
    "staff_text",  # written by a person
    "help",
    "fixed_reply",  # to a wrong or unknown number: names nobody
    "stop_confirmation",
    "crisis",  # 988/911 text after a crisis word or a positive item 9
    "alert",
    "notice",  # to staff: something waits in the console
    "passcode",
    "requested_code",  # to a number that the person has typed a moment ago and that is not on file as theirs
]


class KindRule(msgspec.Struct, frozen=True):
    """Rules of one kind.

    `priority`: lower leaves first. Alerts, safety replies, passcodes, turns of a conversation, invitations,
    reminders; a STOP confirmation has only five minutes, so it precedes other turns.
    `needs_consent`: documented texting consent must be on file. Kinds without it only ever answer a text that
    the person has just sent, and name nobody.
    `after_stop`: still allowed once the number has opted out (the single confirmation of 47 CFR
    64.1200(a)(12)).
    `after_discharge`: still allowed when the episode has ended.
    `live_reply`: exempt from the sending window within 30 minutes of the patient's own text.
    `once_a_day`: counts towards, and is held to, one invitation or reminder per patient and local day.
    `by_exemption`: allowed without consent under 47 CFR 64.1200(a)(9)(iv) (one link or reminder).
    """

    class_: MessageClass
    priority: int
    needs_consent: bool = True
    after_stop: bool = False
    after_discharge: bool = False
    live_reply: bool = False
    once_a_day: bool = False
    by_exemption: bool = False


KIND_RULES: Final[dict[Kind, KindRule]] = {
    "invitation": KindRule("A", 40, once_a_day=True, by_exemption=True),
    "reminder": KindRule("A", 50, once_a_day=True, by_exemption=True),
    "contact_reminder": KindRule("A", 50, once_a_day=True, by_exemption=True),
    "no_show": KindRule("A", 50),
    "question": KindRule("A", 30, live_reply=True),
    "acknowledgement": KindRule("A", 30, live_reply=True),
    "link": KindRule("A", 30, live_reply=True, by_exemption=True),
    "opt_in_confirmation": KindRule("A", 30, live_reply=True),
    "staff_text": KindRule("A", 30, live_reply=True),
    "help": KindRule("A", 30, needs_consent=False, after_discharge=True, live_reply=True),
    "fixed_reply": KindRule("A", 30, needs_consent=False, after_discharge=True, live_reply=True),
    "stop_confirmation": KindRule(
        "A", 25, needs_consent=False, after_stop=True, after_discharge=True, live_reply=True
    ),
    "crisis": KindRule("B", 10, needs_consent=False, after_discharge=True),
    "alert": KindRule("C", 0, needs_consent=False, after_stop=True, after_discharge=True),
    "notice": KindRule("C", 60, needs_consent=False, after_stop=True, after_discharge=True),
    "passcode": KindRule("D", 20),
    "requested_code": KindRule("D", 20, needs_consent=False),
}


def class_of(kind: Kind) -> MessageClass:
    return KIND_RULES[kind].class_
