"""The phone simulator: fictional patients, one phone, a clock that can be moved. Template `demo/templates/phone.html`.

Posts: `/demo/phones/{id}/reply` (body), `/demo/clock` (jump: hour, day or next; patient_id).
"""

import re
from typing import Final, Literal

from msgspec import Struct

BLANK: Final = "/static/demo/blank.html"  # stands in the browser until a link is opened in it


class DemoPatient(Struct, frozen=True):
    id: str
    href: str
    name: str
    line: str
    unread: int = 0
    current: bool = False


class Part(Struct, frozen=True):
    """A piece of a message; with `href` it is the tappable link in it."""

    text: str
    href: str = ""


class PhoneMessage(Struct, frozen=True):
    """`direction` is seen from the patient: `in` is a text from the clinic. `separator` is a date printed above."""

    direction: Literal["in", "out"]
    parts: tuple[Part, ...]
    time: str
    separator: str = ""


class PhoneEvent(Struct, frozen=True):
    """What the clinic's side did with it, in words, with the console page that shows it."""

    time: str
    text: str
    href: str = ""
    tone: Literal["quiet", "good", "warn", "bad"] = "quiet"


class PhonePage(Struct, frozen=True):
    """`selected` is the patient whose phone is shown; `next_due` says what the third jump leads to ("Thursday
    09:00: check-in for two patients") and is empty when nothing is due. `suggestions` are replies to tap.
    `error` belongs to the reply box. `poll_href` is this page, fetched again by htmx; empty switches that off.
    `page_href` is what the browser beside the phone shows: the check-in that was opened, or what to do to open it.
    `registry` is the patient's line in the registry, as (label, value)."""

    clinic: str
    now_day: str
    now_time: str
    zone: str
    patients: tuple[DemoPatient, ...]
    selected: DemoPatient | None
    number: str
    from_number: str
    messages: tuple[PhoneMessage, ...]
    events: tuple[PhoneEvent, ...]
    next_due: str
    suggestions: tuple[str, ...] = ()
    error: str = ""
    poll_href: str = ""
    page_href: str = BLANK
    registry: tuple[tuple[str, str], ...] = ()


def split_links(body: str, base_url: str) -> tuple[Part, ...]:
    """Cuts a text at addresses under `base_url`, the deployment's own; every other address stays text.

    A full stop or bracket that ends the sentence is not part of the address.
    """
    parts: list[Part] = []
    end = 0
    for found in re.finditer(re.escape(base_url) + r"(/(?:\S*[^\s.,;:!?)])?)", body):
        parts += [Part(body[end : found.start()]), Part(found[0], found[1])]
        end = found.end()
    return tuple(part for part in (*parts, Part(body[end:])) if part.text)


class Place(Struct, frozen=True):
    href: str
    name: str
    label: str


class LandingPage(Struct, frozen=True):
    """Template `demo/templates/landing.html`: where a visitor can go. `ways` are the one-click sign-ins."""

    ways: tuple[Place, ...]
