"""The safety policy and the on-call calendar as the template tests render them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.protocol.policy import template
from registry.working_time import WorkingTime
from staff_console import formats
from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState
from staff_console.on_call.views import GapLine, OnCallPage, ShiftLine
from staff_console.protocol.forms import CLOCK_WORDS, ROUTE_WORDS, shown
from staff_console.protocol.presenter import AFTER_HOURS, TRIGGERS, UNITS
from staff_console.protocol.views import (
    EditPage,
    LadderView,
    ProtocolPage,
    RungLine,
    SignatureLine,
    TierLine,
    VersionRow,
)
from staff_console.shell import Shell
from tests.support.screens import shell

ZONE = ZoneInfo("America/Los_Angeles")


def at(text: str) -> Moment:
    return formats.moment(datetime.fromisoformat(text).replace(tzinfo=ZONE), ZONE)


SIGNED = at("2026-11-02T09:00")
PROTOCOL = ProtocolPage(
    id="v2", title="Version 2", state="Draft", tone="warn", clinic="Harbor Clinic", zone="America/Los_Angeles",
    hours=(("Mon", "09:00-17:00"), ("Sat", "closed")), holidays=("25-Dec-2026 Christmas Day",),
    tiers=tuple(
        TierLine(tier, trigger, "30 min", "2 h", "same day", "2 h", "whoever is on call is paged at once")
        for tier, trigger in TRIGGERS.items()
    ),
    ladders=(
        LadderView("Ladder of tier 2", "tier_2", (RungLine("at once", "responsible", "text, e-mail", "call"),), "10 min"),
    ),
    partner="988, then the county's mobile team.", others_note="The lead decides whom to tell.",
    signatures=(
        SignatureLine("Lee Lead", "Approved it", SIGNED, True),
        SignatureLine("Dana Clark", "Read it and was trained", SIGNED, False),
    ),
    versions=(
        VersionRow("/safety/protocol/v2", "Version 2", "Draft", "warn", SIGNED.day, True),
        VersionRow("/safety/protocol/v1", "Version 1", "In force", "good", SIGNED.day),
    ),
    in_the_way=("Tier 3, acknowledge: is a clock of zero.",), differs=("closed days",), draft=True, leads=True, may_approve=True,
    may_train=True, approval=FormState("approval", errors={"confirm": "Your confirmation is needed."}),
    training=FormState("training"),
)  # fmt: skip
EDIT = EditPage(
    id="v2",
    title="Version 2, draft",
    form=shown(template(WorkingTime("America/Los_Angeles")), {UUID(int=1): "dana@harbor.example"}),
    units=tuple(Choice(code, words) for code, words in UNITS.items()),
    after_hours=tuple(Choice(code, words) for code, words in AFTER_HOURS.items()),
    tiers=tuple(TRIGGERS.items()),
    clocks=tuple(CLOCK_WORDS.items()),
    ladders=tuple(ROUTE_WORDS.items()),
)
ON_CALL = OnCallPage(
    zone="America/Los_Angeles",
    now=("Dana Clark, until 24-Nov-2026 09:00 PST",),
    needed=True,
    shifts=(ShiftLine("s1", "Dana Clark", at("2026-11-23T17:00"), at("2026-11-24T09:00"), True),),
    gaps=(GapLine(at("2026-11-28T17:00"), at("2026-11-30T09:00")),),
    people=(Choice("p1", "Dana Clark"),),
    hidden=("Casey Moore",),
    choices=(Choice("s1", "Dana Clark, 23-Nov-2026 17:00"),),
    leads=True,
    add=FormState("add", errors={"staff_id": "Who has not signed the safety policy."}),
    cover=FormState("cover"),
    swap=FormState("swap"),
    test_id="t1",
)
POLICY_SCREENS: dict[str, tuple[str, Shell, object]] = {
    "protocol": ("protocol/protocol.html", shell("safety"), PROTOCOL),
    "protocol_edit": ("protocol/edit.html", shell("safety"), EDIT),
    "on_call": ("on_call/on_call.html", shell("safety"), ON_CALL),
}
