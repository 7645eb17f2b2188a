"""What the clinical record asks of the rooms above it. `messaging` implements both; wiring passes them in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from kernel.audit import Actor
from kernel.db import Tx

ConsentBasis = Literal["consent", "exemption"]
ContentLevel = Literal["link_only", "items_by_sms"]
TextingConsentMethod = Literal["verbal", "written", "portal", "sms"]
PauseReason = Literal["on_hold", "inactive", "ended", "consent_withdrawn", "deceased"]


class TextingConsentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agreement to be texted, apart from the agreement to care. `wording_version` names the text that was read out;
    `risk_ack_version` the warning that texts are not encrypted, needed for `items_by_sms`."""

    basis: ConsentBasis
    content_level: ContentLevel
    method: TextingConsentMethod
    wording_version: str
    language: str
    risk_ack_version: str | None = None


class Alerts(Protocol):
    async def first_alert(self, tx: Tx, event_id: UUID, *, now: datetime) -> None:
        """Queue the first alert about a risk event in the event's own transaction."""


class Notices(Protocol):
    async def something_waits(
        self, tx: Tx, staff_id: UUID, *, clinic_id: UUID, cause: str, now: datetime
    ) -> None:
        """Tell a member of staff, naming nobody, that something waits for them; once a cause."""


class Outreach(Protocol):
    """Runs inside the caller's transaction and sends nothing itself."""

    async def texting_consent(self, tx: Tx, patient_id: UUID) -> ContentLevel | None:
        """What the current number may be texted; None without a consent in force."""

    async def record_texting_consent(
        self, tx: Tx, actor: Actor, patient_id: UUID, consent: TextingConsentForm, *, now: datetime
    ) -> None:
        """For the patient's current number."""

    async def care_paused(self, tx: Tx, patient_id: UUID, reason: PauseReason, *, now: datetime) -> None:
        """Suppress queued texts and prompts, cancel open check-ins, revoke links."""

    async def plan_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        """Materialise the next occurrence again. Never brings back a past one."""

    async def contact_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        """Number, zone, channel or window changed: suppress rows of the old number, recompute what is unsent."""

    async def next_contact_changed(self, tx: Tx, episode_id: UUID, *, now: datetime) -> None:
        """Takes back reminders of the earlier date and plans those of the new one as far as it is near."""

    async def ask_after_no_show(
        self, tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime
    ) -> None:
        """Queues the one text after a missed appointment. Raises Invalid naming `no_show_text` with why it can't go."""

    async def introduce(
        self, tx: Tx, actor: Actor, patient_id: UUID, staff_id: UUID, *, now: datetime
    ) -> bool:
        """One text that names the new care manager; False when the patient can't be texted."""
