"""What an end of care asks for before it is recorded: which reason asks for what, and what is still missing. Pure.

Completion and handoff follow the AIMS Center's phases of collaborative care: the plan against relapse is filled in with
the patient before the episode ends, and who moves on stays on the registry until the other side has them. An end needs
its reason, a last score or why there is none, open safety events closed, the plan against relapse or why there is none,
and the treating clinician told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Literal, get_args

import msgspec

from kernel.errors import Problem
from registry.episodes.forms import EndingForm, EndReason, StatusForm, ToldHow
from registry.filing.text import day_text

Ask = Literal["stability", "score", "relapse_plan", "clinician_told"]
LONGEST: Final = 2000
TOLD_HOW: Final[Mapping[ToldHow, str]] = {
    "in_person": "in person",
    "phone": "by phone",
    "ehr": "by a message in the EHR",
}
# A withdrawn agreement is never kept waiting. Giving up on somebody asks for the closing note, which has its own form;
# by another way it asks for the clinician. Who was never eligible had nothing to bring to an end but the telling.
_ASKS: Final[Mapping[EndReason, tuple[Ask, ...]]] = {
    "completed": ("stability", "relapse_plan", "clinician_told"),
    "referred_to_specialty": ("score", "clinician_told"),
    "moved": ("score", "relapse_plan", "clinician_told"),
    "insurance": ("score", "relapse_plan", "clinician_told"),
    "declined": ("score", "relapse_plan", "clinician_told"),
    "other": ("score", "relapse_plan", "clinician_told"),
    "ineligible": ("clinician_told",),
    "disengaged": ("clinician_told",),
    "consent_withdrawn": (),
}
NEVER_HELD: Final[frozenset[EndReason]] = frozenset({"consent_withdrawn"})


class EndingFacts(msgspec.Struct, frozen=True):
    """`enrolled_on` None: never enrolled. `preventing`: in relapse prevention, also when on hold from there. `told`:
    nobody is left to tell, as the treating clinician ends the episode or there is none. `handover_open`: a referral
    that hands the patient over is neither complete nor called off."""

    enrolled_on: date | None
    preventing: bool
    plan_written: bool
    stable: bool
    scored: bool
    told: bool
    handover_open: bool


def asks(reason: EndReason, facts: EndingFacts) -> tuple[Ask, ...]:
    """What this end asks for, answered by the record or not. Care that never began asks for nothing; the plan against
    relapse is asked of those who got better, so of an end with goals met or from relapse prevention."""
    if facts.enrolled_on is None:
        return ()
    return tuple(
        ask for ask in _ASKS[reason] if ask != "relapse_plan" or reason == "completed" or facts.preventing
    )


def open_asks(reason: EndReason, facts: EndingFacts) -> tuple[Ask, ...]:
    """What the record does not answer yet: the person who ends the episode says it."""
    answered: Mapping[Ask, bool] = {
        "stability": facts.stable,
        "score": facts.scored,
        "relapse_plan": facts.plan_written,
        "clinician_told": facts.told,
    }
    return tuple(ask for ask in asks(reason, facts) if not answered[ask])


def held_by_handover(form: StatusForm, facts: EndingFacts) -> bool:
    """Whoever is being handed over stays on the registry until the other side has them, or the referral is called
    off with its reason. Only a withdrawn agreement, and a death, which is no matter of this form, end care before."""
    return form.status == "ended" and facts.handover_open and form.reason not in NEVER_HELD


def check(form: StatusForm, facts: EndingFacts, today: date) -> list[Problem]:
    """Of a form that ends the episode. Fields are those of `EndingForm`, after `ending.`."""
    if form.status != "ended" or form.reason not in get_args(EndReason):
        return []
    said = form.ending or EndingForm()
    needed = open_asks(form.reason, facts)  # type: ignore[arg-type]
    found: list[Problem] = []
    for ask, field, message in _REASONS:
        text = getattr(said, field)
        if ask in needed and not (text or "").strip():
            found.append(Problem(f"ending.{field}", message))
        elif text is not None and len(text) > LONGEST:
            found.append(Problem(f"ending.{field}", f"is longer than {LONGEST} characters"))
    return found + _check_told(said, "clinician_told" in needed, facts, today)


_REASONS: Final[tuple[tuple[Ask, str, str], ...]] = (
    ("stability", "unstable_because", "is needed: why care ends with its goals met although it isn't shown to be stable"),
    ("score", "no_score_because", "is needed: why there is no score"),
    ("relapse_plan", "no_plan_because", "is needed: write the plan against relapse, or say why there is none"),
)  # fmt: skip


def _check_told(said: EndingForm, needed: bool, facts: EndingFacts, today: date) -> list[Problem]:
    found: list[Problem] = []
    if said.told_on is None:
        if needed or said.told_how is not None:
            found.append(Problem("ending.told_on", "is needed: when the treating clinician was told"))
    elif said.told_on > today:
        found.append(Problem("ending.told_on", "is in the future"))
    elif facts.enrolled_on is not None and said.told_on < facts.enrolled_on:
        found.append(Problem("ending.told_on", "is before the patient was enrolled"))
    if said.told_how is None and (needed or said.told_on is not None):
        found.append(Problem("ending.told_how", "is needed: how the treating clinician was told"))
    return found


def note(form: StatusForm) -> str | None:
    """The note of the change with what was said about the end, one fact a line; None for none."""
    said = form.ending or EndingForm()
    how = "" if said.told_how is None else f", {TOLD_HOW[said.told_how]}"
    facts = (
        ("", form.note),
        ("Ended although not shown to be stable", said.unstable_because),
        ("No score", said.no_score_because),
        ("No plan against relapse", said.no_plan_because),
        ("Treating clinician told", None if said.told_on is None else f"{day_text(said.told_on)}{how}"),
    )
    lines = [
        f"{label}: {text.strip()}" if label else text.strip()
        for label, text in facts
        if text is not None and text.strip()
    ]
    return "\n".join(lines) or None
