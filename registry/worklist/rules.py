"""What one registry line says, worked out from the facts; and what may be asked of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from questionnaires.scoring import Item9
from registry import zones
from registry.flags import thresholds
from registry.flags.facts import Facts, Measure, RuleId, Score
from registry.flags.rules import evaluate, raised
from registry.working_time import local_midnight_after

Status = Literal["referred", "active", "relapse_prevention", "on_hold", "inactive_disengaged", "ended"]
IN_CARE: Final[tuple[Status, ...]] = ("active", "relapse_prevention")
CURRENT: Final[tuple[Status, ...]] = ("referred", "active", "relapse_prevention", "on_hold")
# A hold or an end makes nobody late.
CAN_BE_OVERDUE: Final[frozenset[str]] = frozenset({"referred", "active", "relapse_prevention"})
Flag = Literal[
    "safety",
    "discuss",
    "severe",
    "worse",
    "relapse",
    "not_improving",
    "no_score",
    "no_contact",
    "review_due",
    "response",
    "long",
    "new",
    "not_judged",
    "nothing_planned",
]
# Which rules raise a flag; safety and severe have sources of their own besides.
RULE_FLAGS: Final[Mapping[Flag, tuple[RuleId, ...]]] = {
    "severe": ("R-SEVERE",),
    "worse": ("R-WORSE",),
    "relapse": ("R-RELAPSE",),
    "not_improving": ("R-STALL-A", "R-STALL-B"),
    "no_score": ("R-NOSCORE",),
    "no_contact": ("R-NOCONTACT",),
    "review_due": ("R-REVIEW",),
    "response": ("R-RESP",),
    "long": ("R-LONG",),
    "new": ("R-NEW",),
}
Sort = Literal["default", "name", "phq9_last", "last_contact", "next_contact"]

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
SERIES: Final = 12
OVERDUE_AFTER_DAYS: Final = 1  # from the day after the contact was due
UNANSWERED_STATES: Final = ("invited", "in_progress", "missed", "partial_expired")


class EpisodeFacts(msgspec.Struct, frozen=True):
    """One episode with its patient, its clinic's settings and what is open about the patient."""

    episode_id: UUID
    clinic_id: UUID
    patient_id: UUID
    status: str
    name_key: str
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    care_manager_id: UUID | None
    treating_clinician_id: UUID | None
    consultant_id: UUID | None
    referred_at: datetime
    enrolled_on: date | None
    next_contact_at: datetime | None
    next_contact_mode: str | None
    is_test: bool
    zone: str
    settings: dict[str, Any]
    open_risk: int
    open_tasks: int
    waiting_replies: int
    severe_tasks: int
    changed_on: date | None
    asks_phq9: bool
    asks_gad7: bool


class ScoreFact(msgspec.Struct, frozen=True):
    """A result that stands. `total` is None unless the form was complete."""

    instrument_id: str
    taken_at: datetime
    total: int | None
    item9: Item9


class Told(msgspec.Struct, frozen=True):
    """What a line holds that isn't in the record: the flags a person set, and when other rooms said that somebody was
    reached or the case was reviewed."""

    safety_flag: bool = False
    discuss_flag: bool = False
    last_contact_at: datetime | None = None
    last_review_at: datetime | None = None


class LineFacts(msgspec.Struct, frozen=True):
    """The columns of a registry line that follow from the record. The others are written by whoever owns the
    fact: check-in state, opt-out, minutes, last contact and review, and the two flags a person sets."""

    clinic_id: UUID
    patient_id: UUID
    status: str
    name_key: str
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    care_manager_id: UUID | None
    treating_clinician_id: UUID | None
    consultant_id: UUID | None
    referred_at: datetime
    enrolled_on: date | None
    phq9_first: int | None
    phq9_last: int | None
    phq9_last_at: datetime | None
    phq9_item9: str | None
    phq9_series: list[int]
    other_scores: list[dict[str, Any]] | None
    gad7_first: int | None
    gad7_last: int | None
    gad7_last_at: datetime | None
    next_contact_at: datetime | None
    next_contact_mode: str | None
    open_risk: int
    severe_flag: bool
    waiting_replies: int
    open_tasks: int
    sort_rank: int
    overdue_since: datetime
    changed_on: date | None
    rules: list[Any]
    rules_on: date


COLUMNS: Final = LineFacts.__struct_fields__


class Difference(msgspec.Struct, frozen=True):
    """A line that does not say what the facts say. Names the column, never the values: they may be a person's."""

    episode_id: UUID
    column: str


class Lost(msgspec.Struct, frozen=True):
    """In care with nothing planned: no next contact and no next check-in. `reason_given`: somebody wrote down why
    no contact is planned, which explains the gap and does not fill it."""

    episode_id: UUID
    patient_id: UUID
    reason_given: bool


def line(episode: EpisodeFacts, scores: Sequence[ScoreFact], told: Told, today: date) -> LineFacts:
    """`scores`: the episode's results, oldest first; `today` the clinic's date. Baseline is the first complete total
    and never moves; item 9 is that of the newest form, complete or not, so that an unknown one is seen."""
    phq9 = [score for score in scores if score.instrument_id == "phq9"]
    gad7 = [score for score in scores if score.instrument_id == "gad7"]
    phq9_done = [(score.total, score.taken_at) for score in phq9 if score.total is not None]
    gad7_done = [(score.total, score.taken_at) for score in gad7 if score.total is not None]
    shared = {name: getattr(episode, name) for name in COLUMNS if name in EpisodeFacts.__struct_fields__}
    return LineFacts(
        **shared,
        phq9_first=phq9_done[0][0] if phq9_done else None,
        phq9_last=phq9_done[-1][0] if phq9_done else None,
        phq9_last_at=phq9_done[-1][1] if phq9_done else None,
        phq9_item9=phq9[-1].item9 if phq9 else None,
        phq9_series=[total for total, _ in phq9_done[-SERIES:]],
        other_scores=_others(scores) or None,
        gad7_first=gad7_done[0][0] if gad7_done else None,
        gad7_last=gad7_done[-1][0] if gad7_done else None,
        gad7_last_at=gad7_done[-1][1] if gad7_done else None,
        severe_flag=episode.severe_tasks > 0,
        sort_rank=sort_rank(episode.open_risk, told.safety_flag, episode.severe_tasks > 0, told.discuss_flag),
        overdue_since=overdue_since(episode),
        rules=judged(episode, scores, told, today),
        rules_on=today,
    )


def _others(scores: Sequence[ScoreFact]) -> list[dict[str, Any]]:
    """First and last complete total of whatever else was asked, by instrument."""
    totals: dict[str, list[int]] = {}
    for score in scores:
        if score.instrument_id not in ("phq9", "gad7") and score.total is not None:
            totals.setdefault(score.instrument_id, []).append(score.total)
    return [
        {"instrument": name, "first": found[0], "last": found[-1]} for name, found in sorted(totals.items())
    ]


def judged(
    episode: EpisodeFacts, scores: Sequence[ScoreFact], told: Told, today: date
) -> list[dict[str, Any]]:
    """The rules a line shows, in the form in which it stores them."""
    numbers = thresholds.of_clinic(episode.settings)
    results = raised(evaluate(rule_facts(episode, scores, told), numbers, today))
    return [msgspec.to_builtins(result) for result in results]


def rule_facts(episode: EpisodeFacts, scores: Sequence[ScoreFact], told: Told) -> Facts:
    def on(moment: datetime | None) -> date | None:
        return None if moment is None else zones.local_date(moment, episode.zone)

    def totals(instrument_id: str) -> tuple[Score, ...]:
        return tuple(
            Score(zones.local_date(score.taken_at, episode.zone), score.total)
            for score in scores
            if score.instrument_id == instrument_id and score.total is not None
        )

    def incomplete_on(instrument_id: str) -> date | None:
        newest = [score for score in scores if score.instrument_id == instrument_id][-1:]
        return on(newest[0].taken_at) if newest and newest[0].total is None else None

    asked: tuple[tuple[Measure, bool], ...] = (("phq9", episode.asks_phq9), ("gad7", episode.asks_gad7))
    return Facts(
        status=episode.status,
        enrolled_on=episode.enrolled_on,
        phq9=totals("phq9"),
        gad7=totals("gad7"),
        planned=tuple(measure for measure, planned in asked if planned),
        phq9_incomplete_on=incomplete_on("phq9"),
        gad7_incomplete_on=incomplete_on("gad7"),
        changed_on=episode.changed_on,
        last_contact_on=on(told.last_contact_at),
        last_review_on=on(told.last_review_at),
        open_risk=episode.open_risk,
    )


def sort_rank(open_risk: int, safety_flag: bool, severe: bool, discuss: bool) -> int:
    """0 safety, 1 discuss or a severe total to review, 2 the rest."""
    if open_risk or safety_flag:
        return 0
    return 1 if severe or discuss else 2


def overdue_since(episode: EpisodeFacts) -> datetime:
    """The start of the clinic's day on which the next contact counts as overdue; NEVER when it can't be.

    Setting `overdue_after_days`, default 1: the day after it was due.
    """
    if episode.next_contact_at is None or episode.status not in CAN_BE_OVERDUE:
        return NEVER
    days = episode.settings.get("overdue_after_days", OVERDUE_AFTER_DAYS)
    return local_midnight_after(episode.next_contact_at, int(days), episode.zone)


def differences(row: Mapping[str, Any], expected: LineFacts) -> list[str]:
    """Columns in which a stored line differs from the facts."""
    return [name for name in COLUMNS if row[name] != getattr(expected, name)]


def comparable(row: Mapping[str, Any]) -> bool:
    """Whether the stored rules can be checked: they wait to be judged again after a change of the clinic's numbers."""
    return row["rules_on"] is not None


def rules_differ(row: Mapping[str, Any], expected: LineFacts) -> bool:
    return _raised(row["rules"]) != _raised(expected.rules)


def _raised(rules: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(result["rule"], result["outcome"]) for result in rules}


class RegistryFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filters narrow, `flags` and `check_in_states` by any of theirs. `mine`: the viewer is care manager, treating
    clinician or consultant. `planned`: from when until before when the next contact is. `descending` turns any sort but
    the default round; nulls stay last."""

    care_manager_id: UUID | None = None
    mine: bool = False
    statuses: tuple[Status, ...] = CURRENT
    overdue: bool | None = None
    flags: frozenset[Flag] = frozenset()
    check_in_states: frozenset[str] = frozenset()
    opted_out: bool | None = None
    planned: tuple[datetime, datetime] | None = None
    sort: Sort = "default"
    descending: bool = False
