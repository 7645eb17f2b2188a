"""What the set-up page asks."""

from __future__ import annotations

from datetime import time
from typing import Final, Literal
from uuid import UUID

import msgspec

from registry.organisation.ladder import OutreachLadder, Reminder, ReminderChannel
from registry.organisation.rules import ClinicFacts, ClinicForm, Item9Channel


class LiveForm(msgspec.Struct, frozen=True):
    confirm: Literal["yes"]


class ResponsibleForm(msgspec.Struct, frozen=True):
    staff_id: UUID


class DetailsForm(msgspec.Struct, frozen=True):
    """What patients read and when texts may leave; everything else of the clinic stays as it is."""

    text_name: str
    support_phone: str
    hours_text: str
    item9_channel: Item9Channel
    window_start: time
    window_end: time
    privacy_url: str | None = None
    npi: str | None = None
    tax_id: str | None = None

    def changed(self, clinic: ClinicFacts) -> ClinicForm:
        return ClinicForm(
            slug=clinic.slug,
            name=clinic.name,
            zone=clinic.zone,
            staffed=clinic.staffed,
            bulk_answers=clinic.bulk_answers,
            after_positive_item9=clinic.after_positive_item9,
            **msgspec.structs.asdict(self),
        )


class LadderForm(msgspec.Struct, frozen=True):
    """A reminder without hours is none."""

    call_after_hours: int
    answer_within_hours: int
    hours_1: int | None = None
    hours_2: int | None = None
    hours_3: int | None = None
    hours_4: int | None = None
    channel_1: ReminderChannel = "same"
    channel_2: ReminderChannel = "same"
    channel_3: ReminderChannel = "same"
    channel_4: ReminderChannel = "same"

    @property
    def ladder(self) -> OutreachLadder:
        rows = (
            (self.hours_1, self.channel_1),
            (self.hours_2, self.channel_2),
            (self.hours_3, self.channel_3),
            (self.hours_4, self.channel_4),
        )
        reminders = tuple(Reminder(hours, channel) for hours, channel in rows if hours is not None)
        return OutreachLadder(reminders, self.call_after_hours, self.answer_within_hours)


class SenderForm(msgspec.Struct, frozen=True):
    number: str


DETAILS: Final = {
    "text_name": "Name in texts",
    "support_phone": "Phone in the HELP text",
    "hours_text": "Hours in the HELP text",
    "privacy_url": "Privacy policy",
    "item9_channel": "Item 9",
    "window_start": "Texts from",
    "window_end": "Texts until",
    "npi": "NPI",
    "tax_id": "Tax number",
}
LADDER: Final = {
    **{f"hours_{n}": f"Reminder {n}" for n in range(1, 5)},
    **{f"channel_{n}": f"Channel of reminder {n}" for n in range(1, 5)},
    "call_after_hours": "A person calls",
    "answer_within_hours": "Time to finish",
}
LADDER_RENAMED: Final = {
    "reminders": "hours_1",
    **{f"reminders[{n - 1}].after_hours": f"hours_{n}" for n in range(1, 5)},
}
SENDER: Final = {"number": "The number"}
LIVE: Final = {"confirm": "Your confirmation"}
RESPONSIBLE: Final = {"staff_id": "Whom alerts reach"}
RENAMED: Final = {"default_responsible_id": "staff_id"}
