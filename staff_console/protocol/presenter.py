"""The policy in words, as the clinic prints and signs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

from kernel.errors import Problem
from registry.access import CLINICAL
from registry.organisation.rules import ClinicFacts, Shift
from registry.protocol.policy import AfterHours, Clock, Ladder, Policy, Rung, TierPolicy, Unit
from registry.protocol.queries import Signature, VersionLine, VersionPage
from registry.protocol.rules import APPROVERS
from staff_console import formats
from staff_console.formstate import Choice, FormState
from staff_console.pages import Visit
from staff_console.protocol.forms import CLOCK_WORDS, DAYS, ROUTE_WORDS, SAID_CHANNEL, SAID_WHO
from staff_console.protocol.views import (
    EditPage,
    LadderView,
    ProtocolPage,
    RungLine,
    SignatureLine,
    TierLine,
    VersionRow,
)

TRIGGERS: Final = {
    1: "Item 9 answered 1, declined, or not readable; a text that may signal danger",
    2: "Item 9 answered 2 or 3; crisis words in a text; screener question 3",
    3: "A stated plan or intent with a means; screener questions 4, 5, or 6 within three months",
}
UNITS: Final[Mapping[Unit, str]] = {
    "minutes": "minutes, day and night",
    "staffed_minutes": "minutes of staffed time",
    "same_day": "same staffed day (1)",
    "business_days": "business days",
}
AFTER_HOURS: Final[Mapping[AfterHours, str]] = {
    "on_call": "whoever is on call is paged at once",
    "opening": "told at once, then from the opening on",
    "partner": "the partner's path",
}
KINDS: Final = {"approval": "Approved it", "training": "Read it and was trained"}
STATES: Final[Mapping[str, tuple[str, Literal["good", "warn", "quiet"]]]] = {
    "draft": ("Draft", "warn"),
    "active": ("In force", "good"),
    "retired": ("Replaced", "quiet"),
}


def policy_page(
    visit: Visit,
    policy: Policy,
    shown: VersionPage | None,
    versions: Sequence[VersionLine],
    problems: Sequence[Problem],
    people: Mapping[UUID, str],
    clinic: ClinicFacts,
    refused: FormState | None = None,
) -> ProtocolPage:
    state, tone = ("Template, signed by nobody", "warn") if shown is None else STATES[shown.line.state]
    draft = shown is not None and shown.line.state == "draft"
    mine = visit.staff_id
    return ProtocolPage(
        id="" if shown is None else str(shown.line.id),
        title="Shipped template" if shown is None else f"Version {shown.line.version}",
        state=state,
        tone=tone,  # type: ignore[arg-type]
        clinic=visit.frame.clinic,
        zone=policy.zone,
        hours=tuple((day, _hours(shifts)) for day, shifts in zip(DAYS, policy.staffed, strict=True)),
        holidays=tuple(f"{formats.day(day.on).text} {day.name}".strip() for day in policy.holidays),
        tiers=tuple(_tier(one) for one in policy.tiers),
        ladders=tuple(_ladder(one, people) for one in policy.ladders),
        partner=policy.partner,
        others_note=policy.others_note,
        signatures=() if shown is None else tuple(_signature(visit, one) for one in shown.signatures),
        versions=tuple(_version(visit, one, shown) for one in versions),
        in_the_way=tuple(said(problem) for problem in problems),
        differs=_differs(policy, clinic),
        draft=draft,
        leads=visit.actor.has("clinic_lead"),
        may_approve=draft
        and shown is not None
        and visit.actor.has(*APPROVERS)
        and not shown.signed_by(mine, "approval"),
        may_train=shown is not None
        and shown.line.state != "retired"
        and visit.actor.has(*CLINICAL)
        and not shown.signed_by(mine, "training"),
        approval=refused if refused is not None and refused.id == "approval" else FormState("approval"),
        training=refused if refused is not None and refused.id == "training" else FormState("training"),
    )


def _differs(policy: Policy, clinic: ClinicFacts) -> tuple[str, ...]:
    hours = policy.hours
    found = {
        "zone": hours.zone != clinic.zone,
        "staffed hours": hours.staffed != clinic.staffed,
        "closed days": hours.holidays != clinic.holidays,
    }
    return tuple(what for what, other in found.items() if other)


def edit_page(visit: Visit, shown: VersionPage, form: FormState) -> EditPage:
    return EditPage(
        id=str(shown.line.id),
        title=f"Version {shown.line.version}, draft",
        form=form,
        units=tuple(Choice(code, words) for code, words in UNITS.items()),
        after_hours=tuple(Choice(code, words) for code, words in AFTER_HOURS.items()),
        tiers=tuple(TRIGGERS.items()),
        clocks=tuple(CLOCK_WORDS.items()),
        ladders=tuple(ROUTE_WORDS.items()),
    )


def said(problem: Problem) -> str:
    """`ladders.tier_2.rungs.3.after` as people read it."""
    parts = problem.field.split(".")
    match parts:
        case ["tiers", tier, name]:
            where = f"Tier {tier}, {CLOCK_WORDS.get(name, 'after hours').lower()}"
        case ["tiers", tier]:
            where = f"Tier {tier}"
        case ["ladders", route, "rungs", number, *_]:
            where = f"{ROUTE_WORDS[route]}, rung {number}"  # type: ignore[index]
        case ["ladders", route, *_]:
            where = ROUTE_WORDS[route]  # type: ignore[index]
        case ["staffed", day]:
            where = f"Staffed hours, {DAYS[int(day) - 1]}"
        case _:
            where = parts[0].replace("_", " ").capitalize()
    return f"{where}: {problem.message}."


def clock(one: Clock) -> str:
    match one.unit:
        case "minutes":
            return _span(one.amount)
        case "staffed_minutes":
            return f"{_span(one.amount)} of staffed time"
        case "same_day":
            return "by closing time of the same staffed day"
        case "business_days":
            return f"{one.amount} business {'day' if one.amount == 1 else 'days'}"


def _span(minutes: int) -> str:
    if minutes >= 60 and minutes % 60 == 0:
        return f"{minutes // 60} h"
    return f"{minutes} min"


def _tier(one: TierPolicy) -> TierLine:
    return TierLine(
        tier=one.tier,
        trigger=TRIGGERS[one.tier],
        acknowledge=clock(one.acknowledge),
        contact=clock(one.contact),
        assess=clock(one.assess),
        lapse=clock(one.lapse),
        after_hours=AFTER_HOURS[one.after_hours],
    )


def _ladder(ladder: Ladder, people: Mapping[UUID, str]) -> LadderView:
    return LadderView(
        title=ROUTE_WORDS[ladder.route],
        id=ladder.route,
        rungs=tuple(_rung(rung, people) for rung in ladder.rungs),
        repeat=_span(ladder.repeat),
    )


def _rung(rung: Rung, people: Mapping[UUID, str]) -> RungLine:
    who = [SAID_WHO[one] for one in rung.audience if one != "named"]
    who += [people.get(one, "somebody who left") for one in rung.people]
    return RungLine(
        after="at once" if rung.after == 0 else f"after {_span(rung.after)}",
        who=", ".join(who),
        channels=", ".join(SAID_CHANNEL[one] for one in rung.channels),
        second=", ".join(SAID_CHANNEL[one] for one in rung.second),
    )


def _hours(shifts: Sequence[Shift]) -> str:
    return ", ".join(f"{one.start:%H:%M}-{one.end:%H:%M}" for one in shifts) or "closed"


def _signature(visit: Visit, one: Signature) -> SignatureLine:
    return SignatureLine(one.name, KINDS[one.kind], visit.at(one.signed_at), one.stands)


def _version(visit: Visit, line: VersionLine, shown: VersionPage | None) -> VersionRow:
    state, tone = STATES[line.state]
    since = line.activated_at or line.created_at
    return VersionRow(
        href=f"/safety/protocol/{line.id}",
        label=f"Version {line.version}",
        state=state,
        tone=tone,
        since=visit.at(since).day,
        current=shown is not None and shown.line.id == line.id,
    )
