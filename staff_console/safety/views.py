"""The safety list, oldest first, and one event with the step that is due.

Posts, each under `/safety/{event_id}`: `/acknowledge`, `/attempts` (channel, outcome, note), `/assessment`
(tool, answer_<field>, level, level_reason, findings, mitigation), `/steps` (step, who, at, note), `/decisions` (about,
go, basis, reason), `/tier` (tier, reason), `/where` (where), `/disposition` (disposition, next_contact_on, next_contact_at, next_contact_mode, note),
`/notes` (note), `/close` (confirm, note). Nothing is done in bulk and nothing closes by itself.
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import Tone

Step = Literal["acknowledge", "attempt", "assess", "dispose", "confirm", "closed"]
Other = Literal["attempt", "assess", "step", "decide", "dispose", "lower", "note"]


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


class ToolField(Struct, frozen=True):
    """One question of a tool. `name` is the form's field."""

    name: str
    label: str
    kind: Literal["choice", "text"]
    choices: tuple[Choice, ...]
    required: bool


class Tool(Struct, frozen=True):
    """`fields` is empty for an assessment on paper."""

    id: str
    title: str
    fields: tuple[ToolField, ...]


class AssessmentCard(Struct, frozen=True):
    """`answers` in the words of the tool, as far as it is still known here."""

    at: Moment
    by: str
    tool: str
    level: str
    suggested: str
    level_reason: str
    mitigation: str
    answers: tuple[Fact, ...]


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
    assess_with: tuple[Tool, ...] = ()
    assessments: tuple[AssessmentCard, ...] = ()
    safety_steps: tuple[Choice, ...] = ()
    decisions: tuple[Choice, ...] = ()
    bases: tuple[Choice, ...] = ()
    lower_tiers: tuple[Choice, ...] = ()
    missing: tuple[str, ...] = ()
    ways: tuple[Choice, ...] = (Choice("yes", "For it"), Choice("no", "Against it"))

    def other_tools(self, form: FormState) -> tuple[tuple[Tool, FormState], ...]:
        """The tools besides the one of `form`, each with a form of its own."""
        mine = form.value("tool") or next(iter(tool.id for tool in self.assess_with), "")
        return tuple(
            (tool, FormState(f"{form.id}-{tool.id}")) for tool in self.assess_with if tool.id != mine
        )


class PlanPart(Struct, frozen=True):
    label: str
    lines: tuple[str, ...]


class CallPage(Struct, frozen=True):
    """Template `safety/call.html`: one column for a phone. `where` is what the patient last said, with its time."""

    event_id: str
    patient: str
    code: str
    tier: int
    trigger: str
    age: str
    clock: str
    late: bool
    taken_by: str
    may_take: bool
    open: bool
    drill: bool
    dials: tuple[Fact, ...]
    address: tuple[str, ...]
    where: tuple[LogLine, ...]
    form: FormState
    attempt: FormState
    channels: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    plan: tuple[PlanPart, ...]
    plan_of: str
    note: str = ""


class SlotLine(Struct, frozen=True):
    slot: str
    drills: str
    passed: str
    to_acknowledge: str
    to_contact: str
    last: str
    overdue: bool


class DrillRow(Struct, frozen=True):
    href: str
    code: str
    started: Moment
    slot: str
    origin: str
    by: str
    to_acknowledge: str
    to_contact: str
    state: str
    tone: Tone


class DrillsPage(Struct, frozen=True):
    """Template `safety/drills.html`. `scheduled` says what the schedule asks, or why there is none."""

    since: Day
    until: Day
    slots: tuple[SlotLine, ...]
    drills: tuple[DrillRow, ...]
    scheduled: str
    may_schedule: bool
    start: FormState
    form: FormState
    slot_choices: tuple[Choice, ...]
