"""The two forms filled in with what is on record, and what a stale or taken one is shown with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from messaging.consent.service import ConsentFacts
from registry.patients.queries import PatientPage
from staff_console import words
from staff_console.details.views import DetailsPage, PhonePage
from staff_console.enrol import scripts
from staff_console.enrol.presenter import CHANNELS, SECOND, SEXES, ZONES
from staff_console.formstate import Choice, FormState, filled
from staff_console.whose import whose

LEVELS: Final = (
    Choice("link_only", "Links and reminders"),
    Choice("items_by_sms", "Questions by text too, and that texts are not encrypted"),
)
METHODS: Final = (Choice("verbal", "By phone or in the room"), Choice("written", "In writing"))
OTHERWISE: Final = (Choice("phone", "A colleague calls and asks"), Choice("none", "No check-ins for now"))
STATES: Final = {
    "unverified": "not confirmed yet",
    "verified": "confirmed",
    "wrong": "a wrong number",
    "unreachable": "can't be reached",
}
AGREED: Final = {
    "link_only": "The present number may be sent links and reminders.",
    "items_by_sms": "The present number may be sent questions by text.",
}
MAY_NOT: Final = "There is no agreement to texts for the present number."
AGREE_AGAIN: Final = "The agreement to texts is chosen again, for the number that is on record now."


def details_page(patient: PatientPage, form: FormState, agreed: ConsentFacts | None) -> DetailsPage:
    key = None if patient.phone is None else patient.phone.key
    stands = agreed is not None and agreed.in_force_for(key)
    return DetailsPage(
        whose=whose(patient),
        form=form,
        consent=AGREED[agreed.content_level] if agreed is not None and stands else MAY_NOT,
        sexes=words.choices(SEXES),
        languages=words.choices(_with(words.LANGUAGES, form.value("language"))),
        zones=words.choices(_with(ZONES, form.value("zone"))),
        channels=tuple(Choice(choice.value, choice.label) for choice in CHANNELS),
        second_channels=words.choices(SECOND),
        texting_levels=LEVELS,
        methods=METHODS,
        script=scripts.TEXTING.english,
        script_es=scripts.TEXTING.spanish,
        script_version=scripts.TEXTING.version,
    )


def phone_page(patient: PatientPage, form: FormState) -> PhonePage:
    phone = patient.phone
    return PhonePage(
        whose=whose(patient),
        form=form,
        now="" if phone is None else f"On record: {phone.number}, {STATES[phone.state]}.",
        texting_levels=LEVELS,
        methods=METHODS,
        otherwise=OTHERWISE,
        script=scripts.TEXTING.english,
        script_es=scripts.TEXTING.spanish,
        script_version=scripts.TEXTING.version,
    )


def details_on_record(patient: PatientPage) -> FormState:
    address, emergency = patient.address, patient.emergency
    values = {
        "version": str(patient.version),
        "family_name": patient.family_name,
        "given_name": patient.given_name,
        "birth_date": "" if patient.birth_date is None else patient.birth_date.isoformat(),
        "sex": patient.sex or "",
        "mrn": patient.mrn or "",
        "language": patient.language,
        "zone": patient.zone or "",
        "channel": patient.channel,
        "second_channel": patient.second_channel or "",
        "window_start": "" if patient.window_start is None else f"{patient.window_start:%H:%M}",
        "window_end": "" if patient.window_end is None else f"{patient.window_end:%H:%M}",
        "method": "verbal",
    }
    if address is not None:
        names = ("line1", "line2", "city", "state", "postal_code")
        values |= {name: getattr(address, name) or "" for name in names}
    if emergency is not None:
        values |= {f"emergency_{name}": getattr(emergency, name) for name in ("name", "relation", "phone")}
    return filled("details", **values)


def phone_on_record(patient: PatientPage) -> FormState:
    phone = patient.phone
    values = {"version": str(patient.version), "method": "verbal", "phone_private": "on"}
    if phone is not None:
        marks = {
            "phone_private": phone.safe_to_text,
            "phone_shared": phone.shared,
            "voicemail_ok": phone.voicemail_ok,
        }
        values = {name: value for name, value in values.items() if name not in marks}
        values |= {"phone": phone.number} | {name: "on" for name, holds in marks.items() if holds}
    return filled("phone", **values)


def not_agreed(stale: FormState) -> FormState:
    """The number may be another one by now: an agreement that was ticked for the earlier one is not carried over."""
    if not stale.value("texting"):
        return stale
    values = {name: given for name, given in stale.values.items() if name != "texting"}
    return FormState(stale.id, values, stale.errors, f"{stale.problem} {AGREE_AGAIN}")


def _with(offered: Mapping[str, str], present: str) -> dict[str, str]:
    """What is on record can be kept, though the form doesn't offer it to others."""
    return dict(offered) if not present or present in offered else {**offered, present: present}
