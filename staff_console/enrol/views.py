"""Referral in a minute, enrolment in one long form.

Posts: `/referrals` (family, given, born, mrn, phone, reason, urgent, safety_checked), `/enrol` (all fields of
`enrol/enrol.html`). Drafts: `/enrol/draft`.
"""

from msgspec import Struct

from staff_console.formstate import Choice, FormState


class ReferralPage(Struct, frozen=True):
    """Template `enrol/referral.html`. `script` is the clinic's introduction to read aloud."""

    form: FormState
    conditions: tuple[Choice, ...]
    clinicians: tuple[Choice, ...]
    script: str
    safety_line: str


class EnrolPage(Struct, frozen=True):
    """Template `enrol/enrol.html`. `referral` says where the referral came from, empty when there is none;
    the two scripts are the versioned texts whose version ids are stored with the consent."""

    form: FormState
    referral: str
    diagnoses: tuple[Choice, ...]
    clinicians: tuple[Choice, ...]
    consultants: tuple[Choice, ...]
    care_managers: tuple[Choice, ...]
    languages: tuple[Choice, ...]
    zones: tuple[Choice, ...]
    consent_methods: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    phone_owners: tuple[Choice, ...]
    intervals: tuple[Choice, ...]
    weekdays: tuple[Choice, ...]
    windows: tuple[Choice, ...]
    payers: tuple[Choice, ...]
    care_script: str
    care_script_version: str
    texting_script: str
    texting_script_version: str
    duplicate_of: str = ""
    duplicate_href: str = ""
