"""Answering a check-in on a page: what a visit may see, and saving one answer in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, select

from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from messaging.conversation import filing
from messaging.conversation.filing import CheckInFacts
from messaging.links import rules, service, too_late
from messaging.links.rules import Asked, Part, Standing
from messaging.links.service import Language, Visit
from messaging.schedule.facts import IN_CARE
from messaging.schedule.tables import CheckIn
from questionnaires import catalog
from registry.episodes.tables import Episode
from registry.instruments import queries as instruments
from registry.measures import queries as measures
from registry.measures import service as measure_commands
from registry.measures.queries import Given
from registry.measures.rules import RunFacts
from registry.organisation.tables import Clinic
from registry.patients.tables import Patient
from registry.ports import Alerts

CHANNEL: Final = "portal"
ANSWERED: Final = ("completed", "portal_completed")
Stage = Literal["open", "done", "over"]
Outcome = Literal["saved", "danger", "refused", "finished"]

_CHECK_IN = select(
    CheckIn.id, CheckIn.clinic_id, CheckIn.patient_id, CheckIn.episode_id, CheckIn.instruments,
    CheckIn.state, CheckIn.expires_at, CheckIn.first_answer_at,
).where(CheckIn.id == bindparam("check_in"), CheckIn.clinic_id == bindparam("clinic"))  # fmt: skip

_CONTACT = (
    select(
        Episode.next_contact_at, Episode.next_contact_mode, Clinic.zone, Patient.zone.label("patient_zone")
    )
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Episode.clinic_id)
    .where(
        Episode.patient_id == bindparam("patient"),
        Episode.clinic_id == bindparam("clinic"),
        Episode.status.in_(IN_CARE),
        Episode.next_contact_at > bindparam("now"),
    )
    .limit(1)
)


class Answered(msgspec.Struct, frozen=True):
    """`progress`: where the visit stands afterwards; None when nothing was saved."""

    outcome: Outcome
    progress: Progress | None = None


class Progress(msgspec.Struct, frozen=True):
    """`stage`: questions are waiting, all is answered, or the check-in ended otherwise. `danger`: this visit gave an
    answer that opens a safety event, corrected since or not."""

    stage: Stage
    asked: tuple[Asked, ...]
    danger: bool

    @property
    def waiting(self) -> Asked | None:
        return rules.waiting(self.asked) if self.stage == "open" else None


async def progress(tx: Tx, visit: Visit, language: Language, *, now: datetime) -> Progress:
    """Reads only. Questions come in `language`."""
    check_in = await tx.first(_CHECK_IN, {"check_in": visit.check_in_id, "clinic": visit.clinic_id})
    if check_in is None or not visit.birth_ok:
        return Progress("over", (), False)
    await instruments.ensure(tx, check_in.instruments)
    runs, given = await measures.given(tx, visit.check_in_id)
    return _progress(check_in, runs, given, visit, language, now)


async def answer(
    tx: Tx,
    visit: Visit,
    number: int,
    value: int | None,
    language: Language,
    *,
    now: datetime,
    alerts: Alerts,
) -> Outcome:
    """As `answer_and_look`, for who goes on from nowhere."""
    done = await answer_and_look(tx, visit, number, value, language, now=now, alerts=alerts)
    return done.outcome


async def answer_and_look(
    tx: Tx,
    visit: Visit,
    number: int,
    value: int | None,
    language: Language,
    *,
    now: datetime,
    alerts: Alerts,
) -> Answered:
    """Saves the answer to question `number`; None declines it. The same answer twice changes nothing.

    `danger`: it opens a safety event, saved or not. `finished`: it was the last one; the visit has ended. `refused`:
    that question can't be answered here any more. Raises Invalid for a value the question does not offer.
    """
    facts = (
        None if visit.ended_at is not None or not visit.birth_ok else await _locked(tx, visit, language, now)
    )
    before = await progress(tx, visit, language, now=now)
    one = rules.may_be_posted(before.asked, number) if before.stage == "open" else None
    if facts is None or one is None:
        return Answered(await _refused(tx, visit, before, number, value, now, alerts))
    if value is not None and value not in one.item.values:
        raise Invalid.field("answer", "is not one of the answers offered")
    try:
        await _save(tx, visit, facts, one, value, now, alerts)
    except Conflict:  # the other channel was faster: the page goes on from where it stands
        return Answered(await _refused(tx, visit, before, number, value, now, alerts))
    await service.answered(tx, visit.id, now=now)
    after = await progress(tx, visit, language, now=now)
    finished = after.waiting is None
    if finished:
        await service.end(tx, visit.id, now=now)
    if one.item.risk and (value or 0) >= 1:
        return Answered("danger", after)
    return Answered("finished" if finished else "saved", after)


class NextContact(msgspec.Struct, frozen=True):
    """When and how the patient is spoken with next, never about what. `zone` is the patient's, else the clinic's."""

    at: datetime
    mode: str | None
    zone: str


async def next_contact(tx: Tx, visit: Visit, *, now: datetime) -> NextContact | None:
    row = await tx.first(_CONTACT, {"patient": visit.patient_id, "clinic": visit.clinic_id, "now": now})
    return (
        None
        if row is None
        else NextContact(row.next_contact_at, row.next_contact_mode, row.patient_zone or row.zone)
    )


async def answer_when_idle(
    tx: Tx,
    visit: Visit,
    number: int,
    value: int | None,
    language: Language,
    *,
    now: datetime,
    alerts: Alerts,
) -> Outcome:
    """From a page that was left open too long: never saved, since nobody knows who sits there now."""
    before = await progress(tx, visit, language, now=now)
    return await _refused(tx, visit, before, number, value, now, alerts)


async def _refused(
    tx: Tx, visit: Visit, before: Progress, number: int, value: int | None, now: datetime, alerts: Alerts
) -> Outcome:
    """The second click of a double click gets the page that the first one asked for."""
    one = rules.at(before.asked, number)
    if await too_late.hear(tx, visit, one, value, now=now, alerts=alerts):
        return "danger"
    return "danger" if one is not None and one.item.risk and before.danger else "refused"


async def _locked(tx: Tx, visit: Visit, language: Language, now: datetime) -> CheckInFacts | None:
    """The check-in, locked as an inbound text locks it. Questionnaires not begun yet are opened in the language of
    the page. None when it is gone."""
    check_in = await tx.first(_CHECK_IN, {"check_in": visit.check_in_id, "clinic": visit.clinic_id})
    if check_in is None:
        return None
    if check_in.state in service.OFFERED and check_in.first_answer_at is None:
        for position, instrument_id in enumerate(check_in.instruments, start=1):
            await measure_commands.open_run(
                tx,
                patient_id=check_in.patient_id,
                episode_id=check_in.episode_id,
                clinic_id=check_in.clinic_id,
                check_in_id=check_in.id,
                instrument_id=instrument_id,
                language=language,
                position=position,
                now=now,
            )
    return await filing.check_in(tx, visit.check_in_id, now=now, lock=True)


async def _save(
    tx: Tx, visit: Visit, facts: CheckInFacts, one: Asked, value: int | None, now: datetime, alerts: Alerts
) -> None:
    run = next(s.run for s in facts.sheet.runs if s.run.instrument_id == one.part.instrument.id)
    number = one.item.number
    if one.item.scored:
        await filing.file_answer(
            tx,
            facts,
            run,
            number,
            value,
            raw=None,
            channel=CHANNEL,
            source_id=visit.id,
            now=now,
            alerts=alerts,
        )
    else:
        await measure_commands.add_unscored(
            tx, run, number, value, channel=CHANNEL, source_id=visit.id, now=now
        )
    patient = Actor(kind="patient", id=visit.patient_id, clinic_id=visit.clinic_id)
    await audit.record(
        tx, patient, "answer.saved", "measure_run", run.id,
        now=now, patient_id=visit.patient_id, item=number,
    )  # fmt: skip


def _progress(
    check_in: Row[Any],
    runs: Sequence[RunFacts],
    given: Sequence[Given],
    visit: Visit,
    language: Language,
    now: datetime,
) -> Progress:
    by_instrument = {run.instrument_id: run for run in runs}
    asked = rules.lay_out(
        [_part(name, by_instrument.get(name), given, visit.id, language) for name in check_in.instruments]
    )
    risky = {(o.part.run_id, o.item.number) for o in asked if o.item.risk}
    danger = any(
        g.source_id == visit.id and (g.value or 0) >= 1 and (g.run_id, g.item_no) in risky for g in given
    )
    return Progress(_stage(check_in, asked, now), asked, danger)


def _stage(check_in: Row[Any], asked: Sequence[Asked], now: datetime) -> Stage:
    if check_in.state in ANSWERED:
        return "done" if rules.waiting(asked) is None else "open"
    if check_in.state not in service.OFFERED:
        return "over"
    if check_in.expires_at is not None and now >= check_in.expires_at:
        return "over"
    return "open"


def blank(instruments: Sequence[str], language: Language) -> list[Part]:
    """A check-in of which nothing is known yet."""
    return [Part(catalog.load(name, language), None, "open", {}) for name in instruments]


def _part(
    instrument_id: str, run: RunFacts | None, given: Sequence[Given], visit_id: UUID, language: Language
) -> Part:
    """In the language of the page; the run keeps the one it was begun in."""
    standing = {
        g.item_no: Standing(g.value, g.source_id == visit_id)
        for g in given
        if run is not None and g.run_id == run.id and g.stands
    }
    return Part(
        instrument=catalog.load(instrument_id, language),
        run_id=None if run is None else run.id,
        state="open" if run is None else run.state,
        answers=standing,
    )
