"""The signed-in person's own time log. Template `time/time.html`.

Posts: `/time/{id}` (minutes, activity, on, reason) to correct an entry, `/time/{id}/void` (reason).
"""

from msgspec import Struct

from staff_console.charts import MinutesBar
from staff_console.formats import Day
from staff_console.formstate import Choice, FormState


class EntryLine(Struct, frozen=True):
    """`corrected` quotes what stood before, with who and why; `counts` is `12 of 15 min`."""

    id: str
    patient: str
    patient_href: str
    started: str
    activity: str
    minutes: str
    counts: str
    not_counted: str = ""
    corrected: str = ""


class EntryDay(Struct, frozen=True):
    day: Day
    total: str
    entries: tuple[EntryLine, ...]


class NearLine(Struct, frozen=True):
    patient: str
    patient_href: str
    bar: MinutesBar


class TimePage(Struct, frozen=True):
    """`editing` is the id of the entry whose correction form is open, empty when none is."""

    month_text: str
    zone: str
    days: tuple[EntryDay, ...]
    totals: tuple[tuple[str, str], ...]
    form: FormState
    activities: tuple[Choice, ...]
    editing: str = ""
    editing_title: str = ""
    previous_href: str = ""
    next_href: str = ""
