"""What the clinical record asks of texting when care, plans or contacts change. Runs inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from kernel.audit import Actor
from kernel.db import Tx
from messaging.consent import choices, numbers
from messaging.consent import service as consent
from messaging.conversation import introductions, no_show
from messaging.delivery import service as delivery
from messaging.delivery.tables import Outbox
from messaging.patient_access import sessions
from messaging.schedule import closing, contacts, occurrences
from messaging.schedule.due import OFFERED
from messaging.schedule.tables import CheckIn, ContactReminder
from registry.patients.tables import PatientPhone
from registry.ports import ContentLevel, PauseReason, TextingConsentForm


class Schedule:
    """The `Outreach` port of the registry."""

    async def texting_consent(self, tx: Tx, patient_id: UUID) -> ContentLevel | None:
        return await consent.content_level(tx, patient_id)

    async def record_texting_consent(
        self, tx: Tx, actor: Actor, patient_id: UUID, form: TextingConsentForm, *, now: datetime
    ) -> None:
        await choices.record_agreement(tx, actor, patient_id, form, now=now)

    async def care_paused(self, tx: Tx, patient_id: UUID, reason: PauseReason, *, now: datetime) -> None:
        """Nothing more is asked or sent; check-ins end with their links. A safety reply that is on its way stays."""
        await closing.close_open(tx, patient_id, state="cancelled", reason=reason, now=now, plan_next=False)
        await delivery.suppress(tx, patient_id=patient_id, reason="episode_closed", now=now)
        await tx.execute(
            update(ContactReminder)
            .where(ContactReminder.patient_id == patient_id, ContactReminder.state == "scheduled")
            .values(state="skipped", reason=reason, next_at=None)
        )

    async def plan_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        await occurrences.materialise(tx, patient_id, now=now)

    async def contact_changed(self, tx: Tx, patient_id: UUID, *, now: datetime) -> None:
        """A check-in that was offered on another number ends, so that its link opens nothing there any more; and so
        does every session on a number that isn't safe or the patient's alone."""
        await sessions.end_unsafe(tx, patient_id, now=now)
        current = await tx.scalar(
            select(PatientPhone.phone_key).where(
                PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_(None)
            )
        )
        for phone_key in await _old_numbers(tx, patient_id, current):
            await delivery.suppress(
                tx, patient_id=patient_id, phone_key=phone_key, reason="contact_changed", now=now
            )
        for check_in_id in await _offered_elsewhere(tx, patient_id, current):
            await closing.close(
                tx, check_in_id, state="cancelled", reason="contact_changed", now=now, plan_next=False
            )
        await numbers.tell_of_current(tx, patient_id, now=now)
        await occurrences.materialise(tx, patient_id, now=now)

    async def next_contact_changed(self, tx: Tx, episode_id: UUID, *, now: datetime) -> None:
        await contacts.drop_moved(tx, now=now, episode_id=episode_id)
        await contacts.plan_contact_reminders(tx, now=now, episode_id=episode_id)

    async def ask_after_no_show(
        self, tx: Tx, actor: Actor, patient_id: UUID, contact_id: UUID, *, now: datetime
    ) -> None:
        await no_show.ask(tx, actor, patient_id, contact_id, now=now)

    async def introduce(
        self, tx: Tx, actor: Actor, patient_id: UUID, staff_id: UUID, *, now: datetime
    ) -> bool:
        return await introductions.introduce(tx, actor, patient_id, staff_id, now=now)


async def _old_numbers(tx: Tx, patient_id: UUID, current: str | None) -> list[str]:
    rows = await tx.all(
        select(PatientPhone.phone_key)
        .where(PatientPhone.patient_id == patient_id, PatientPhone.replaced_at.is_not(None))
        .distinct()
    )
    return [row.phone_key for row in rows if row.phone_key != current]


async def _offered_elsewhere(tx: Tx, patient_id: UUID, current: str | None) -> list[UUID]:
    rows = await tx.all(
        select(CheckIn.id)
        .join(Outbox, Outbox.check_in_id == CheckIn.id)
        .where(
            CheckIn.patient_id == patient_id,
            CheckIn.state.in_(OFFERED),
            Outbox.patient_id == patient_id,
            Outbox.channel == "sms",
            Outbox.recipient_key != (current or ""),
        )
        .distinct()
    )
    return [row.id for row in rows]
