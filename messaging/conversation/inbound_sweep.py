"""Texts whose webhook never reached us: the provider's own list is read again and again, and at every start."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from kernel import log
from kernel.db import Database
from messaging.conversation.service import Inbound, Ports, receive_safely
from messaging.conversation.tables import InboundMessage
from messaging.delivery.pause import NAME, pause_dispatcher
from messaging.delivery.tables import Dispatcher
from messaging.gateways.sms import FoundText, SmsGateway
from registry.organisation.tables import Sender
from registry.worklist import service as worklist

FIRST_LOOK_BACK = timedelta(hours=24)
OVERLAP = timedelta(minutes=15)  # a list may lag behind its texts


class OurNumber(msgspec.Struct, frozen=True):
    id: UUID
    clinic_id: UUID
    number: str


async def sweep(database: Database, gateway: SmsGateway, now: datetime, *, ports: Ports) -> dict[str, int]:
    """Ingests every text that the provider holds and we don't. `recovered` above zero means webhooks are failing."""
    async with database.begin() as tx:
        rows = await tx.all(select(Sender.id, Sender.clinic_id, Sender.number).where(Sender.active))
        numbers = [OurNumber(row.id, row.clinic_id, row.number) for row in rows]
        swept_to = await tx.scalar(select(Dispatcher.inbound_swept_to).where(Dispatcher.name == NAME))
    since = (swept_to - OVERLAP) if swept_to is not None else now - FIRST_LOOK_BACK
    recovered, complete = 0, True
    for number in numbers:
        listing = await gateway.list_inbound(number.number, since)
        complete = complete and listing.http_status == 200
        for found in await _missing(database, listing.found):
            await _ingest(database, number, found, now, ports)
            recovered += 1
    if complete:
        await _swept(database, now)
    if recovered:
        log.get().error("inbound.recovered", count=recovered)
    return {"numbers": len(numbers), "recovered": recovered}


async def _missing(database: Database, found: tuple[FoundText, ...]) -> list[FoundText]:
    """Oldest first, so that a conversation is replayed in its order."""
    async with database.begin() as tx:
        known = await tx.execute(
            select(InboundMessage.provider_sid).where(
                InboundMessage.provider_sid.in_([text.sid for text in found])
            )
        )
        have = set(known.scalars())
    return sorted((t for t in found if t.sid not in have), key=lambda text: (text.created_at, text.sid))


async def _ingest(
    database: Database, number: OurNumber, found: FoundText, now: datetime, ports: Ports
) -> None:
    await receive_safely(
        database,
        Inbound(
            provider_sid=found.sid,
            clinic_id=number.clinic_id,
            sender_id=number.id,
            from_=found.sender or "",
            to=number.number,
            body=found.body or "",
            media_count=found.media_count,
            received_at=min(found.created_at, now),
            via="sweep",
        ),
        now=now,
        ports=ports,
    )
    if found.body is None:
        await _unreadable(database, number, found, now)


async def _unreadable(database: Database, number: OurNumber, found: FoundText, now: datetime) -> None:
    """The provider redacts bodies: nobody can read this text any more, so a person asks what it said."""
    async with database.begin() as tx:
        await worklist.open_task(
            tx,
            clinic_id=number.clinic_id,
            patient_id=None,
            episode_id=None,
            kind="parked_text",
            dedupe_key=f"unreadable:{found.sid}",
            now=now,
        )


async def _swept(database: Database, now: datetime) -> None:
    async with database.begin() as tx:
        changed = await tx.execute(
            update(Dispatcher).where(Dispatcher.name == NAME).values(inbound_swept_to=now, updated_at=now)
        )
        if changed.rowcount == 0:
            await pause_dispatcher(tx, None, "", now=now)
            await tx.execute(
                update(Dispatcher).where(Dispatcher.name == NAME).values(inbound_swept_to=now, updated_at=now)
            )
