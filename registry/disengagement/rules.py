"""When a patient who is not reached is proposed for closing, and what stands in the way of it. Pure.

No authority fixes a number of tries. The default is a common rule among programmes: three tries by two ways over three
weeks; the clinic sets its own. An open safety event, or a last item 9 above 0, is never passed over by a rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from kernel.errors import Problem
from registry import zones

RULE: Final = "closing-1"
LONGEST: Final = 4000
LATEST_LOOK: Final = timedelta(days=60)
Block = Literal["open_risk_event", "item9_above_zero"]
Decision = Literal["inactive", "ended", "keep"]


class Policy(msgspec.Struct, frozen=True):
    """Settings `disengage_attempts`, `disengage_channels`, `disengage_days`, `closing_approval`. `lead_approves`: only
    a clinic lead or a clinician closes."""

    attempts: int = 3
    channels: int = 2
    days: int = 21
    lead_approves: bool = True


BOUNDS: Final[Mapping[str, tuple[int, int]]] = {"attempts": (1, 20), "channels": (1, 4), "days": (1, 180)}


class Try(msgspec.Struct, frozen=True):
    at: datetime
    channel: str


class Facts(msgspec.Struct, frozen=True):
    """`tries` since somebody last spoke with the patient; `item9` of the last PHQ-9 as it was answered."""

    tries: tuple[Try, ...]
    open_risk_event: bool
    item9: str | None
    keep_until: date | None = None


class Judgement(msgspec.Struct, frozen=True):
    """`met`: the clinic's rule is fulfilled and nobody decided to go on trying past today. `due_on` is the clinic date
    on which it will be, if nothing else happens. `blocks` need a clinician, or the event to be closed first."""

    attempts: int
    channels: int
    days: int
    first_at: datetime | None
    met: bool
    due_on: date | None
    blocks: tuple[Block, ...]
    sentence: str


class ClosingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inactive` keeps the episode open for a return, `ended` ends it. `reentry` says how the patient comes back;
    `clinician_said` what a clinician decided although item 9 was above 0. `keep` goes on until `keep_until`."""

    decision: Decision
    note: str
    reentry: str | None = None
    told_clinician_on: date | None = None
    letter_on: date | None = None
    clinician_said: str | None = None
    keep_until: date | None = None
    version: int | None = None


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """What the clinic has set; the default for what it has not, or set to nonsense."""

    def number(name: str, default: int) -> int:
        value = settings.get(name, default)
        return (
            value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 365 else default
        )

    return Policy(
        attempts=number("disengage_attempts", 3),
        channels=number("disengage_channels", 2),
        days=number("disengage_days", 21),
        lead_approves=settings.get("closing_approval", "lead") != "care_manager",
    )


def as_settings(policy: Policy) -> dict[str, Any]:
    return {
        "disengage_attempts": policy.attempts,
        "disengage_channels": policy.channels,
        "disengage_days": policy.days,
        "closing_approval": "lead" if policy.lead_approves else "care_manager",
    }


def check_policy(policy: Policy) -> list[Problem]:
    found = [
        Problem(name, f"must be {least} to {most}")
        for name, (least, most) in BOUNDS.items()
        if not least <= getattr(policy, name) <= most
    ]
    if policy.channels > policy.attempts:
        found.append(Problem("channels", "can't be more than the tries"))
    return found


def judge(facts: Facts, policy: Policy, today: date, zone: str) -> Judgement:
    """Inclusive bounds; days are counted between clinic dates."""
    first = min((tried.at for tried in facts.tries), default=None)
    ways = len({tried.channel for tried in facts.tries})
    days = 0 if first is None else (today - zones.local_date(first, zone)).days
    enough = len(facts.tries) >= policy.attempts and ways >= policy.channels
    kept = facts.keep_until is not None and today < facts.keep_until
    due_on = None
    if enough and first is not None:
        due_on = zones.local_date(first, zone) + timedelta(days=policy.days)
        due_on = max(due_on, facts.keep_until) if facts.keep_until is not None else due_on
    return Judgement(
        attempts=len(facts.tries),
        channels=ways,
        days=days,
        first_at=first,
        met=enough and days >= policy.days and not kept,
        due_on=due_on,
        blocks=blocks(facts),
        sentence=_sentence(len(facts.tries), ways, days, policy),
    )


def blocks(facts: Facts) -> tuple[Block, ...]:
    found: list[Block] = []
    if facts.open_risk_event:
        found.append("open_risk_event")
    if facts.item9 in ("1", "2", "3"):
        found.append("item9_above_zero")
    return tuple(found)


def check(form: ClosingForm, found: Sequence[Block], *, by_clinician: bool, today: date) -> list[Problem]:
    """Every problem with its field. An open safety event is no matter of this form: it is closed first."""
    problems = _said("note", form.note)
    if form.decision == "keep":
        return problems + _check_keep(form, today)
    problems += _said("reentry", form.reentry or "")
    if form.told_clinician_on is None:
        problems.append(Problem("told_clinician_on", "is needed: the treating clinician hears of it first"))
    for name, day in (("told_clinician_on", form.told_clinician_on), ("letter_on", form.letter_on)):
        if day is not None and day > today:
            problems.append(Problem(name, "is in the future"))
    if "item9_above_zero" in found and not by_clinician and not (form.clinician_said or "").strip():
        problems.append(
            Problem("clinician_said", "is needed: the last item 9 was above 0, so a clinician decides")
        )
    return problems


def _check_keep(form: ClosingForm, today: date) -> list[Problem]:
    if form.keep_until is None:
        return [Problem("keep_until", "is needed: when is it looked at again?")]
    if form.keep_until <= today:
        return [Problem("keep_until", "must be after today")]
    if form.keep_until > today + LATEST_LOOK:
        return [Problem("keep_until", f"is more than {LATEST_LOOK.days} days ahead")]
    return []


def _said(name: str, text: str) -> list[Problem]:
    if not text.strip():
        return [Problem(name, "is needed")]
    return [Problem(name, f"is longer than {LONGEST} characters")] if len(text) > LONGEST else []


def _sentence(attempts: int, ways: int, days: int, policy: Policy) -> str:
    if attempts == 0:
        return "No try without an answer since somebody last spoke with the patient."
    tries = f"{attempts} {'try' if attempts == 1 else 'tries'} by {ways} {'way' if ways == 1 else 'ways'}"
    return (
        f"{tries} in {days} {'day' if days == 1 else 'days'} without reaching the patient; "
        f"the clinic's rule: {policy.attempts} tries by {policy.channels} ways in {policy.days} days."
    )
