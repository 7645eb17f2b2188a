"""What waits for a person. Template `tasks/tasks.html`. Posts: `/tasks/{id}/done` (note), `/tasks/{id}/take`."""

from msgspec import Struct

from staff_console.formats import Day
from staff_console.marks import Shape, Tone
from staff_console.registry.views import Pager, SavedView


class TaskLine(Struct, frozen=True):
    """`why` is the rule or event that made the task; `body` quotes a text that waits for an answer."""

    id: str
    kind: str
    shape: Shape
    tone: Tone
    title: str
    why: str
    patient: str
    patient_href: str
    waiting: str
    due: Day | None
    late: bool
    owner: str
    body: str = ""
    mine: bool = False


class TasksPage(Struct, frozen=True):
    tasks: tuple[TaskLine, ...]
    views: tuple[SavedView, ...]
    pager: Pager
    empty_text: str = "Nothing waits for you. New replies and approvals appear here."
