"""Item 9 of 1 or more that a page can't save any more: the form is scored, the visit or the check-in has ended, or the
other channel was faster. It is heard all the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from kernel.db import Tx
from messaging.escalation.service import ALERTS
from messaging.links.rules import Asked
from messaging.links.service import Visit
from registry.measures.rules import RULE_VERSION, alarm
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


async def hear(tx: Tx, visit: Visit, one: Asked | None, value: int | None, *, now: datetime) -> bool:
    """True when it opened or joined a risk event. An answer that stands has had its alarm."""
    found = alarm(value) if one is not None and one.item.risk and value in one.item.values else None
    if one is None or value is None or found is None or _stands(one, value):
        return False
    signal = Signal(
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        episode_id=None,
        trigger=found.trigger,
        tier=found.tier,
        toward="self",
        value=value,
        source_kind="answer",
        source_id=tx.new_id(),  # no answer was saved that could be named
        channel=CHANNEL,
        rule_version=RULE_VERSION,
    )
    await signals.signal(tx, signal, now=now, alerts=ALERTS)
    await worklist.open_task(
        tx,
        clinic_id=visit.clinic_id,
        patient_id=visit.patient_id,
        episode_id=None,
        kind="late_answer",
        dedupe_key=f"late_answer:{visit.patient_id}",
        ref_kind="check_in",
        ref_id=visit.check_in_id,
        detail={"check_in": str(visit.check_in_id)},
        now=now,
    )
    return True


def _stands(one: Asked, value: int) -> bool:
    return one.standing is not None and one.standing.value == value


async def was_heard(tx: Tx, visit: Visit) -> bool:
    """Whether the patient has alarmed on a page since the visit began."""
    return await tx.first(_HEARD, {"patient": visit.patient_id, "since": visit.started_at}) is not None
