"""The two people in each clinic who don't exist: one for drills, one for the machine's own canary.

They have no episode, and so no line in the registry, no plan, no check-in, no time and no bill.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select

from kernel.db import Tx
from registry.organisation.wording import fold
from registry.patients import records
from registry.patients.tables import Patient

Purpose = Literal["drill", "canary"]
_MRN: Final[dict[Purpose, str]] = {"drill": "EVENKEEL-DRILL", "canary": "EVENKEEL-CANARY"}
_NAMES: Final[dict[Purpose, tuple[str, str]]] = {
    "drill": ("Drill", "Test Patient"),
    "canary": ("Canary", "Test Patient"),
}


async def test_patient(tx: Tx, clinic_id: UUID, purpose: Purpose, *, now: datetime) -> UUID:
    """Made at the first need."""
    known = await tx.scalar(
        select(Patient.id).where(
            Patient.clinic_id == clinic_id, Patient.mrn == _MRN[purpose], Patient.is_test.is_(True)
        )
    )
    if known is not None:
        return known  # type: ignore[no-any-return]
    family, given = _NAMES[purpose]
    person = {
        "family_name": family,
        "given_name": given,
        "name_key": fold(f"{family} {given}"),
        "mrn": _MRN[purpose],
        "birth_date": None,
        "sex": None,
        "address_sealed": None,
        "emergency_name_sealed": None,
        "emergency_relation": None,
        "emergency_phone_sealed": None,
    }
    wishes = {"language": "en", "zone": None, "channel": "none", "second_channel": None}
    wishes |= {"window_start": None, "window_end": None}
    return await records.insert_patient(tx, clinic_id, person, wishes, is_test=True, now=now)
