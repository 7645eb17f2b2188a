"""Trend charts, score tables and answers of the patient's page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from questionnaires import catalog
from questionnaires.change import DEFINITIONS, change_pct, evaluate
from questionnaires.instrument import Band, Instrument, Item
from registry.measures.rules import ResultFacts
from staff_console import charts, formats, marks, words
from staff_console.charts import BandTone
from staff_console.pages import Visit
from staff_console.patient.facts import PatientFacts, instruments, of_instrument, with_items
from staff_console.patient.views import AnswerRow, AnswersTable, ScoreRow, TrendPanel

TARGETS: Final = DEFINITIONS["target_met"].numbers
_TONES: Final[dict[str, BandTone]] = {
    "minimal": "minimal",
    "mild": "mild",
    "moderate": "moderate",
    "moderately_severe": "moderately-severe",
    "severe": "severe",
}
_SHORT: Final = {"Minimal or none": "minimal", "Moderately severe": "mod. severe"}
_ENTERED: Final = {"paper": "staff, from paper", "phone": "staff, by phone", "ehr": "staff, from the chart"}


def trends(visit: Visit, facts: PatientFacts) -> tuple[TrendPanel, ...]:
    marks = tuple(charts.Change(c.on, c.number, f"{c.label}: {c.what}") for c in facts.changes)
    return tuple(_trend(visit, facts.results, name, marks) for name in instruments(facts.results))


def answers(visit: Visit, facts: PatientFacts) -> tuple[AnswersTable, ...]:
    tables = (_answers(visit, facts, name) for name in instruments(facts.results))
    return tuple(table for table in tables if table is not None)


def _trend(
    visit: Visit, results: Sequence[ResultFacts], name: str, changes: Sequence[charts.Change]
) -> TrendPanel:
    instrument = _for_staff(name)
    found = of_instrument(results, name)
    label = words.instrument(name)
    return TrendPanel(
        chart=charts.trend(
            name,
            label,
            [_point(visit, result) for result in found],
            _bands(instrument),
            TARGETS.get(name),
            changes,
            visit.today,
        ),
        rows=tuple(_row(visit, result, label, instrument) for result in reversed(found)),
        summary=_summary(name, label, found),
        item9=bool(instrument.risk_item_numbers),
    )


def _for_staff(name: str) -> Instrument:
    """In English, or the language there is."""
    spoken = catalog.languages(name)
    return catalog.load(name, "en" if "en" in spoken else spoken[0])


def _bands(instrument: Instrument) -> tuple[charts.Band, ...]:
    """An instrument without bands of severity is drawn on one plain ground."""
    if not instrument.bands:
        return (charts.Band(0, instrument.max_total, "", "minimal"),)
    return tuple(
        charts.Band(band.low, band.high, _SHORT.get(band.label, band.label.lower()), _tone(band))
        for band in instrument.bands
    )


def _tone(band: Band) -> BandTone:
    return _TONES.get(band.id, "moderate")


def _day(visit: Visit, result: ResultFacts) -> date:
    return result.taken_at.astimezone(visit.zone).date()


def _point(visit: Visit, result: ResultFacts) -> charts.Score:
    total = result.total if result.is_complete else result.prorated_total
    return charts.Score(_day(visit, result), total, result.is_complete, _item9_value(result), result.channel)


def _item9_value(result: ResultFacts) -> int | None:
    return int(result.item9) if result.item9 in ("0", "1", "2", "3") else None


def band_label(result: ResultFacts) -> str:
    """The words for the severity of a complete total; empty where there is none."""
    instrument = _for_staff(result.instrument_id)
    if not result.is_complete or result.total is None or not instrument.bands:
        return ""
    return instrument.band_of(result.total).label


def _row(visit: Visit, result: ResultFacts, label: str, instrument: Instrument) -> ScoreRow:
    complete = result.is_complete and result.total is not None
    value = _item9_value(result)
    return ScoreRow(
        on=formats.day(_day(visit, result)),
        instrument=label,
        total=total_text(result),
        band=band_label(result),
        tone=marks.severity_tone(result.total) if complete and result.total is not None else "quiet",
        item9=str(value)
        if value is not None
        else {"declined": "declined", "not_asked": ""}.get(result.item9, "not known"),
        item9_positive=bool(value),
        channel=_channel(result),
        answers_href="#answers",
    )


def total_text(result: ResultFacts) -> str:
    if result.is_complete and result.total is not None:
        return str(result.total)
    if result.prorated_total is not None:
        return f"≈{result.prorated_total}"
    return f"{result.n_answered} of {result.n_items}"


def _channel(result: ResultFacts) -> str:
    if result.entry_source is not None:
        return _ENTERED.get(result.entry_source, "staff")
    return words.shown(words.ANSWERED_BY, result.channel)


def _summary(name: str, label: str, found: Sequence[ResultFacts]) -> str:
    """The change from the first to the last complete total, and whether the target is met, with its rule."""
    totals = [result.total for result in found if result.is_complete and result.total is not None]
    if not totals:
        return f"No complete {label} total yet."
    if len(totals) == 1:
        return f"One complete total: {totals[0]}."
    change = change_pct(totals[0], totals[-1])
    moved = "" if change is None else f" ({formats.percent(change)})"
    if name not in TARGETS:
        return f"{totals[0]} → {totals[-1]}{moved}."
    judged = evaluate(DEFINITIONS["target_met"], name, totals[0], totals[-1])
    return f"{totals[0]} → {totals[-1]}{moved}. {judged.sentence}"


def _answers(visit: Visit, facts: PatientFacts, name: str) -> AnswersTable | None:
    shown = with_items(facts.results, name)
    if not shown:
        return None
    instrument = _for_staff(name)
    columns = [facts.answers.get(result.run_id, {}) for result in shown]
    return AnswersTable(
        instrument=words.instrument(name),
        stem=instrument.stem,
        columns=tuple(formats.day(_day(visit, result)) for result in shown),
        rows=tuple(_rows(instrument, columns)),
        totals=tuple(total_text(result) for result in shown),
        credit=instrument.credit,
    )


def _rows(instrument: Instrument, columns: Sequence[dict[int, int | None]]) -> Iterable[AnswerRow]:
    """Unscored items stand in the table only where they were asked."""
    for item in instrument.items:
        if not item.scored and not any(item.number in answered for answered in columns):
            continue
        given = tuple(_answer(item, answered) for answered in columns)
        positive = item.risk and any((answered.get(item.number) or 0) > 0 for answered in columns)
        yield AnswerRow(item.number, item.text, given, positive)


def _answer(item: Item, answered: dict[int, int | None]) -> str:
    """Points, or the words of a question that gives none."""
    if item.number not in answered:
        return ""
    value = answered[item.number]
    if value is None:
        return "declined"
    return str(value) if item.scored else item.choice(value).label
