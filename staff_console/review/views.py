"""Case review. Templates `review/reviews.html`, `review/agenda.html`, `review/item.html`, `review/minutes.html`.

Posts: `/review` (on, at, minutes, consultant_id, care_manager_id), `/review/{id}/open`, `/cancel`, `/add` (patient_id),
`/close` (note); `/review/items/{id}/discuss` and `/pass`, two buttons of one form (discussion, people, minutes_{person}, note,
impression, changed, not_today, version, and the fields of a recommendation); `/recommend` for what is recommended after
it; `/review/wording` (body, version).
"""

from msgspec import Struct

from staff_console.charts import Sparkline
from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class MeetingRow(Struct, frozen=True):
    href: str
    at: Moment
    who: str
    state: str
    counts: str


class ReviewsPage(Struct, frozen=True):
    """`wording` is the form of the clinic lead, else None."""

    ahead: tuple[MeetingRow, ...]
    held: tuple[MeetingRow, ...]
    form: FormState
    consultants: tuple[Choice, ...]
    managers: tuple[Choice, ...]
    zone: str
    may_plan: bool
    disclaimer: str
    wording: FormState | None


class AgendaRow(Struct, frozen=True):
    """`beyond`: more than the meeting has time for. `offer_by`: until when one who does not improve is to be offered a place; `late` when that is over."""

    number: int
    href: str
    patient: str
    because: str
    beyond: bool
    offer_by: Day | None
    late: bool
    state: str
    minutes: str


class AgendaGroup(Struct, frozen=True):
    title: str
    rows: tuple[AgendaRow, ...]


class AgendaPage(Struct, frozen=True):
    """`numbers` are the population's, the last point of the agenda. `first_href` leads to the first patient who was
    not discussed yet."""

    title: str
    at: Moment
    who: str
    state: str
    action: str
    groups: tuple[AgendaGroup, ...]
    numbers: tuple[tuple[str, str], ...]
    first_href: str
    close: FormState
    may_act: bool
    note: str
    disclaimer: str


class Fact(Struct, frozen=True):
    """`text` empty: not documented, which the page says in so many words."""

    label: str
    text: str


class Participant(Struct, frozen=True):
    """`minutes` is the name of the field with theirs."""

    value: str
    name: str
    minutes: str


class ItemPage(Struct, frozen=True):
    """`people` are expected to take part, `others` can. `unsaved` is what somebody typed while a colleague saved the
    discussion or closed the meeting: it can be saved no more, and read and copied here."""

    whose: Whose
    position: str
    group: str
    because: str
    agenda_href: str
    previous_href: str
    next_href: str
    facts: tuple[Fact, ...]
    sparks: tuple[Sparkline, ...]
    state: str
    discussed: tuple[Fact, ...]
    copy_href: str
    discuss: FormState | None
    discussions: tuple[Choice, ...]
    people: tuple[Participant, ...]
    others: tuple[Participant, ...]
    others_open: bool
    unsaved: tuple[Fact, ...]
    problem: str
    recommend: FormState | None
    parts: tuple[Choice, ...]
    urgencies: tuple[Choice, ...]
    recipients: tuple[Choice, ...]
    under_way: tuple[tuple[str, str], ...]
    action: str


class MinutesPage(Struct, frozen=True):
    """On paper: agenda before the meeting, minutes after it."""

    at: Moment
    who: str
    state: str
    items: tuple[tuple[str, str, tuple[Fact, ...]], ...]
    note: str
    disclaimer: str
    back: str
