"""Everything about one patient's episode. Template `patient/patient.html`.

Posts, each under `/patients/{patient_id}`: `/texts` (body), `/texts/read`, `/time` (on, at, minutes, activity, note),
`/next-contact` (on, at, mode, purpose, version), `/check-ins` (every_days, anchor_on, local_time, version), `/discuss`
(on), `/treatment-changes/{change}/withdraw` (reason). A draft of the reply posts to `/texts/draft`.
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
    born: Day | None
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
    `preview` names the number's ending and the sending rule; `segment_length` is the length of one text and
    `longest` that of what may be sent."""

    form: FormState
    preview: str
    segment_length: int = 160
    longest: int = 480
    blocked: str = ""


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
    bar: MinutesBar | None
    counted: str
    not_counted: str
    lines: tuple[TimeLine, ...]
    form: FormState
    activities: tuple[Choice, ...]
    rule_set: str
    zone: str
    may_log: bool = True
    modalities: tuple[Choice, ...] = ()
    coverage_href: str = ""


class NextPanel(Struct, frozen=True):
    """What comes next: the contact and the check-ins, each with the form that changes it. `contact` and `check_ins`
    are the present state in words; `missing` says what keeps the patient without a next step. `enrol_href` completes
    a referral. Forms are shown to people who may post them."""

    contact: str
    purpose: str
    late: str
    check_ins: str
    next_check_in: str
    missing: str
    zone: str
    contact_form: FormState
    modes: tuple[Choice, ...]
    plan_form: FormState
    cadences: tuple[Choice, ...]
    discuss: bool
    enrol_href: str = ""
    may_set_contact: bool = True
    may_set_plan: bool = True
    may_mark: bool = True


class TreatmentChange(Struct, frozen=True):
    """`withdraw_href` takes a reason and is empty for those who may not withdraw it; `form` is that form."""

    number: int
    on: Day
    text: str
    withdraw_href: str = ""
    form: FormState | None = None


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
    lines: tuple[str, ...] = ()


class AdviceLine(Struct, frozen=True):
    """A recommendation: `stage` in words, since when (`waited`), and whose `turn` it is to do what."""

    href: str
    what: str
    stage: str
    waited: str
    late: bool
    turn: str


class ContactEntry(Struct, frozen=True):
    """`unfiled`: the copy for the EHR is not ticked yet; `changed`: it was, and the note was amended since."""

    at: Moment
    title: str
    detail: str
    who: str
    href: str
    unfiled: bool
    changed: bool = False


class LinkGroup(Struct, frozen=True):
    """Labels with their addresses, under a heading."""

    title: str
    links: tuple[tuple[str, str], ...]


class CarePanel(Struct, frozen=True):
    """Contacts and the ways to record one, offered to people who may; `links` lead to the plans and other pages.
    `notice` is what needs a decision."""

    contacts: tuple[ContactEntry, ...]
    unfiled: int
    may_record: bool
    links: tuple[LinkGroup, ...]
    notice: str = ""
    notice_href: str = ""


class EmailPart(Struct, frozen=True):
    """The address for links by e-mail; `stands` while the patient agrees to it. Posts `email` (address, said)."""

    form: FormState
    address: str
    state: str
    stands: bool


class PatientPage(Struct, frozen=True):
    """`unread` counts texts that wait for a person to read them."""

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
    next: NextPanel
    time: TimePanel
    consents: tuple[ConsentLine, ...]
    timeline: tuple[TimelineEvent, ...]
    team: tuple[tuple[str, str], ...]
    care: CarePanel
    advice: tuple[AdviceLine, ...] = ()
    older_texts_href: str = ""
    unread: int = 0
    email: EmailPart | None = None
    may_change_texting: bool = False
    number: str = ""  # that a confirmation is about
