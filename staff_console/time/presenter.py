"""A person's month of work, by day."""

from __future__ import annotations

from itertools import groupby

import msgspec

from registry.time_log import activities
from registry.time_log.own import OwnEntry, OwnMonth
from registry.time_log.rules import Month
from staff_console import formats, people
from staff_console.formats import Day
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit, link
from staff_console.patient.presenter import loggable, minutes, reasons
from staff_console.time.views import Editing, EntryDay, EntryLine, TimePage


def page(visit: Visit, found: OwnMonth, editing: Editing | None = None, also: str = "") -> TimePage:
    """`also` is the activity of the entry that is edited, offered even if the person's roles no longer log it."""
    missed = found.logged_seconds - found.counted_seconds
    this = Month.of(visit.today)
    return TimePage(
        month_text=formats.month_text(str(found.month)),
        zone=visit.at(visit.now).zone,
        days=tuple(_days(visit, found)),
        totals=(
            ("Logged", hours(found.logged_seconds)),
            ("Counted", hours(found.counted_seconds)),
            ("Not counted", hours(missed)),
        ),
        activities=_activities(visit, also),
        editing=editing,
        previous_href=link("/time", month=str(found.month.plus(-1))),
        next_href=link("/time", month=str(found.month.plus(1))) if found.month < this else "",
    )


def editing(
    visit: Visit, entry: OwnEntry, form: FormState | None = None, void_form: FormState | None = None
) -> Editing:
    local = entry.started_at.astimezone(visit.zone)
    started = visit.at(entry.started_at)
    start = filled(
        "edit",
        on=local.date().isoformat(),
        at=f"{local:%H:%M}",
        minutes=f"{entry.seconds / 60:g}",
        activity=entry.activity,
    )
    return Editing(
        id=str(entry.id),
        title=f"Correct the entry of {started.day.text} {started.time}",
        patient=people.name(entry.family_name, entry.given_name),
        form=start if form is None else msgspec.structs.replace(form, values=form.values or start.values),
        void_form=void_form or FormState("void"),
    )


def hours(seconds: int) -> str:
    whole = seconds // 60
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d} min"


def _days(visit: Visit, found: OwnMonth) -> list[EntryDay]:
    def day_of(entry: OwnEntry) -> Day:
        return visit.at(entry.started_at).day

    days = []
    for day, grouped in groupby(found.entries, key=day_of):
        entries = list(grouped)
        total = hours(sum(entry.seconds for entry in entries))
        days.append(EntryDay(day, total, tuple(_line(visit, entry) for entry in entries)))
    return days


def _line(visit: Visit, entry: OwnEntry) -> EntryLine:
    corrected = ""
    if entry.before_seconds is not None:
        corrected = f"was {minutes(entry.before_seconds)}: {entry.reason or ''}"
    return EntryLine(
        id=str(entry.id),
        patient=people.name(entry.family_name, entry.given_name),
        patient_href=people.patient_href(entry.patient_id),
        started=visit.at(entry.started_at).time,
        activity=entry.activity_label,
        minutes=minutes(entry.seconds),
        counts=f"{minutes(entry.counted_seconds)} of {minutes(entry.seconds)} min",
        not_counted=reasons(entry.why_not),
        corrected=corrected,
        late=entry.late,
    )


def _activities(visit: Visit, also: str) -> tuple[Choice, ...]:
    offered = loggable(visit)
    known = activities.find(also)
    if known is None or any(choice.value == also for choice in offered):
        return offered
    return (*offered, Choice(known.id, known.label))
