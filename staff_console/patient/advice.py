"""What was recommended about the patient: where it stands, and its whole way as one entry of the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from registry.recommendations.queries import RecommendationLine, RecommendationPage, StepTaken
from registry.recommendations.rules import OPEN, STAGES, Step
from registry.review.queries import ReviewLine
from registry.treatment_changes.rules import Change
from staff_console import formats, people
from staff_console.approvals.presenter import ELSEWHERE, STEPS, TO_DO, next_by, what
from staff_console.pages import Visit
from staff_console.patient.views import AdviceLine, TimelineEvent

CLOSED_SHOWN: Final = 2
WHY_SHOWN: Final = 400
DECIDED: Final[frozenset[Step]] = frozenset(("accepted", "modified", "declined"))
TOLD: Final[frozenset[Step]] = frozenset(("told", "taking", "not_taking"))
QUIET: Final[frozenset[Step]] = frozenset(("escalated", "episode_ended"))


def panel(visit: Visit, advice: Iterable[RecommendationPage]) -> tuple[AdviceLine, ...]:
    """All that is under way, and the newest that came to their end."""
    lines = [page.line for page in advice]
    ended = [line for line in lines if line.stage not in OPEN]
    return tuple(
        _line(visit, line) for line in [*(one for one in lines if one.stage in OPEN), *ended[:CLOSED_SHOWN]]
    )


def _line(visit: Visit, line: RecommendationLine) -> AdviceLine:
    turn = next_by(line)
    return AdviceLine(
        href=f"/approvals/{line.id}",
        what="; ".join(what(line)),
        stage=STAGES[line.stage],
        waited=people.age(line.stage_since, visit.now) if turn else visit.at(line.stage_since).day.text,
        late=line.overdue,
        turn=f"{TO_DO[line.stage]}: {turn}" if turn else "",
    )


def changed(
    visit: Visit, change: Change, page: RecommendationPage, reviews: Mapping[UUID, ReviewLine]
) -> TimelineEvent:
    """The change of treatment and everything that led to it and came of it."""
    assert change.recorded_at is not None
    return TimelineEvent(
        "change",
        visit.at(change.recorded_at),
        f"{change.label}: {change.what}",
        f"From {formats.day(change.on).text}. {STAGES[page.line.stage]}.",
        author(page),
        f"/approvals/{page.line.id}",
        lines(visit, page, reviews),
    )


def entry(visit: Visit, page: RecommendationPage, reviews: Mapping[UUID, ReviewLine]) -> TimelineEvent:
    """Of a recommendation that has changed no treatment, at the moment of its last step."""
    return TimelineEvent(
        "review",
        visit.at(page.line.stage_since),
        f"Recommendation: {'; '.join(what(page.line))}",
        f"{STAGES[page.line.stage]}.",
        author(page),
        f"/approvals/{page.line.id}",
        lines(visit, page, reviews),
    )


def author(page: RecommendationPage) -> str:
    """Who ordered it, else who decided, else who recommended it; and who wrote that down, if somebody else did."""
    for steps in (frozenset(("ordered",)), DECIDED):
        found = [step for step in page.steps if step.step in steps]
        if found:
            return _who(found[-1])
    return page.line.author


def lines(visit: Visit, page: RecommendationPage, reviews: Mapping[UUID, ReviewLine]) -> tuple[str, ...]:
    why = reason(page, reviews)
    told = tuple(_told(visit, step) for step in page.steps if step.step not in QUIET)
    return (*((f"Why: {why}",) if why else ()), *told)


def reason(page: RecommendationPage, reviews: Mapping[UUID, ReviewLine]) -> str:
    """As it was sent; else what the case review that it came out of says."""
    item = None if page.review_item_id is None else reviews.get(page.review_item_id)
    said = page.why or (item and (item.changed or item.note)) or ""
    return said if len(said) <= WHY_SHOWN else f"{said[:WHY_SHOWN].rstrip()}…"


def _told(visit: Visit, step: StepTaken) -> str:
    title = "Recommended" if step.step == "sent" else STEPS[step.step]
    on = visit.at(step.at).day.text if step.on is None else formats.day(step.on).text
    text = f": {step.text}" if step.text and step.step != "sent" else ""
    who = f" ({_who(step)})" if step.step in TOLD else f" by {_who(step)}"
    return f"{title}{who}, {on}{text}"


def _who(step: StepTaken) -> str:
    writer = step.by or "Evenkeel"
    where = ""
    if step.via in ELSEWHERE:
        how = ELSEWHERE[step.via]
        where = f" {how[0].lower()}{how[1:]}{', read back' if step.read_back else ''}"
    if step.who and step.who != step.by:
        return f"{step.who}{where} (written down by {writer})"
    return f"{writer}{where}"
