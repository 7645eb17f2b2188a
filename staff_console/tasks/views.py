"""What waits for a person. Template `tasks/tasks.html`. Posts: `/tasks/{id}/done` (outcome), `/tasks/{id}/take`."""

from msgspec import Struct

from staff_console.formats import Day
from staff_console.formstate import Choice, FormState
from staff_console.marks import Shape, Tone
from staff_console.registry.views import Pager, SavedView


class TaskLine(Struct, frozen=True):
    """`why` is the rule or event that made the task; `body` quotes a text that waits for an answer. `form` is empty
    of values but for a refused try; `by_hand` False: it closes with what it is about, where `patient_href` leads."""

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
    form: FormState
    body: str = ""
    mine: bool = False
    by_hand: bool = True
    done: str = ""


class TasksPage(Struct, frozen=True):
    tasks: tuple[TaskLine, ...]
    views: tuple[SavedView, ...]
    pager: Pager
    outcomes: tuple[Choice, ...]
    empty_text: str
