"""The first thirty days of a clinic, as live state: what the record shows is judged from it, the rest a person ticks.

The order is that of a start in practice: safety first, then the people, then the first patients, then the first month.
Tasks of the five phases of collaborative care: AIMS Center, University of Washington.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final, Literal

import msgspec

State = Literal["done", "open", "late"]


class Item(msgspec.Struct, frozen=True):
    """`by_day` counts from the day the clinic was made. `ticked`: only a person can know; else it is worked out."""

    id: str
    title: str
    why: str
    by_day: int
    ticked: bool = False


class Seen(msgspec.Struct, frozen=True):
    """What the record shows of a start. Counts are of the clinic's whole time."""

    safety_items_open: int
    roles: frozenset[str]
    holidays: int
    senders: int
    payers: int
    referred: int
    enrolled: int
    check_ins_done: int
    contacts: int
    reviews: int
    protocol_in_force: bool
    drills_passed: int
    closed_months: int
    signed_months: int
    thresholds_set: bool


class Line(msgspec.Struct, frozen=True):
    item: Item
    state: State
    due_on: date
    detail: str


ITEMS: Final[tuple[Item, ...]] = (
    Item("safety", "Safety items of set-up pass", "Texts to patients stay here until they do.", 3),
    Item("team", "Every role is filled", "Care manager, treating clinician, consultant, clinic lead, biller.", 3),
    Item("in_force", "The safety protocol is signed and in force", "Who is alerted, how fast, and who is next: it is the clinic's own policy.", 3),
    Item("protocol", "The safety protocol was rehearsed with the team", "Who answers, who stands in, whom to call at night.", 5, ticked=True),
    Item("drill", "One drill was passed under the protocol", "Acknowledged and contacted in time: an alert that reached somebody once will reach them again.", 7),
    Item("numbers", "The rules' numbers were looked at by the clinical lead", "The defaults are a start, not a policy.", 7, ticked=True),
    Item("sender", "A number to text from", "Registered with the carrier for this clinic.", 7),
    Item("holidays", "Holidays of the year are entered", "Clocks do not run on closed days.", 7),
    Item("scripts", "Consent scripts were read by the team", "The words are the clinic's own from now on.", 7, ticked=True),
    Item("downtime", "The downtime sheet is printed and hangs by the phone", "Care goes on when the network does not.", 7, ticked=True),
    Item("referral", "The first patient is referred", "By warm handoff, in a minute.", 10),
    Item("enrolment", "The first patient is enrolled", "Both agreements, a baseline, a next contact.", 12),
    Item("check_in", "The first check-in came back", "By text, link, phone or on paper.", 16),
    Item("contact", "The first contact is in the registry", "Note, minutes and next contact in one form.", 16),
    Item("review", "The first case review was held", "New patients first.", 21),
    Item("payers", "Payers of the first patients are known", "A month without a payer is held.", 21),
    Item("month", "The first month was closed by the biller", "Every minute counted or explained.", 30),
    Item("quality", "The first monthly review is signed", "What the figures say, and what follows.", 30),
    Item("export", "The exit export was tried once", "The record can be taken along whole.", 30, ticked=True),
)  # fmt: skip
IDS: Final = frozenset(item.id for item in ITEMS)
TICKED: Final = frozenset(item.id for item in ITEMS if item.ticked)
NEEDED_ROLES: Final = ("care_manager", "clinician", "consultant", "clinic_lead", "biller")


def checklist(seen: Seen, ticks: Collection[str], started: date, today: date) -> tuple[Line, ...]:
    """In the order of the days. Late from the day after its own."""
    return tuple(_line(item, seen, ticks, started + timedelta(days=item.by_day), today) for item in ITEMS)


def _line(item: Item, seen: Seen, ticks: Collection[str], due: date, today: date) -> Line:
    done, detail = (item.id in ticks, "") if item.ticked else _shown(item.id, seen)
    state: State = "done" if done else "late" if today > due else "open"
    return Line(item, state, due, detail)


def _shown(item: str, seen: Seen) -> tuple[bool, str]:
    match item:
        case "safety":
            return seen.safety_items_open == 0, f"{seen.safety_items_open} open"
        case "team":
            lacking = [role.replace("_", " ") for role in NEEDED_ROLES if role not in seen.roles]
            return not lacking, f"nobody yet: {', '.join(lacking)}" if lacking else ""
        case "drill":
            return seen.drills_passed > 0, f"{seen.drills_passed} acknowledged and contacted in time"
        case "in_force":
            return seen.protocol_in_force, "" if seen.protocol_in_force else "no version is in force"
        case "sender":
            return seen.senders > 0, f"{seen.senders} registered"
        case "holidays":
            return seen.holidays > 0, f"{seen.holidays} to come"
        case "referral":
            return seen.referred > 0, f"{seen.referred} referred"
        case "enrolment":
            return seen.enrolled > 0, f"{seen.enrolled} enrolled"
        case "check_in":
            return seen.check_ins_done > 0, counted(seen.check_ins_done, "score")
        case "contact":
            return seen.contacts > 0, counted(seen.contacts, "contact")
        case "review":
            return seen.reviews > 0, f"{counted(seen.reviews, 'patient')} reviewed"
        case "payers":
            return seen.payers > 0, f"{counted(seen.payers, 'patient')} with a payer"
        case "month":
            return seen.closed_months > 0, f"{seen.closed_months} closed"
        case "quality":
            return seen.signed_months > 0, f"{seen.signed_months} signed"
        case _:
            raise ValueError("item: is not on the checklist")


def counted(number: int, one: str) -> str:
    """`1 contact`, `2 contacts`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
