"""The safety list, oldest first, and one event with the step that is due.

Posts, each under `/safety/{event_id}`: `/acknowledge`, `/attempts` (channel, outcome, note), `/assessment`
(tool, level, findings), `/disposition` (disposition, next_contact_on, next_contact_at, next_contact_mode, note),
`/notes` (note), `/close` (confirm, note). Nothing is done in bulk and nothing closes by itself.
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import Tone

Step = Literal["acknowledge", "attempt", "assess", "dispose", "confirm", "closed"]
Other = Literal["attempt", "assess", "dispose", "note"]


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
    """Template `safety/safety.html`. `alerted` says whom alerts reach, `gap` warns when they reach nobody."""

    as_of: Moment
    open: tuple[EventLine, ...]
    closed: tuple[EventLine, ...]
    alerted: str
    gap: str
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
    """Template `safety/event.html`. `form` belongs to `step`, `others` are the forms of further steps that are
    possible now, as `note`; `may_close` is False for the person who acknowledged or decided a tier 2 or 3 event, with
    the reason in `may_not_close`. `has_patient` False: an unknown number wrote, so no next contact is asked."""

    event_id: str
    patient: str
    patient_href: str
    born: Day | None
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
    modes: tuple[Choice, ...]
    contacts: tuple[Fact, ...]
    may_close: bool = True
    may_not_close: str = ""
    drill: bool = False
    others: tuple[tuple[Other, FormState], ...] = ()
    has_patient: bool = True
    zone: str = ""
