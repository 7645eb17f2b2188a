"""What staff change about a patient. Templates `details/details.html` and `details/phone.html`.

Posts: `/patients/{id}/details` (the form's fields, version), `/patients/{id}/phone` (phone, phone_private,
phone_shared, voicemail_ok, texting, method, otherwise, version).
"""

from msgspec import Struct

from staff_console.formstate import Choice, FormState
from staff_console.whose import Whose


class DetailsPage(Struct, frozen=True):
    """`consent` is what the present number may be texted, in words."""

    whose: Whose
    form: FormState
    consent: str
    sexes: tuple[Choice, ...]
    languages: tuple[Choice, ...]
    zones: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    second_channels: tuple[Choice, ...]
    texting_levels: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    script: str
    script_es: str
    script_version: str


class PhonePage(Struct, frozen=True):
    """`now` is the number on record and its state, in words; empty without one."""

    whose: Whose
    form: FormState
    now: str
    texting_levels: tuple[Choice, ...]
    methods: tuple[Choice, ...]
    otherwise: tuple[Choice, ...]
    script: str
    script_es: str
    script_version: str
