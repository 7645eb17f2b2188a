"""Registry rows out of the stored lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.statement.near import NextLine
from registry.flags.thresholds import Thresholds
from registry.flags.words import explain
from registry.worklist.beside import COUNTED_TO, Beside
from registry.worklist.queries import Line, Page
from registry.worklist.rules import RULE_FLAGS
from staff_console import charts, formats, marks, people, words
from staff_console.formstate import Choice, FormState, filled
from staff_console.marks import CheckInKind, CheckInPill, Item9, ScoreCell
from staff_console.pages import Visit, link
from staff_console.registry.forms import (
    CHECK_IN_CHOICES,
    DUE_CHOICES,
    FLAG_CHOICES,
    SORTS,
    STATUS_CHOICES,
    RegistryQuery,
)
from staff_console.registry.views import (
    LABELS,
    Column,
    Filters,
    NextAction,
    Pager,
    RegistryPage,
    RegistryRow,
    SavedView,
    Sort,
)
from staff_console.shell import TimerStart
from staff_console.time.presets import preset

ORDERS: Final = {
    "": "Safety first, then discuss, then the longest overdue, then by name",
    "patient": "By name",
    "phq9": "By last PHQ-9",
    "last_contact": "By last contact",
    "next_action": "By next contact",
}
CHECK_INS: Final[Mapping[str, CheckInKind]] = {
    "scheduled": "scheduled",
    "invited": "sent",
    "in_progress": "partial",
    "completed": "done",
    "portal_completed": "done",
    "declined": "declined",
    "missed": "no_answer",
    "partial_expired": "no_answer",
    "opted_out": "opted_out",
}
PHQ9_MAX, TARGET = 27, 10


class Around(msgspec.Struct, frozen=True):
    """`numbers` are the clinic's, for the sentence that explains a chosen flag; `refused` a view not saved."""

    beside: Beside
    billed: Mapping[UUID, NextLine]
    numbers: Thresholds
    refused: FormState | None = None


def page(visit: Visit, asked: RegistryQuery, found: Page, around: Around) -> RegistryPage:
    beside = around.beside
    kept = {name: value for name, value in asked.fields().items() if value}
    return RegistryPage(
        as_of=visit.at(visit.now),
        columns=tuple(_column(asked, key, label) for key, label in LABELS),
        rows=tuple(row(visit, line, around.billed.get(line.episode_id)) for line in found.lines),
        filters=_filters(asked, beside.managers, around.numbers),
        views=_views(asked, beside),
        pager=_pager(asked, found),
        order_text=ORDERS[asked.column] + (", highest first" if asked.descending else ""),
        view_form=around.refused or FormState("view"),
        view_fields=kept,
        covering=", ".join(beside.covering.values()),
        export_href=link("/registry/export", **kept),
        print_href=link("/registry/print", **kept),
        start=TimerStart("", preset("/registry", visit.actor.roles), link("/registry", **_here(asked))),
        enrol_href="/enrol" if visit.actor.has("care_manager", "clinician", "clinic_lead") else "",
    )


def _here(asked: RegistryQuery) -> dict[str, str]:
    return asked.fields(after="" if asked.after is None else str(asked.after))


def row(visit: Visit, line: Line, billed: NextLine | None) -> RegistryRow:
    return RegistryRow(
        patient_id=str(line.patient_id),
        href=people.patient_href(line.patient_id),
        name=people.name(line.family_name, line.given_name),
        mrn=line.mrn or "no MRN",
        status=words.shown(words.STATUSES, line.status).lower(),
        weeks="" if line.enrolled_on is None else str((visit.today - line.enrolled_on).days // 7),
        flags=people.flags(visit, line),
        phq9=_phq9(visit, line),
        gad7=_gad7(visit, line),
        others=tuple(_other(score) for score in line.other_scores or ()),
        check_in=check_in(visit, line),
        last_contact=None if line.last_contact_at is None else visit.at(line.last_contact_at).day,
        contacts=str(line.contacts),
        next_action=_next(visit, line),
        last_review=None if line.last_review_at is None else visit.at(line.last_review_at).day,
        review_late=any(result["rule"] == "R-REVIEW" and result["outcome"] == "met" for result in line.rules),
        minutes=minutes_bar(billed),
        id=str(line.episode_id),
        timing=visit.frame.timer is not None and visit.frame.timer.patient_id == line.patient_id,
    )


def _other(score: Mapping[str, Any]) -> str:
    """`SLEEP3 6 → 2`: instruments beside the two that have columns are named by their short id."""
    label, first, last = words.instrument(score["instrument"]), score["first"], score["last"]
    return f"{label} {last}" if first == last else f"{label} {first} → {last}"


def check_in(visit: Visit, line: Line) -> CheckInPill:
    if line.opted_out:
        return marks.check_in_pill("opted_out")
    kind = CHECK_INS.get(line.check_in_state or "", "none")
    at = "" if line.check_in_at is None else _short(visit, line.check_in_at)
    if kind in ("none", "done") and line.next_check_in_on is not None:
        if kind == "none":
            return marks.check_in_pill("scheduled", formats.short_day(line.next_check_in_on))
        return marks.check_in_pill("done", at)
    return marks.check_in_pill(kind, at, line.no_answer_count if kind == "no_answer" else 0)


def minutes_bar(billed: NextLine | None) -> charts.MinutesBar | None:
    if billed is None:
        return None
    if billed.undecided:
        return charts.MinutesBar(f"{billed.minutes} min: month type to decide", 0.0, (), False)
    return charts.minutes_bar(billed.minutes, billed.line, billed.next_at, billed.thresholds)


def _phq9(visit: Visit, line: Line) -> ScoreCell | None:
    if line.phq9_last is None and line.phq9_item9 is None:
        return None
    state, text = item9(line.phq9_item9)
    series = [int(total) for total in line.phq9_series]
    cell = _score("PHQ-9", line.phq9_first, line.phq9_last, line.phq9_change_pct, once=len(series) < 2)
    return msgspec.structs.replace(
        cell,
        last_on=None if line.phq9_last_at is None else visit.at(line.phq9_last_at).day,
        item9=state,
        item9_text=text,
        spark=charts.sparkline("PHQ-9", series, PHQ9_MAX, TARGET) if len(series) > 1 else None,
    )


def _gad7(visit: Visit, line: Line) -> ScoreCell | None:
    if line.gad7_last is None:
        return None
    # The stored line doesn't say whether an unchanged total was taken once or twice.
    cell = _score(
        "GAD-7", line.gad7_first, line.gad7_last, line.gad7_change_pct, once=line.gad7_first == line.gad7_last
    )
    return msgspec.structs.replace(
        cell, last_on=None if line.gad7_last_at is None else visit.at(line.gad7_last_at).day
    )


def _score(label: str, first: int | None, last: int | None, change: int | None, *, once: bool) -> ScoreCell:
    """A single total has nothing to be compared with."""
    return ScoreCell(
        instrument=label,
        first="" if first is None or once else str(first),
        last="" if last is None else str(last),
        change="" if change is None or once else formats.percent(change),
        change_tone=marks.change_tone(change),
        last_tone="quiet" if last is None else marks.severity_tone(last),
        last_on=None,
    )


def item9(stored: str | None) -> tuple[Item9, str]:
    """Item 9 of the newest form. An answer of 0 shows nothing, which says nothing about risk."""
    match stored:
        case None:
            return "not_asked", ""
        case "1" | "2" | "3":
            return "positive", marks.item9_words("positive", int(stored))
        case "0":
            return "zero", ""
        case "declined":
            return "missing", "Item 9 declined"
        case "not_asked":
            return "not_asked", ""
        case _:
            return "missing", marks.item9_words("missing")


def _next(visit: Visit, line: Line) -> NextAction:
    if line.next_contact_at is None and line.hold_review_on is not None:
        late = (visit.today - line.hold_review_on).days
        late_by = f"{words.count(late, 'day', 'days')} late" if late > 0 else ""
        return NextAction("Look again", formats.day(line.hold_review_on), late_by)
    if line.next_contact_at is None:
        return NextAction("Enrol" if line.status == "referred" else "Nothing planned", None)
    shown = visit.at(line.next_contact_at)
    late = (visit.today - date.fromisoformat(shown.day.iso)).days
    mode = words.shown(words.CONTACT_MODES, line.next_contact_mode) or "Contact"
    late_by = f"{words.count(late, 'day', 'days')} late" if line.overdue else ""
    return NextAction(f"{mode} at {shown.time}", shown.day, late_by)


def _column(asked: RegistryQuery, key: str, label: str) -> Column:
    if key == "flags":
        return Column(
            key, label, link("/registry", **asked.fields(sort="")), "ascending" if not asked.sort else "none"
        )
    if key not in SORTS:
        return Column(key, label)
    chosen = asked.column == key
    turned = f"-{key}" if chosen and not asked.descending else key
    sort: Sort = "none" if not chosen else "descending" if asked.descending else "ascending"
    return Column(key, label, link("/registry", **asked.fields(sort=turned)), sort)


def _filters(asked: RegistryQuery, managers: Mapping[UUID, str], numbers: Thresholds) -> Filters:
    caseloads = {"mine": "My patients", "clinic": "Whole clinic"}
    others = {str(staff_id): name for staff_id, name in managers.items()}
    active = sum(bool(value) for value in (asked.status, asked.flag, asked.check_in, asked.due)) + (
        asked.caseload in others
    )
    return Filters(
        form=filled(
            "filters",
            caseload=asked.caseload,
            status=asked.status,
            flag=asked.flag,
            check_in=asked.check_in,
            due=asked.due,
        ),
        caseloads=words.choices(caseloads | others),
        statuses=words.choices(STATUS_CHOICES),
        flags=words.choices(FLAG_CHOICES),
        check_ins=tuple(Choice(value, label) for value, label in CHECK_IN_CHOICES.items()),
        dues=words.choices(DUE_CHOICES),
        active=active,
        sort=asked.sort,
        rule_text=_rule_text(asked.flag, numbers),
    )


def _rule_text(flag: str, numbers: Thresholds) -> str:
    rules = RULE_FLAGS.get(flag, ())  # type: ignore[call-overload]
    return " ".join(f"{rule}: {explain(rule, numbers)}" for rule in rules)


def _views(asked: RegistryQuery, beside: Beside) -> tuple[SavedView, ...]:
    """Whose patients comes first; the others keep the caseload that is chosen, and count it."""
    chosen = asked.caseload
    wanted = (
        ("My patients", RegistryQuery(), "mine"),
        ("Whole clinic", RegistryQuery(caseload="clinic"), "clinic"),
        ("Contacts today", RegistryQuery(caseload=chosen, due="today", sort="next_action"), "today"),
        *(
            (label, RegistryQuery(caseload=chosen, flag=flag), flag)
            for label, flag in (
                ("Safety", "safety"),
                ("Discuss", "discuss"),
                ("Overdue", "overdue"),
                ("No next contact", "nothing_planned"),
                ("Not improving", "not_improving"),
            )
        ),
    )
    here = asked.fields()
    everybodys = [
        _view(label, view.fields(), here, beside.counts.get(count)) for label, view, count in wanted
    ]
    own = [
        _view(view.name, view.query, here, None, f"/registry/views/{view.id}/delete") for view in beside.views
    ]
    return (*everybodys, *own)


def _view(
    label: str, fields: Mapping[str, str], here: Mapping[str, str], count: int | None, delete: str = ""
) -> SavedView:
    shown = None if count is None else f"{COUNTED_TO - 1}+" if count >= COUNTED_TO else str(count)
    return SavedView(label, link("/registry", **fields), shown, dict(fields) == dict(here), delete)


def _pager(asked: RegistryQuery, found: Page) -> Pager:
    return Pager(
        shown=words.count(len(found.lines), "patient on this page", "patients on this page"),
        previous_href=link("/registry", **asked.fields()) if asked.after is not None else "",
        next_href="" if found.next is None else link("/registry", **asked.fields(after=str(found.next))),
    )


def _short(visit: Visit, moment: datetime) -> str:
    return formats.short_day(moment.astimezone(visit.zone).date())
