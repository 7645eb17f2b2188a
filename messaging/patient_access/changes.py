"""What a patient changes: wishes, number, agreement to texts, and that the number is not safe."""

from __future__ import annotations

from datetime import datetime

from kernel.db import Tx
from kernel.errors import Conflict
from messaging.consent import numbers
from messaging.consent import service as consent
from messaging.consent.scripts import script
from messaging.delivery import service as delivery
from messaging.patient_access import sessions
from messaging.patient_access.codes import NewNumber
from messaging.patient_access.own import require_own
from messaging.patient_access.sessions import SignedIn
from messaging.schedule import occurrences
from registry.patients import own as own_record
from registry.patients.own import OwnWishes
from registry.ports import ContentLevel, Outreach, TextingConsentForm
from registry.worklist import service as worklist


async def change_wishes(
    tx: Tx, signed_in: SignedIn, form: OwnWishes, *, now: datetime, outreach: Outreach
) -> None:
    """Raises Forbidden, Invalid naming each field."""
    require_own(signed_in)
    await own_record.change_wishes(
        tx, signed_in.actor, signed_in.patient_id, form, now=now, outreach=outreach
    )


async def change_number(
    tx: Tx, signed_in: SignedIn, proven: NewNumber, *, agrees: bool, now: datetime, outreach: Outreach
) -> None:
    """The proven number is the patient's from now on; texts go there only if the patient `agrees`, and no other
    session of theirs goes on. Raises Conflict when it can't be the patient's alone."""
    require_own(signed_in)
    before = await consent.current(tx, signed_in.patient_id)
    await own_record.change_number(
        tx, signed_in.actor, signed_in.patient_id, proven.number, now=now, outreach=outreach
    )
    await sessions.move_to_number(tx, signed_in, tx.vault.lookup(proven.number), now=now)
    if agrees:
        kept = before is not None and before.kind == "given" and before.content_level == "items_by_sms"
        level: ContentLevel = "items_by_sms" if kept else "link_only"
        ack = before.risk_ack_version if kept and before is not None else None
        await _agree(tx, signed_in, level, ack, now)
    await occurrences.materialise(tx, signed_in.patient_id, now=now)


async def agree_to_texts(tx: Tx, signed_in: SignedIn, *, now: datetime) -> None:
    """To links and reminders on the number on file. A number that has opted out is opened by a text START alone."""
    require_own(signed_in)
    if (await numbers.state(tx, signed_in.phone_key, signed_in.clinic_id)).stopped:
        raise Conflict("send START from your phone first", code="number_stopped")
    await _agree(tx, signed_in, "link_only", None, now)
    await occurrences.materialise(tx, signed_in.patient_id, now=now)


async def unsafe_to_text(tx: Tx, signed_in: SignedIn, *, now: datetime) -> None:
    """Somebody else reads along: nothing more goes to the number, codes neither, every browser and device is signed
    out, and a person calls."""
    require_own(signed_in)
    await own_record.set_safe_to_text(tx, signed_in.actor, signed_in.patient_id, False, now=now)
    await sessions.end_all(tx, signed_in.clinic_id, signed_in.patient_id, now=now)
    await delivery.suppress(
        tx, patient_id=signed_in.patient_id, phone_key=signed_in.phone_key, reason="contact_changed", now=now
    )
    await worklist.open_task(
        tx,
        clinic_id=signed_in.clinic_id,
        patient_id=signed_in.patient_id,
        episode_id=None,
        kind="shared_phone",
        dedupe_key=f"shared_phone:{signed_in.patient_id}",
        detail={"why": "not_safe_to_text"},
        now=now,
    )


async def _agree(tx: Tx, signed_in: SignedIn, level: ContentLevel, ack: str | None, now: datetime) -> None:
    words = script("texting", signed_in.language)
    form = TextingConsentForm("consent", level, "portal", words.version, signed_in.language, ack)
    await consent.record(tx, signed_in.actor, signed_in.patient_id, form, now=now)
