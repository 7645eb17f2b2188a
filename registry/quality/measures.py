"""The clinic's own monthly figures, each a pure function of the patients' timelines and a month.

They are this programme's rates, apart from licensed measures. Contact within four weeks and a review in weeks 8 to 12
of those not improved: Bao et al. 2016, Psychiatric Services, appi.ps.201400577. Not improved: neither below 10 nor at
least half (Sowa et al. 2018, PMC6063310). Response and remission: at least 50% lower; below 5 (CMS159). Registry kept
within two days of the contact is this project's default.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from questionnaires.change import mhip_improved, response_50
from registry.flags.facts import LABELS, Score, day
from registry.flags.measures import MEASURES
from registry.quality.facts import CheckInFact, Evidence, Figure, MeasureId, Place, Timeline
from registry.time_log.months import Month

LEAST_DAYS: Final = 14  # fewer days of care in the month say little about it
FIRST_CONTACT: Final = timedelta(days=28)
RHYTHM: Final = {"active": 28, "relapse_prevention": 56}
VERSIONS: Final[dict[MeasureId, str]] = {"Q-RHYTHM": "2"}  # 1 took any one score for all that were planned
BEGAN_HIGH: Final = 10
REMISSION: Final = 5
FRESH_DAYS: Final = 2
STALLED_FROM, STALLED_TO = timedelta(weeks=8), timedelta(weeks=12)
IN_CARE: Final = frozenset({"active", "relapse_prevention"})
Judgement = tuple[Place, str]


class Period(msgspec.Struct, frozen=True):
    """A month as far as it has come: `until` is its last day, or today while it runs."""

    month: Month
    until: date

    def holds(self, on: date) -> bool:
        return Month.of(on) == self.month

    def ahead(self, what: str, on: date) -> Judgement | None:
        """Why nobody can be judged yet by a day that is still to come."""
        return ("excluded", f"{what} is {day(on)}, still ahead.") if on > self.until else None


Judge = Callable[[Timeline, Period], Judgement | None]


def figures(
    timelines: Sequence[Timeline], check_ins: Sequence[CheckInFact], month: Month, *, today: date
) -> tuple[Figure, ...]:
    """Every figure of a month, in the order of the page; the last ones by channel of the check-in. Of a month that
    still runs, what is so far: nobody is judged by a day to come."""
    period = Period(month, min(month.last_day, today))
    rates = (
        ("Q-CONTACT", "Reached in the month", f"Of patients in care for {LEAST_DAYS} days or more of the month: somebody spoke with them in it.", _contact),
        ("Q-FIRST-CONTACT", "Followed up within 4 weeks", "Of patients whose 28th day fell in the month: somebody spoke with them on days 1 to 28 after enrolment.", _first_contact),
        ("Q-RHYTHM", "Measured on rhythm", "Of patients in care at the end of the month: a complete score of each measure that was planned all that time (else of any) in the last 28 days (56 in relapse prevention).", _rhythm),
        ("Q-RESPONSE", "Response", "Of patients in care for 8 weeks or more who began at PHQ-9 10 or more: the last PHQ-9 is at least 50% lower.", _response),
        ("Q-REMISSION", "Remission", "Of the same patients: the last PHQ-9 is below 5.", _remission),
        ("Q-IMPROVED-8", "Improved at 8 weeks", "Of patients whose 8th week ended in the month and who began at PHQ-9 10 or more: the last PHQ-9 until then is below 10 or at least 50% lower.", _improved(8)),
        ("Q-IMPROVED-24", "Improved at 24 weeks", "The same at the end of the 24th week.", _improved(24)),
        ("Q-REVIEW-MONTH", "Reviewed in the month", f"Of patients in active treatment for {LEAST_DAYS} days or more of the month: their case was reviewed in it.", _reviewed),
        ("Q-REVIEWED-STALLED", "Reviewed when not improving", "Of patients whose 12th week ended in the month and who had not improved at 8 weeks: their case was reviewed in weeks 8 to 12.", _reviewed_stalled),
    )  # fmt: skip
    found = [_rate(m, title, words, judge, timelines, period) for m, title, words, judge in rates]  # type: ignore[arg-type]
    found.insert(2, _follow_up_days(timelines, period))
    return (*found, _fresh(timelines, period), *_check_ins(check_ins))


def _rate(
    measure: MeasureId, title: str, words: str, judge: Judge, timelines: Iterable[Timeline], period: Period
) -> Figure:
    evidence = []
    for timeline in timelines:
        judged = judge(timeline, period)
        if judged is not None:
            evidence.append(Evidence(timeline.patient_id, *judged))
    return _figure(measure, title, words, evidence)


def _figure(measure: MeasureId, title: str, words: str, evidence: Sequence[Evidence]) -> Figure:
    places = [one.place for one in evidence]
    return Figure(
        measure=measure,
        version=VERSIONS.get(measure, "1"),
        title=title,
        definition=words,
        unit="patients",
        numerator=places.count("numerator"),
        denominator=places.count("numerator") + places.count("denominator"),
        excluded=places.count("excluded"),
        value=None,
        evidence=tuple(evidence),
    )


def _days_in_care(timeline: Timeline, period: Period, statuses: frozenset[str]) -> int:
    first = max(period.month.first_day, timeline.enrolled_on)
    last = period.until if timeline.ended_on is None else min(period.until, timeline.ended_on)
    days = (first + timedelta(days=n) for n in range(max(0, (last - first).days + 1)))
    return sum(timeline.status_on(on) in statuses for on in days)


def _too_short(timeline: Timeline, period: Period, statuses: frozenset[str]) -> Judgement | None:
    """The reason for exclusion; ("denominator", "") when long enough; None when not in care at all."""
    days = _days_in_care(timeline, period, statuses)
    if days == 0:
        return None
    if days < LEAST_DAYS:
        return (
            "excluded",
            f"{days} days in care this month so far."
            if period.until < period.month.last_day
            else f"{days} days in care this month.",
        )
    return "denominator", ""


def _contact(timeline: Timeline, period: Period) -> Judgement | None:
    judged = _too_short(timeline, period, IN_CARE)
    if judged is None or judged[0] == "excluded":
        return judged
    reached = [c.on for c in timeline.contacts if c.reached and period.holds(c.on)]
    if reached:
        return "numerator", f"Reached on {day(max(reached))}."
    return "denominator", "Nobody was reached this month."


def _first_follow_up(timeline: Timeline) -> date | None:
    """The first day after enrolment on which somebody was reached."""
    return min((c.on for c in timeline.contacts if c.reached and c.on > timeline.enrolled_on), default=None)


def _of_first_contact(timeline: Timeline, period: Period) -> Judgement | None:
    limit = timeline.enrolled_on + FIRST_CONTACT
    if not period.holds(limit):
        return None
    if timeline.ended_on is not None and timeline.ended_on < limit:
        return "excluded", f"Care ended on {day(timeline.ended_on)}, before day 28."
    return period.ahead("Day 28", limit) or ("denominator", "")


def _first_contact(timeline: Timeline, period: Period) -> Judgement | None:
    judged = _of_first_contact(timeline, period)
    if judged is None or judged[0] == "excluded":
        return judged
    first = _first_follow_up(timeline)
    if first is None or first > timeline.enrolled_on + FIRST_CONTACT:
        return "denominator", f"Nobody was reached within 28 days of {day(timeline.enrolled_on)}."
    return "numerator", f"Reached on day {(first - timeline.enrolled_on).days}."


def _follow_up_days(timelines: Iterable[Timeline], period: Period) -> Figure:
    """The median over those who were followed up at all, however late; who was not is listed, not counted."""
    evidence, days = [], []
    for timeline in timelines:
        judged = _of_first_contact(timeline, period)
        if judged is None:
            continue
        first = _first_follow_up(timeline)
        if judged[0] == "excluded" or first is None:
            because = judged[1] or "Nobody was reached since enrolment."
            evidence.append(Evidence(timeline.patient_id, "excluded", because))
            continue
        days.append((first - timeline.enrolled_on).days)
        evidence.append(Evidence(timeline.patient_id, "numerator", f"Reached on day {days[-1]}."))
    words = "Of patients whose 28th day fell in the month: the median of days from enrolment to the first follow-up."
    return Figure(
        "Q-FOLLOW-UP-DAYS", "1", "Days to the first follow-up", words, "days",
        len(days), len(days), len(evidence) - len(days),
        statistics.median(days) if days else None, tuple(evidence),
    )  # fmt: skip


def _rhythm(timeline: Timeline, period: Period) -> Judgement | None:
    end = period.until
    status = timeline.status_on(end)
    ended = timeline.ended_on is not None and timeline.ended_on <= end
    if timeline.enrolled_on > end or ended or status not in RHYTHM:
        return None
    if (end - timeline.enrolled_on).days < LEAST_DAYS:
        return "excluded", f"Enrolled on {day(timeline.enrolled_on)}."
    days = RHYTHM[status]
    asked = timeline.asked_on(end) & timeline.asked_on(end - timedelta(days=days))
    if not asked:
        return _in_rhythm("score", (*timeline.phq9, *timeline.gad7), end, days)
    found = [_in_rhythm(LABELS[m], timeline.scores(m), end, days) for m in MEASURES if m in asked]
    late = [judged for judged in found if judged[0] == "denominator"]
    return (late or found)[0][0], " ".join(because for _, because in late or found)


def _in_rhythm(what: str, scores: Sequence[Score], end: date, days: int) -> Judgement:
    taken = [score.on for score in scores if score.on <= end]
    if not taken:
        return "denominator", f"No complete {what}."
    age = (end - max(taken)).days
    if age <= days:
        return "numerator", f"Complete {what} on {day(max(taken))}."
    return "denominator", f"The last complete {what} is {age} days old."


def _outcome(timeline: Timeline, period: Period) -> tuple[Score, Score | None] | Judgement | None:
    """(baseline, last PHQ-9 after it), or why the patient is not counted."""
    if _days_in_care(timeline, period, IN_CARE) == 0:
        return None
    until = [score for score in timeline.phq9 if score.on <= period.until]
    if not until:
        return "excluded", "No complete PHQ-9 to begin with."
    if until[0].total < BEGAN_HIGH:
        return "excluded", f"Began at PHQ-9 {until[0].total}."
    last_day = period.until if timeline.ended_on is None else min(period.until, timeline.ended_on)
    days = (last_day - timeline.enrolled_on).days
    if days < STALLED_FROM.days:
        return "excluded", f"In care for {days} days."
    return until[0], until[-1] if len(until) > 1 else None


def _response(timeline: Timeline, period: Period) -> Judgement | None:
    return _met(_outcome(timeline, period), lambda first, last: response_50(first, last) is True)


def _remission(timeline: Timeline, period: Period) -> Judgement | None:
    return _met(_outcome(timeline, period), lambda first, last: last < REMISSION)


def _met(
    found: tuple[Score, Score | None] | Judgement | None, judge: Callable[[int, int], bool]
) -> Judgement | None:
    if found is None:
        return None
    first, last = found
    if isinstance(first, str):
        return found  # type: ignore[return-value]
    assert not isinstance(last, str)
    if last is None:
        return "denominator", f"No complete PHQ-9 after the first of {first.total}."
    words = f"PHQ-9 {first.total} ({day(first.on)}) to {last.total} ({day(last.on)})."
    return ("numerator" if judge(first.total, last.total) else "denominator"), words


def _improved(weeks: int) -> Judge:
    def judge(timeline: Timeline, period: Period) -> Judgement | None:
        due = timeline.enrolled_on + timedelta(weeks=weeks)
        if not period.holds(due):
            return None
        return period.ahead(f"The end of week {weeks}", due) or improved_at(timeline, due)

    return judge


def improved_at(timeline: Timeline, due: date) -> Judgement:
    """By the last complete PHQ-9 until `due`; without one after the first, not improved."""
    gone = _gone(timeline, due)
    if gone is not None:
        return gone
    until = [score for score in timeline.phq9 if score.on <= due]
    if not until:
        return "excluded", "No complete PHQ-9 to begin with."
    if until[0].total < BEGAN_HIGH:
        return "excluded", f"Began at PHQ-9 {until[0].total}."
    last = until[-1] if len(until) > 1 else None
    return _met((until[0], last), lambda first, newest: mhip_improved(first, newest, BEGAN_HIGH)) or (
        "denominator",
        "",
    )


def _gone(timeline: Timeline, due: date) -> Judgement | None:
    """Why nobody could act by that day."""
    if timeline.ended_on is not None and timeline.ended_on < due:
        return "excluded", f"Care ended on {day(timeline.ended_on)}, before {day(due)}."
    if timeline.status_on(due) not in IN_CARE:
        return "excluded", f"Not in care on {day(due)}."
    return None


def _reviewed(timeline: Timeline, period: Period) -> Judgement | None:
    judged = _too_short(timeline, period, frozenset({"active"}))
    if judged is None or judged[0] == "excluded":
        return judged
    held = [on for on in timeline.reviews if period.holds(on)]
    if held:
        return "numerator", f"Reviewed on {day(max(held))}."
    return "denominator", "No case review this month."


def _reviewed_stalled(timeline: Timeline, period: Period) -> Judgement | None:
    start, end = timeline.enrolled_on + STALLED_FROM, timeline.enrolled_on + STALLED_TO
    if not period.holds(end):
        return None
    out = period.ahead("The end of week 12", end) or _gone(timeline, end)
    if out is not None:
        return out
    place, because = improved_at(timeline, start)
    if place == "excluded":
        return place, because
    if place == "numerator":
        return None
    held = [on for on in timeline.reviews if start <= on <= end]
    if held:
        return "numerator", f"Not improved at 8 weeks; reviewed on {day(min(held))}."
    return "denominator", "Not improved at 8 weeks; no review in weeks 8 to 12."


def _fresh(timelines: Iterable[Timeline], period: Period) -> Figure:
    evidence = [
        Evidence(
            timeline.patient_id,
            "numerator" if later <= FRESH_DAYS else "denominator",
            f"Contact of {day(contact.on)}, noted {later} days later.",
        )
        for timeline in timelines
        for contact in timeline.contacts
        if period.holds(contact.on) and (later := contact.recorded_after) is not None
    ]
    words = f"Of contacts and attempts in the month: the note was written within {FRESH_DAYS} days."
    fresh = sum(one.place == "numerator" for one in evidence)
    return Figure(
        "Q-FRESH", "1", "Registry kept up", words, "contacts", fresh, len(evidence), 0, None, tuple(evidence)
    )


def _check_ins(found: Sequence[CheckInFact]) -> Iterable[Figure]:
    words = "Of check-ins that were sent or asked in the month: completed."
    for channel in sorted({one.channel for one in found}):
        evidence = tuple(Evidence(one.patient_id, *_answered(one)) for one in found if one.channel == channel)
        places = [one.place for one in evidence]
        done, still_open = places.count("numerator"), places.count("excluded")
        yield Figure(
            "Q-CHECK-INS", "1", f"Check-ins completed, {channel}", words, "check-ins",
            done, len(evidence) - still_open, still_open, None, evidence, channel,
        )  # fmt: skip


def _answered(found: CheckInFact) -> Judgement:
    if found.completed:
        return "numerator", ""
    return ("excluded", "Can still be answered.") if found.still_open else ("denominator", "")
