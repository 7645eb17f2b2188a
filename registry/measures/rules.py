"""What an answer to a risk item sets off, and what staff may enter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from kernel.errors import Problem
from questionnaires.instrument import Instrument
from questionnaires.scoring import Answers, Item9, Score, item9_state, score
from registry.safety.rules import SignalResult, Tier, Trigger

AnswerChannel = Literal["sms", "portal", "staff", "api"]
EntrySource = Literal["paper", "phone", "ehr"]
RunState = Literal["open", "completed", "closed_partial"]
RunSource = Literal["check_in", "staff_items", "staff_total"]

RULE_VERSION: Final = "item9-1"
SCORING_VERSION: Final = "1"
# PHQ-9 and GAD-7 ask about the last two weeks: answers further apart than this are not one form.
LONGEST_FORM: Final = timedelta(days=7)
EARLIEST_FORM: Final = date(2000, 1, 1)
MAX_REASON: Final = 500
HISTORY_AFTER_DAYS: Final = 14


class RunFacts(msgspec.Struct, frozen=True):
    id: UUID
    clinic_id: UUID
    patient_id: UUID
    episode_id: UUID
    check_in_id: UUID | None
    instrument_id: str
    instrument_version: str
    language: str
    position: int
    state: RunState
    source: RunSource
    entry_source: EntrySource | None


class AnswerFacts(msgspec.Struct, frozen=True):
    """`value` None: the patient was asked and declined."""

    id: UUID
    item_no: int
    revision: int
    value: int | None
    channel: AnswerChannel
    answered_at: datetime


class ResultFacts(msgspec.Struct, frozen=True):
    """A score. `total` is None unless every scored item was answered; `prorated_total` is for display alone. Of a
    total entered without its items only the total is known: see `source`. `item9` is never "no risk"."""

    id: UUID
    run_id: UUID
    instrument_id: str
    taken_at: datetime
    filed_at: datetime
    raw_sum: int
    n_answered: int
    n_items: int
    is_complete: bool
    total: int | None
    prorated_total: int | None
    band: str | None
    item9: Item9
    channel: str
    source: RunSource
    entry_source: EntrySource | None
    replaced_at: datetime | None = None


class Recorded(msgspec.Struct, frozen=True):
    """`changed` is false when the same answer already stood; `risk` says which event it opened or joined."""

    revision: int
    changed: bool
    risk: SignalResult | None


class ItemsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form filled in on paper, by phone or elsewhere. `answers`: item number -> value, None or absent when
    missing; `declined`: items the patient would not answer. `taken_on` is the clinic's local date."""

    patient_id: UUID
    instrument_id: str
    answers: dict[int, int | None]
    taken_on: date
    source: EntrySource
    language: str = "en"
    declined: frozenset[int] = frozenset()


class TotalForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A total whose items are not at hand. Without `item9` the result says "unknown" and a person asks."""

    patient_id: UUID
    instrument_id: str
    total: int
    taken_on: date
    source: EntrySource
    language: str = "en"
    item9: int | None = None
    item9_declined: bool = False


class Alarm(NamedTuple):
    trigger: Trigger
    tier: Tier


def alarm(value: int | None) -> Alarm | None:
    """For an answer to a risk item; None = declined. 1, 2 and 3 all alarm: each carries a raised risk of attempt
    and death (Simon 2013, doi 10.1176/appi.ps.201200587). No alarm never means no risk."""
    if value is None:
        return Alarm("item9_declined", 1)
    if value <= 0:
        return None
    return Alarm("item9", 1 if value == 1 else 2)


def rose(previous: str | None, value: int | None) -> bool:
    """Whether item 9 is higher than in the previous result that had one."""
    return value is not None and previous in ("0", "1", "2", "3") and value > int(previous)


class Outcome(msgspec.Struct, frozen=True):
    """`score` and item 9 of the answers that stand; `spread` when they lie too far apart to be one form."""

    score: Score
    item9: Item9
    spread: bool


def outcome(instrument: Instrument, current: Sequence[AnswerFacts]) -> Outcome:
    """A form whose answers lie more than seven days apart keeps them and gets no total."""
    answers: Answers = {answer.item_no: answer.value for answer in current}
    declined = frozenset(answer.item_no for answer in current if answer.value is None)
    found = score(instrument, answers)
    moments = [answer.answered_at for answer in current]
    spread = bool(moments) and max(moments) - min(moments) > LONGEST_FORM
    if spread:
        found = msgspec.structs.replace(
            found, is_complete=False, total=None, prorated_total=None, band=None, band_label=None
        )
    return Outcome(found, item9_state(instrument, answers, declined), spread)


def channel_of(current: Sequence[AnswerFacts]) -> str:
    channels = {answer.channel for answer in current}
    return channels.pop() if len(channels) == 1 else "mixed"


def answer_problem(instrument: Instrument, item_no: int, value: int | None) -> Problem | None:
    """`value` None stands for declined, which every item allows."""
    if item_no not in {item.number for item in instrument.items}:
        return Problem(f"item_{item_no}", f"{instrument.id} has no item {item_no}")
    values = instrument.item(item_no).values
    if value is None or (not isinstance(value, bool) and value in values):
        return None
    return Problem(f"item_{item_no}", f"must be one of {', '.join(map(str, values))}")


def item_problems(
    instrument: Instrument, answers: Mapping[int, int | None], declined: Collection[int]
) -> list[Problem]:
    """Every problem of a form entered by staff, each naming its item as `item_<number>`."""
    found = [answer_problem(instrument, number, value) for number, value in sorted(answers.items())]
    found += [
        answer_problem(instrument, number, None) for number in sorted(declined) if number not in answers
    ]
    found += [
        Problem(f"item_{number}", "can't be both answered and declined")
        for number in sorted(declined)
        if answers.get(number) is not None
    ]
    scored = {item.number for item in instrument.scored_items}
    if not declined and not any(answers.get(number) is not None for number in scored):
        found.append(Problem("answers", "at least one item needs an answer"))
    return [problem for problem in found if problem is not None]


def total_problems(instrument: Instrument, form: TotalForm) -> list[Problem]:
    """A total must be possible, also together with the item 9 that is given with it."""
    found: list[Problem] = []
    highest = instrument.max_total
    possible = not isinstance(form.total, bool) and 0 <= form.total <= highest
    if not possible:
        found.append(Problem("total", f"must be between 0 and {highest}"))
    if form.item9 is None:
        return found
    if not instrument.risk_item_numbers:
        return [*found, Problem("item9", f"{instrument.id} has no item 9")]
    risky = instrument.item(instrument.risk_item_numbers[0])
    if form.item9_declined:
        found.append(Problem("item9", "can't be both answered and declined"))
    top = max(risky.values)
    if isinstance(form.item9, bool) or form.item9 not in risky.values:
        found.append(Problem("item9", f"must be between 0 and {top}"))
    elif possible and not 0 <= form.total - form.item9 <= highest - top:
        found.append(Problem("total", "can't be right together with this item 9"))
    return found


def is_history(taken_on: date, today: date) -> bool:
    """Whether a score that is brought in is too old to act on: PHQ-9 and GAD-7 ask about the last two weeks."""
    return (today - taken_on).days > HISTORY_AFTER_DAYS


def date_problem(taken_on: date, today: date) -> Problem | None:
    if taken_on > today:
        return Problem("taken_on", "lies in the future")
    if taken_on < EARLIEST_FORM:
        return Problem("taken_on", "is before the year 2000")
    return None


def reason_problem(reason: str) -> Problem | None:
    if not reason.strip():
        return Problem("reason", "is needed for a correction")
    if len(reason) > MAX_REASON:
        return Problem("reason", f"is longer than {MAX_REASON} characters")
    return None
