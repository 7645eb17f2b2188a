"""People who leave or change: what they hold, and who takes it over.

Posts, each under `/setup/people/{staff_id}`: `/handover` (to_id, duties, note, introduce), `/timer` (decision, minutes,
reason), `/deactivate` (confirm).
"""

from msgspec import Struct

from staff_console.formats import Moment
from staff_console.formstate import Choice, FormState


class PersonPage(Struct, frozen=True):
    """Template `handover/person.html`. `held` are sentences; `duties` what can be handed over; `timer` a running one in words."""

    name: str
    action: str
    active: bool
    held: tuple[str, ...]
    duties: tuple[Choice, ...]
    colleagues: tuple[Choice, ...]
    form: FormState
    timer: str
    timer_form: FormState
    reasons: tuple[Choice, ...]
    may_settle: bool
    close_form: FormState
    may_hand_over: bool
    may_close: bool


class NoteLine(Struct, frozen=True):
    at: Moment
    who: str
    note: str
    moved: str


class NotesPage(Struct, frozen=True):
    """Template `handover/notes.html`."""

    notes: tuple[NoteLine, ...]
