"""What a note starts with. Each clinic's lead may write its own; these are ours, and hold until then.

The lines follow what payers ask a contact's record to hold and what the next reader needs: how the patient is, what
they take, what was done, and what comes next. Medication, adherence, side effects and the skill have fields of their
own and are not asked twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, insert, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry.access import CLINICAL, require
from registry.contacts.forms import ContactKind
from registry.contacts.tables import NoteTemplate

LONGEST: Final = 4000
_TALK: Final = (
    "Since the last contact:\n"
    "Mood, sleep, function:\n"
    "Item 9 and what was done:\n"
    "Substances:\n"
    "Progress with goals:\n"
    "Barriers:\n"
    "Agreed plan:\n"
)
DEFAULTS: Final[Mapping[ContactKind, str]] = {
    "phone": _TALK,
    "video": _TALK,
    "in_person": _TALK,
    "portal": "What the patient wrote:\nAnswer given:\nAgreed plan:\n",
    "text": "What the patient wrote:\nAnswer given:\nAgreed plan:\n",
    "no_show": "",
    "attempt": "",
}


class Template(msgspec.Struct, frozen=True):
    """`version` 0 is ours; a clinic's own count from 1."""

    kind: ContactKind
    version: int
    body: str


_NEWEST = (
    select(NoteTemplate.kind, func.max(NoteTemplate.version).label("version"))
    .where(NoteTemplate.clinic_id == bindparam("clinic"))
    .group_by(NoteTemplate.kind)
    .subquery()
)
_CURRENT = (
    select(NoteTemplate.kind, NoteTemplate.version, NoteTemplate.body)
    .join(_NEWEST, (_NEWEST.c.kind == NoteTemplate.kind) & (_NEWEST.c.version == NoteTemplate.version))
    .where(NoteTemplate.clinic_id == bindparam("clinic"))
)


async def templates(tx: Tx, viewer: Actor) -> dict[ContactKind, Template]:
    """One for each kind, in the order of the form. Nothing in them is about a patient, so without audit."""
    clinic_id = require(viewer, *CLINICAL)
    own: dict[str, Any] = {row.kind: row for row in await tx.all(_CURRENT, {"clinic": clinic_id})}
    return {
        kind: Template(kind, own[kind].version, own[kind].body) if kind in own else Template(kind, 0, body)
        for kind, body in DEFAULTS.items()
    }


async def set_template(
    tx: Tx, actor: Actor, kind: ContactKind, body: str, version: int, *, now: datetime
) -> int:
    """By the clinic lead, as a new version; gives its number. `version` is the one that was looked at."""
    clinic_id = require(actor, "clinic_lead")
    if len(body) > LONGEST:
        raise Invalid.field("body", f"is longer than {LONGEST} characters")
    standing = (await templates(tx, actor))[kind]
    if standing.version != version:
        raise Conflict("someone else changed this template meanwhile; look at it again", code="stale")
    template_id = tx.new_id()
    values = {
        "id": template_id,
        "clinic_id": clinic_id,
        "kind": kind,
        "version": version + 1,
        "body": body.replace("\r\n", "\n"),
        "created_at": now,
        "created_by_id": actor.id if actor.kind == "staff" else None,
    }
    await tx.execute(insert(NoteTemplate), values)
    await audit.record(
        tx, actor, "note_template.changed", "note_template", template_id,
        now=now, kind=kind, version=version + 1,
    )  # fmt: skip
    return version + 1
