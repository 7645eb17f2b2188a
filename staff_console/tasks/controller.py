"""Tasks: take one, say what came of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response

from kernel.errors import DomainError
from kernel.web import access, forms
from kernel.web.access import CLINICAL
from kernel.web.context import WebRequest
from messaging.conversation import thread
from registry.worklist import queries, service
from registry.worklist.queries import TaskFilter
from staff_console.deps import ConsoleDeps
from staff_console.formstate import FormState
from staff_console.pages import View, Visit, query, read_again, said, show, submit
from staff_console.shell import Flash
from staff_console.tasks import presenter
from staff_console.tasks.forms import LABELS, DoneForm, TasksQuery

Console = NamedDependency[ConsoleDeps]
LINES: Final = 30


@get("/tasks", opt=access.staff(*CLINICAL))
async def tasks_page(request: WebRequest, console: Console) -> Response[str]:
    asked = query(request, TasksQuery)
    return await show(request, console, lambda visit: _page(visit, asked))


@post("/tasks/{task_id:uuid}/take", opt=access.staff(*CLINICAL))
async def take(request: WebRequest, console: Console, task_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        await service.take_task(visit.tx, visit.actor, task_id, visit.now)
        return said("/tasks", "task_taken")

    return await submit(request, console, do, lambda visit, error: _again(visit, task_id, error))


@post("/tasks/{task_id:uuid}/done", opt=access.staff(*CLINICAL))
async def done(request: WebRequest, console: Console, task_id: FromPath[UUID]) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, DoneForm)
        await service.close_task(visit.tx, visit.actor, task_id, form.outcome, visit.now)
        return said("/tasks", "task_done")

    return await submit(request, console, do, lambda visit, error: _again(visit, task_id, error))


async def _again(visit: Visit, task_id: UUID, error: DomainError) -> View:
    form = await read_again(visit, f"task-{task_id}", error, LABELS)
    return await _page(visit, TasksQuery(view="all"), (task_id, form), error.message)


async def _page(
    visit: Visit, asked: TasksQuery, refused: tuple[UUID, FormState] | None = None, problem: str = ""
) -> View:
    wanted = TaskFilter(mine=asked.view == "mine", replies=asked.view == "replies", done=asked.view == "done")
    found = await queries.tasks(visit.tx, visit.actor, wanted, asked.after, LINES, now=visit.now)
    texts = [line.ref_id for line in found.tasks if line.ref_kind == "inbound_message" and line.ref_id]
    bodies = await thread.received_texts(visit.tx, visit.actor, texts, now=visit.now)
    flashes = _gone(found.tasks, refused, problem)
    return View("tasks/tasks.html", presenter.page(visit, asked, found, bodies, refused), "tasks", flashes)


def _gone(
    lines: tuple[queries.TaskLine, ...], refused: tuple[UUID, FormState] | None, problem: str
) -> tuple[Flash, ...]:
    """A task that is no longer in the list can't carry its own error."""
    if refused is None or any(line.id == refused[0] for line in lines):
        return ()
    return (Flash("problem", f"{problem[:1].upper()}{problem[1:]}."),)


ROUTES: Final = [tasks_page, take, done]
