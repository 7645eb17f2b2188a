"""The set-up checklist out of what the record says is missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from kernel.errors import Problem
from registry.organisation.ladder import outreach_ladder
from registry.organisation.queries import SenderFacts, StaffMember
from registry.organisation.rules import ClinicFacts
from staff_console import formats, words
from staff_console.formstate import Choice, FormState, filled
from staff_console.pages import Visit
from staff_console.seen import sealed
from staff_console.setup.views import PersonLine, SetupGroup, SetupItem, SetupPage

BELOW: Final = "Set it under Clinic details."
CHANNELS: Final = {"same": "Same channel", "other": "Second channel"}
ITEM9: Final = {
    "link_only": "On the private page",
    "sms": "By text, under a signed policy",
    "staff_call": "By a colleague on the phone",
}
GROUPS: Final[tuple[tuple[str, tuple[SetupItem, ...]], ...]] = (
    (
        "Safety first",
        (
            SetupItem(
                "default_responsible_id", "Whom alerts reach", "A patient without a care manager still has somebody who is alerted, on a phone that was verified.", "open", "", "responsible"
            ),
            SetupItem(
                "item9_policy_signed_on", "Item-9 policy", "Names who answers an item 9 above 0, and how fast, before it is asked by text.", "open", "", "policy"
            ),
            SetupItem(
                "safety_protocol", "Safety protocol", "Who is alerted, how fast, and who is next: signed by the clinic before a patient is asked.", "open", "", "", "Sign it and put it into force", "/safety/protocol"
            ),
            SetupItem(
                "drill", "A drill that was passed", "An alert that reached somebody in time once will reach them again.", "open", "", "", "Start a drill, or see how the last ones went", "/safety/drills"
            ),
            SetupItem(
                "staffed", "Staffed hours", "Clocks run in the hours in which somebody is there.", "open", "", "", "They are set when the clinic is made."
            ),
        ),
    ),
    (
        "What patients read",
        (
            SetupItem("text_name", "Name in texts", "Neutral: it names no condition and no kind of clinic.", "open", "", "", BELOW),
            SetupItem("support_phone", "Phone in the HELP text", "Every HELP is answered with it.", "open", "", "", BELOW),
            SetupItem("hours_text", "Hours in the HELP text", "Says when replies are read.", "open", "", "", BELOW),
            SetupItem("privacy_url", "Privacy policy", "Carriers ask for its address.", "open", "", "", BELOW),
            SetupItem("consent_wording_version", "Approved consent text", "What is read out before a patient agrees to texts.", "open", ""),
        ),
    ),
    (
        "The server",
        (
            SetupItem("sender", "A number to text from", "Registered with the carrier for this clinic.", "open", "", "", BELOW),
            SetupItem("public_url", "Public address", "Links and the provider's calls reach this server over https.", "open", "", "", "Set EVENKEEL_PUBLIC_URL."),
            SetupItem("encryption_keys", "Encryption keys", "Phones, texts and notes are stored sealed.", "open", "", "", "Make them with `evenkeel keys new`."),
            SetupItem("organisation", "A real organisation", "A demonstration never texts real phones.", "open", ""),
        ),
    ),
)  # fmt: skip


class Refused(msgspec.Struct, frozen=True):
    details: FormState | None = None
    ladder: FormState | None = None
    sender: FormState | None = None
    live: FormState | None = None
    responsible: FormState | None = None


def page(
    visit: Visit,
    clinic: ClinicFacts,
    missing: Collection[Problem],
    people: Collection[StaffMember],
    numbers: Collection[SenderFacts],
    refused: Refused,
) -> SetupPage:
    groups = tuple(
        SetupGroup(title, tuple(_judged(item, clinic, missing) for item in items)) for title, items in GROUPS
    )
    items = [item for group in groups for item in group.items]
    return SetupPage(
        clinic=clinic.name,
        mode="demo" if visit.console.settings.mode == "demo" else clinic.texting_mode,
        groups=groups,
        passed=sum(item.state == "passed" for item in items),
        total=len(items),
        left=tuple(item.title for item in items if item.state == "open"),
        form=refused.live or FormState("live"),
        responsible_form=refused.responsible or responsible_form(clinic),
        responsible=tuple(
            Choice(str(person.id), person.name)
            for person in people
            if not person.disabled and _clinical(person)
        ),
        people=tuple(_person(person) for person in people),
        details=refused.details or details_form(clinic),
        item9_channels=words.choices(ITEM9),
        ladder_form=refused.ladder or ladder_form(clinic),
        reminder_channels=words.choices(CHANNELS),
        sender_form=refused.sender or FormState("sender"),
        numbers=tuple(formats.phone(sender.number) for sender in numbers if sender.active),
    )


def responsible_form(clinic: ClinicFacts) -> FormState:
    responsible = clinic.default_responsible_id
    return sealed(filled("responsible", staff_id="" if responsible is None else str(responsible)))


def details_form(clinic: ClinicFacts) -> FormState:
    form = filled(
        "details",
        text_name=clinic.text_name,
        support_phone=clinic.support_phone,
        hours_text=clinic.hours_text,
        privacy_url=clinic.privacy_url or "",
        item9_channel=clinic.item9_channel,
        window_start=f"{clinic.window_start:%H:%M}",
        window_end=f"{clinic.window_end:%H:%M}",
        npi=clinic.npi or "",
        tax_id=clinic.tax_id or "",
    )
    return sealed(form)


def ladder_form(clinic: ClinicFacts) -> FormState:
    wanted = outreach_ladder(clinic.settings)
    rows: dict[str, str] = {}
    for number, reminder in enumerate(wanted.reminders, start=1):
        rows |= {f"hours_{number}": str(reminder.after_hours), f"channel_{number}": reminder.channel}
    form = filled(
        "outreach",
        **rows,
        call_after_hours=str(wanted.call_after_hours),
        answer_within_hours=str(wanted.answer_within_hours),
    )
    return sealed(form)


def _judged(item: SetupItem, clinic: ClinicFacts, missing: Collection[Problem]) -> SetupItem:
    lacks = [problem.message for problem in missing if problem.field == item.id]
    if lacks:
        return msgspec.structs.replace(item, detail="; ".join(lacks).capitalize() + ".")
    return msgspec.structs.replace(item, state="passed", detail=_passed(item, clinic), where="")


def _passed(item: SetupItem, clinic: ClinicFacts) -> str:
    match item.id:
        case "item9_policy_signed_on":
            signed = clinic.item9_policy_signed_on
            if signed is not None:
                return f"Signed {formats.day(signed).text}."
            return "Not needed while item 9 is not asked by text."
        case "text_name" | "support_phone" | "hours_text" | "privacy_url":
            return str(getattr(clinic, item.id))
        case _:
            return ""


def _clinical(person: StaffMember) -> bool:
    return not person.roles.isdisjoint({"care_manager", "clinician", "consultant", "clinic_lead"})


def _person(person: StaffMember) -> PersonLine:
    lacks = [
        text
        for text, here in (
            ("no second factor yet", not person.has_second_factor),
            ("phone not verified", not person.phone_verified),
        )
        if here
    ]
    state = "disabled" if person.disabled else ", ".join(lacks) or "ready"
    return PersonLine(
        person.name,
        person.email,
        words.roles(person.roles),
        state,
        state == "ready",
        f"/setup/people/{person.id}",
    )
