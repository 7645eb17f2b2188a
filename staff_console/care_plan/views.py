"""The plans with a patient.

Posts, each under `/patients/{patient_id}/plans/{kind}`: itself (fields of the kind, agreed_on, version), `/sign` (version,
read, note), `/draft`. Template `care_plan/plan.html`; the patient's copy is `care_plan/handout.html`.
"""

from msgspec import Struct

from registry.care_plans.contents import Difference, Field
from staff_console.formats import Moment
from staff_console.formstate import FormState
from staff_console.whose import Whose


class PlanTab(Struct, frozen=True):
    label: str
    href: str
    current: bool


class VersionLine(Struct, frozen=True):
    """`signed` says by whom and when, empty until then."""

    version: int
    at: Moment
    who: str
    agreed: str
    signed: str
    note: str
    changes: tuple[Difference, ...]


class PlanPage(Struct, frozen=True):
    """`meanwhile` is what others saved since the refused form was opened. `sign` is None where there is nothing to sign
    for this person."""

    whose: Whose
    title: str
    action: str
    fields: tuple[Field, ...]
    form: FormState
    versions: tuple[VersionLine, ...]
    tabs: tuple[PlanTab, ...]
    may_write: bool
    waits_for_signature: bool
    sign: FormState | None
    meanwhile: tuple[Difference, ...] = ()
    copy_href: str = ""
    handout_href: str = ""


class HandoutPart(Struct, frozen=True):
    label: str
    lines: tuple[str, ...]


class HandoutPage(Struct, frozen=True):
    """For the patient, in their language; `language` is its tag."""

    language: str
    title: str
    name: str
    clinic: str
    on: str
    parts: tuple[HandoutPart, ...]
    crisis: tuple[str, ...]
    back_href: str
    back: str
