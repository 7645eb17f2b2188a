"""Geometry of the console's charts. Templates only draw: every coordinate is decided here.

Coordinates are SVG user units, rounded to one decimal. Scores are drawn on the instrument's whole range, so
that two patients' lines can be compared by eye. A prorated total is a hollow mark and never joined by the
line; a form without any total is a cross on the floor of the chart.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, day, short_day

BandTone = Literal["minimal", "mild", "moderate", "moderately-severe", "severe"]


class Sparkline(Struct, frozen=True):
    width: int
    height: int
    points: str
    last_x: float
    last_y: float
    title: str
    target_y: float | None = None


class MinutesBar(Struct, frozen=True):
    """`filled` and `ticks` are percentages of the bar; `text` says the same in words."""

    text: str
    filled: float
    ticks: tuple[float, ...]
    reached: bool


class Score(Struct, frozen=True):
    """One administration. `total` is None when too few items were answered; `item9` is None when it is
    unanswered or the instrument has none."""

    on: date
    total: float | None
    complete: bool
    item9: int | None = None
    channel: str = ""


class Band(Struct, frozen=True):
    """Severity band, both ends inclusive."""

    low: int
    high: int
    label: str
    tone: BandTone


class Change(Struct, frozen=True):
    """A dated treatment change, numbered as in the list beside the chart."""

    on: date
    number: int
    text: str


class BandBox(Struct, frozen=True):
    y: float
    height: float
    label: str
    label_y: float
    tone: BandTone


class Mark(Struct, frozen=True):
    x: float
    y: float
    kind: Literal["complete", "prorated", "incomplete"]
    label: str
    title: str
    item9: bool


class ChangeLine(Struct, frozen=True):
    x: float
    number: int
    text: str
    on: Day


class Tick(Struct, frozen=True):
    at: float
    label: str


class TrendChart(Struct, frozen=True):
    id: str
    title: str
    desc: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    bands: tuple[BandBox, ...]
    line: str
    marks: tuple[Mark, ...]
    changes: tuple[ChangeLine, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    target_y: float | None
    target_label: str


_WIDTH, _HEIGHT = 520, 236
_LEFT, _RIGHT, _TOP, _BOTTOM = 26.0, 398.0, 26.0, 206.0


def sparkline(label: str, totals: Sequence[int], highest: int, target: int | None = None) -> Sparkline:
    """`totals` oldest first, complete totals only; `highest` is the top of the instrument's range."""
    width, height = 42, 28
    step = (width - 6) / max(len(totals) - 1, 1)
    xs = [3 + step * index for index in range(len(totals))]
    ys = [_between(total, highest, 3.0, height - 3.0) for total in totals]
    return Sparkline(
        width=width,
        height=height,
        points=_path(xs, ys),
        last_x=round(xs[-1], 1) if xs else 0.0,
        last_y=round(ys[-1], 1) if ys else 0.0,
        title=f"{label}: {', '.join(str(total) for total in totals)}",
        target_y=None if target is None else round(_between(target, highest, 3.0, height - 3.0), 1),
    )


def minutes_bar(counted: int, line: str, next_at: int | None, thresholds: Sequence[int]) -> MinutesBar:
    """`line` is the billing line reached so far, empty when none; `next_at` the minutes of the next one."""
    reached = f"{counted} min: {line}" if line else f"{counted} min: no line yet"
    full = next_at if next_at is not None else max(counted, 1)
    return MinutesBar(
        text=f"{reached}, next line at {next_at}" if next_at is not None else reached,
        filled=round(min(counted / full, 1.0) * 100, 1),
        ticks=tuple(round(at / full * 100, 1) for at in thresholds if 0 < at < full),
        reached=bool(line),
    )


def trend(
    chart_id: str,
    instrument: str,
    scores: Sequence[Score],
    bands: Sequence[Band],
    target: int | None,
    changes: Sequence[Change],
    until: date,
) -> TrendChart:
    """Scores oldest first. The time axis runs from the first score or change to `until`."""
    highest = max(band.high for band in bands)
    first = min([score.on for score in scores] + [change.on for change in changes] + [until])
    axis = _Axis(first, max(until, first + timedelta(days=28)))
    joined = [score for score in scores if score.complete and score.total is not None]
    return TrendChart(
        id=chart_id,
        title=f"{instrument} over time",
        desc=_describe(instrument, scores, target),
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        top=_TOP,
        bottom=_BOTTOM,
        bands=tuple(_band_box(band, highest) for band in bands),
        line=_path([axis.x(score.on) for score in joined], [_y(score.total, highest) for score in joined]),
        marks=_marks(scores, highest, axis),
        changes=tuple(ChangeLine(axis.x(c.on), c.number, c.text, day(c.on)) for c in changes),
        x_ticks=axis.ticks(),
        y_ticks=(*(Tick(_y(band.low, highest), str(band.low)) for band in bands), Tick(_TOP, str(highest))),
        target_y=None if target is None else _y(target, highest),
        target_label="" if target is None else f"Target: below {target}",
    )


class _Axis(Struct, frozen=True):
    first: date
    last: date

    def x(self, on: date) -> float:
        share = (on - self.first).days / (self.last - self.first).days
        return round(_LEFT + 10 + share * (_RIGHT - _LEFT - 22), 1)

    def ticks(self) -> tuple[Tick, ...]:
        span = (self.last - self.first).days
        days = [self.first + timedelta(days=round(span * part / 4)) for part in range(5)]
        return tuple(Tick(self.x(on), short_day(on)) for on in days)


def _y(value: float | None, highest: int) -> float:
    return round(_between(value or 0, highest, _TOP, _BOTTOM), 1)


def _between(value: float, highest: int, top: float, bottom: float) -> float:
    return bottom - (bottom - top) * value / highest


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))


def _band_box(band: Band, highest: int) -> BandBox:
    top, bottom = _y(min(band.high + 1, highest), highest), _y(band.low, highest)
    return BandBox(
        y=top,
        height=round(bottom - top, 1),
        label=f"{band.label} {band.low}–{band.high}",
        label_y=round((top + bottom) / 2 + 4, 1),
        tone=band.tone,
    )


def _marks(scores: Sequence[Score], highest: int, axis: _Axis) -> tuple[Mark, ...]:
    """Every total is labelled while there is room; a long series labels its first, lowest and last."""
    totals = [score.total for score in scores if score.total is not None]
    named = {0, len(scores) - 1} | {
        index for index, score in enumerate(scores) if score.total == min(totals, default=0)
    }
    marks = []
    for index, score in enumerate(scores):
        kind: Literal["complete", "prorated", "incomplete"]
        kind = "incomplete" if score.total is None else "complete" if score.complete else "prorated"
        label = _total_text(score) if len(scores) <= 12 or index in named else ""
        marks.append(
            Mark(
                x=axis.x(score.on),
                y=_BOTTOM if score.total is None else _y(score.total, highest),
                kind=kind,
                label=label if score.total is not None else "",
                title=f"{day(score.on).text}: {_total_text(score)}",
                item9=bool(score.item9),
            )
        )
    return tuple(marks)


def _total_text(score: Score) -> str:
    if score.total is None:
        return "incomplete, no total"
    return f"{score.total:g}" if score.complete else f"≈{score.total:g}"


def _describe(instrument: str, scores: Sequence[Score], target: int | None) -> str:
    complete = [score for score in scores if score.complete and score.total is not None]
    if not complete:
        return f"No complete {instrument} total yet."
    first, last = complete[0], complete[-1]
    goal = f" Target: below {target}." if target is not None else ""
    positive = sum(bool(score.item9) for score in scores)
    nine = f" Item 9 above 0 in {positive} of {len(scores)}." if positive else ""
    return (
        f"{len(complete)} complete totals, from {first.total:g} on {day(first.on).text} "
        f"to {last.total:g} on {day(last.on).text}.{goal}{nine} The table beside the chart lists every score."
    )
