"""What makes a referral, an enrolment and a change of status acceptable."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final, get_args
from uuid import UUID

import msgspec

from kernel.audit import Role
from kernel.errors import Problem
from registry.episodes.forms import (
    CareConsentForm,
    ContactMode,
    EndReason,
    EnrolmentForm,
    HoldReason,
    InitiatingVisit,
    ReferralForm,
    Status,
    StatusForm,
    StatusReason,
    TeamForm,
)
from registry.organisation.rules import phone_problem
from registry.patients import rules as patients
from registry.patients.forms import CoverageForm, PersonForm
from registry.ports import ContentLevel

LONGEST_REASON: Final = 2000
FURTHEST_CONTACT: Final = timedelta(days=400)
FURTHEST_REVIEW: Final = timedelta(days=400)
# Shape of an ICD-10-CM code (National Center for Health Statistics, ICD-10-CM Official Guidelines, section I.A):
# a letter, a digit, a digit or letter, then up to four more after a point.
_ICD10: Final = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?")
_VISIT_CODE: Final = re.compile(r"[0-9A-Z]{5}")
_TEAM: Final[tuple[tuple[str, Role], ...]] = (
    ("treating_clinician_id", "clinician"),
    ("care_manager_id", "care_manager"),
    ("consultant_id", "consultant"),
)

HOLD_REASONS: Final = frozenset(get_args(HoldReason))
END_REASONS: Final = frozenset(get_args(EndReason))
# Ending with `consent_withdrawn` or a death is never kept waiting; any other end, or giving up on reaching somebody,
# waits until an open risk event is closed.
NEVER_WAITS: Final = frozenset({"consent_withdrawn"})
PAUSED: Final[frozenset[Status]] = frozenset({"on_hold", "inactive_disengaged", "ended"})
IN_CARE: Final[frozenset[Status]] = frozenset({"active", "relapse_prevention"})

_NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    "referred": frozenset({"on_hold", "ended"}),  # active only by enrolment
    "active": frozenset({"relapse_prevention", "on_hold", "inactive_disengaged", "ended"}),
    "relapse_prevention": frozenset({"active", "on_hold", "inactive_disengaged", "ended"}),
    # A hold may become another hold: a new reason, or a later day to look again.
    "on_hold": frozenset(
        {"referred", "active", "relapse_prevention", "on_hold", "inactive_disengaged", "ended"}
    ),
    "inactive_disengaged": frozenset({"active", "on_hold", "ended"}),
    "ended": frozenset(),
}
_REASONS: Final[Mapping[Status, frozenset[StatusReason]]] = {
    "referred": frozenset({"resumed"}),
    "active": frozenset({"resumed", "relapse"}),
    "relapse_prevention": frozenset({"response", "resumed"}),
    "on_hold": HOLD_REASONS,
    "inactive_disengaged": frozenset({"no_contact"}),
    "ended": END_REASONS,
}


class EpisodeState(msgspec.Struct, frozen=True):
    """What a status change is judged against."""

    status: Status
    status_before_hold: Status | None
    birth_date: date | None
    open_risk_event: bool


def icd10(written: str) -> str | None:
    """`f32 .1` and `F321` are `F32.1`; None for what isn't shaped like an ICD-10-CM code."""
    code = "".join(written.split()).upper()
    if "." not in code and len(code) > 3:
        code = f"{code[:3]}.{code[3:]}"
    return code if _ICD10.fullmatch(code) else None


def check_referral(form: ReferralForm, today: date) -> list[Problem]:
    """Name, referrer, reason, and one thing to find the person by: a phone or a record number."""
    person = PersonForm(form.family_name, form.given_name, form.birth_date, patients.clean(form.mrn))
    found = patients.check_person(person, today)
    if patients.clean(form.phone) is None and person.mrn is None:
        found.append(Problem("phone", "a phone or a record number (mrn) is needed"))
    if (phone := patients.clean(form.phone)) is not None:
        found += [p for p in [phone_problem("phone", phone)] if p is not None]
    found += patients.check_language("language", form.language)
    return found + _said("referred_by", form.referred_by) + _said("reason", form.reason)


def check_enrolment(
    form: EnrolmentForm,
    *,
    now: datetime,
    today: date,
    has_referral: bool,
    on_file: ContentLevel | None,
    staff: Mapping[UUID, frozenset[Role]],
    languages: Collection[str],
) -> list[Problem]:
    """Everything missing or contradictory, each with the field's name; empty when it can be stored as it is.

    `today` is the clinic's local date; `staff` the roles, in this clinic, of the people the form names; `on_file` what
    an earlier consent for the same number allows.
    """
    consent = form.texting_consent
    # A birth date that is wrong itself is told once, not again by everything compared with it.
    birth = None if patients.check_birth(form.person.birth_date, today) else form.person.birth_date
    found = patients.check_person(form.person, today)
    if form.person.birth_date is None:
        found.append(Problem("birth_date", "is needed"))
    if form.person.mrn is None:
        found.append(Problem("mrn", "is needed"))
    if form.preferences.zone is None:
        found.append(Problem("zone", "is needed: the patient's own time zone"))
    if form.phone is not None:
        found += patients.check_phone(form.phone)
    if consent is not None:
        found += patients.check_texting_consent(consent)
        if form.phone is None:
            found.append(Problem("phone", "is needed before texting can be agreed to"))
    found += patients.check_preferences(
        form.preferences,
        phone=form.phone,
        may_text=on_file if consent is None else consent.content_level,
        languages=languages,
    )
    found += check_team(form.team, staff)
    found += check_condition(form.target_condition)
    found += check_care_consent(form.care_consent, birth, now=now)
    found += check_visit(form.initiating_visit, birth, today)
    found += _check_coverages(form.coverage, birth)
    if not has_referral:
        found += _said("referred_by", form.referred_by or "") + _said(
            "referral_reason", form.referral_reason or ""
        )
    return found


def check_condition(code: str) -> list[Problem]:
    if icd10(code) is None:
        return [Problem("target_condition", "is not an ICD-10-CM code such as F32.1")]
    return []


def check_team(team: TeamForm, staff: Mapping[UUID, frozenset[Role]]) -> list[Problem]:
    found = []
    for field, role in _TEAM:
        roles = staff.get(getattr(team, field))
        if roles is None:
            found.append(Problem(field, "is nobody of this clinic"))
        elif role not in roles:
            found.append(Problem(field, f"lacks the role {role}"))
    return found


def check_care_consent(form: CareConsentForm, birth: date | None, *, now: datetime) -> list[Problem]:
    """Agreement before care starts, verbal or written, with the words that were used (CMS, MLN909432)."""
    found = _said("care_consent.recorded_by", form.recorded_by)
    found += _said("care_consent.wording_version", form.wording_version)
    found += patients.check_language("care_consent.language", form.language)
    if form.given_at.utcoffset() is None:
        return [*found, Problem("care_consent.given_at", "needs an offset from UTC")]
    if form.given_at > now:
        found.append(Problem("care_consent.given_at", "is in the future"))
    elif birth is not None and form.given_at.date() < birth:
        found.append(Problem("care_consent.given_at", "is before the patient was born"))
    return found


def check_status(form: StatusForm, state: EpisodeState, today: date) -> list[Problem]:
    """Whether the episode may go there, for this reason, from that day."""
    found = []
    if form.status not in _NEXT[state.status]:
        found.append(Problem("status", f"can't become {form.status} from {state.status}"))
    elif state.status == "on_hold" and form.status == "referred" and state.status_before_hold != "referred":
        found.append(Problem("status", "was enrolled before the hold"))
    elif state.status_before_hold == "referred" and form.status in IN_CARE | {"inactive_disengaged"}:
        found.append(Problem("status", "was never enrolled: back to referred, then enrol"))
    if form.reason not in _REASONS[form.status]:
        allowed = ", ".join(sorted(_REASONS[form.status]))
        found.append(Problem("reason", f"for {form.status} must be one of: {allowed}"))
    if form.from_date > today:
        found.append(Problem("from_date", "is in the future"))
    if state.birth_date is not None and form.from_date < state.birth_date:
        found.append(Problem("from_date", "is before the patient was born"))
    if form.note is not None and len(form.note) > LONGEST_REASON:
        found.append(Problem("note", f"is longer than {LONGEST_REASON} characters"))
    return found + _check_review(form, today)


def waits_for_risk_event(form: StatusForm, state: EpisodeState) -> bool:
    """Nobody is ended or given up on while a risk event is open, unless they withdrew."""
    gives_up = form.status in {"ended", "inactive_disengaged"}
    return gives_up and state.open_risk_event and form.reason not in NEVER_WAITS


def gives_up(form: StatusForm) -> bool:
    """Whether the patient is closed because nobody reaches them."""
    return form.status == "inactive_disengaged" or form.reason == "disengaged"


def check_next_contact(
    at: datetime | None, mode: ContactMode | None, purpose: str | None, now: datetime
) -> list[Problem]:
    """A day, or the reason why there is none: nobody in care is without a next step by oversight."""
    found = []
    if at is None:
        found += _said("purpose", purpose or "", "is needed: why is no next contact planned?")
    elif at.utcoffset() is None:
        found.append(Problem("at", "needs an offset from UTC"))
    elif at <= now:
        found.append(Problem("at", "is in the past"))
    elif at > now + FURTHEST_CONTACT:
        found.append(Problem("at", f"is more than {FURTHEST_CONTACT.days} days ahead"))
    if at is not None and mode is None:
        found.append(Problem("mode", "is needed: how will you speak?"))
    if purpose is not None and len(purpose) > LONGEST_REASON:
        found.append(Problem("purpose", f"is longer than {LONGEST_REASON} characters"))
    return found


class Change(msgspec.Struct, frozen=True):
    """A recorded change of status, as far as stays need it. `undone` ones, and the undoing ones, never happened."""

    to_status: str
    reason: str
    from_date: date
    undone: bool


class HoldSpan(msgspec.Struct, frozen=True):
    """From `start` up to, not including, `end`; None while it lasts. Clinic dates."""

    reason: str
    start: date
    end: date | None


def hold_spans(changes: Iterable[Change]) -> tuple[HoldSpan, ...]:
    """Stays in hospital or jail and other holds, from the changes in the order they were recorded.

    A hold that ended on the day it began took no whole day and is left out.
    """
    spans: list[HoldSpan] = []
    running: Change | None = None
    for change in changes:
        if change.undone or change.reason == "undo":
            continue
        if running is not None and change.from_date > running.from_date:
            spans.append(HoldSpan(running.reason, running.from_date, change.from_date))
        running = change if change.to_status == "on_hold" else None
    if running is not None:
        spans.append(HoldSpan(running.reason, running.from_date, None))
    return tuple(spans)


def waiting_days(referred_on: date, today: date) -> int:
    """Whole calendar days a referral has waited, on the clinic's calendar."""
    return max((today - referred_on).days, 0)


def _check_review(form: StatusForm, today: date) -> list[Problem]:
    if form.review_on is None:
        if form.status == "on_hold":
            return [Problem("review_on", "is needed: when does somebody look again?")]
        return []
    if form.review_on < form.from_date:
        return [Problem("review_on", "is before the change itself")]
    if form.review_on < today:
        return [Problem("review_on", "is in the past")]
    if form.review_on > today + FURTHEST_REVIEW:
        return [Problem("review_on", f"is more than {FURTHEST_REVIEW.days} days ahead")]
    return []


def check_visit(visit: InitiatingVisit | None, birth: date | None, today: date) -> list[Problem]:
    if visit is None:
        return []
    found = []
    if visit.on > today:
        found.append(Problem("initiating_visit.on", "is in the future"))
    if birth is not None and visit.on < birth:
        found.append(Problem("initiating_visit.on", "is before the patient was born"))
    if visit.code is not None and not _VISIT_CODE.fullmatch(visit.code):
        found.append(Problem("initiating_visit.code", "needs five digits or capital letters"))
    return found


def _check_coverages(rows: tuple[CoverageForm, ...], birth: date | None) -> list[Problem]:
    if not rows:
        return [Problem("coverage", "is needed: who pays, or self-pay")]
    found = []
    for at, row in enumerate(rows):
        found += patients.check_coverage(row, birth, f"coverage[{at}]")
    return found


def _said(field: str, text: str, message: str = "is needed") -> list[Problem]:
    if not text.strip():
        return [Problem(field, message)]
    if len(text) > LONGEST_REASON:
        return [Problem(field, f"is longer than {LONGEST_REASON} characters")]
    return []
