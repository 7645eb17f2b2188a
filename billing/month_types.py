"""Whether a month is the first of its billing episode, a later one, or for a person to decide.

Episode and gap: NC Medicaid, 17 September 2025 (an episode ends when goals are met, on referral to
psychiatric care, or after six months in a row without service; a new one may start after such a break).
First month once per episode there; once per calendar year: MICMT, Collaborative care. What a return within
six months of a finished episode is, no source says, so it is never decided here.
"""

from datetime import date, datetime
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from billing.rule_sets import RuleSet
from registry.time_log.months import Month

MonthType = Literal["initial", "subsequent", "general"]

MonthTypeReason = Literal[
    "override",
    "first_service_month",
    "gap_long_enough",
    "initial_already_this_year",
    "continuing",
    "returned_after_short_gap",
    "return_needs_decision",
    "brought_in_unknown",
]


class PreviousEpisode(msgspec.Struct, frozen=True):
    """How the episode before this one ended: two ways close a billing episode, any other way does not."""

    ended_on: date
    end: Literal["goals_met", "referred_to_psychiatric_care", "other"]


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A named person's decision for one month, with why."""

    kind: Literal["initial", "subsequent"]
    by: str
    reason: str
    at: datetime


class History(msgspec.Struct, frozen=True, kw_only=True):
    """`service_months` are the months with counted collaborative-care time, in any episode and any order;
    months from the asked one on are ignored. `initial_months` are those reported, or decided by a person,
    as a first month; `episode_months` are the service months of this very episode, since one may begin in the month in
    which the one before it was still served. `unknown_before`: the patient was brought in from another registry that did not say when the
    episode began and which month was billed last, and no month was served here yet."""

    episode_started_on: date
    service_months: tuple[Month, ...] = ()
    initial_months: tuple[Month, ...] = ()
    episode_months: tuple[Month, ...] = ()
    previous: PreviousEpisode | None = None
    override: Override | None = None
    unknown_before: bool = False


class MonthTypeDecision(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` None means a person must decide. `episode_month_index` counts calendar months from the billing
    episode's first service month, which is 1. `gap_months` are whole months without service before it."""

    kind: Literal["initial", "subsequent"] | None
    reason: MonthTypeReason
    reason_text: str
    episode_month_index: int | None
    gap_months: int | None


class _Past(NamedTuple):
    first: Month
    last: Month
    gap: int
    firsts: tuple[Month, ...]


def month_type(month: Month, history: History, rule_set: RuleSet) -> MonthTypeDecision:
    """Decides one month; a gap is whole calendar months between two service months (15 January and
    3 August lie six apart, 15 January and 31 July five)."""
    past = _past(month, history, rule_set.episode_gap_months)
    if history.override is not None:
        return _overridden(month, history.override, past)
    if history.unknown_before:
        text = "Brought in without the episode's start or the last billed month; a person decides."
        return _decision(None, "brought_in_unknown", text, None, None if past is None else past.gap)
    if past is None:
        return _decision(
            "initial", "first_service_month", "The first month with time for this patient.", 1, None
        )
    if past.gap >= rule_set.episode_gap_months:
        return _after_long_gap(month, past, rule_set)
    if _returns_after_closed_episode(month, history):
        return _decision(
            None,
            "return_needs_decision",
            "The patient came back to a new episode before "
            f"{rule_set.episode_gap_months} whole months had passed; a person decides.",
            None,
            past.gap,
        )
    return _continuing(month, past)


def _past(month: Month, history: History, gap_months: int) -> _Past | None:
    initial = set(history.initial_months)
    known = sorted(earlier for earlier in initial | set(history.service_months) if earlier < month)
    if not known:
        return None
    firsts = [known[0]]
    for before, after in pairwise(known):
        if _gap(before, after) >= gap_months or after in initial:
            firsts.append(after)
    return _Past(firsts[-1], known[-1], _gap(known[-1], month), tuple(firsts))


def _gap(before: Month, after: Month) -> int:
    return after.months_since(before) - 1


def _overridden(month: Month, override: Override, past: _Past | None) -> MonthTypeDecision:
    continues = override.kind == "subsequent" and past is not None
    index = month.months_since(past.first) + 1 if continues and past is not None else 1
    text = f"Decided by {override.by}: {override.reason}"
    return _decision(override.kind, "override", text, index, None if past is None else past.gap)


def _after_long_gap(month: Month, past: _Past, rule_set: RuleSet) -> MonthTypeDecision:
    once_a_year = rule_set.initial_repeat_rule == "once_per_calendar_year"
    if once_a_year and any(first.year == month.year for first in past.firsts):
        text = "A new episode, but this payer takes one first month per calendar year."
        return _decision("subsequent", "initial_already_this_year", text, 1, past.gap)
    text = f"{past.gap} whole months without service since {past.last}: a new episode."
    return _decision("initial", "gap_long_enough", text, 1, past.gap)


def _returns_after_closed_episode(month: Month, history: History) -> bool:
    """True in the first service month of an episode whose predecessor closed, and only there."""
    if history.previous is None or history.previous.end == "other":
        return False
    started = Month.of(history.episode_started_on)
    return started <= month and not any(earlier < month for earlier in history.episode_months)


def _continuing(month: Month, past: _Past) -> MonthTypeDecision:
    index = month.months_since(past.first) + 1
    if past.gap:
        text = (
            f"{past.gap} whole months without service do not begin a new episode; it began in {past.first}."
        )
        return _decision("subsequent", "returned_after_short_gap", text, index, past.gap)
    text = f"Month {index} of the episode that began in {past.first}."
    return _decision("subsequent", "continuing", text, index, past.gap)


def _decision(
    kind: Literal["initial", "subsequent"] | None,
    reason: MonthTypeReason,
    text: str,
    index: int | None,
    gap: int | None,
) -> MonthTypeDecision:
    return MonthTypeDecision(
        kind=kind, reason=reason, reason_text=text, episode_month_index=index, gap_months=gap
    )
