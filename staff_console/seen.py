"""Two people, one page of settings: a form carries what it showed, and is refused when that is no longer what is stored.

For records without a version of their own. The fingerprint stands in a hidden field `seen` of the page that shows the
values themselves, and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from kernel.errors import Conflict, DomainError
from kernel.web import forms
from registry.organisation import service as organisation
from staff_console.formstate import FormState
from staff_console.pages import Visit, read_again
from staff_console.refusals import typed

FIELD: Final = "seen"
CARRIED: Final = (FIELD, "version")
STALE: Final = "someone else changed this meanwhile, and nothing of yours was saved"
TYPED_STAYS: Final = "What you typed is below. Save again to replace what the others wrote."
Stored = Callable[[Visit], Awaitable[FormState]]


def sealed(form: FormState, *beside: Any) -> FormState:
    """The form with the fingerprint of its values, and of what the page shows `beside` a form that opens empty."""
    values = {name: sorted(given) for name, given in form.values.items() if name != FIELD and any(given)}
    text = msgspec.json.encode((values, beside), order="sorted")
    return _with(form, {FIELD: (hashlib.sha256(text).hexdigest()[:32],)})


async def require_unchanged(visit: Visit, stored: Stored) -> None:
    """Raises Conflict when the form was filled in on a page that no longer holds, unless it asks for what is stored
    anyway. Holds the clinic's settings until the end of the transaction, so that nobody is in between."""
    await organisation.hold(visit.tx, visit.clinic_id)
    now = await stored(visit)
    form = typed(now.id, await forms.pairs(visit.request))
    if form.value(FIELD) in ("", now.value(FIELD)) or _same(form, now):
        return
    raise Conflict(STALE, code="stale")


async def read_stale(
    visit: Visit,
    error: DomainError,
    labels: dict[str, str],
    stored: Stored,
    renamed: dict[str, str] | None = None,
) -> FormState:
    """The refused form; after somebody else's change with what the record says by now."""
    now = await stored(visit)
    form = await read_again(visit, now.id, error, labels, renamed)
    return after_stale(form, now, labels) if error.code == "stale" else form


def after_stale(typed: FormState, on_record: FormState, labels: Mapping[str, str]) -> FormState:
    """What was typed stands, beside what the record says by now; saving again is a decision with the newer facts."""
    others = [
        f"{labels[name].rstrip(':')}: {_said(on_record, name)}"
        for name in labels
        if name in on_record.values and _given(on_record, name) != _given(typed, name)
    ]
    now = f" On record now: {'; '.join(others)}." if others else ""
    carried = {name: on_record.values[name] for name in CARRIED if name in on_record.values}
    return msgspec.structs.replace(_with(typed, carried), problem=f"{typed.problem} {TYPED_STAYS}{now}")


def _same(form: FormState, now: FormState) -> bool:
    names = [name for name in now.values if name not in CARRIED]
    return bool(names) and all(_given(form, name) == _given(now, name) for name in names)


def _given(form: FormState, name: str) -> list[str]:
    given = (value.replace("\r\n", "\n").strip() for value in form.values.get(name, ()))
    return sorted(value for value in given if value)


def _said(form: FormState, name: str) -> str:
    return ", ".join(_word(value) for value in _given(form, name)) or "nothing"


def _word(value: str) -> str:
    try:
        UUID(value)
    except ValueError:
        return value.replace("_", " ")
    return "another choice"


def _with(form: FormState, values: Mapping[str, tuple[str, ...]]) -> FormState:
    return msgspec.structs.replace(form, values={**form.values, **values})
