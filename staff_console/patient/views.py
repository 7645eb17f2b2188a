"""Everything about one patient's episode. Template `patient/patient.html`.

Posts, each under `/patients/{patient_id}`: `/contacts` (mode, outcome, on, at, minutes, note, next_on, next_at,
next_mode, next_topic, discuss), `/texts` (body), `/time` (on, minutes, activity, note), `/plan` (goal, target,
skill, treatment, cadence, next_review_on), `/flags` (kind, on). Drafts of the contact note and the reply post
to `/contacts/draft` and `/texts/draft`. `/timer/start` takes patient_id and activity.
"""

from typing import Literal

from msgspec import Struct

from staff_console.charts import MinutesBar, TrendChart
from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.marks import CheckInPill, Flag, Tone
from staff_console.thread import ThreadDay


class Banner(Struct, frozen=True):
    """Sticky. `risk` is a statement with its date ("Open safety event, tier 2" or "Item 9: 0 on 20-Nov-2026"),
    never a verdict."""

    name: str
    born: Day
    age: str
    mrn: str
    status: str
    language: str
    consent: str
    consent_tone: Tone
    texting: str
    texting_tone: Tone
    risk: str
    risk_tone: Tone
    risk_href: str = ""


class ScoreRow(Struct, frozen=True):
    """`total` is `14`, `≈14` when prorated or `incomplete`; `band` is empty unless complete."""

    on: Day
    instrument: str
    total: str
    band: str
    tone: Tone
    item9: str
    item9_positive: bool
    channel: str
    answers_href: str


class TrendPanel(Struct, frozen=True):
    """A chart and the table beside it; `summary` is the change in words with its rule. `item9` shows that
    column, for instruments that have the item."""

    chart: TrendChart
    rows: tuple[ScoreRow, ...]
    summary: str
    item9: bool = False


class AnswerRow(Struct, frozen=True):
    """One item and its answer in each shown administration, newest first; "" where unanswered."""

    number: int
    text: str
    answers: tuple[str, ...]
    emphasised: bool = False


class AnswersTable(Struct, frozen=True):
    instrument: str
    stem: str
    columns: tuple[Day, ...]
    rows: tuple[AnswerRow, ...]
    totals: tuple[str, ...]
    credit: str = ""


class ReplyForm(Struct, frozen=True):
    """`blocked` says why no text can be sent ("Opted out of texts on 12-Nov-2026"), empty when one can.
    `preview` names the number's ending and the sending rule; `segment_length` is the length of one text."""

    form: FormState
    preview: str
    segment_length: int = 160
    blocked: str = ""


class ContactForm(Struct, frozen=True):
    form: FormState
    modes: tuple[Choice, ...]
    outcomes: tuple[Choice, ...]
    next_modes: tuple[Choice, ...]
    template_note: str
    zone: str


class TimeLine(Struct, frozen=True):
    """`not_counted` is the reason in words, empty when every minute counts."""

    id: str
    on: Day
    who: str
    activity: str
    minutes: str
    note: str
    not_counted: str = ""
    edit_href: str = ""


class TimePanel(Struct, frozen=True):
    month: str
    bar: MinutesBar
    counted: str
    not_counted: str
    lines: tuple[TimeLine, ...]
    form: FormState
    activities: tuple[Choice, ...]
    rule_set: str


class PlanPanel(Struct, frozen=True):
    """`signed` is the clinician's sign-off in words; `changes` the numbered treatment changes of the chart."""

    version: str
    goal: str
    target: str
    skill: str
    treatment: str
    cadence: str
    next_contact: str
    next_review: str
    signed: str
    signed_tone: Tone
    form: FormState
    cadences: tuple[Choice, ...]


class TreatmentChange(Struct, frozen=True):
    number: int
    on: Day
    text: str


class ConsentLine(Struct, frozen=True):
    """One purpose: collaborative care, link texts, item texts, voicemail, other people."""

    purpose: str
    state: str
    tone: Tone
    detail: str


class TimelineEvent(Struct, frozen=True):
    kind: Literal["text", "score", "contact", "review", "change", "safety", "plan", "consent"]
    at: Moment
    title: str
    detail: str
    who: str
    href: str = ""


class PatientPage(Struct, frozen=True):
    patient_id: str
    banner: Banner
    flags: tuple[Flag, ...]
    check_in: CheckInPill
    trends: tuple[TrendPanel, ...]
    changes: tuple[TreatmentChange, ...]
    answers: tuple[AnswersTable, ...]
    thread: tuple[ThreadDay, ...]
    thread_zone: str
    reply: ReplyForm
    contact: ContactForm
    time: TimePanel
    plan: PlanPanel
    consents: tuple[ConsentLine, ...]
    timeline: tuple[TimelineEvent, ...]
    team: tuple[tuple[str, str], ...]
    timer_runs: bool = False
    older_texts_href: str = ""
