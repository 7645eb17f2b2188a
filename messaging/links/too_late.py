"""Item 9 of 1 or more that a page or an app can't save any more: the form is scored, the visit or the check-in has ended,
or the other channel was faster. It is heard all the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select

from kernel.db import Tx
from messaging.links.rules import Asked
from messaging.links.service import Visit
from registry.measures.rules import RULE_VERSION, alarm
from registry.ports import Alerts
from registry.safety import signals
from registry.safety.rules import Signal
from registry.safety.tables import RiskEvent, RiskSignal
from registry.worklist import service as worklist

CHANNEL: Final = "portal"
_HEARD = (
    select(RiskSignal.id)
    .join(RiskEvent, RiskEvent.id == RiskSignal.event_id)
    .where(
        RiskEvent.patient_id == bindparam("patient"),
        RiskSignal.channel == CHANNEL,
        RiskSignal.at >= bindparam("since"),
    )
    .limit(1)
)


class Late(msgspec.Struct, frozen=True):
    """An answer that was not saved. `value`: of a risk item; None for any other item, and for a risk item declined."""

    clinic_id: UUID
    patient_id: UUID
    check_in_id: UUID
    channel: str
    value: int | None


async def hear(
    tx: Tx, visit: Visit, one: Asked | None, value: int | None, *, now: datetime, alerts: Alerts
) -> bool:
    """True when it opened or joined a risk event. An answer that stands has had its alarm."""
    risky = one is not None and one.item.risk and value in one.item.values
    if one is None or value is None or not risky or alarm(value) is None or _stands(one, value):
        return False
    late = Late(visit.clinic_id, visit.patient_id, visit.check_in_id, CHANNEL, value)
    await tell(tx, late, now=now, alerts=alerts)
    return True


async def tell(tx: Tx, late: Late, *, now: datetime, alerts: Alerts) -> None:
    """A risk event if the value calls for one, and in any case a person who reads that an answer came too late."""
    found = None if late.value is None else alarm(late.value)
    if found is not None:
        signal = Signal(
            clinic_id=late.clinic_id,
            patient_id=late.patient_id,
            episode_id=None,
            trigger=found.trigger,
            tier=found.tier,
            toward="self",
            value=late.value,
            source_kind="answer",
            source_id=tx.new_id(),  # no answer was saved that could be named
            channel=late.channel,
            rule_version=RULE_VERSION,
        )
        await signals.signal(tx, signal, now=now, alerts=alerts)
    await worklist.open_task(
        tx,
        clinic_id=late.clinic_id,
        patient_id=late.patient_id,
        episode_id=None,
        kind="late_answer",
        dedupe_key=f"late_answer:{late.patient_id}",
        ref_kind="check_in",
        ref_id=late.check_in_id,
        detail={"check_in": str(late.check_in_id)},
        now=now,
    )


def _stands(one: Asked, value: int) -> bool:
    return one.standing is not None and one.standing.value == value


async def was_heard(tx: Tx, visit: Visit) -> bool:
    """Whether the patient has alarmed on a page since the visit began."""
    return await tx.first(_HEARD, {"patient": visit.patient_id, "since": visit.started_at}) is not None
