"""The clinic's written safety policy. Templates `protocol/protocol.html` and `protocol/edit.html`.

Posts: `/safety/protocol/drafts`, `/safety/protocol/{id}` (the policy), `.../approve`, `.../trained` (confirm),
`.../activate`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from staff_console.formats import Day, Moment
from staff_console.formstate import Choice, FormState


class TierLine(Struct, frozen=True):
    tier: int
    trigger: str
    acknowledge: str
    contact: str
    assess: str
    lapse: str
    after_hours: str


class RungLine(Struct, frozen=True):
    after: str
    who: str
    channels: str
    second: str


class LadderView(Struct, frozen=True):
    title: str
    id: str
    rungs: tuple[RungLine, ...]
    repeat: str


class SignatureLine(Struct, frozen=True):
    name: str
    what: str
    at: Moment
    stands: bool


class VersionRow(Struct, frozen=True):
    href: str
    label: str
    state: str
    tone: Literal["good", "warn", "quiet"]
    since: Day | None
    current: bool = False


class ProtocolPage(Struct, frozen=True):
    """`id` empty: the shipped template, which nobody has signed. `in_the_way` is of a draft: each line that keeps it
    out of force. `differs` names what the clinic's set-up says otherwise: the clocks go by the policy."""

    id: str
    title: str
    state: str
    tone: Literal["good", "warn", "quiet"]
    clinic: str
    zone: str
    hours: tuple[tuple[str, str], ...]
    holidays: tuple[str, ...]
    tiers: tuple[TierLine, ...]
    ladders: tuple[LadderView, ...]
    partner: str
    others_note: str
    signatures: tuple[SignatureLine, ...]
    versions: tuple[VersionRow, ...]
    in_the_way: tuple[str, ...]
    differs: tuple[str, ...]
    draft: bool
    leads: bool
    may_approve: bool
    may_train: bool
    approval: FormState
    training: FormState


class EditPage(Struct, frozen=True):
    id: str
    title: str
    form: FormState
    units: tuple[Choice, ...]
    after_hours: tuple[Choice, ...]
    tiers: tuple[tuple[int, str], ...]
    clocks: tuple[tuple[str, str], ...]
    ladders: tuple[tuple[str, str], ...]
