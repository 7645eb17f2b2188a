"""Tells a member of staff by e-mail that something waits in the console. It names nobody and says no more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from kernel.db import Tx
from messaging.delivery import service as delivery
from messaging.delivery.service import Message
from registry.organisation import queries as organisation

BODY: Final = "Evenkeel: something waits for your decision - open console"
TEMPLATE: Final = "staff_notice@1"
LIFE: Final = timedelta(days=1)  # after that the console says it better


class StaffNotices:
    """Implements `registry.ports.Notices`."""

    async def something_waits(
        self, tx: Tx, staff_id: UUID, *, clinic_id: UUID, cause: str, now: datetime
    ) -> None:
        contact = await organisation.staff_contact(tx, staff_id)
        if contact is None or not contact.email:
            return
        message = Message(
            clinic_id=clinic_id,
            kind="notice",
            channel="email",
            dedupe_key=f"notice:{cause}:{staff_id}",
            to=contact.email,
            body=BODY,
            template=TEMPLATE,
            not_before=now,
            not_after=now + LIFE,
            staff_id=staff_id,
        )
        if await delivery.enqueue(tx, message, now=now) is not None:
            tx.ring("dispatch")


NOTICES: Final = StaffNotices()
