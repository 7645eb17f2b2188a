"""Referral in a minute, enrolment in one long form.

Posts: `/referrals` (fields of `enrol/referral.html`), `/enrol` and, for a referral, `/enrol/{patient_id}` (fields of
`enrol/enrol.html`), `/patients/{id}/intake` (version and what was found). Draft: `/enrol/draft`.
"""

from msgspec import Struct

from staff_console.formstate import Choice, FormState
from staff_console.scores.views import MeasurePart
from staff_console.whose import Whose


class KnownPatient(Struct, frozen=True):
    """Somebody the referral may mean. `again` is the patient to refer again, empty unless care has ended."""

    name: str
    href: str
    what: str
    again: str


class ReferralPage(Struct, frozen=True):
    """Template `enrol/referral.html`. `script` is the clinic's introduction to read aloud. `known` are those whom a
    refused referral may mean; `may_be_another` when it can go on as somebody else's, `shares` when the phone may be
    said to be shared."""

    form: FormState
    languages: tuple[Choice, ...]
    script: str
    safety_line: str
    known: tuple[KnownPatient, ...] = ()
    may_be_another: bool = False
    shares: bool = False


class FindingsPage(Struct, frozen=True):
    """Template `enrol/findings.html`. `text` is the newest version as it goes into the chart, empty before the first;
    `of_everybody` are the choices of a question that applies to everybody."""

    whose: Whose
    form: FormState
    may_write: bool
    considered: tuple[Choice, ...]
    of_everybody: tuple[Choice, ...]
    version: str
    text: str


class EnrolPage(Struct, frozen=True):
    """Template `enrol/enrol.html`. `action` is where the form posts to; `referral` says where the referral came
    from, empty when there is none, and then `referred_by` and its reason are asked; the scripts are the versioned
    texts whose version ids are stored with the consent, each in English and Spanish. `logs`: the person's minutes may
    be time of care; `timer`: their timer runs for this patient."""

    form: FormState
    action: str
    draft_href: str
    referral: str
    clinicians: tuple[Choice, ...]
    consultants: tuple[Choice, ...]
    care_managers: tuple[Choice, ...]
    sexes: tuple[Choice, ...]
    languages: tuple[Choice, ...]
    zones: tuple[Choice, ...]
    consent_methods: tuple[Choice, ...]
    texting_levels: tuple[Choice, ...]
    readers: tuple[Choice, ...]
    channels: tuple[Choice, ...]
    second_channels: tuple[Choice, ...]
    cadences: tuple[Choice, ...]
    modes: tuple[Choice, ...]
    zone: str
    care_script: str
    care_script_es: str
    care_script_version: str
    texting_script: str
    texting_script_es: str
    texting_script_version: str
    measures: tuple[MeasurePart, ...]
    considered: tuple[Choice, ...]
    of_everybody: tuple[Choice, ...]
    baselines: tuple[Choice, ...]
    logs: bool
    timer: bool
