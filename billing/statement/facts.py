"""What a statement row needs to know about a patient besides the minutes: who pays, who reports, what is on file."""

from datetime import date, datetime
from typing import Literal

import msgspec

from billing.month_types import History
from billing.rule_sets import ConsentMethod

RowKind = Literal[
    "",
    "time_entry",
    "measure_result",
    "care_plan",
    "contact",
    "case_review",
    "recommendation",
    "care_consent",
    "episode",
    "coverage",
    "billing_decision",
]


class Dated(msgspec.Struct, frozen=True):
    """A row of the record that serves as evidence: its id, the clinic-local day it speaks for, and its kind."""

    id: str
    on: date
    kind: RowKind = ""


class Contacted(msgspec.Struct, frozen=True):
    """A contact and the clinic-local day on which it was written down."""

    id: str
    on: date
    recorded_on: date


class NextContact(msgspec.Struct, frozen=True):
    """What was agreed to come next; `has_purpose` says whether its purpose is recorded."""

    id: str
    on: date
    has_purpose: bool


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """`extra_elements`: the optional lines (one practitioner a month, may stop any time) were told too."""

    id: str
    given_on: date
    method: ConsentMethod
    recorded_by: str
    extra_elements: bool = False
    withdrawn_on: date | None = None


class InitiatingVisit(msgspec.Struct, frozen=True):
    id: str
    on: date
    code: str | None


class Diagnosis(msgspec.Struct, frozen=True):
    """ICD-10-CM, in the order it goes on the claim."""

    id: str
    code: str
    suspected: bool = False


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """`valid_to` is the last day covered; rank 1 is the primary payer."""

    id: str
    rank: int
    payer: str
    payer_id: str | None
    plan: str | None
    member_id: str | None
    subscriber: str
    valid_from: date
    valid_to: date | None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """`ended_on` is the last day of care, the day of death included."""

    id: str
    programme: Literal["collaborative_care", "general_integration"] = "collaborative_care"
    started_on: date
    ended_on: date | None = None
    in_relapse_prevention: bool = False


class Practice(msgspec.Struct, frozen=True, kw_only=True):
    """Who reports the month. `other_billing_npis` are practitioners known to report it too; fees in cents."""

    billing_npi: str | None
    billing_tin: str | None
    rendering_npi: str | None
    other_billing_npis: tuple[str, ...] = ()
    fees: dict[str, int] = {}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Rows on file for each required element, any month; what a month needs is decided by rules. `review_outcomes`
    are what case reviews changed, or that they changed nothing; `plan_changes_called_for` those that change the
    plan."""

    directions: tuple[Dated, ...] = ()
    scales: tuple[Dated, ...] = ()
    care_plans: tuple[Dated, ...] = ()
    registry_updates: tuple[Dated, ...] = ()
    consultant_reviews: tuple[Dated, ...] = ()
    review_outcomes: tuple[Dated, ...] = ()
    plan_changes_called_for: tuple[Dated, ...] = ()
    contacts: tuple[Contacted, ...] = ()
    caseload_consultations: tuple[Dated, ...] = ()
    brief_interventions: tuple[Dated, ...] = ()
    clinician_collaborations: tuple[Dated, ...] = ()
    relapse_plans: tuple[Dated, ...] = ()
    prior_authorisations: tuple[Dated, ...] = ()


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A named biller's decision to let a held row go, for the holds named and no others."""

    holds: tuple[str, ...]
    by: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.reason.strip():
            raise ValueError("reason: a release names who and why")


class PatientFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`visit_required`: the patient was new, or not seen within a year, when the episode began.
    `other_codes`: codes known to be reported for the patient in the month by others, or apart from this line."""

    patient_id: str
    family_name: str
    given_name: str
    mrn: str | None
    birth_date: date | None
    sex: str | None
    episode: Episode
    history: History
    practice: Practice
    consent: Consent | None
    visit_required: bool
    initiating_visit: InitiatingVisit | None
    diagnoses: tuple[Diagnosis, ...]
    coverages: tuple[Coverage, ...]
    evidence: Evidence
    next_contact: NextContact | None = None
    other_codes: tuple[str, ...] = ()
    releases: tuple[Release, ...] = ()

    @property
    def claim_diagnoses(self) -> tuple[str, ...]:
        """Codes that may go on a claim: a suspected condition is never reported as if it were confirmed (ICD-10-CM
        Official Guidelines, section IV.H, uncertain diagnosis in outpatient services)."""
        return tuple(diagnosis.code for diagnosis in self.diagnoses if not diagnosis.suspected)
