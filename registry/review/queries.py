"""Case reviews for the people in them: the meetings, an agenda, one patient's item, and who was reviewed when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select

from kernel.audit import Actor, record
from kernel.db import Tx, among
from kernel.errors import NotFound
from registry.access import CLINICAL, require
from registry.organisation import queries as organisation
from registry.patients.tables import Patient
from registry.review import agendas
from registry.review.rules import NOT_IMPROVING, Discussion, Group, Place
from registry.review.tables import CaseReview, ReviewItem

LIMIT: Final = 100


class ReviewMeeting(msgspec.Struct, frozen=True):
    """`care_manager_id` None: all caseloads. Counts are of patients."""

    id: UUID
    starts_at: datetime
    minutes: int
    consultant_id: UUID
    consultant: str
    care_manager_id: UUID | None
    care_manager: str | None
    state: str
    opened_at: datetime | None
    closed_at: datetime | None
    listed: int
    discussed: int


class TookPart(msgspec.Struct, frozen=True):
    """A member of staff, and the minutes of theirs."""

    name: str
    minutes: int | None


class ReviewLine(msgspec.Struct, frozen=True):
    """One patient of an agenda. `people` are names, `took_part` the same with the minutes of each, `minutes` what they
    spent together; `offered`: within the time of the meeting."""

    id: UUID
    review_id: UUID
    patient_id: UUID
    episode_id: UUID
    family_name: str
    given_name: str
    position: int
    group: Group
    because: tuple[str, ...]
    offered: bool
    offer_by: date | None
    state: str
    discussion: Discussion | None
    impression: str | None
    note: str | None
    changed: str | None
    people: tuple[str, ...]
    minutes: int | None
    discussed_at: datetime | None
    passed_reason: str | None
    version: int
    took_part: tuple[TookPart, ...] = ()


class ReviewPage(msgspec.Struct, frozen=True):
    meeting: ReviewMeeting
    items: tuple[ReviewLine, ...]
    note: str | None


class Reviewed(msgspec.Struct, frozen=True):
    """What one case review left behind about a patient: evidence for the month and its record."""

    item_id: UUID
    on: datetime
    note: str | None
    changed: str | None
    minutes: int | None


async def meetings(tx: Tx, viewer: Actor, *, now: datetime) -> tuple[ReviewMeeting, ...]:
    """The newest hundred, latest first. They hold no patients, so the read leaves no trace of any."""
    clinic_id = require(viewer, *CLINICAL)
    names = await organisation.staff_names(tx, clinic_id)
    rows = await tx.all(
        select(CaseReview.__table__)
        .where(CaseReview.clinic_id == clinic_id, CaseReview.state != "cancelled")
        .order_by(CaseReview.starts_at.desc(), CaseReview.id)
        .limit(LIMIT)
    )
    counts = await _counts(tx, [row.id for row in rows])
    return tuple(_meeting(row, names, counts.get(row.id, (0, 0))) for row in rows)


async def review(tx: Tx, viewer: Actor, review_id: UUID, *, now: datetime) -> ReviewPage:
    """The meeting with its agenda in order. Raises `NotFound` for another clinic's."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(CaseReview.__table__).where(CaseReview.id == review_id, CaseReview.clinic_id == clinic_id)
    )
    if row is None:
        raise NotFound("case review")
    names = await organisation.staff_names(tx, clinic_id)
    items = await _items(tx, names, ReviewItem.review_id == review_id)
    await record(tx, viewer, "case_review.read", "case_review", review_id, now=now, count=len(items))
    done = sum(item.state == "discussed" for item in items)
    meeting = _meeting(row, names, (len(items), done))
    return ReviewPage(meeting, items, _opened(tx, row.note_sealed))


async def preview(tx: Tx, viewer: Actor, review_id: UUID, *, now: datetime) -> ReviewPage:
    """A planned meeting with the agenda it would get now. Its items are not stored and have the patient's id."""
    clinic_id = require(viewer, *CLINICAL)
    row = await tx.first(
        select(CaseReview.__table__).where(CaseReview.id == review_id, CaseReview.clinic_id == clinic_id)
    )
    if row is None:
        raise NotFound("case review")
    places = await agendas.agenda_of(tx, row, now)
    names = await organisation.staff_names(tx, clinic_id)
    people = await tx.all(
        select(Patient.id, Patient.family_name, Patient.given_name).where(
            among(tx, Patient.id, [place.patient_id for place in places])
        )
    )
    known = {person.id: person for person in people}
    items = tuple(_planned(row, number, p, known[p.patient_id]) for number, p in enumerate(places, 1))
    await record(tx, viewer, "case_review.read", "case_review", review_id, now=now, count=len(items))
    return ReviewPage(_meeting(row, names, (len(items), 0)), items, None)


async def population(
    tx: Tx, viewer: Actor, care_manager_id: UUID | None, *, now: datetime
) -> tuple[tuple[str, int], ...]:
    """Counts for the end of the agenda, of a caseload or the clinic: (what, how many). No patient is named."""
    clinic_id = require(viewer, *CLINICAL)
    clinic = await organisation.clinic(tx, clinic_id)
    found = await agendas.patients_of(tx, clinic, care_manager_id, now)
    return (
        ("Patients", len(found)),
        ("Relapse prevention", sum(one.status == "relapse_prevention" for one in found)),
        ("Not improving, or worse", sum(bool(one.rules & NOT_IMPROVING) for one in found)),
        ("Response met", sum("R-RESP" in one.rules for one in found)),
        ("No score in time", sum("R-NOSCORE" in one.rules for one in found)),
        ("No contact in time", sum("R-NOCONTACT" in one.rules for one in found)),
        ("Never reviewed", sum(one.last_review_on is None for one in found)),
    )


async def item(tx: Tx, viewer: Actor, item_id: UUID, *, now: datetime) -> ReviewLine:
    clinic_id = require(viewer, *CLINICAL)
    names = await organisation.staff_names(tx, clinic_id)
    found = await _items(tx, names, (ReviewItem.id == item_id) & (ReviewItem.clinic_id == clinic_id))
    if not found:
        raise NotFound("review item")
    await record(
        tx, viewer, "review_item.read", "review_item", item_id, now=now, patient_id=found[0].patient_id
    )
    return found[0]


async def of_patient(tx: Tx, viewer: Actor, patient_id: UUID, *, now: datetime) -> tuple[ReviewLine, ...]:
    """Discussions of one patient, newest first."""
    clinic_id = require(viewer, *CLINICAL)
    names = await organisation.staff_names(tx, clinic_id)
    mine = (ReviewItem.patient_id == patient_id) & (ReviewItem.clinic_id == clinic_id)
    found = await _items(tx, names, mine & (ReviewItem.state == "discussed"))
    await record(
        tx, viewer, "review_items.read", "patient", patient_id,
        now=now, patient_id=patient_id, count=len(found),
    )  # fmt: skip
    return tuple(sorted(found, key=lambda one: str(one.discussed_at), reverse=True))


async def between(tx: Tx, episode_id: UUID, start: datetime, end: datetime) -> tuple[Reviewed, ...]:
    """Discussions of an episode in [start, end), oldest first: for the month's elements. The caller has a viewer and
    leaves the audit row of what it shows."""
    rows = await tx.all(
        select(ReviewItem.__table__)
        .where(
            ReviewItem.episode_id == episode_id,
            ReviewItem.discussed_at >= start,
            ReviewItem.discussed_at < end,
        )
        .order_by(ReviewItem.discussed_at, ReviewItem.id)
        .limit(LIMIT)
    )
    return tuple(
        Reviewed(
            row.id,
            row.discussed_at,
            _opened(tx, row.note_sealed),
            _opened(tx, row.changed_sealed),
            row.minutes,
        )
        for row in rows
    )


async def _items(tx: Tx, names: dict[UUID, str], which: Any) -> tuple[ReviewLine, ...]:
    rows = await tx.all(
        select(ReviewItem.__table__, Patient.family_name, Patient.given_name)
        .join(Patient, Patient.id == ReviewItem.patient_id)
        .where(which)
        .order_by(ReviewItem.position, ReviewItem.id)
        .limit(2_000)
    )
    return tuple(_item(tx, row, names) for row in rows)


def _item(tx: Tx, row: Row[Any], names: dict[UUID, str]) -> ReviewLine:
    took_part = tuple(_took_part(person, row.minutes, names) for person in row.people)
    return ReviewLine(
        id=row.id,
        review_id=row.review_id,
        patient_id=row.patient_id,
        episode_id=row.episode_id,
        family_name=row.family_name,
        given_name=row.given_name,
        position=row.position,
        group=cast(Group, row.group),
        because=tuple(row.because),
        offered=row.offered,
        offer_by=row.offer_by,
        state=row.state,
        discussion=cast(Discussion | None, row.discussion),
        impression=_opened(tx, row.impression_sealed),
        note=_opened(tx, row.note_sealed),
        changed=_opened(tx, row.changed_sealed),
        people=tuple(person.name for person in took_part),
        minutes=row.minutes,
        discussed_at=row.discussed_at,
        passed_reason=row.passed_reason,
        version=row.version,
        took_part=took_part,
    )


def _took_part(stored: Any, together: int | None, names: dict[UUID, str]) -> TookPart:
    """Until minutes were asked of each, only the id was stored, and everybody had the same."""
    person, minutes = (stored["id"], stored["minutes"]) if isinstance(stored, dict) else (stored, together)
    return TookPart(names.get(UUID(person), "Former staff"), minutes)


def _planned(row: Row[Any], number: int, place: Place, person: Row[Any]) -> ReviewLine:
    return ReviewLine(
        id=place.patient_id,
        review_id=row.id,
        patient_id=place.patient_id,
        episode_id=place.episode_id,
        family_name=person.family_name,
        given_name=person.given_name,
        position=number,
        group=place.group,
        because=place.because,
        offered=place.offered,
        offer_by=place.offer_by,
        state="listed",
        discussion=None,
        impression=None,
        note=None,
        changed=None,
        people=(),
        minutes=None,
        discussed_at=None,
        passed_reason=None,
        version=0,
    )


def _meeting(row: Row[Any], names: dict[UUID, str], counts: tuple[int, int]) -> ReviewMeeting:
    manager = row.care_manager_id
    return ReviewMeeting(
        id=row.id,
        starts_at=row.starts_at,
        minutes=row.minutes,
        consultant_id=row.consultant_id,
        consultant=names.get(row.consultant_id, "Former staff"),
        care_manager_id=manager,
        care_manager=None if manager is None else names.get(manager, "Former staff"),
        state=row.state,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        listed=counts[0],
        discussed=counts[1],
    )


async def _counts(tx: Tx, ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    if not ids:
        return {}
    rows = await tx.all(
        select(
            ReviewItem.review_id,
            func.count().label("listed"),
            func.count(ReviewItem.discussed_at).label("discussed"),
        )
        .where(ReviewItem.review_id.in_(ids))
        .group_by(ReviewItem.review_id)
    )
    return {row.review_id: (row.listed, row.discussed) for row in rows}


def _opened(tx: Tx, sealed: str | None) -> str | None:
    return None if sealed is None else tx.vault.open(sealed)
