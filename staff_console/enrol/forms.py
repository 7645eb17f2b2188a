"""Referral and enrolment as their pages ask for them, and as the record takes them."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from kernel.errors import Problem
from registry.care_plans.contents import CareContent
from registry.episodes.forms import (
    CareConsentForm,
    ConsentMethod,
    ContactMode,
    EnrolmentForm,
    InitiatingVisit,
    ReferralForm,
    TeamForm,
)
from registry.filing.text import day_text
from registry.intake.contents import Considered, IntakeContent
from registry.patients.forms import (
    Channel,
    CoverageForm,
    EmergencyContact,
    PersonForm,
    PhoneForm,
    PreferencesForm,
    SecondChannel,
)
from registry.plans.rules import PlanLine
from registry.ports import TextingConsentForm
from staff_console.enrol import scripts

Text = Annotated[str, Meta(max_length=2000)]
SELF_PAY: Final = "Self-pay"


class ReferralFields(msgspec.Struct, frozen=True):
    family_name: Text
    given_name: Text
    reason: Text
    safety_checked: Literal["yes"]
    explained: Literal["yes"]
    birth_date: date | None = None
    mrn: Text | None = None
    phone: Text | None = None
    language: str = "en"
    phone_shared: Literal["on"] | None = None
    another_person: Literal["yes"] | None = None
    patient_id: UUID | None = None

    def referral(self, referred_by: str) -> ReferralForm:
        return ReferralForm(
            family_name=self.family_name,
            given_name=self.given_name,
            referred_by=referred_by,
            reason=self.reason,
            phone=self.phone,
            mrn=self.mrn,
            birth_date=self.birth_date,
            language=self.language,
            phone_shared=self.phone_shared is not None,
            patient_id=self.patient_id,
            another_person=self.another_person is not None,
        )


class FoundFields(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when care began."""

    history: Text | None = None
    medical_causes: Text | None = None
    substances: Text | None = None
    medications: Text | None = None
    pregnancy: Considered = "not_documented"
    pregnancy_note: Text | None = None
    bipolar: Considered = "not_documented"
    bipolar_note: Text | None = None
    ptsd: Considered = "not_documented"
    ptsd_note: Text | None = None

    def intake(self) -> IntakeContent:
        return IntakeContent(
            history=self.history or "",
            medical_causes=self.medical_causes or "",
            substances=self.substances or "",
            medications=lines(self.medications),
            pregnancy=self.pregnancy,
            pregnancy_note=self.pregnancy_note or "",
            bipolar=self.bipolar,
            bipolar_note=self.bipolar_note or "",
            ptsd=self.ptsd,
            ptsd_note=self.ptsd_note or "",
        )


class EnrolFields(FoundFields, frozen=True, kw_only=True):
    """One long form. `version` is the patient's version the person looked at, of a referral."""

    family_name: Text
    given_name: Text
    birth_date: date | None
    mrn: Text | None
    sex: Literal["F", "M", "U"] | None = None
    language: str
    emergency_name: Text | None = None
    emergency_relation: Text | None = None
    emergency_phone: Text | None = None
    referred_by: Text | None = None
    referral_reason: Text | None = None
    target_condition: Text
    initiating_visit_on: date | None = None
    initiating_visit_code: Text | None = None
    eligible: Literal["yes"]
    risk_asked: Literal["yes"]
    treating_clinician_id: UUID
    care_manager_id: UUID
    consultant_id: UUID
    consent_method: ConsentMethod
    consent_on: date
    consent_at: time
    consent_by: Text
    phone: Text | None = None
    phone_shared: bool = False
    phone_private: Literal["yes", "no"] | None = None
    voicemail_ok: bool = False
    zone: str
    channel: Channel
    second_channel: SecondChannel
    texting: Literal["none", "link_only", "items_by_sms"]
    every_days: Literal[7, 14, 28]
    anchor_on: date
    local_time: time
    next_on: date
    next_at: time | None = None
    next_mode: ContactMode
    next_purpose: Text | None = None
    payer: Text
    member_id: Text | None = None
    coverage_from: date
    version: int | None = None
    seen_within_year: Literal["yes"] | None = None
    problem: Text | None = None
    goals: Text | None = None
    target: Text | None = None
    baseline: Literal["later", "paper", "text"] = "later"
    baseline_on: date | None = None
    minutes: Annotated[float, Meta(gt=0, le=480)] | None = None
    began_at: time | None = None
    from_timer: Literal["yes"] | None = None

    def problems(self) -> list[Problem]:
        """What only this page asks. The record checks the rest."""
        found = []
        # What nobody asked the patient is not on record as said: neither that texts are safe nor that they are not.
        if self.phone is not None and self.phone_private is None:
            found.append(Problem("phone_private", "is needed: ask the patient"))
        named = (self.emergency_name, self.emergency_relation, self.emergency_phone)
        if any(named) and not all(named):
            found.append(Problem("emergency_name", "needs name, relation and phone, or none of them"))
        # Needed for a patient who is new or was not seen within a year (CMS, MLN909432).
        if self.initiating_visit_on is None and self.seen_within_year is None:
            found.append(
                Problem("initiating_visit_on", "is needed, unless the patient was seen here within a year")
            )
        if self.problem and not self.goals:
            found.append(Problem("goals", "is needed with the problem: at least one, in the patient's words"))
        if self.baseline == "paper" and self.baseline_on is None:
            found.append(Problem("baseline_on", "is needed: the day on the paper form"))
        return found

    def care_plan(self) -> CareContent | None:
        """The first version, when the patient has said what they want; more is added as it is found out."""
        if not self.goals:
            return None
        how = {"phone": "by phone", "video": "by video", "in_person": "in person", "portal": "in the portal"}
        asked = "" if self.channel == "none" else f"; PHQ-9 and GAD-7 every {self.every_days} days"
        return CareContent(
            problem=self.problem or self.referral_reason or f"Condition {self.target_condition}",
            goals=lines(self.goals),
            target=self.target or "",
            medications=lines(self.medications),
            rhythm=f"Contact {how[self.next_mode]}, next on {day_text(self.next_on)}{asked}",
        )

    def enrolment(self, patient_id: UUID | None, given_at: datetime) -> EnrolmentForm:
        return EnrolmentForm(
            person=self._person(),
            preferences=PreferencesForm(self.language, self.zone, self.channel, self._second()),
            team=TeamForm(self.treating_clinician_id, self.care_manager_id, self.consultant_id),
            target_condition=self.target_condition,
            care_consent=CareConsentForm(
                self.consent_method, given_at, self.consent_by, scripts.CARE.version, self._script_language()
            ),
            coverage=(CoverageForm(self.payer, self.coverage_from, member_id=self.member_id),),
            phone=None
            if self.phone is None
            else PhoneForm(self.phone, self.phone_shared, self.phone_private == "yes", self.voicemail_ok),
            texting_consent=self._texting(),
            initiating_visit=None
            if self.initiating_visit_on is None
            else InitiatingVisit(self.initiating_visit_on, self.initiating_visit_code),
            referred_by=self.referred_by,
            referral_reason=self.referral_reason,
            patient_id=patient_id,
            version=self.version,
        )

    def plan(self) -> tuple[PlanLine, ...]:
        """PHQ-9 and GAD-7 together."""
        return tuple(
            PlanLine(name, self.every_days, self.local_time, self.anchor_on) for name in ("phq9", "gad7")
        )

    def _second(self) -> SecondChannel | None:
        return None if self.second_channel == "none" else self.second_channel

    def _person(self) -> PersonForm:
        contact = None
        if self.emergency_name and self.emergency_relation and self.emergency_phone:
            contact = EmergencyContact(self.emergency_name, self.emergency_relation, self.emergency_phone)
        return PersonForm(
            self.family_name, self.given_name, self.birth_date, self.mrn, self.sex, emergency=contact
        )

    def _texting(self) -> TextingConsentForm | None:
        if self.texting == "none":
            return None
        return TextingConsentForm(
            basis="consent",
            content_level=self.texting,
            method="written" if self.consent_method == "written" else "verbal",
            wording_version=scripts.TEXTING.version,
            language=self._script_language(),
            risk_ack_version=scripts.RISK.version if self.texting == "items_by_sms" else None,
        )

    def _script_language(self) -> str:
        return self.language if self.language in ("en", "es") else "en"


def lines(text: str | None) -> tuple[str, ...]:
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


REFERRAL: Final = {
    "family_name": "Family name",
    "given_name": "Given name",
    "birth_date": "Date of birth",
    "mrn": "MRN",
    "phone": "Mobile phone",
    "language": "Language",
    "reason": "Reason",
    "safety_checked": "Asking about urgent risk",
    "explained": "Telling the patient",
}
ENROL: Final = {
    "family_name": "Family name",
    "given_name": "Given name",
    "birth_date": "Date of birth",
    "mrn": "MRN",
    "sex": "Sex",
    "language": "Language",
    "emergency_name": "Emergency contact",
    "emergency_relation": "Relation",
    "emergency_phone": "Emergency contact's phone",
    "referred_by": "Referred by",
    "referral_reason": "Reason of the referral",
    "target_condition": "Condition",
    "initiating_visit_on": "Initiating visit",
    "initiating_visit_code": "Visit code",
    "seen_within_year": "Seen within a year",
    "eligible": "Checking eligibility",
    "risk_asked": "Asking about urgent risk",
    "history": "History",
    "medical_causes": "Medical causes",
    "substances": "Substances",
    "pregnancy": "Pregnancy",
    "pregnancy_note": "Pregnancy, what was found",
    "bipolar": "Bipolar disorder",
    "bipolar_note": "Bipolar disorder, what was found",
    "ptsd": "PTSD",
    "ptsd_note": "PTSD, what was found",
    "medications": "Medications",
    "problem": "Problem",
    "goals": "Goals",
    "target": "Target",
    "baseline": "The first scores",
    "baseline_on": "Date of the paper form",
    "treating_clinician_id": "Treating clinician",
    "care_manager_id": "Care manager",
    "consultant_id": "Psychiatric consultant",
    "consent_method": "How the patient agreed",
    "consent_on": "Date of the agreement",
    "consent_at": "Time of the agreement",
    "consent_by": "Taken by",
    "phone": "Mobile phone",
    "phone_shared": "Sharing the phone",
    "phone_private": "Who reads along",
    "voicemail_ok": "Voicemail",
    "zone": "Time zone",
    "texting": "Agreement to texts",
    "channel": "How check-ins are answered",
    "second_channel": "When that fails",
    "every_days": "How often",
    "anchor_on": "First check-in",
    "local_time": "Time of check-ins",
    "next_on": "Next contact",
    "next_at": "Time of the next contact",
    "next_mode": "How",
    "next_purpose": "What it will cover",
    "minutes": "Minutes of this conversation",
    "began_at": "Start of the conversation",
    "payer": "Payer",
    "member_id": "Member number",
    "coverage_from": "Valid from",
}
RENAMED: Final = {
    "emergency.name": "emergency_name",
    "emergency.relation": "emergency_relation",
    "emergency.phone": "emergency_phone",
    "care_consent.given_at": "consent_on",
    "care_consent.recorded_by": "consent_by",
    "care_consent.method": "consent_method",
    "initiating_visit.on": "initiating_visit_on",
    "initiating_visit.code": "initiating_visit_code",
    "texting_consent": "texting",
    "texting_consent.content_level": "texting",
    "texting_consent.risk_ack_version": "texting",
    "texting_consent.basis": "texting",
    "coverage": "payer",
    "coverage[0].payer": "payer",
    "coverage[0].valid_from": "coverage_from",
    "safe_to_text": "phone_private",
    "at": "next_on",
    "mode": "next_mode",
    "purpose": "next_purpose",
    "activity": "minutes",
    "started_at": "began_at",
    **{f"lines[{at}].{name}": name for at in (0, 1) for name in ("every_days", "local_time", "anchor_on")},
    "lines[0].instrument_id": "language",
    "lines[1].instrument_id": "language",
}
