"""Tasks in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from messaging.conversation.thread import ReceivedText
from registry.worklist.task_list import TaskLine as Fact
from registry.worklist.task_list import Tasks, waits_since
from staff_console import formats, people, words
from staff_console.formstate import FormState
from staff_console.marks import Shape, Tone
from staff_console.pages import Visit, link
from staff_console.registry.views import Pager, SavedView
from staff_console.tasks.forms import OUTCOMES, WRITTEN, TasksQuery
from staff_console.tasks.views import TaskLine, TasksPage

VIEWS = (
    ("mine", "Mine and nobody's"),
    ("replies", "Texts to read"),
    ("all", "Whole clinic"),
    ("done", "Done"),
)
RULE = "Made by a rule of the programme."
EMPTY = "Nothing waits for you. New replies and tasks appear here."
WHY = {
    "inbound_message": "A text that came in.",
    "check_in": "A check-in that needs a person.",
    "outbox": "A text of ours and what became of it.",
    "number_stop": "A number that must not be texted.",
    "risk_event": "A safety event.",
    "measure_run": "A questionnaire and its answers.",
}

ASKED: Final = {"today": ": today", "this_week": ": this week"}
# Where a kind of task about a patient is handled, beside the patient's page.
HANDLED_AT: Final[Mapping[str, str]] = {
    "call_and_ask": "/scores?source=phone",
    "unanswered_check_in": "/scores?source=phone",
    "unfiled_note": "#contacts",
    "plan_to_sign": "/plans/care",
    "relapse_plan": "/plans/relapse",
    "closing_proposed": "/closing",
    "after_discharge": "/contact",
    "call_back": "/contact",
}


def task_href(line: Fact) -> str:
    """Where the task is handled."""
    if line.kind == "safety_event" and line.ref_id is not None:
        return f"/safety/{line.ref_id}"
    if line.kind == "recommendation_overdue" and line.ref_id is not None:
        return f"/approvals/{line.ref_id}"
    if line.patient_id is not None and line.kind in HANDLED_AT:
        return f"/patients/{line.patient_id}{HANDLED_AT[line.kind]}"
    if line.patient_id is not None:
        return f"/patients/{line.patient_id}#texts" if line.reply else f"/patients/{line.patient_id}"
    if line.kind == "handover_note":
        return "/handovers"
    if line.kind == "unfiled_months":
        return f"/billing/{line.detail['month']}/copies"
    return f"/tasks?view=all#task-{line.id}"


def page(
    visit: Visit,
    asked: TasksQuery,
    found: Tasks,
    bodies: Mapping[UUID, ReceivedText],
    refused: tuple[UUID, FormState] | None = None,
) -> TasksPage:
    shown = words.count(len(found.tasks), "task on this page", "tasks on this page")
    return TasksPage(
        tasks=tuple(_line(visit, line, bodies, refused) for line in found.tasks),
        views=tuple(
            SavedView(label, link("/tasks", view=view if view != "mine" else ""), None, view == asked.view)
            for view, label in VIEWS
        ),
        pager=Pager(
            shown,
            link("/tasks", view=asked.view) if asked.after is not None else "",
            "" if found.next is None else link("/tasks", view=asked.view, after=str(found.next)),
        ),
        outcomes=words.choices(OUTCOMES),
        empty_text="Nothing was done yet." if asked.view == "done" else EMPTY,
    )


def _line(
    visit: Visit, line: Fact, bodies: Mapping[UUID, ReceivedText], refused: tuple[UUID, FormState] | None
) -> TaskLine:
    shape, tone = _mark(line)
    text = None if line.ref_id is None else bodies.get(line.ref_id)
    mine = refused is not None and refused[0] == line.id
    return TaskLine(
        id=str(line.id),
        kind="Text" if line.reply else "Safety" if line.kind == "safety_event" else "Task",
        shape=shape,
        tone=tone,
        title=line.label + ASKED.get(str(line.detail.get("asked")), ""),
        why=f"From {formats.phone(text.phone)}." if text is not None else WHY.get(line.ref_kind or "", RULE),
        patient=people.name(line.family_name, line.given_name) if line.patient_id else _subject(line),
        patient_href=task_href(line) if line.patient_id or _subject(line) else "",
        waiting=people.age(waits_since(line), line.done_at or visit.now),
        due=None if line.done_at else visit.at(line.due_at).day,
        late=line.late,
        owner=line.owner_name or "Nobody yet",
        form=refused[1] if mine and refused else FormState(f"task-{line.id}"),
        body="" if text is None else text.body,
        mine=line.owner_id == visit.staff_id,
        by_hand=line.by_hand,
        done="" if line.done_at is None else words.shown(WRITTEN, line.outcome).capitalize(),
    )


def _subject(line: Fact) -> str:
    """What a task about no one patient is about, where it has a page."""
    return formats.month_text(line.detail["month"]) if line.kind == "unfiled_months" else ""


def _mark(line: Fact) -> tuple[Shape, Tone]:
    if line.done_at is not None:
        return "check", "good"
    if line.kind == "safety_event":
        return "octagon", "bad"
    if line.late:
        return "clock", "warn"
    return ("circle", "info") if line.reply else ("square", "quiet")
