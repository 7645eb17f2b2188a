"""What is missing before the clinic may text patients. Template `setup/setup.html`.

Posts: `/setup/policy`, `/setup/responsible` (staff_id), `/setup/clinic` (details), `/setup/outreach` (hours_n, channel_n,
call_after_hours, answer_within_hours), `/setup/senders` (number),
`/setup/go-live` (confirm).
"""

from typing import Literal

from msgspec import Struct

from staff_console.formstate import Choice, FormState


class SetupItem(Struct, frozen=True):
    """Each one keeps the clinic in simulation while it is open. `action` names the form on this page that settles it,
    empty when it is settled on the server (`where` says how) or on another page (`href`)."""

    id: str
    title: str
    why: str
    state: Literal["passed", "open"]
    detail: str
    action: Literal["", "policy", "responsible"] = ""
    where: str = ""
    href: str = ""


class SetupGroup(Struct, frozen=True):
    title: str
    items: tuple[SetupItem, ...]


class PersonLine(Struct, frozen=True):
    name: str
    email: str
    roles: str
    state: str
    ready: bool
    href: str = ""


class SetupPage(Struct, frozen=True):
    """`left` lists the titles that still block going live."""

    clinic: str
    mode: Literal["demo", "simulation", "live"]
    groups: tuple[SetupGroup, ...]
    passed: int
    total: int
    left: tuple[str, ...]
    form: FormState
    responsible_form: FormState
    responsible: tuple[Choice, ...]
    people: tuple[PersonLine, ...]
    details: FormState
    item9_channels: tuple[Choice, ...]
    ladder_form: FormState
    reminder_channels: tuple[Choice, ...]
    sender_form: FormState
    numbers: tuple[str, ...]
