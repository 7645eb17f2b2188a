"""What a clinic and its staff must be like before they are stored, and before a clinic may text patients."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from kernel.audit import Role
from kernel.errors import Problem
from registry import zones
from registry.access import CLINICAL
from registry.organisation import wording
from registry.phones import BadNumber, e164

TextingMode = Literal["simulation", "live"]
Item9Channel = Literal["sms", "link_only", "staff_call"]
AfterPositive = Literal["stop", "continue"]
OrganisationKind = Literal["demo", "standard"]

# No automatic text earlier or later on the patient's clock: 47 CFR 64.1200(c)(1).
EARLIEST: Final = time(8, 0)
LATEST: Final = time(21, 0)
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A staffed stretch of a day on the clinic's clock; `end` is not part of it."""

    start: time
    end: time


Week = tuple[tuple[Shift, ...], ...]  # seven days, Monday first
_OFFICE: Final = (Shift(time(9), time(17)),)
OFFICE_WEEK: Final[Week] = (_OFFICE, _OFFICE, _OFFICE, _OFFICE, _OFFICE, (), ())


class ClinicForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text_name` is how texts name the sender; `hours_text` the staffed hours as patients read them."""

    slug: str
    name: str
    text_name: str
    zone: str
    support_phone: str
    hours_text: str
    staffed: Week = OFFICE_WEEK
    privacy_url: str | None = None
    item9_channel: Item9Channel = "link_only"
    bulk_answers: bool = False
    after_positive_item9: AfterPositive = "stop"
    window_start: time = time(9, 0)
    window_end: time = time(20, 0)
    npi: str | None = None
    tax_id: str | None = None


class ClinicFacts(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: str
    text_name: str
    zone: str
    support_phone: str
    hours_text: str
    privacy_url: str | None
    texting_mode: TextingMode
    item9_channel: Item9Channel
    bulk_answers: bool
    after_positive_item9: AfterPositive
    staffed: Week
    holidays: frozenset[date]
    window_start: time
    window_end: time
    minor_policy_signed_on: date | None
    item9_policy_signed_on: date | None
    default_responsible_id: UUID | None
    settings: dict[str, Any]
    npi: str | None
    tax_id: str | None

    def local_date(self, moment: datetime) -> date:
        return zones.local_date(moment, self.zone)


class StaffForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    email: str
    credentials: str | None = None
    phone: str | None = None
    npi: str | None = None


class Deployment(msgspec.Struct, frozen=True):
    """What the server as a whole brings to going live. `consent_wording_version` names the approved text that
    patients hear before they agree to be texted; None when there is none."""

    public_url: str
    encrypts: bool
    consent_wording_version: str | None


def check_clinic(form: ClinicForm) -> tuple[Problem, ...]:
    """Every problem, in the order of the fields."""
    found = [
        _named(
            "slug",
            bool(_SLUG.fullmatch(form.slug)) and len(form.slug) <= 40,
            "needs small letters, digits and -",
        ),
        _named("name", bool(form.name.strip()), "is empty"),
        *_check_text("text_name", form.text_name, wording.MAX_TEXT_NAME),
        _named(
            "text_name",
            not wording.names_speciality(form.text_name),
            "must not name a speciality or condition",
        ),
        _named("zone", zones.known(form.zone), "is not an IANA time zone such as America/Chicago"),
        phone_problem("support_phone", form.support_phone),
        *_check_text("hours_text", form.hours_text, wording.MAX_HOURS_TEXT),
        *_check_week(form.staffed),
        _named("privacy_url", _https_or_none(form.privacy_url), "must start with https://"),
        *check_window(form.window_start, form.window_end),
        _named("npi", form.npi is None or is_npi(form.npi), "is not a valid NPI"),
        _named("tax_id", form.tax_id is None or _is_tax_id(form.tax_id), "needs nine digits"),
    ]
    return tuple(problem for problem in found if problem is not None)


def check_window(start: time, end: time) -> list[Problem]:
    """The daily sending window on the patient's clock; at least an hour, so that a deferred text has a place."""
    found = [
        _named("window_start", start >= EARLIEST, "is earlier than 08:00"),
        _named("window_end", end <= LATEST, "is later than 21:00"),
        _named(
            "window_end", _minutes(end) - _minutes(start) >= 60, "leaves less than an hour after the start"
        ),
    ]
    return [problem for problem in found if problem is not None]


def check_staff(form: StaffForm) -> tuple[Problem, ...]:
    found = [
        _named("name", bool(form.name.strip()), "is empty"),
        _named(
            "email",
            bool(_EMAIL.fullmatch(form.email.strip())) and len(form.email) <= 254,
            "is not an e-mail address",
        ),
        None if form.phone is None else phone_problem("phone", form.phone),
        _named("npi", form.npi is None or is_npi(form.npi), "is not a valid NPI"),
    ]
    return tuple(problem for problem in found if problem is not None)


def missing_in_clinic(
    clinic: ClinicFacts, *, senders: int, responsible_reachable: bool
) -> tuple[Problem, ...]:
    """What the clinic itself lacks before patients may be texted, all at once.

    Sender, HELP contents and privacy policy are what carriers require of a recurring programme (CTIA Messaging
    Principles and Best Practices, May 2023). Asking item 9 by text needs a policy signed by the clinical lead.
    """
    signed = clinic.item9_channel != "sms" or clinic.item9_policy_signed_on is not None
    found = [
        _named(
            "text_name",
            bool(clinic.text_name) and not wording.names_speciality(clinic.text_name),
            "is needed",
        ),
        _named("support_phone", bool(clinic.support_phone), "is needed for the HELP text"),
        _named("hours_text", bool(clinic.hours_text), "is needed for the HELP text"),
        _named("privacy_url", _https_or_none(clinic.privacy_url) and bool(clinic.privacy_url), "is needed"),
        _named("staffed", any(clinic.staffed), "needs at least one staffed hour"),
        _named("item9_policy_signed_on", signed, "is needed before item 9 is asked by text"),
        _named(
            "default_responsible_id", clinic.default_responsible_id is not None, "is needed: who is alerted"
        ),
        _named(
            "default_responsible_id",
            clinic.default_responsible_id is None or responsible_reachable,
            "needs a verified phone and a working account",
        ),
        _named("sender", senders > 0, "needs a number to text from"),
    ]
    return tuple(problem for problem in found if problem is not None)


def missing_in_deployment(deployment: Deployment, kind: OrganisationKind) -> tuple[Problem, ...]:
    found = [
        _named("public_url", deployment.public_url.startswith("https://"), "must be https:// for patients"),
        _named("encryption_keys", deployment.encrypts, "are needed"),
        _named(
            "consent_wording_version",
            bool(deployment.consent_wording_version),
            "needs an approved consent text",
        ),
        _named("organisation", kind == "standard", "is a demonstration; it never texts real phones"),
    ]
    return tuple(problem for problem in found if problem is not None)


def is_npi(digits: str) -> bool:
    """Ten digits, the last a Luhn check digit over 80840 + the first nine (45 CFR 162.406; CMS NPI check digit)."""
    if not re.fullmatch(r"[12]\d{9}", digits, re.ASCII):
        return False
    total = 0
    for place, digit in enumerate(reversed("80840" + digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def phone_problem(field: str, written: str) -> Problem | None:
    try:
        e164(written)
    except BadNumber as bad:
        return Problem(field, str(bad))
    return None


def check_roles(roles: Collection[Role]) -> tuple[Problem, ...]:
    """An account administrator sees no clinical content, so the two kinds of role don't meet in one account."""
    if not roles:
        return (Problem("roles", "at least one role is needed"),)
    if "administrator" in roles and not set(CLINICAL).isdisjoint(roles):
        return (Problem("roles", "an administrator has no clinical role; use a second account"),)
    return ()


def _check_text(field: str, text: str, longest: int) -> list[Problem]:
    strange = wording.unsendable(text)
    found = [
        _named(field, bool(text.strip()), "is empty"),
        _named(field, len(text) <= longest, f"is longer than {longest} characters"),
        _named(field, not strange, f"can't be texted with: {' '.join(strange)}"),
    ]
    return [problem for problem in found if problem is not None]


def _check_week(week: Week) -> list[Problem]:
    if len(week) != 7:
        return [Problem("staffed", "needs seven days, Monday first")]
    for day in week:
        if any(shift.end <= shift.start for shift in day):
            return [Problem("staffed", "has a stretch that ends before it starts")]
        if any(later.start < earlier.end for earlier, later in pairwise(day)):
            return [Problem("staffed", "has stretches that overlap or are out of order")]
    return []


def _named(field: str, right: bool, message: str) -> Problem | None:
    return None if right else Problem(field, message)


def _https_or_none(url: str | None) -> bool:
    return url is None or url.startswith("https://")


def _is_tax_id(text: str) -> bool:
    return re.fullmatch(r"\d{2}-?\d{7}", text, re.ASCII) is not None


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
