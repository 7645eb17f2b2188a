"""Cuts entries wherever a reason begins or ends and names the reasons that depend on no other entry."""

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final, NamedTuple, assert_never

from registry.time_log import activities
from registry.time_log.activities import Role
from registry.time_log.entries import CountingPolicy, Entry, Window
from registry.time_log.intervals import Interval, merged
from registry.time_log.months import Month
from registry.time_log.reasons import Reason

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


class Piece(NamedTuple):
    entry: Entry
    start: int
    end: int
    reason: Reason | None


class Frame(NamedTuple):
    """The month and the window on the line of whole seconds since 1970."""

    policy: CountingPolicy
    month_start: int
    month_end: int
    consent: int | None
    consent_end: int | None
    enrolled: int
    ended: int | None
    stays: list[Interval]
    elsewhere: dict[str, list[Interval]]


def frame_of(window: Window, policy: CountingPolicy, month: Month, zone: tzinfo) -> Frame:
    month_start, month_end = month.bounds(zone)
    forever = _at(month_end)
    stays = [
        (_at(stay.start), forever if stay.end is None else at_or_after(stay.end)) for stay in window.stays
    ]
    return Frame(
        policy=policy,
        month_start=_at(month_start),
        month_end=_at(month_end),
        consent=None if window.consent_at is None else at_or_after(window.consent_at),
        consent_end=None if window.consent_ended_at is None else _at(window.consent_ended_at),
        enrolled=at_or_after(window.enrolled_at),
        ended=None if window.ended_at is None else _at(window.ended_at),
        stays=merged(stays) if policy.exclude_inpatient else [],
        elsewhere=_elsewhere(window),
    )


FOREVER: Final = 2**40


def frame_always(window: Window, policy: CountingPolicy) -> Frame:
    """The window without a month, for `in_month`."""
    found = frame_of(window, policy, Month(2000, 1), UTC)
    stays = [(_at(s.start), FOREVER if s.end is None else at_or_after(s.end)) for s in window.stays]
    return found._replace(month_start=0, month_end=0, stays=merged(stays) if policy.exclude_inpatient else [])


def in_month(always: Frame, start: int, end: int) -> Frame:
    """`always` for the month from `start` to `end`; stays and other patients' time outside it are left out."""
    elsewhere = always.elsewhere
    if elsewhere:
        cut = {who: [i for i in taken if i[0] < end and i[1] > start] for who, taken in elsewhere.items()}
        elsewhere = {who: taken for who, taken in cut.items() if taken}
    stays = [i for i in always.stays if i[0] < end and i[1] > start] if always.stays else always.stays
    return Frame(
        always.policy,
        start,
        end,
        always.consent,
        always.consent_end,
        always.enrolled,
        always.ended,
        stays,
        elsewhere,
    )


def _elsewhere(window: Window) -> dict[str, list[Interval]]:
    found: dict[str, list[Interval]] = {}
    for other in window.elsewhere:
        start = _at(other.start)
        found.setdefault(other.staff_id, []).append((start, start + other.seconds))
    return {staff_id: merged(intervals) for staff_id, intervals in found.items()}


def cut(entry: Entry, frame: Frame) -> list[Piece]:
    """Cuts an entry wherever a reason may begin or end, so that each piece has one answer."""
    start, end = span(entry)
    edges = [
        frame.month_start,
        frame.month_end,
        frame.consent,
        frame.consent_end,
        frame.enrolled,
        frame.ended,
    ]
    edges += [edge for stay in frame.stays for edge in stay]
    edges += [edge for other in frame.elsewhere.get(entry.staff_id, ()) for edge in other]
    cuts = [start, *sorted({edge for edge in edges if edge is not None and start < edge < end}), end]
    return [Piece(entry, low, high, _fixed_reason(entry, low, frame)) for low, high in pairwise(cuts)]


def _fixed_reason(entry: Entry, at: int, frame: Frame) -> Reason | None:
    """The first reason that does not depend on other entries."""
    if not frame.month_start <= at < frame.month_end:
        return "other_month"
    if entry.superseded:
        return "superseded"
    if frame.policy.month_cross == "reject" and _crosses(entry, frame):
        return "crosses_month_end"
    return (
        reason_of_work(entry.role, entry.activity, entry.separately_reported, frame.policy)
        or _reason_of_moment(at, frame)
        or _reason_of_person(entry, at, frame)
    )


def _crosses(entry: Entry, frame: Frame) -> bool:
    start, end = span(entry)
    return start < frame.month_start < end or start < frame.month_end < end


def reason_of_work(role: Role, name: str, apart: bool, policy: CountingPolicy) -> Reason | None:
    """Why work of a role and an activity can't count, whenever it was done; `apart`: another code reports it."""
    activity = activities.find(name)
    if role == "software":
        return "automated"
    if activity is None:
        return "role_not_counted"
    match activity.kind:
        case "automated" | "clerical" | "separately_reported" as reason:
            return reason
        case "care" | "joint_review" | "consultant_review" | "oversight" as kind:
            return "separately_reported" if apart else _reason_of_role(role, kind, policy)
        case _ as never:
            assert_never(never)


def _reason_of_role(role: Role, kind: activities.Kind, policy: CountingPolicy) -> Reason | None:
    match role:
        case "care_manager":
            return None if kind in ("care", "joint_review") else "role_not_counted"
        case "consultant":
            return "role_not_counted" if kind == "oversight" else None
        case "clinician":
            if kind == "oversight":
                return None if policy.count_pcp_oversight else "treating_oversight"
            if kind == "consultant_review":
                return "role_not_counted"
            return None if policy.count_pcp_bhcm_time else "treating_care_time"
        case "clinic_lead" | "biller" | "administrator" | "software":
            return "role_not_counted"
        case _:
            assert_never(role)


def _reason_of_moment(at: int, frame: Frame) -> Reason | None:
    if frame.consent is None:
        return "no_consent"
    if at < frame.consent:
        return "before_consent"
    if frame.consent_end is not None and at >= frame.consent_end:
        return "after_consent_end"
    if at < frame.enrolled:
        return "before_enrolment"
    if frame.ended is not None and at >= frame.ended:
        return "after_end"
    if any(start <= at < end for start, end in frame.stays):
        return "inpatient"
    return None


def _reason_of_person(entry: Entry, at: int, frame: Frame) -> Reason | None:
    taken = frame.elsewhere.get(entry.staff_id, ())
    return "person_elsewhere" if any(start <= at < end for start, end in taken) else None


def span(entry: Entry) -> Interval:
    start = _at(entry.started_at)
    return start, start + entry.seconds


def _at(instant: datetime) -> int:
    return (instant - EPOCH) // SECOND


def at_or_after(instant: datetime) -> int:
    return -((EPOCH - instant) // SECOND)
