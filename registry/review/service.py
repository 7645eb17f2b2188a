"""Planning a case review, holding it, and closing it. What was said about a patient is one use case: note, minutes of
everybody who took part, and the registry's date of the last review."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel import audit
from kernel.audit import Actor, Role
from kernel.db import Tx
from kernel.errors import Conflict, Invalid, NotFound, Problem
from registry.access import require
from registry.episodes import records as episode_records
from registry.filing import service as filing
from registry.organisation import queries as organisation
from registry.patients import records as patient_records
from registry.patients.service import refuse
from registry.review import agendas, rules
from registry.review.rules import Discussion, DiscussionForm, Place
from registry.review.tables import CaseReview, ReviewItem
from registry.stepped_care import service as stepped_care
from registry.time_log import service as time_log
from registry.time_log.service import TimeForm
from registry.worklist import service as worklist

HOLDERS: Final[tuple[Role, ...]] = ("consultant", "care_manager", "clinic_lead")
WEEK: Final = timedelta(days=7)
LONGEST: Final = 240
SOLO_ACTIVITY: Final = "consultant_review"


async def plan(
    tx: Tx,
    actor: Actor,
    *,
    starts_at: datetime,
    minutes: int,
    consultant_id: UUID,
    care_manager_id: UUID | None,
    now: datetime,
) -> UUID:
    """A meeting; its agenda is built when it opens. `care_manager_id` None: of all caseloads of the clinic."""
    clinic_id = require(actor, *HOLDERS)
    problems = [] if 0 < minutes <= LONGEST else [Problem("minutes", f"must be 1 to {LONGEST}")]
    if starts_at < now - WEEK:
        problems.append(Problem("starts_at", "is more than a week ago"))
    if consultant_id not in await organisation.holders(tx, clinic_id, "consultant"):
        problems.append(Problem("consultant_id", "is no consultant of this clinic"))
    managers = await organisation.holders(tx, clinic_id, "care_manager")
    if care_manager_id is not None and care_manager_id not in managers:
        problems.append(Problem("care_manager_id", "is no care manager of this clinic"))
    refuse(problems)
    review_id = tx.new_id()
    await tx.execute(
        insert(CaseReview),
        {
            "id": review_id,
            "clinic_id": clinic_id,
            "starts_at": starts_at,
            "minutes": minutes,
            "consultant_id": consultant_id,
            "care_manager_id": care_manager_id,
            "state": "planned",
            "created_at": now,
            "opened_at": None,
            "closed_at": None,
            "closed_by_id": None,
            "note_sealed": None,
            "version": 1,
        },
    )
    await audit.record(tx, actor, "case_review.planned", "case_review", review_id, now=now)
    return review_id


async def cancel(tx: Tx, actor: Actor, review_id: UUID, *, now: datetime) -> None:
    """Of one that is still planned."""
    review = await _review(tx, actor, review_id)
    _must_be(review, "planned")
    await _set(tx, review, {"state": "cancelled"})
    await audit.record(tx, actor, "case_review.cancelled", "case_review", review_id, now=now)


async def open_review(tx: Tx, actor: Actor, review_id: UUID, *, now: datetime) -> int:
    """Builds the agenda as of now and keeps it; gives the number of patients. Opening an open one changes nothing.
    Raises `Conflict` while the consultant has another meeting open."""
    review = await _review(tx, actor, review_id)
    if review.state == "open":
        return await _size(tx, review_id)
    _must_be(review, "planned")
    places = await agendas.agenda_of(tx, review, now)
    try:
        await _set(tx, review, {"state": "open", "opened_at": now})
    except IntegrityError:
        raise Conflict("the consultant has another case review open", code="open_review") from None
    await tx.execute(delete(ReviewItem).where(ReviewItem.review_id == review_id))
    if places:
        await tx.execute(
            insert(ReviewItem), [_item(tx, review, number, p) for number, p in enumerate(places, 1)]
        )
    await audit.record(tx, actor, "case_review.opened", "case_review", review_id, now=now, count=len(places))
    return len(places)


async def add_patient(tx: Tx, actor: Actor, review_id: UUID, patient_id: UUID, *, now: datetime) -> UUID:
    """Somebody who is not on the agenda, at its end. Gives the item; the one that is there when it is."""
    review = await _review(tx, actor, review_id)
    _must_be(review, "open")
    await patient_records.locked(tx, review.clinic_id, patient_id)
    episode = await episode_records.open_episode(tx, patient_id)
    mine = (ReviewItem.review_id == review_id, ReviewItem.patient_id == patient_id)
    there: UUID | None = await tx.scalar(select(ReviewItem.id).where(*mine))
    if there is not None:
        return there
    place = Place(patient_id, episode.id, "flagged", ("added in the meeting",), True, None)
    values = _item(tx, review, await _size(tx, review_id) + 1, place)
    await tx.execute(insert(ReviewItem), values)
    added: UUID = values["id"]
    await audit.record(tx, actor, "review_item.added", "review_item", added, now=now, patient_id=patient_id)
    return added


async def discuss(
    tx: Tx, actor: Actor, item_id: UUID, form: DiscussionForm, *, version: int | None, now: datetime
) -> None:
    """Note, minutes and the date of the last review, or nothing. Takes the flag for discussion off, and accepts an open
    step up, which asked for this. Raises `Invalid`
    with every problem, `Conflict` when the item was discussed already or its form is stale."""
    item, review = await _open_item(tx, actor, item_id, version)
    consultants = await organisation.holders(tx, review.clinic_id, "consultant")
    refuse([*rules.check(form, consultants), *await _unknown_people(tx, review.clinic_id, form.people)])
    spent = rules.spent(form)
    await _log_minutes(tx, actor, item, form.discussion, spent, now)
    values = {
        "state": "discussed",
        "discussion": form.discussion,
        "impression_sealed": _sealed(tx, form.impression),
        "note_sealed": _sealed(tx, form.note),
        "changed_sealed": _sealed(tx, form.changed),
        "people": [{"id": str(person), "minutes": minutes} for person, minutes in spent.items()],
        "minutes": min(spent.values()),
        "discussed_at": now,
        "by_id": episode_records.staff_id(actor),
        "version": item.version + 1,
    }
    await tx.execute(update(ReviewItem).where(ReviewItem.id == item_id).values(**values))
    await worklist.set_last_review(tx, item.episode_id, now, now)
    await stepped_care.settle_by_review(tx, actor, item.episode_id, item_id, now)
    await filing.offer(
        tx, item.clinic_id, item.patient_id, item.episode_id, "case_review", item_id,
        owner_id=values["by_id"], now=now,
    )  # fmt: skip
    await worklist.set_flags(tx, actor, item.episode_id, discuss=False, now=now)
    await audit.record(
        tx, actor, "review_item.discussed", "review_item", item_id,
        now=now, patient_id=item.patient_id, minutes=values["minutes"],
    )  # fmt: skip


async def pass_over(
    tx: Tx, actor: Actor, item_id: UUID, reason: str, *, version: int | None, now: datetime
) -> None:
    """Not today, with the reason; the patient is on the next agenda by the same rules."""
    if not reason.strip() or len(reason) > 500:
        raise Invalid.field("reason", "is needed, in at most 500 characters")
    item, _ = await _open_item(tx, actor, item_id, version)
    await tx.execute(
        update(ReviewItem)
        .where(ReviewItem.id == item_id)
        .values(state="passed", passed_reason=reason.strip(), version=item.version + 1)
    )
    await audit.record(
        tx, actor, "review_item.passed", "review_item", item_id, now=now, patient_id=item.patient_id
    )


async def close(tx: Tx, actor: Actor, review_id: UUID, note: str | None, *, now: datetime) -> None:
    """Patients nobody came to stay on the list of the next meeting: their items say so. Closing twice changes nothing;
    a second note is a Conflict."""
    review = await _review(tx, actor, review_id)
    if review.state == "closed":
        if note and note.strip().replace("\r\n", "\n") != tx.vault.open_or_none(review.note_sealed):
            raise Conflict("the meeting was closed already, and this note was not added", code="stale")
        return
    _must_be(review, "open")
    if note is not None and len(note) > rules.MAX_NOTE:
        raise Invalid.field("note", f"is longer than {rules.MAX_NOTE} characters")
    await tx.execute(
        update(ReviewItem)
        .where(ReviewItem.review_id == review_id, ReviewItem.state == "listed")
        .values(state="passed", passed_reason="the meeting ended before")
    )
    closed = {"state": "closed", "closed_at": now, "closed_by_id": episode_records.staff_id(actor)}
    await _set(tx, review, {**closed, "note_sealed": _sealed(tx, note)})
    await audit.record(tx, actor, "case_review.closed", "case_review", review_id, now=now)


async def _log_minutes(
    tx: Tx, actor: Actor, item: Row[Any], discussion: Discussion, spent: Mapping[UUID, int], now: datetime
) -> None:
    """Worked back from now: the form is sent when the patient has been talked about."""
    try:
        if len(spent) > 1:
            await time_log.log_review(tx, actor, item.patient_id, spent, ended_at=now, now=now)
            return
        [(person, minutes)] = spent.items()
        entry = TimeForm(
            started_at=time_log.ended_now(minutes, now),
            minutes=minutes,
            activity=SOLO_ACTIVITY if discussion == "chart_only" else time_log.JOINT_REVIEW,
            staff_id=person,
        )
        await time_log.log_time(tx, actor, item.patient_id, entry, source="review", now=now)
    except Invalid as error:
        raise Invalid(*(Problem("minutes", f"{p.field} {p.message}") for p in error.problems)) from None


async def _unknown_people(tx: Tx, clinic_id: UUID, people: tuple[UUID, ...]) -> list[Problem]:
    roles = await organisation.roles_of_staff(tx, clinic_id, people)
    allowed = set(HOLDERS) | {"clinician"}
    fits = all(allowed & set(roles.get(person, ())) for person in people)
    return [] if fits else [Problem("people", "somebody in the list has no clinical role in this clinic")]


async def _review(tx: Tx, actor: Actor, review_id: UUID) -> Row[Any]:
    clinic_id = require(actor, *HOLDERS)
    row = await tx.first(
        select(CaseReview.__table__)
        .where(CaseReview.id == review_id, CaseReview.clinic_id == clinic_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("case review")
    return row


async def _open_item(tx: Tx, actor: Actor, item_id: UUID, version: int | None) -> tuple[Row[Any], Row[Any]]:
    clinic_id = require(actor, *HOLDERS)
    item = await tx.first(
        select(ReviewItem.__table__)
        .where(ReviewItem.id == item_id, ReviewItem.clinic_id == clinic_id)
        .with_for_update()
    )
    if item is None:
        raise NotFound("review item")
    review = await _review(tx, actor, item.review_id)
    _must_be(review, "open")
    patient_records.refuse_stale(item.version, version)
    if item.state == "discussed":
        raise Conflict("the patient was discussed already", code="stale")
    return item, review


def _must_be(review: Row[Any], state: str) -> None:
    if review.state != state:
        raise Conflict(f"the case review is {review.state}", code="review_state")


async def _set(tx: Tx, review: Row[Any], values: dict[str, Any]) -> None:
    await tx.execute(
        update(CaseReview).where(CaseReview.id == review.id).values(**values, version=review.version + 1)
    )


async def _size(tx: Tx, review_id: UUID) -> int:
    found: int = await tx.scalar(
        select(func.count()).select_from(ReviewItem).where(ReviewItem.review_id == review_id)
    )
    return found


def _item(tx: Tx, review: Row[Any], position: int, place: Place) -> dict[str, Any]:
    return {
        "id": tx.new_id(),
        "clinic_id": review.clinic_id,
        "review_id": review.id,
        "patient_id": place.patient_id,
        "episode_id": place.episode_id,
        "position": position,
        "group": place.group,
        "because": list(place.because),
        "offered": place.offered,
        "offer_by": place.offer_by,
        "state": "listed",
        "people": [],
        "version": 1,
    }


def _sealed(tx: Tx, text: str | None) -> str | None:
    return None if text is None or not text.strip() else tx.vault.seal(text.strip().replace("\r\n", "\n"))
