"""Sending a recommendation, and each step on its way to the patient. Every step is one line that stays."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, assert_never, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, update

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from registry.access import CARE, CLINICAL, require
from registry.cover import queries as cover
from registry.episodes import records as episode_records
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.ports import Notices
from registry.recommendations import rules
from registry.recommendations.rules import (
    STAGES,
    Answer,
    ClinicianDecision,
    OrderForm,
    RecommendationForm,
    Stage,
    Step,
    Urgency,
)
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.review.tables import ReviewItem
from registry.treatment_changes import service as treatment_changes
from registry.worklist import service as worklist

ADVISERS: Final[tuple[Role, ...]] = ("consultant", "care_manager", "clinic_lead")


async def send(
    tx: Tx, actor: Actor, patient_id: UUID, form: RecommendationForm, *, now: datetime, notices: Notices
) -> UUID:
    """Routes it to the treating clinician, who is told by e-mail that something waits. Raises `Invalid` with every
    problem, `Conflict` without an open episode."""
    clinic_id = require(actor, *ADVISERS)
    author = await _author(tx, actor, clinic_id, form)
    await patient_records.locked(tx, clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    today = (await organisation.clinic(tx, clinic_id)).local_date(now)
    recipient = form.recipient_id or episode.treating_clinician_id
    refuse(
        [
            *rules.check(form, today),
            *await _recipient_problem(tx, clinic_id, recipient),
            *await _item_problem(tx, patient_id, form.review_item_id),
        ]
    )
    assert recipient is not None
    made = tx.new_id()
    due = rules.overdue_at("waiting", form.urgency, now, await worklist.working_time(tx, clinic_id))
    await tx.execute(
        insert(Recommendation),
        {
            "id": made,
            "clinic_id": clinic_id,
            "patient_id": patient_id,
            "episode_id": episode.id,
            "review_item_id": form.review_item_id,
            "author_id": author,
            "recipient_id": recipient,
            "parts_sealed": tx.vault.seal(msgspec.json.encode(form.parts).decode()),
            "if_then_sealed": _sealed(tx, form.if_then),
            "target_on": form.target_on,
            "urgency": form.urgency,
            "stage": "waiting",
            "stage_since": now,
            "overdue_at": due,
            "next_at": due,
            "created_at": now,
            "version": 1,
        },
    )
    await _note(tx, actor, clinic_id, made, "sent", now, text=form.why)
    await _tell(tx, clinic_id, recipient, made, today, now, notices)
    await audit.record(
        tx, actor, "recommendation.sent", "recommendation", made,
        now=now, patient_id=patient_id, parts=[part.kind for part in form.parts],
    )  # fmt: skip
    return made


async def decide(
    tx: Tx,
    actor: Actor,
    recommendation_id: UUID,
    form: ClinicianDecision,
    *,
    version: int | None,
    now: datetime,
) -> None:
    """The recipient or whoever covers for them accepts, modifies or declines; or a care manager records what they
    decided elsewhere. Of two decisions at once the second meets `Conflict`. Declined, it comes back as a task."""
    row = await _locked(tx, actor, recommendation_id, version)
    today = (await organisation.clinic(tx, row.clinic_id)).local_date(now)
    await _may_decide(tx, actor, row, form, today)
    refuse(list(rules.check_decision(form, today)))
    words = form.instead if form.decision == "modified" else form.reason
    await _step(
        tx, actor, row, form.decision, now, via=form.via, who=form.decided_by, on=form.decided_on,
        read_back=form.read_back, text=words,
    )  # fmt: skip
    if form.decision == "declined":
        working = await organisation.roles_of_staff(tx, row.clinic_id, [row.author_id])
        await worklist.open_task(
            tx, clinic_id=row.clinic_id, patient_id=row.patient_id, episode_id=row.episode_id,
            kind="recommendation_declined", dedupe_key=f"recommendation:{row.id}", owner_id=row.author_id if row.author_id in working else None,
            ref_kind="recommendation", ref_id=row.id, now=now,
        )  # fmt: skip
        await worklist.set_flags(tx, actor, row.episode_id, discuss=True, now=now)


async def order(
    tx: Tx, actor: Actor, recommendation_id: UUID, form: OrderForm, *, version: int | None, now: datetime
) -> None:
    """What was ordered or arranged. With `change` it dates the treatment change in the same transaction."""
    row = await _locked(tx, actor, recommendation_id, version)
    today = (await organisation.clinic(tx, row.clinic_id)).local_date(now)
    refuse(list(rules.check_order(form, today)))
    await _step(tx, actor, row, "ordered", now, who=form.by, on=form.on, text=form.what)
    if form.change is None:
        return
    change = msgspec.structs.replace(form.change, source="review", source_id=row.id)
    try:
        await treatment_changes.record_change(tx, actor, row.patient_id, change, now=now)
    except Invalid as error:
        raise Invalid(*(Problem(f"change.{each.field}", each.message) for each in error.problems)) from None


async def told(
    tx: Tx, actor: Actor, recommendation_id: UUID, note: str | None, *, version: int | None, now: datetime
) -> None:
    """The patient knows of it."""
    await _step(
        tx, actor, await _locked(tx, actor, recommendation_id, version), "told", now, text=_bounded(note)
    )


async def taking(
    tx: Tx,
    actor: Actor,
    recommendation_id: UUID,
    note: str | None,
    *,
    version: int | None,
    now: datetime,
    in_use: bool = True,
) -> None:
    """The patient takes it or has begun it: the loop is closed. Not `in_use`, with the reason in `note`, it is asked
    about again, its clock runs on, and the patient is discussed at the next review."""
    row = await _locked(tx, actor, recommendation_id, version)
    if in_use:
        await _step(tx, actor, row, "taking", now, text=_bounded(note))
        return
    await _not_in_use(tx, actor, row, note, now)


async def answered(
    tx: Tx,
    actor: Actor,
    patient_id: UUID,
    recommendation_id: UUID,
    answer: Answer,
    why: str | None,
    *,
    on: date,
    version: int | None,
    now: datetime,
) -> None:
    """What a contact on the clinic's date `on` did for it. In use straight from the order: the patient was told with it.
    Raises `NotFound` for another patient's, `Conflict` when its stage or version is another by now."""
    row = await _locked(tx, actor, recommendation_id, version)
    if row.patient_id != patient_id:
        raise NotFound("recommendation")
    if answer == "told" or row.stage == "ordered":
        await _step(tx, actor, row, "told", now, on=on)
        row = await _locked(tx, actor, recommendation_id, None)
    match answer:
        case "told":
            return
        case "in_use":
            await _step(tx, actor, row, "taking", now, on=on, text=_bounded(why))
        case "not_in_use":
            await _not_in_use(tx, actor, row, why, now, on)
        case _:
            assert_never(answer)


async def _not_in_use(
    tx: Tx, actor: Actor, row: Row[Any], why: str | None, now: datetime, on: date | None = None
) -> None:
    if why is None or not why.strip():
        raise Invalid.field("note", "is needed: why is it not in use?")
    await _step(tx, actor, row, "not_taking", now, on=on, text=_bounded(why))
    await worklist.set_flags(tx, actor, row.episode_id, discuss=True, now=now)


async def withdraw(
    tx: Tx, actor: Actor, recommendation_id: UUID, reason: str, *, version: int | None, now: datetime
) -> None:
    """By its author or the clinic lead, with a reason; what was done so far stays on record."""
    row = await _locked(tx, actor, recommendation_id, version)
    if actor.id != row.author_id and not actor.has("clinic_lead"):
        raise Forbidden("its author or the clinic lead withdraws a recommendation")
    if not reason.strip():
        raise Invalid.field("reason", "is needed")
    await _step(tx, actor, row, "withdrawn", now, text=_bounded(reason))


async def escalate_overdue(tx: Tx, *, now: datetime, limit: int = 200) -> int:
    """Stages that last too long become a task of the clinic lead, once a stage; each is looked at again a day later,
    so that one that nobody takes is never forgotten. After the end of its episode nobody is asked any more: it stays
    where it stands, with a step that says so."""
    rows = await tx.all(
        select(Recommendation.__table__)
        .where(Recommendation.next_at <= now)
        .order_by(Recommendation.next_at, Recommendation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    for row in rows:
        if await episode_records.is_over(tx, row.episode_id):
            await _note(tx, None, row.clinic_id, row.id, "episode_ended", now)
            key = f"recommendation_overdue:{row.id}:{row.stage}"
            await worklist.close_tasks(tx, row.clinic_id, key, "episode_ended", now)
            await tx.execute(update(Recommendation).where(Recommendation.id == row.id).values(next_at=None))
            continue
        opened = await worklist.open_task(
            tx, clinic_id=row.clinic_id, patient_id=row.patient_id, episode_id=row.episode_id,
            kind="recommendation_overdue", dedupe_key=f"recommendation_overdue:{row.id}:{row.stage}",
            due_at=now, ref_kind="recommendation", ref_id=row.id,
            detail={"stage": row.stage, "since": row.stage_since.isoformat()}, now=now,
        )  # fmt: skip
        if opened is not None:
            await _note(tx, None, row.clinic_id, row.id, "escalated", now)
        await tx.execute(
            update(Recommendation).where(Recommendation.id == row.id).values(next_at=now + rules.AGAIN)
        )
    return len(rows)


async def _item_problem(tx: Tx, patient_id: UUID, item_id: UUID | None) -> list[Problem]:
    if item_id is None:
        return []
    theirs = select(ReviewItem.id).where(ReviewItem.id == item_id, ReviewItem.patient_id == patient_id)
    if await tx.scalar(theirs) is not None:
        return []
    return [Problem("review_item_id", "is no item of a case review about this patient")]


async def _locked(tx: Tx, actor: Actor, recommendation_id: UUID, version: int | None) -> Row[Any]:
    clinic_id = require(actor, *CLINICAL)
    row = await tx.first(
        select(Recommendation.__table__)
        .where(Recommendation.id == recommendation_id, Recommendation.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("recommendation")
    patient_records.refuse_stale(row.version, version)
    return row


async def _may_decide(tx: Tx, actor: Actor, row: Row[Any], form: ClinicianDecision, today: date) -> None:
    if form.via != "console":
        require(actor, *CARE)
        return
    covering = frozenset() if actor.id is None else await cover.covered_by(tx, row.clinic_id, actor.id, today)
    if actor.id != row.recipient_id and row.recipient_id not in covering:
        raise Forbidden("the clinician it was sent to decides, or who covers for them")


async def _step(
    tx: Tx,
    actor: Actor,
    row: Row[Any],
    step: Step,
    now: datetime,
    *,
    via: str | None = None,
    who: str | None = None,
    on: date | None = None,
    read_back: bool = False,
    text: str | None = None,
) -> None:
    stage = rules.after(cast(Stage, row.stage), step)
    if stage is None:
        raise Conflict(f"it stands at: {STAGES[cast(Stage, row.stage)].lower()}", code="stage")
    if step in ("ordered", "told", "taking", "not_taking"):
        require(actor, *CARE)
    moved: dict[str, Any] = {}
    if stage != row.stage:
        hours = await worklist.working_time(tx, row.clinic_id)
        due = rules.overdue_at(stage, cast(Urgency, row.urgency), now, hours)
        moved = {"stage": stage, "stage_since": now, "overdue_at": due, "next_at": due}
        key = f"recommendation_overdue:{row.id}:{row.stage}"
        await worklist.close_tasks(tx, row.clinic_id, key, step, now)
    await tx.execute(
        update(Recommendation).where(Recommendation.id == row.id).values(**moved, version=row.version + 1)
    )
    await _note(
        tx, actor, row.clinic_id, row.id, step, now, via=via, who=who, on=on, read_back=read_back, text=text
    )
    await audit.record(
        tx, actor, f"recommendation.{step}", "recommendation", row.id, now=now, patient_id=row.patient_id
    )


async def _note(
    tx: Tx,
    actor: Actor | None,
    clinic_id: UUID,
    recommendation_id: UUID,
    step: Step,
    now: datetime,
    *,
    via: str | None = None,
    who: str | None = None,
    on: date | None = None,
    read_back: bool = False,
    text: str | None = None,
) -> None:
    await tx.execute(
        insert(RecommendationStep),
        {
            "id": tx.new_id(),
            "clinic_id": clinic_id,
            "recommendation_id": recommendation_id,
            "step": step,
            "at": now,
            "by_id": None if actor is None else episode_records.staff_id(actor),
            "via": via,
            "who_sealed": _sealed(tx, who),
            "on": on,
            "read_back": read_back,
            "text_sealed": _sealed(tx, text),
        },
    )


async def _author(tx: Tx, actor: Actor, clinic_id: UUID, form: RecommendationForm) -> UUID:
    """A person: whoever is signed in, or whom a key of another system names."""
    author = actor.id if actor.kind == "staff" else form.author_id
    roles = {} if author is None else await organisation.roles_of_staff(tx, clinic_id, (author,))
    if author is None or not set(ADVISERS) & set(roles.get(author, ())):
        raise Invalid.field("author_id", "is needed: the member of staff who advises")
    return author


async def _recipient_problem(tx: Tx, clinic_id: UUID, recipient: UUID | None) -> tuple[Problem, ...]:
    if recipient is None:
        return (Problem("recipient_id", "is needed: the episode has no treating clinician"),)
    if recipient not in await organisation.holders(tx, clinic_id, "clinician"):
        return (Problem("recipient_id", "is no clinician of this clinic"),)
    return ()


async def _tell(
    tx: Tx,
    clinic_id: UUID,
    recipient: UUID,
    recommendation_id: UUID,
    today: date,
    now: datetime,
    notices: Notices,
) -> None:
    """The recipient, and whoever stands in for them today."""
    cause = f"recommendation:{recommendation_id}"
    standing_in = await cover.stands_in(tx, clinic_id, recipient, today)
    for person in filter(None, (recipient, standing_in)):
        await notices.something_waits(tx, person, clinic_id=clinic_id, cause=cause, now=now)


def _sealed(tx: Tx, text: str | None) -> str | None:
    return None if text is None or not text.strip() else tx.vault.seal(text.strip().replace("\r\n", "\n"))


def _bounded(note: str | None) -> str | None:
    if note is not None and len(note) > rules.MAX_TEXT:
        raise Invalid.field("note", f"is longer than {rules.MAX_TEXT} characters")
    return note
