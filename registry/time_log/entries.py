"""The time log's words: what is logged, when it may count, and how a month came out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from registry.time_log.activities import Role
from registry.time_log.months import Month
from registry.time_log.reasons import Reason


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of one person's work for one patient. `started_at` is UTC; it runs for `seconds` of
    elapsed time, so a change of the clock inside it changes nothing; no time at all is a voided entry. `separately_reported` marks work of a
    countable kind that another code already reports; `superseded` marks an entry a correction replaced."""

    id: str
    patient_id: str
    staff_id: str
    role: Role
    activity: str
    started_at: datetime
    seconds: int
    created_at: datetime
    modality: str | None = None
    separately_reported: bool = False
    superseded: bool = False


class CountingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What payers decide differently. Defaults follow the care manager's-time reading of the services; BCBS
    Michigan (The Record, May 2022) also counts the consultant and the treating clinician."""

    count_consultant_solo: bool = False
    count_pcp_bhcm_time: bool = True
    count_pcp_oversight: bool = False
    exclude_inpatient: bool = True
    month_cross: Literal["split", "reject"] = "split"


class Stay(msgspec.Struct, frozen=True):
    """An inpatient or observation stay; `end` is None while it lasts."""

    start: datetime
    end: datetime | None = None


class Elsewhere(msgspec.Struct, frozen=True):
    """A stretch in which a member of staff was already at work for another patient."""

    staff_id: str
    start: datetime
    seconds: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """When a patient's time may count at all. Starts are inclusive, ends exclusive; a fraction of a second
    is decided against counting. `elsewhere` is what other patients' entries take from a person's time."""

    consent_at: datetime | None
    enrolled_at: datetime
    ended_at: datetime | None = None
    consent_ended_at: datetime | None = None
    stays: tuple[Stay, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()


class Slice(msgspec.Struct, frozen=True):
    """A stretch of one entry with one outcome. `reason` is None exactly when it counts."""

    entry_id: str
    start: datetime
    seconds: int
    counted: bool
    reason: Reason | None
    reason_text: str | None


class Count(msgspec.Struct, frozen=True):
    """`minutes` is `counted_seconds` floored once. `logged_seconds` = counted + all of `excluded_by_reason`.
    Slices run in the order of their entries' start (ties by id), then in time."""

    month: Month
    counted_seconds: int
    minutes: int
    logged_seconds: int
    slices: tuple[Slice, ...]
    excluded_by_reason: dict[Reason, int]


class DoubleBooking(msgspec.Struct, frozen=True):
    """One person logged for two patients at once: the time counts for the one whose work began first."""

    staff_id: str
    first_id: str
    second_id: str
    seconds: int


def touching(entries: Iterable[Entry], start: datetime, end: datetime) -> tuple[Entry, ...]:
    """Those with at least a second from `start` to before `end`."""
    return tuple(
        each
        for each in entries
        if each.started_at < end and each.started_at + timedelta(seconds=each.seconds) > start
    )
