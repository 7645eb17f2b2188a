"""What is asked when a patient is referred, enrolled, or changes status."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from registry.patients.forms import CoverageForm, PersonForm, PhoneForm, PreferencesForm
from registry.ports import TextingConsentForm

Status = Literal["referred", "active", "relapse_prevention", "on_hold", "inactive_disengaged", "ended"]
ConsentMethod = Literal["verbal", "written", "portal"]
ContactMode = Literal["phone", "video", "in_person", "portal"]
HoldReason = Literal["hospital", "jail", "other_hold"]
EndReason = Literal[
    "completed",
    "referred_to_specialty",
    "disengaged",
    "declined",
    "consent_withdrawn",
    "moved",
    "insurance",
    "ineligible",
    "other",
]
ToldHow = Literal["ehr", "phone", "in_person"]
StatusReason = HoldReason | EndReason | Literal["enrolled", "resumed", "response", "relapse", "no_contact"]


class ReferralForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A warm handoff. No text goes out and no minute counts until enrolment. `patient_id` refers somebody who was in
    care before: their details stay as they are, only a phone given here becomes the current one. `phone_shared`:
    another patient of the clinic uses this number too. `another_person`: somebody has this name and date of birth,
    and it was looked at that it is not them."""

    family_name: str
    given_name: str
    referred_by: str
    reason: str
    phone: str | None = None
    phone_shared: bool = False
    mrn: str | None = None
    birth_date: date | None = None
    language: str = "en"
    patient_id: UUID | None = None
    another_person: bool = False
    is_test: bool = False


class CareConsentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Agreement to collaborative care: `recorded_by` is the name of who obtained it, `wording_version` the text used."""

    method: ConsentMethod
    given_at: datetime
    recorded_by: str
    wording_version: str
    language: str = "en"


class TeamForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    treating_clinician_id: UUID
    care_manager_id: UUID
    consultant_id: UUID


class InitiatingVisit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The treating practitioner's visit that care starts from; asked of patients who are new or not seen for a year."""

    on: date
    code: str | None = None


class EnrolmentForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`patient_id` completes that patient's referral, or enrols somebody again who was in care before; `version` is
    the patient's version the person looked at. Without a referral, `referred_by` and `referral_reason` are needed.
    `phone` may be missing only when nothing uses it. The first `coverage` row is the primary payer."""

    person: PersonForm
    preferences: PreferencesForm
    team: TeamForm
    target_condition: str
    care_consent: CareConsentForm
    coverage: tuple[CoverageForm, ...]
    phone: PhoneForm | None = None
    texting_consent: TextingConsentForm | None = None
    initiating_visit: InitiatingVisit | None = None
    referred_by: str | None = None
    referral_reason: str | None = None
    patient_id: UUID | None = None
    version: int | None = None
    is_test: bool = False


class EndingForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an end says besides its reason: when and how the treating clinician was told of it, why it ends though not
    shown to be stable, why there is no score, and why there is no plan against relapse (the patient does not want one,
    for example)."""

    told_on: date | None = None
    told_how: ToldHow | None = None
    unstable_because: str | None = None
    no_score_because: str | None = None
    no_plan_because: str | None = None


class StatusForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`from_date` is the day it became true, so that days in hospital or jail are left out of the bill; `review_on`
    when somebody looks again; `said` how consent was withdrawn, if it was; `ending` what an end asks for. `version` is
    the episode's version the person looked at."""

    status: Status
    reason: StatusReason
    from_date: date
    review_on: date | None = None
    note: str | None = None
    said: ConsentMethod = "verbal"
    version: int | None = None
    ending: EndingForm | None = None


class CourseForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is responsible, what is treated, and the visit it starts from."""

    team: TeamForm
    target_condition: str
    initiating_visit: InitiatingVisit | None = None
    version: int | None = None
