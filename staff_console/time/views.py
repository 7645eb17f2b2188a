"""The signed-in person's own time log. Template `time/time.html`.

Posts: `/time/{id}` (on, at, minutes, activity, reason) to correct an entry, `/time/{id}/void` (reason), `/time/{id}/undo`
within seconds of saving.
"""

from msgspec import Struct

from staff_console.formats import Day
from staff_console.formstate import Choice, FormState


class EntryLine(Struct, frozen=True):
    """`corrected` quotes what stood before, with the reason; `counts` is `12 of 15 min`."""

    id: str
    patient: str
    patient_href: str
    started: str
    activity: str
    minutes: str
    counts: str
    not_counted: str = ""
    corrected: str = ""
    late: bool = False


class EntryDay(Struct, frozen=True):
    day: Day
    total: str
    entries: tuple[EntryLine, ...]


class Editing(Struct, frozen=True):
    """The entry whose correction is open; `void_form` takes it out altogether."""

    id: str
    title: str
    patient: str
    form: FormState
    void_form: FormState


class TimePage(Struct, frozen=True):
    month_text: str
    zone: str
    days: tuple[EntryDay, ...]
    totals: tuple[tuple[str, str], ...]
    activities: tuple[Choice, ...]
    editing: Editing | None = None
    previous_href: str = ""
    next_href: str = ""


class TimerPage(Struct, frozen=True):
    """The running timer itself stands in the frame of every page; this page stops it otherwise, or drops it.
    Template `time/timer.html`."""

    form: FormState
    activities: tuple[Choice, ...]
