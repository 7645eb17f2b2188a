"""The set-up checklist with live tests. Template `setup/setup.html`.

Posts: `/setup/{item_id}/test`, `/setup/{item_id}/confirm` (note), `/setup/go-live` (confirm).
"""

from typing import Literal

from msgspec import Struct

from staff_console.formstate import FormState


class SetupItem(Struct, frozen=True):
    """`gate` marks the items without which the clinic stays in simulation; `test_label` is empty when the item
    has no live test and is confirmed by a person instead."""

    id: str
    title: str
    why: str
    state: Literal["passed", "failed", "open"]
    detail: str
    gate: bool
    test_label: str = ""
    confirm_label: str = ""
    href: str = ""


class SetupGroup(Struct, frozen=True):
    title: str
    days: str
    items: tuple[SetupItem, ...]


class SetupPage(Struct, frozen=True):
    """`gates_left` lists the titles that still block going live."""

    clinic: str
    mode: Literal["demo", "simulation", "live"]
    groups: tuple[SetupGroup, ...]
    passed: int
    total: int
    gates_left: tuple[str, ...]
    form: FormState
