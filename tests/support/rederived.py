"""A month derived a second time, from the definitions alone and as plainly as can be: second by second, no intervals.

It shares no code with the product but the words of its data (roles, activities, rule sets). The property tests hold
the two together; where they differ, one of them is wrong.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

CARE = {
    "outreach", "assessment", "care_plan", "patient_contact", "brief_intervention", "caregiver_contact",
    "measure_review", "registry_review", "care_coordination", "emergency_coordination", "safety_follow_up",
    "relapse_prevention",
}  # fmt: skip
APART = {
    "psychotherapy", "psychiatric_evaluation", "office_visit", "tobacco_counselling", "substance_use_service",
    "other_care_management",
}  # fmt: skip


class Plain:
    """`counted` in seconds, `reasons` by name, `lines` as `99492x1;99494x1` or `none`."""

    def __init__(self, counted: int, reasons: dict[str, int], lines: str) -> None:
        self.counted, self.reasons, self.lines = counted, reasons, lines

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return f"Plain({self.counted}, {self.reasons}, {self.lines})"


def month_of(
    entries: list[Any],
    window: Any,
    policy: Any,
    year: int,
    month: int,
    zone: ZoneInfo,
    kind: str,
    rule_set: Any,
    *,
    step: int = 1,
) -> Plain:
    """`step` seconds are looked at as one: every start, length and edge must lie on it."""
    counted = 0
    reasons: Counter[str] = Counter()
    for second, at_work in sorted(seconds_of(entries, step).items()):
        moment = datetime.fromtimestamp(second, UTC)
        local = moment.astimezone(zone)
        open_entries = []
        for entry in at_work:
            reason = why_alone(
                entry, moment, (local.year, local.month) == (year, month), window, policy, zone
            )
            if reason is None:
                open_entries.append(entry)
            else:
                reasons[reason] += step
        counts, others = together(open_entries, policy, entries)
        counted += step * counts
        for reason in others:
            reasons[reason] += step
    minutes = counted // 60
    return Plain(counted, dict(reasons), lines_of(kind, minutes, rule_set))


def seconds_of(entries: list[Any], step: int) -> dict[int, list[Any]]:
    by_second: dict[int, list[Any]] = {}
    for entry in entries:
        start = int(entry.started_at.timestamp())
        for second in range(start, start + entry.seconds, step):
            by_second.setdefault(second, []).append(entry)
    return by_second


def why_alone(
    entry: Any, moment: datetime, in_month: bool, window: Any, policy: Any, zone: ZoneInfo
) -> str | None:
    if not in_month:
        return "other_month"
    if entry.superseded:
        return "superseded"
    if policy.month_cross == "reject":
        first = entry.started_at.astimezone(zone)
        last = (entry.started_at + timedelta(seconds=entry.seconds - 1)).astimezone(zone)
        if (first.year, first.month) != (last.year, last.month):
            return "crosses_month_end"
    return why_work(entry, policy) or why_moment(moment, window, policy) or why_person(entry, moment, window)


def why_work(entry: Any, policy: Any) -> str | None:
    if entry.role == "software" or entry.activity == "automated_message":
        return "automated"
    if entry.activity == "clerical":
        return "clerical"
    if entry.activity in APART or entry.separately_reported:
        return "separately_reported"
    if entry.role in ("clinic_lead", "biller", "administrator"):
        return "role_not_counted"
    if entry.activity == "consultant_review":
        return None if entry.role == "consultant" else "role_not_counted"
    if entry.activity == "oversight":
        if entry.role != "clinician":
            return "role_not_counted"
        return None if policy.count_pcp_oversight else "treating_oversight"
    if entry.role == "clinician" and not policy.count_pcp_bhcm_time:
        return "treating_care_time"
    return None


def why_moment(moment: datetime, window: Any, policy: Any) -> str | None:
    if window.consent_at is None:
        return "no_consent"
    if moment < window.consent_at:
        return "before_consent"
    if window.consent_ended_at is not None and moment >= window.consent_ended_at:
        return "after_consent_end"
    if moment < window.enrolled_at:
        return "before_enrolment"
    if window.ended_at is not None and moment >= window.ended_at:
        return "after_end"
    if policy.exclude_inpatient:
        for stay in window.stays:
            if stay.start <= moment and (stay.end is None or moment < stay.end):
                return "inpatient"
    return None


def why_person(entry: Any, moment: datetime, window: Any) -> str | None:
    for other in window.elsewhere:
        end = other.start + timedelta(seconds=other.seconds)
        if other.staff_id == entry.staff_id and other.start <= moment < end:
            return "person_elsewhere"
    return None


def together(at_once: list[Any], policy: Any, entries: list[Any]) -> tuple[int, list[str]]:
    """Of the entries that may count at one second, one does; each other one says why it does not."""
    alone = [e for e in at_once if e.role == "consultant" and not policy.count_consultant_solo]
    rest = [e for e in at_once if e not in alone]
    joint = {e.role for e in rest if e.activity == "case_review"}
    rest.sort(key=lambda e: (*run_of(e, entries), e.started_at, e.id))
    reasons = [
        "joint_counted_once" if e.activity == "case_review" and joint - {e.role} else "overlap"
        for e in rest[1:]
    ]
    reasons += [
        "joint_counted_once" if e.activity == "case_review" and joint - {"consultant"} else "consultant_alone"
        for e in alone
    ]
    return (1 if rest else 0), reasons


def run_of(entry: Any, entries: list[Any]) -> tuple[datetime, str]:
    """Where the unbroken work begins that this entry belongs to: same person, role, activity and marks."""
    alike = [e for e in entries if marks_of(e) == marks_of(entry)]
    run = [entry]
    grown = True
    while grown:
        begin = min(e.started_at for e in run)
        end = max(e.started_at + timedelta(seconds=e.seconds) for e in run)
        more = [
            e
            for e in alike
            if e not in run and e.started_at <= end and e.started_at + timedelta(seconds=e.seconds) >= begin
        ]
        run += more
        grown = bool(more)
    return min(e.started_at for e in run), min(e.id for e in run)


def marks_of(entry: Any) -> tuple[Any, ...]:
    return (
        entry.staff_id, entry.role, entry.activity, entry.separately_reported, entry.superseded, entry.modality,
    )  # fmt: skip


def lines_of(kind: str, minutes: int, rule_set: Any) -> str:
    """Minute by minute: what each further minute earns."""
    if kind == "general":
        return "99484x1" if minutes >= rule_set.min_99484 else "none"
    code, base = ("99492", 70) if kind == "initial" else ("99493", 60)
    half = rule_set.time_rule == "cpt_midpoint"
    if minutes < (base // 2 + 1 if half else base):
        return "G2214x1" if rule_set.g2214_enabled and minutes >= rule_set.g2214_min else "none"
    units = 0
    while minutes >= base + 30 * units + (16 if half else 30):
        units += 1
    if rule_set.truncate_99494:
        units = min(units, rule_set.max_99494_units)
    return f"{code}x1;99494x{units}" if units else f"{code}x1"
