"""A clinic's safety policy as data: tiers, clocks, hours, who is told in which order and through what.

No authority fixes a response time for an item 9 that was answered from afar, so every number is the clinic's own,
signed by two of its people. `template` is where a clinic starts.
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal
from uuid import UUID

import msgspec

from registry.organisation.rules import Week
from registry.working_time import WorkingTime

Unit = Literal["minutes", "staffed_minutes", "same_day", "business_days"]
AfterHours = Literal["on_call", "opening", "partner"]
Route = Literal["tier_1", "tier_2", "tier_3", "others"]
Audience = Literal["responsible", "on_call", "care_managers", "clinicians", "consultants", "leads", "named"]
AlertChannel = Literal["sms", "email", "voice"]

TIERS: Final = (1, 2, 3)
ROUTES: Final[tuple[Route, ...]] = ("tier_1", "tier_2", "tier_3", "others")
VOICE: Final[tuple[AlertChannel, ...]] = ("voice",)
TEXT_AND_MAIL: Final[tuple[AlertChannel, ...]] = ("sms", "email")


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`same_day`: by closing time of the first day whose staff can still act, `amount` 1. `business_days`: the same
    wall-clock time that many staffed days later."""

    amount: int
    unit: Unit


class TierPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outer limits for people, from the opening of the event. `lapse`: an acknowledgement, or the last logged
    attempt, after which nothing more was logged for so long opens the event again.

    `after_hours`: `on_call` pages whoever is on call; `opening` tells the responsible person once and goes on when
    the clinic opens; `partner` is the documented path in the policy's own words, beside the plain ladder.
    """

    tier: Literal[1, 2, 3]
    acknowledge: Clock
    contact: Clock
    assess: Clock
    lapse: Clock
    after_hours: AfterHours


class Rung(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after`: minutes since the alerting began, in staffed time where the tier waits for the opening.

    `channels` are used at once; `second` when one of them was refused, is in doubt, or brought no delivery within 90
    seconds. `people` are told as well when the audience has `named`.
    """

    after: int
    audience: tuple[Audience, ...]
    channels: tuple[AlertChannel, ...] = TEXT_AND_MAIL
    second: tuple[AlertChannel, ...] = ()
    people: tuple[UUID, ...] = ()


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After the last rung that rung is repeated every `repeat` minutes until somebody acknowledges."""

    route: Route
    rungs: tuple[Rung, ...]
    repeat: int


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: date
    name: str


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`partner` and `others_note` are the clinic's own words: the path where nobody is on call, and whom to tell
    about a threat to other people."""

    zone: str
    staffed: Week
    holidays: tuple[Closed, ...]
    tiers: tuple[TierPolicy, ...]
    ladders: tuple[Ladder, ...]
    partner: str = ""
    others_note: str = ""

    @property
    def hours(self) -> WorkingTime:
        return WorkingTime(self.zone, self.staffed, frozenset(day.on for day in self.holidays))

    def tier(self, tier: int) -> TierPolicy:
        return next(one for one in self.tiers if one.tier == tier)

    def ladder(self, tier: int, toward: Literal["self", "others"]) -> Ladder:
        wanted = "others" if toward == "others" else f"tier_{tier}"
        return next(one for one in self.ladders if one.route == wanted)


class Protocol(msgspec.Struct, frozen=True):
    """What a clinic goes by. Version 0 without an id: the template, which nobody has signed."""

    id: UUID | None
    version: int
    policy: Policy


_MINUTES = [
    # tier, acknowledge, contact, assess, lapse
    (1, Clock(240, "staffed_minutes"), Clock(1, "same_day"), Clock(1, "same_day"), Clock(1, "business_days")),
    (2, Clock(30, "minutes"), Clock(120, "minutes"), Clock(1, "same_day"), Clock(120, "minutes")),
    (3, Clock(1, "minutes"), Clock(5, "minutes"), Clock(30, "minutes"), Clock(30, "minutes")),
]
_AFTER_HOURS: Final[dict[int, AfterHours]] = {1: "opening", 2: "on_call", 3: "on_call"}


def template(hours: WorkingTime, holidays: tuple[Closed, ...] = ()) -> Policy:
    """The shipped policy on a clinic's own hours. Tier 1 stays with the care manager and cover at work; tiers 2 and
    3 reach one more person every five minutes and everyone every ten."""
    closed = holidays or tuple(Closed(day, "Closed") for day in sorted(hours.holidays))
    return Policy(
        zone=hours.zone,
        staffed=hours.staffed,
        holidays=closed,
        tiers=tuple(
            TierPolicy(tier, acknowledge, contact, assess, lapse, _AFTER_HOURS[tier])  # type: ignore[arg-type]
            for tier, acknowledge, contact, assess, lapse in _MINUTES
        ),
        ladders=(
            Ladder("tier_1", _AT_WORK, repeat=60),
            Ladder("tier_2", _URGENT, repeat=10),
            Ladder("tier_3", _URGENT, repeat=10),
            Ladder("others", _OTHERS, repeat=10),
        ),
    )


_ALL_CHANNELS: Final[tuple[AlertChannel, ...]] = (*TEXT_AND_MAIL, *VOICE)
_AT_WORK: Final = (
    Rung(0, ("responsible",)),
    Rung(60, ("responsible",)),
    Rung(120, ("responsible", "care_managers")),
    Rung(180, ("responsible", "care_managers", "leads")),
)
_URGENT: Final = (
    Rung(0, ("responsible",), second=VOICE),
    Rung(5, ("responsible",), _ALL_CHANNELS),
    Rung(10, ("responsible", "on_call", "care_managers"), _ALL_CHANNELS),
    Rung(15, ("responsible", "on_call", "care_managers", "leads"), _ALL_CHANNELS),
)
_OTHERS: Final = (
    Rung(0, ("responsible", "leads"), second=VOICE),
    Rung(5, ("responsible", "leads"), _ALL_CHANNELS),
    Rung(10, ("responsible", "leads", "on_call", "care_managers"), _ALL_CHANNELS),
)
