"""The referral and the enrolment form, filled in with what is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from registry.intake.contents import CONSIDERED, OF_EVERYBODY
from registry.patients.queries import PatientPage
from staff_console import words
from staff_console.enrol import scripts
from staff_console.enrol.minutes import may_log, timed
from staff_console.enrol.views import EnrolPage, ReferralPage
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit
from staff_console.patient.forms import EVERY
from staff_console.scores.presenter import parts

ZONES: Final = {
    "America/New_York": "Eastern (New York)",
    "America/Chicago": "Central (Chicago)",
    "America/Denver": "Mountain (Denver)",
    "America/Phoenix": "Mountain without summer time (Phoenix)",
    "America/Los_Angeles": "Pacific (Los Angeles)",
    "America/Anchorage": "Alaska (Anchorage)",
    "Pacific/Honolulu": "Hawaii (Honolulu)",
    "America/Puerto_Rico": "Atlantic (Puerto Rico)",
}
SEXES: Final = {"F": "Female", "M": "Male", "U": "Not known"}
METHODS: Final = {"verbal": "Verbal", "written": "Written", "portal": "On the private page"}
LEVELS: Final = (
    Choice("none", "No texts"),
    Choice(
        "link_only", "Links and reminders", "The text names nothing. The questions are on a private page."
    ),
    Choice("items_by_sms", "Questions by text too", scripts.RISK.english),
)
CHANNELS: Final = (
    Choice(
        "sms_link", "Text with a link", "The usual way: one neutral text, the questions on a private page."
    ),
    Choice(
        "sms_items", "Questions by text", "One question a text; needs the agreement to questions by text."
    ),
    Choice("portal", "Private page without a text", "The patient opens it from their own record."),
    Choice("phone", "By phone", "A colleague calls and asks."),
    Choice("none", "No check-ins for now"),
)
READERS: Final = (
    Choice("yes", "Nobody who may not know"),
    Choice("no", "Somebody may read along: no texts to this phone"),
)
SECOND: Final = {
    "none": "Nothing else",
    "phone": "Phone call",
    "email": "E-mail with a link",
    "sms_link": "Text with a link",
    "portal": "Private page",
}


BASELINES: Final = (
    Choice("later", "Later", "The first check-in asks."),
    Choice("paper", "From a paper form", "Enter the items below."),
    Choice("text", "Text it now", "The questions go out at once, or when the patient's day begins."),
)


class Team(msgspec.Struct, frozen=True):
    """Who may be chosen, by role."""

    clinicians: Mapping[UUID, str]
    care_managers: Mapping[UUID, str]
    consultants: Mapping[UUID, str]


def referral(form: FormState | None) -> ReferralPage:
    return ReferralPage(
        form or filled("refer", language="en"),
        words.choices(words.LANGUAGES),
        scripts.HANDOFF,
        scripts.SAFETY_LINE,
    )


def enrol(visit: Visit, team: Team, patient: PatientPage | None, form: FormState) -> EnrolPage:
    return EnrolPage(
        form=form,
        action="/enrol" if patient is None else f"/enrol/{patient.id}",
        draft_href="/enrol/draft" if patient is None else f"/enrol/{patient.id}/draft",
        referral="" if patient is None else _referral(visit, patient),
        clinicians=_people(team.clinicians),
        consultants=_people(team.consultants),
        care_managers=_people(team.care_managers),
        sexes=words.choices(SEXES),
        languages=words.choices(words.LANGUAGES),
        zones=words.choices(ZONES),
        consent_methods=words.choices(METHODS),
        texting_levels=LEVELS,
        readers=READERS,
        channels=CHANNELS,
        second_channels=words.choices(SECOND),
        cadences=tuple(Choice(value, label) for value, label in EVERY.items() if value != "0"),
        modes=words.choices(words.CONTACT_MODES),
        zone=visit.at(visit.now).zone,
        care_script=scripts.CARE.english,
        care_script_es=scripts.CARE.spanish,
        care_script_version=scripts.CARE.version,
        texting_script=scripts.TEXTING.english,
        texting_script_es=scripts.TEXTING.spanish,
        texting_script_version=scripts.TEXTING.version,
        measures=parts(form.value("language") or "en"),
        considered=words.choices(CONSIDERED),
        of_everybody=words.choices(OF_EVERYBODY),
        baselines=BASELINES,
        logs=may_log(visit),
        timer=timed(visit, None if patient is None else patient.id),
    )


def _referral(visit: Visit, patient: PatientPage) -> str:
    episode = patient.episode
    if episode is None:
        return ""
    on = visit.at(episode.referred_at).day.text
    return f"Referred by {episode.referred_by} on {on}: {episode.referral_reason or ''}"


def _people(found: Mapping[UUID, str]) -> tuple[Choice, ...]:
    return tuple(Choice(str(staff_id), name) for staff_id, name in found.items())


def start(visit: Visit, team: Team, patient: PatientPage | None) -> FormState:
    """Today and the person who fills it in, wherever that is the likely answer; what the referral knows. What the
    patient agrees to, and when, starts empty: an answer that nobody gave must not become an agreement."""
    local = visit.now.astimezone(visit.zone)
    values = {
        "language": "en",
        "zone": visit.frame.zone if visit.frame.zone in ZONES else "",
        "care_manager_id": str(visit.staff_id) if visit.staff_id in team.care_managers else "",
        "consent_on": local.date().isoformat(),
        "consent_by": visit.actor.name,
        "every_days": "14",
        "anchor_on": local.date().isoformat(),
        "local_time": "10:00",
        "next_mode": "phone",
        "pregnancy": "not_documented",
        "bipolar": "not_documented",
        "ptsd": "not_documented",
        "baseline": "later",
        "baseline_on": local.date().isoformat(),
    }
    if patient is not None:
        values |= _known(patient)
        values |= {"from_timer": "yes"} if timed(visit, patient.id) else {}
    return filled("enrol", **values)


def _known(patient: PatientPage) -> dict[str, str]:
    return {
        "family_name": patient.family_name,
        "given_name": patient.given_name,
        "birth_date": "" if patient.birth_date is None else patient.birth_date.isoformat(),
        "mrn": patient.mrn or "",
        "language": patient.language,
        "phone": "" if patient.phone is None else patient.phone.number,
        "phone_shared": "on" if patient.phone is not None and patient.phone.shared else "",
        "version": str(patient.version),
    }
