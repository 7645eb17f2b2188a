"""Watching tries that reach nobody, proposing to close, and the decision that a person takes."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from kernel import audit
from kernel.audit import Actor
from kernel.db import Database, Tx, insert_or_update, pick
from kernel.errors import Conflict, Forbidden, NotFound
from registry.access import CARE, CLINICAL, require
from registry.contacts.tables import Contact
from registry.disengagement import rules
from registry.disengagement.rules import ClosingForm, Facts, Judgement, Policy, Try
from registry.disengagement.tables import ClosingDecision, ClosingWatch
from registry.episodes import records as episode_records
from registry.episodes.forms import StatusForm
from registry.episodes.rules import IN_CARE
from registry.episodes.status import change_status
from registry.episodes.tables import Episode
from registry.filing import service as filing
from registry.organisation import queries as organisation
from registry.organisation.rules import ClinicFacts
from registry.organisation.tables import Clinic
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.ports import Outreach
from registry.safety import queries as safety
from registry.working_time import noon
from registry.worklist import service as worklist
from registry.worklist.tables import RegistryLine

MOST_TRIES: Final = 200
_WATCH = insert_or_update(ClosingWatch, "episode_id", change=("next_at",))


class Standing(msgspec.Struct, frozen=True):
    """How a patient stands with the clinic's rule about giving up. `last` is the newest decision, if any."""

    judgement: Judgement
    policy: Policy
    status: str
    last: Literal["close", "keep"] | None
    keep_until: date | None


async def note_contact(
    tx: Tx, clinic_id: UUID, patient_id: UUID, episode_id: UUID, *, spoken: bool, now: datetime
) -> None:
    """In the contact's transaction. Speaking with the patient ends the count; a try has the rule looked at."""
    if spoken:
        await tx.execute(
            update(ClosingWatch).where(ClosingWatch.episode_id == episode_id).values(next_at=None)
        )
        await worklist.close_tasks(tx, clinic_id, _key(episode_id), "reached", now)
        return
    await _look(tx, clinic_id, patient_id, episode_id, now)


async def look_after_history(
    tx: Tx, clinic_id: UUID, patient_id: UUID, episode_id: UUID, *, now: datetime
) -> None:
    """Contacts of the past came in, in any order: what the rule says now holds, and a proposal it no longer makes is
    taken back."""
    found = await _look(tx, clinic_id, patient_id, episode_id, now)
    if not found.met:
        await worklist.close_tasks(tx, clinic_id, _key(episode_id), "reached", now)


async def standing(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> Standing:
    """Raises NotFound for another clinic's patient, or one without an episode."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(Episode.id, Episode.status)
        .where(Episode.patient_id == patient_id, Episode.clinic_id == clinic_id)
        .order_by(Episode.status == "ended", Episode.created_at.desc())
        .limit(1)
    )
    if row is None:
        raise NotFound("patient")
    clinic = await organisation.clinic(tx, clinic_id)
    policy = await _policy(tx, clinic_id)
    facts = await _facts(tx, patient_id, row.id)
    last = await _last_decision(tx, row.id)
    await audit.record(tx, viewer, "closing.read", "episode", row.id, now=now, patient_id=patient_id)
    judgement = rules.judge(facts, policy, clinic.local_date(now), clinic.zone)
    decided = None if last is None else cast(Literal["close", "keep"], last.decision)
    return Standing(judgement, policy, row.status, decided, facts.keep_until)


async def policy(tx: Tx, viewer: Actor) -> Policy:
    """The clinic's rule. Nothing in it is about a patient, so without audit."""
    return await _policy(tx, require(viewer, *CLINICAL))


async def set_policy(tx: Tx, actor: Actor, wanted: Policy, *, now: datetime) -> None:
    """By the clinic lead. Raises `Invalid` with every number out of bounds."""
    clinic_id = require(actor, "clinic_lead")
    refuse(rules.check_policy(wanted))
    row = await tx.first(select(Clinic.settings).where(Clinic.id == clinic_id).with_for_update())
    if row is None:
        raise NotFound("clinic")
    settings = dict(row.settings or {}) | rules.as_settings(wanted)
    await tx.execute(update(Clinic).where(Clinic.id == clinic_id).values(settings=settings))
    await audit.record(
        tx, actor, "closing_rule.changed", "clinic", clinic_id,
        now=now, attempts=wanted.attempts, channels=wanted.channels, days=wanted.days,
    )  # fmt: skip


async def decide(
    tx: Tx, actor: Actor, patient_id: UUID, form: ClosingForm, *, now: datetime, outreach: Outreach
) -> UUID:
    """Closes for now (`inactive`), ends, or goes on trying; gives the decision's id.

    Raises `Invalid` with every problem, `Forbidden` when the clinic lets only its lead or a clinician close, `Conflict`
    while a safety event is open, when the patient is not in care, or the version is stale.
    """
    clinic_id = require(actor, *CARE)
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    patient_records.refuse_stale(episode.version, form.version)
    if episode.status not in IN_CARE | {"inactive_disengaged"}:
        raise Conflict("only a patient in care is closed for not being reached", code="not_in_care")
    clinic, policy = await organisation.clinic(tx, clinic_id), await _policy(tx, clinic_id)
    facts = await _facts(tx, patient_id, episode.id)
    found = rules.judge(facts, policy, clinic.local_date(now), clinic.zone)
    closes = form.decision != "keep"
    if closes and policy.lead_approves and not actor.has("clinic_lead", "clinician"):
        raise Forbidden("closing is approved by the clinic lead or a clinician")
    by_clinician = actor.has("clinician")
    refuse(rules.check(form, found.blocks, by_clinician=by_clinician, today=clinic.local_date(now)))
    decision_id = await _insert(tx, actor, (clinic_id, patient_id, episode.id), form, found, now)
    if closes:
        await _close(tx, actor, patient_id, form, clinic, now, outreach)
        await filing.offer(
            tx, clinic_id, patient_id, episode.id, "closing_note", decision_id,
            owner_id=episode_records.staff_id(actor), now=now,
        )  # fmt: skip
    await _settle(tx, clinic, episode.id, form, now)
    await audit.record(
        tx, actor, "closing.decided", "closing_decision", decision_id,
        now=now, patient_id=patient_id, decision=form.decision, rule=rules.RULE,
    )  # fmt: skip
    return decision_id


async def look_again(database: Database, now: datetime, *, limit: int = 200) -> dict[str, int]:
    """Looks at the rule where its days have passed. One row that can't be read doesn't hold up the others."""

    async def body(tx: Tx) -> Counter[str]:
        rows = await tx.all(
            select(ClosingWatch.episode_id, Episode.clinic_id, Episode.patient_id)
            .join(Episode, Episode.id == ClosingWatch.episode_id)
            .where(ClosingWatch.next_at <= now)
            .order_by(ClosingWatch.next_at)
            .limit(limit)
            .with_for_update(skip_locked=True, of=ClosingWatch)
        )
        for row in rows:
            await _look(tx, row.clinic_id, row.patient_id, row.episode_id, now)
        return Counter(looked_at=len(rows))

    return dict(await database.run(body))


async def _look(tx: Tx, clinic_id: UUID, patient_id: UUID, episode_id: UUID, now: datetime) -> Judgement:
    episode = await tx.first(select(Episode.status, Episode.care_manager_id).where(Episode.id == episode_id))
    clinic, policy = await organisation.clinic(tx, clinic_id), await _policy(tx, clinic_id)
    today = clinic.local_date(now)
    found = rules.judge(await _facts(tx, patient_id, episode_id), policy, today, clinic.zone)
    active = episode is not None and episode.status in IN_CARE
    next_at = None
    if active and found.due_on is not None and not found.met:
        next_at = noon(found.due_on, clinic.zone)
    await _watch(tx, clinic_id, episode_id, next_at)
    if active and found.met and episode is not None:
        await worklist.open_task(
            tx,
            clinic_id=clinic_id,
            patient_id=patient_id,
            episode_id=episode_id,
            kind="closing_proposed",
            dedupe_key=_key(episode_id),
            owner_id=episode.care_manager_id,
            ref_kind="episode",
            ref_id=episode_id,
            detail={
                "rule": rules.RULE,
                "attempts": found.attempts,
                "channels": found.channels,
                "days": found.days,
            },
            now=now,
        )
    return found


async def _watch(tx: Tx, clinic_id: UUID, episode_id: UUID, next_at: datetime | None) -> None:
    values = {"id": tx.new_id(), "clinic_id": clinic_id, "episode_id": episode_id, "next_at": next_at}
    await tx.execute(pick(tx, _WATCH), values)


async def _facts(tx: Tx, patient_id: UUID, episode_id: UUID) -> Facts:
    last = (
        select(func.max(Contact.occurred_at))
        .where(Contact.episode_id == episode_id, Contact.spoken.is_(True))
        .scalar_subquery()
    )
    rows = await tx.all(
        select(Contact.occurred_at, Contact.channel)
        .where(Contact.episode_id == episode_id, Contact.spoken.is_(False))
        .where((Contact.occurred_at > last) | last.is_(None))
        .order_by(Contact.occurred_at)
        .limit(MOST_TRIES)
    )
    item9 = await tx.scalar(select(RegistryLine.phq9_item9).where(RegistryLine.episode_id == episode_id))
    decided = await _last_decision(tx, episode_id)
    return Facts(
        tries=tuple(Try(row.occurred_at, row.channel) for row in rows),
        open_risk_event=await safety.has_open_event(tx, patient_id),
        item9=item9,
        keep_until=None if decided is None else decided.keep_until,
    )


async def _last_decision(tx: Tx, episode_id: UUID) -> Any:
    return await tx.first(
        select(ClosingDecision.decision, ClosingDecision.keep_until)
        .where(ClosingDecision.episode_id == episode_id)
        .order_by(ClosingDecision.at.desc(), ClosingDecision.id.desc())
        .limit(1)
    )


async def _policy(tx: Tx, clinic_id: UUID) -> Policy:
    return rules.policy_of(await tx.scalar(select(Clinic.settings).where(Clinic.id == clinic_id)) or {})


async def _insert(
    tx: Tx,
    actor: Actor,
    whose: tuple[UUID, UUID, UUID],
    form: ClosingForm,
    found: Judgement,
    now: datetime,
) -> UUID:
    """`whose` is (clinic, patient, episode)."""
    decision_id = tx.new_id()
    author = episode_records.staff_id(actor)
    said = (form.clinician_said or "").strip()
    values = {
        "id": decision_id,
        "clinic_id": whose[0],
        "patient_id": whose[1],
        "episode_id": whose[2],
        "decision": "keep" if form.decision == "keep" else "close",
        "at": now,
        "by_id": author,
        "attempts": found.attempts,
        "channels": found.channels,
        "first_attempt_at": found.first_at,
        "note_sealed": tx.vault.seal(form.note.strip()),
        "reentry_sealed": tx.vault.seal(form.reentry.strip()) if form.reentry else None,
        "told_clinician_on": form.told_clinician_on,
        "letter_on": form.letter_on,
        "clinician_id": author if actor.has("clinician") else None,
        "clinician_said_sealed": tx.vault.seal(said) if said else None,
        "keep_until": form.keep_until if form.decision == "keep" else None,
    }
    await tx.execute(insert(ClosingDecision), values)
    return decision_id


async def _close(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    form: ClosingForm,
    clinic: ClinicFacts,
    now: datetime,
    outreach: Outreach,
) -> None:
    ended = form.decision == "ended"
    status = StatusForm(
        "ended" if ended else "inactive_disengaged",
        "disengaged" if ended else "no_contact",
        clinic.local_date(now),
        note=form.note.strip()[:2000],
    )
    await change_status(tx, actor, patient_id, status, now=now, outreach=outreach, closing_form=True)


async def _settle(tx: Tx, clinic: ClinicFacts, episode_id: UUID, form: ClosingForm, now: datetime) -> None:
    """The proposal is answered; with `keep` the rule is looked at again on that day."""
    await worklist.close_tasks(tx, clinic.id, _key(episode_id), form.decision, now)
    again = form.keep_until if form.decision == "keep" else None
    await _watch(tx, clinic.id, episode_id, None if again is None else noon(again, clinic.zone))


def _key(episode_id: UUID) -> str:
    return f"closing:{episode_id}"
