"""The safety list, oldest first, and one event with the step that is due.

Posts, each under `/safety/{event_id}`: `/acknowledge`, `/attempts` (channel, outcome, note), `/assessment`
(tool, level, findings), `/disposition` (disposition, actions, next_contact_on, next_contact_at, note), `/close`
(confirm, note). Nothing is done in bulk and nothing closes by itself.
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import Tone

Step = Literal["acknowledge", "attempt", "assess", "dispose", "confirm", "closed"]


class EventLine(Struct, frozen=True):
    """`clock` is what the policy asks next and by when; `state` the step in words."""

    href: str
    patient: str
    mrn: str
    trigger: str
    tier: int
    opened: Moment
    age: str
    clock: str
    late: bool
    owner: str
    state: str
    drill: bool = False


class SafetyPage(Struct, frozen=True):
    """Template `safety/safety.html`. `on_call` is who is paged now, `gap` a warning when nobody is."""

    as_of: Moment
    open: tuple[EventLine, ...]
    closed: tuple[EventLine, ...]
    on_call: str
    gap: str
    last_drill: str
    policy: str


class Fact(Struct, frozen=True):
    label: str
    text: str
    href: str = ""


class LogLine(Struct, frozen=True):
    """Append-only history: alerts sent and their delivery, silences, attempts, assessments, comments."""

    at: Moment
    who: str
    what: str
    detail: str = ""
    tone: Tone = "quiet"


class StepState(Struct, frozen=True):
    label: str
    state: Literal["done", "due", "later"]
    detail: str = ""


class EventPage(Struct, frozen=True):
    """Template `safety/event.html`. `form` belongs to `step`; `may_close` is False for the person who made the
    disposition of a tier 2 or 3 event, with the reason in `may_not_close`."""

    event_id: str
    patient: str
    patient_href: str
    born: Day
    mrn: str
    phone: str
    tier: int
    trigger: str
    opened: Moment
    age: str
    clock: str
    late: bool
    owner: str
    facts: tuple[Fact, ...]
    steps: tuple[StepState, ...]
    step: Step
    form: FormState
    log: tuple[LogLine, ...]
    channels: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    tools: tuple[Choice, ...]
    levels: tuple[Choice, ...]
    dispositions: tuple[Choice, ...]
    actions: tuple[Choice, ...]
    contacts: tuple[Fact, ...]
    may_close: bool = True
    may_not_close: str = ""
    drill: bool = False
