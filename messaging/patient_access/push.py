"""Where a device's push token is kept. A push says that something waits and nothing else; who sends it is another part's
business, so this is a port: a deployment with a push service of its own wires that in."""

from __future__ import annotations

from typing import Final, Literal, Protocol
from uuid import UUID

from sqlalchemy import update

from kernel.db import Tx
from kernel.errors import Invalid
from messaging.patient_access.tables import PatientSession

Platform = Literal["apns", "fcm"]
LONGEST: Final = 4096


class PushTokens(Protocol):
    async def register(self, tx: Tx, session_id: UUID, platform: Platform, token: str) -> None:
        """Replaces the device's token. Raises Invalid for one that no platform would give."""

    async def forget(self, tx: Tx, session_id: UUID) -> None:
        """Nothing more is pushed to the device."""


class StoredPushTokens:
    """Sealed beside the device's session, and gone with it."""

    async def register(self, tx: Tx, session_id: UUID, platform: Platform, token: str) -> None:
        if not token.isascii() or not token.isprintable() or not 16 <= len(token) <= LONGEST:
            raise Invalid.field("token", f"needs 16 to {LONGEST} printable ASCII characters")
        await self._write(tx, session_id, platform, tx.vault.seal(token))

    async def forget(self, tx: Tx, session_id: UUID) -> None:
        await self._write(tx, session_id, None, None)

    async def _write(self, tx: Tx, session_id: UUID, platform: str | None, sealed: str | None) -> None:
        await tx.execute(
            update(PatientSession)
            .where(PatientSession.id == session_id, PatientSession.ended_at.is_(None))
            .values(push_platform=platform, push_sealed=sealed)
        )
