"""The policy as a form: numbers as fields, hours, closed days and ladders as lines of text, each checked by its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import Final, Literal, TypeVar, cast, get_args
from uuid import UUID

import msgspec

from kernel.errors import Invalid, Problem
from kernel.web.forms import Pairs
from registry.organisation.rules import Shift, Week
from registry.protocol.policy import (
    ROUTES,
    TIERS,
    AfterHours,
    AlertChannel,
    Audience,
    Clock,
    Closed,
    Ladder,
    Policy,
    Route,
    Rung,
    TierPolicy,
    Unit,
)
from staff_console.formstate import FormState

T = TypeVar("T")
CLOCKS: Final = ("acknowledge", "contact", "assess", "lapse")
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CHANNELS: Final[Mapping[str, AlertChannel]] = {"text": "sms", "e-mail": "email", "call": "voice"}
SAID_CHANNEL: Final = {code: word for word, code in CHANNELS.items()}
WHO: Final[Mapping[str, Audience]] = {
    "responsible": "responsible",
    "on call": "on_call",
    "care managers": "care_managers",
    "clinicians": "clinicians",
    "consultants": "consultants",
    "leads": "leads",
}
SAID_WHO: Final = {code: word for word, code in WHO.items()}
_HOURS: Final = re.compile(r"(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})")


class BadLine(Exception):
    """Why a line of text can't be read."""


def shown(policy: Policy, people: Mapping[UUID, str]) -> FormState:
    """`people`: e-mail address of each person whom the ladders may name."""
    values: dict[str, str] = {
        "zone": policy.zone,
        "staffed": "\n".join(_day(name, shifts) for name, shifts in zip(DAYS, policy.staffed, strict=True)),
        "holidays": "\n".join(f"{day.on} {day.name}".strip() for day in policy.holidays),
        "partner": policy.partner,
        "others_note": policy.others_note,
    }
    for tier in policy.tiers:
        for name in CLOCKS:
            clock: Clock = getattr(tier, name)
            values[f"t{tier.tier}_{name}"] = str(clock.amount)
            values[f"t{tier.tier}_{name}_unit"] = clock.unit
        values[f"t{tier.tier}_after_hours"] = tier.after_hours
    for ladder in policy.ladders:
        values[f"rungs_{ladder.route}"] = "\n".join(rung_line(rung, people) for rung in ladder.rungs)
        values[f"repeat_{ladder.route}"] = str(ladder.repeat)
    return FormState("policy", {name: (value,) for name, value in values.items()})


def rung_line(rung: Rung, people: Mapping[UUID, str]) -> str:
    """`5 | responsible, on call | text, e-mail | call`"""
    who = [SAID_WHO[one] for one in rung.audience if one != "named"]
    who += [people.get(one, str(one)) for one in rung.people]
    parts = [str(rung.after), ", ".join(who), ", ".join(SAID_CHANNEL[one] for one in rung.channels)]
    if rung.second:
        parts.append(", ".join(SAID_CHANNEL[one] for one in rung.second))
    return " | ".join(parts)


def read_policy(fields: Pairs, people: Mapping[str, UUID]) -> Policy:
    """`people` by e-mail address. Raises Invalid with every field, and within it the line, that can't be read."""
    given = {name: value.strip() for name, value in fields}
    problems: list[Problem] = []

    def part(name: str, read: Callable[[str], T], otherwise: T) -> T:
        try:
            return read(given.get(name, ""))
        except BadLine as bad:
            problems.append(Problem(name, str(bad)))
            return otherwise

    policy = Policy(
        zone=given.get("zone", ""),
        staffed=part("staffed", _week, ((),) * 7),
        holidays=part("holidays", _closed, ()),
        tiers=tuple(_tier(tier, given, part) for tier in TIERS),
        ladders=tuple(
            Ladder(
                route,
                part(f"rungs_{route}", lambda text: _rungs(text, people), ()),
                part(f"repeat_{route}", _number, 0),
            )
            for route in ROUTES
        ),
        partner=given.get("partner", ""),
        others_note=given.get("others_note", ""),
    )
    if problems:
        raise Invalid(*problems)
    return policy


def _tier(tier: int, given: Mapping[str, str], part: Callable[..., int]) -> TierPolicy:
    clocks = {
        name: Clock(
            part(f"t{tier}_{name}", _number, 0),
            _one_of(given.get(f"t{tier}_{name}_unit", ""), get_args(Unit)),
        )
        for name in CLOCKS
    }
    after: AfterHours = _one_of(given.get(f"t{tier}_after_hours", ""), get_args(AfterHours))
    return TierPolicy(cast(Literal[1, 2, 3], tier), **clocks, after_hours=after)


def _one_of(given: str, allowed: Sequence[T]) -> T:
    """What a select can send; another value is nobody's typing."""
    return cast(T, given) if given in allowed else allowed[0]


def _number(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,6}", text):
        raise BadLine("must be a whole number")
    return int(text)


def _lines(text: str) -> list[tuple[int, str]]:
    return [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]


def _week(text: str) -> Week:
    found: dict[str, tuple[Shift, ...]] = {}
    for number, line in _lines(text):
        name, _, rest = line.partition(" ")
        if name not in DAYS or name in found:
            raise BadLine(f"line {number}: begins with a day such as Mon, each once")
        if rest.strip() in ("", "closed"):
            found[name] = ()
            continue
        if _HOURS.sub("", rest).strip(" ,"):
            raise BadLine(f"line {number}: needs hours such as 09:00-12:00 13:00-17:00, or closed")
        found[name] = tuple(
            Shift(_clock(start, number), _clock(end, number)) for start, end in _HOURS.findall(rest)
        )
    return tuple(found.get(name, ()) for name in DAYS)


def _clock(text: str, number: int) -> time:
    try:
        return time.fromisoformat(text.zfill(5))
    except ValueError:
        raise BadLine(f"line {number}: {text} is not a time of day") from None


def _closed(text: str) -> tuple[Closed, ...]:
    found = []
    for number, line in _lines(text):
        day, _, name = line.partition(" ")
        try:
            found.append(Closed(date.fromisoformat(day), name.strip()))
        except ValueError:
            raise BadLine(f"line {number}: begins with a date such as 2026-12-25") from None
    return tuple(found)


def _rungs(text: str, people: Mapping[str, UUID]) -> tuple[Rung, ...]:
    return tuple(_rung(number, line, people) for number, line in _lines(text))


def _rung(number: int, line: str, people: Mapping[str, UUID]) -> Rung:
    parts = [part.strip() for part in line.split("|")]
    if len(parts) not in (3, 4) or not parts[0].isdigit() or len(parts[0]) > 6:
        raise BadLine(
            f"line {number}: needs minutes | who | channels, and after a further | the second channels"
        )
    names = [name.strip().lower() for name in parts[1].split(",") if name.strip()]
    unknown = [name for name in names if name not in WHO and name not in people]
    if unknown:
        raise BadLine(f"line {number}: {unknown[0]} is neither a role nor a colleague's e-mail address")
    named = tuple(people[name] for name in names if name in people)
    audience = tuple(WHO[name] for name in names if name in WHO)
    return Rung(
        after=int(parts[0]),
        audience=(*audience, "named") if named else audience,
        channels=_channels(number, parts[2]),
        second=_channels(number, parts[3]) if len(parts) == 4 else (),
        people=named,
    )


def _channels(number: int, text: str) -> tuple[AlertChannel, ...]:
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in CHANNELS]
    if unknown:
        raise BadLine(f"line {number}: {unknown[0]} is not text, e-mail or call")
    return tuple(dict.fromkeys(CHANNELS[name] for name in names))


def _day(name: str, shifts: Sequence[Shift]) -> str:
    hours = " ".join(f"{shift.start:%H:%M}-{shift.end:%H:%M}" for shift in shifts)
    return f"{name} {hours or 'closed'}"


ROUTE_WORDS: Final[Mapping[Route, str]] = {
    "tier_1": "Ladder of tier 1",
    "tier_2": "Ladder of tier 2",
    "tier_3": "Ladder of tier 3",
    "others": "Ladder for a threat to others",
}
CLOCK_WORDS: Final = {
    "acknowledge": "Acknowledge",
    "contact": "Reach the patient",
    "assess": "Assess",
    "lapse": "Open again without a log",
}
LABELS: Final[dict[str, str]] = (
    {"zone": "Zone", "staffed": "Staffed hours", "holidays": "Closed days"}
    | {f"t{tier}_{name}": f"Tier {tier}: {word}" for tier in TIERS for name, word in CLOCK_WORDS.items()}
    | {f"t{tier}_after_hours": f"Tier {tier}: after hours" for tier in TIERS}
    | {f"rungs_{route}": word for route, word in ROUTE_WORDS.items()}
    | {f"repeat_{route}": f"{word}: repeat" for route, word in ROUTE_WORDS.items()}
    | {"partner": "Partner's path", "others_note": "Threat to others"}
)


class SignForm(msgspec.Struct, frozen=True):
    """Ticked by the person: what they sign."""

    confirm: str


SIGN: Final = {"confirm": "Your confirmation"}
