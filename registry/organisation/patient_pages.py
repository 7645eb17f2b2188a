"""What a clinic's patients meet on their pages; kept among the clinic's settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import NotFound
from registry.access import require
from registry.organisation.tables import Clinic

KEY: Final = "patient_pages"


class PatientPages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`birth_check`: a link asks for the date of birth before its questions, against misdelivery; it keeps nobody out
    who knows the patient. `shows_answers`: a signed-in patient sees past scores and answers."""

    birth_check: bool = False
    shows_answers: bool = False


def patient_pages(settings: Mapping[str, Any]) -> PatientPages:
    return msgspec.convert(settings.get(KEY, {}), PatientPages)


async def set_patient_pages(
    tx: Tx, actor: Actor, clinic_id: UUID, wanted: PatientPages, *, now: datetime
) -> None:
    """Another clinic's is `NotFound`, also for an administrator."""
    if actor.kind != "system" and require(actor, "administrator", "clinic_lead") != clinic_id:
        raise NotFound("clinic")
    row = await tx.first(select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update())
    if row is None:
        raise NotFound("clinic")
    kept = {**row.settings, KEY: msgspec.to_builtins(wanted)}
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=kept))
    await audit.record(
        tx, actor, "clinic.changed", "clinic", clinic_id,
        now=now, fields=[KEY], birth_check=wanted.birth_check, shows_answers=wanted.shows_answers,
    )  # fmt: skip
