"""A year of the demo clinic's bill: the months that lie behind it and those to come, each closed, exported and proved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from api.demo.dice import Dice
from billing.close import queries, service
from billing.packet.service import packet
from billing.packet.verify import verify
from kernel.audit import Actor
from kernel.db import Database
from registry.episodes.tables import Episode
from registry.time_log import service as time_log
from registry.time_log.months import Month
from registry.time_log.service import TimeForm
from staff_console.enrol.scripts import care_words

MONTHS: Final = 12
WORK: Final = ("patient_contact", "brief_intervention", "registry_review", "care_coordination")
CLOSED_AT: Final = time(17, 0)


class YearMonth(msgspec.Struct, frozen=True):
    month: str
    patient_months: int
    lines: int
    files: int
    packets: int


class Year(msgspec.Struct, frozen=True):
    """`problems` names every packet that did not verify and every file that came back otherwise; empty when none."""

    months: tuple[YearMonth, ...]
    problems: tuple[str, ...]


class Place(NamedTuple):
    """Where the year plays. `database` is the web's own role."""

    database: Database
    clinic_id: UUID
    zone: ZoneInfo
    biller: Actor
    lead: Actor


Working = Callable[[Place, Month], Awaitable[None]]


async def rehearse(place: Place, months: Sequence[Month], work: Working) -> Year:
    """Closes the months in order. `work` fills a month with time before it ends."""
    found: list[YearMonth] = []
    problems: list[str] = []
    for month in months:
        await work(place, month)
        line, wrong = await _month(place, month)
        found.append(line)
        problems += wrong
    return Year(tuple(found), tuple(problems))


async def _month(place: Place, month: Month) -> tuple[YearMonth, list[str]]:
    now = _moment(place, month.plus(1).first_day, CLOSED_AT)
    async with place.database.begin(place.clinic_id) as tx:
        await service.close_month(
            tx, place.biller, month, now=now, despite="A rehearsal with invented people"
        )
        state = await queries.month_state(tx, place.biller, month, now=now)
    wrong = [f"{month}: the record differs from the close"] if state.drift else []
    files = 0
    for file in state.versions[-1].files:
        wrong += await _file(place, month, file, now)
        files += 1
    for frozen in state.standing:
        wrong += await _packet(place, month, UUID(frozen.episode_id), now)
    lines = sum(bool(frozen.row.lines) for frozen in state.standing)
    packets = len(state.standing)
    return YearMonth(str(month), packets, lines, files, packets), wrong


async def _file(place: Place, month: Month, file: queries.StoredFile, now: datetime) -> list[str]:
    async with place.database.begin(place.clinic_id) as tx:
        first = await queries.download(tx, place.biller, month, 1, file.kind, now=now)
        again = await queries.download(tx, place.biller, month, 1, file.kind, now=now)
    same = first.content == again.content and first.sha256 == file.sha256
    return [] if same else [f"{month}: {file.kind} came back otherwise"]


async def _packet(place: Place, month: Month, episode_id: UUID, now: datetime) -> list[str]:
    async with place.database.begin(place.clinic_id) as tx:
        found = await packet(tx, place.biller, month, episode_id, words=care_words, now=now)
    verdict = verify(found.content)
    return [] if verdict.true else [f"{month}, episode {episode_id}: {'; '.join(verdict.differences)}"]


def months_around(today: date) -> tuple[Month, ...]:
    """Twelve months: the six whole ones before `today`, the one it lies in, and five to come."""
    first = Month.of(today).plus(-6)
    return tuple(first.plus(nth) for nth in range(MONTHS))


def working(dice: Dice, since: datetime) -> Working:
    """Logs time for everybody in care, from `since` on: before it the clinic's own history stands."""

    async def work(place: Place, month: Month) -> None:
        _, ends = month.bounds(place.zone)
        if ends <= since:
            return
        days = [
            day
            for nth in range(month.last_day.day)
            if (day := month.first_day + timedelta(days=nth)).weekday() < 5
            and _moment(place, day, time(8)) > since
        ]
        free = {day: _moment(place, day, time(8)) for day in days}
        async with place.database.begin(place.clinic_id) as tx:
            episodes = await tx.all(
                select(Episode.id, Episode.patient_id, Episode.care_manager_id)
                .where(Episode.clinic_id == place.clinic_id, Episode.care_manager_id.is_not(None))
                .where(Episode.status.in_(("active", "relapse_prevention")))
                .order_by(Episode.id)
            )
            for nth, row in enumerate(episodes):
                for piece in range(dice.between(0, 3, "pieces", str(month), nth) if days else 0):
                    day = dice.pick(tuple(days), "day", str(month), nth, piece)
                    minutes = dice.between(8, 34, "minutes", str(month), nth, piece)
                    form = TimeForm(
                        started_at=free[day],
                        minutes=minutes,
                        activity=dice.pick(WORK, "work", str(month), nth, piece),
                        staff_id=row.care_manager_id,
                        role="care_manager",
                    )
                    free[day] += timedelta(minutes=minutes)
                    written = _moment(place, month.last_day, time(23))
                    await time_log.log_time(
                        tx, place.lead, row.patient_id, form, source="console", now=written
                    )

    return work


def _moment(place: Place, day: date, at: time) -> datetime:
    return datetime.combine(day, at, place.zone).astimezone(UTC)
