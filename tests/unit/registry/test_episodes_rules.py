"""Referrals, enrolments and changes of status: every wrong item by its name, all at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from kernel.errors import Problem
from registry.episodes import rules
from registry.episodes.forms import (
    CareConsentForm,
    EnrolmentForm,
    InitiatingVisit,
    ReferralForm,
    Status,
    StatusForm,
    TeamForm,
)
from registry.episodes.rules import Change, EpisodeState, HoldSpan
from registry.patients.forms import CoverageForm, PersonForm, PhoneForm, PreferencesForm
from registry.ports import TextingConsentForm

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
BORN = date(1984, 7, 9)
TEAM = TeamForm(UUID(int=1), UUID(int=2), UUID(int=3))
STAFF: Any = {
    UUID(int=1): frozenset({"clinician"}),
    UUID(int=2): frozenset({"care_manager"}),
    UUID(int=3): frozenset({"consultant"}),
    UUID(int=4): frozenset({"biller"}),
}
PERSON = PersonForm("Reyes", "Ana", BORN, "MRN-1")
WISHES = PreferencesForm("en", "America/Los_Angeles", "sms_items", "phone")
CONSENT = CareConsentForm("verbal", NOW, "Lee Park", "care-consent@1")
TEXTING = TextingConsentForm("consent", "items_by_sms", "verbal", "texting-consent@1", "en", "risk@1")
PAYER = CoverageForm("Evergreen Health Plan", date(2026, 1, 1))
FORM = EnrolmentForm(
    person=PERSON,
    preferences=WISHES,
    team=TEAM,
    target_condition="F32.1",
    care_consent=CONSENT,
    coverage=(PAYER,),
    phone=PhoneForm("+12065550123"),
    texting_consent=TEXTING,
    initiating_visit=InitiatingVisit(date(2026, 2, 20), "99214"),
    referred_by="Dr. Roth",
    referral_reason="Low mood since autumn.",
)


def fields(problems: list[Problem]) -> list[str]:
    return [problem.field for problem in problems]


def enrolling(*, has_referral: bool = False, on_file: Any = None, **changed: Any) -> list[str]:
    return fields(
        rules.check_enrolment(
            msgspec.structs.replace(FORM, **changed),
            now=NOW,
            today=TODAY,
            has_referral=has_referral,
            on_file=on_file,
            staff=STAFF,
            languages={"en", "es"},
        )
    )


def changed(struct: msgspec.Struct, **values: Any) -> Any:
    return msgspec.structs.replace(struct, **values)


def test_a_complete_enrolment_has_no_problem() -> None:
    assert enrolling() == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"person": changed(PERSON, birth_date=None)}, "birth_date"),
        ({"person": changed(PERSON, birth_date=date(2026, 3, 3))}, "birth_date"),
        ({"person": changed(PERSON, birth_date=date(1890, 1, 1))}, "birth_date"),
        ({"person": changed(PERSON, mrn=None)}, "mrn"),
        ({"person": changed(PERSON, family_name="")}, "family_name"),
        ({"preferences": changed(WISHES, zone=None)}, "zone"),
        ({"preferences": changed(WISHES, zone="Pacific")}, "zone"),
        ({"preferences": changed(WISHES, language="fr")}, "channel"),
        ({"preferences": changed(WISHES, second_channel="sms_items")}, "second_channel"),
        ({"phone": PhoneForm("12345")}, "phone"),
        ({"texting_consent": None}, "texting_consent"),
        ({"texting_consent": changed(TEXTING, risk_ack_version=None)}, "texting_consent.risk_ack_version"),
        ({"texting_consent": changed(TEXTING, content_level="link_only")}, "texting_consent.content_level"),
        ({"team": changed(TEAM, care_manager_id=UUID(int=9))}, "care_manager_id"),
        ({"team": changed(TEAM, consultant_id=UUID(int=4))}, "consultant_id"),
        ({"team": changed(TEAM, treating_clinician_id=UUID(int=2))}, "treating_clinician_id"),
        ({"target_condition": "depression"}, "target_condition"),
        ({"care_consent": changed(CONSENT, given_at=NOW + timedelta(seconds=1))}, "care_consent.given_at"),
        (
            {"care_consent": changed(CONSENT, given_at=datetime(1980, 1, 1, tzinfo=UTC))},
            "care_consent.given_at",
        ),
        ({"care_consent": changed(CONSENT, given_at=datetime(2026, 3, 1))}, "care_consent.given_at"),
        ({"care_consent": changed(CONSENT, recorded_by=" ")}, "care_consent.recorded_by"),
        ({"care_consent": changed(CONSENT, wording_version="")}, "care_consent.wording_version"),
        ({"care_consent": changed(CONSENT, language="English")}, "care_consent.language"),
        ({"initiating_visit": InitiatingVisit(date(2026, 3, 3))}, "initiating_visit.on"),
        ({"initiating_visit": InitiatingVisit(date(1984, 1, 1))}, "initiating_visit.on"),
        ({"initiating_visit": InitiatingVisit(TODAY, "992")}, "initiating_visit.code"),
        ({"coverage": ()}, "coverage"),
        ({"coverage": (PAYER, changed(PAYER, payer=""))}, "coverage[1].payer"),
        ({"referred_by": None}, "referred_by"),
        ({"referral_reason": ""}, "referral_reason"),
    ],
)
def test_each_missing_or_contradictory_item_is_named(values: dict[str, Any], field: str) -> None:
    assert enrolling(**values) == [field]


def test_everything_wrong_is_told_at_once() -> None:
    found = enrolling(
        person=changed(PERSON, birth_date=None, mrn=None),
        preferences=changed(WISHES, zone="Mars/Olympus"),
        phone=PhoneForm("1"),
        texting_consent=None,
        target_condition="?",
        coverage=(),
    )
    expected = {"birth_date", "mrn", "zone", "phone", "texting_consent", "target_condition", "coverage"}
    assert set(found) == expected


def test_a_referral_has_told_who_referred_and_why() -> None:
    assert enrolling(has_referral=True, referred_by=None, referral_reason=None) == []


def test_a_consent_on_file_for_the_same_number_is_enough() -> None:
    assert enrolling(texting_consent=None, on_file="items_by_sms") == []
    assert enrolling(texting_consent=None, on_file="link_only") == ["texting_consent.content_level"]


def test_somebody_without_a_phone_can_be_enrolled_if_nothing_uses_one() -> None:
    without = changed(WISHES, channel="none", second_channel=None)
    assert enrolling(preferences=without, phone=None, texting_consent=None) == []
    assert enrolling(preferences=without, phone=None) == ["phone"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("F32.1", "F32.1"),
        ("f321", "F32.1"),
        (" F33.2 ", "F33.2"),
        ("F32.A", "F32.A"),
        ("F41.1", "F41.1"),
        ("I10", "I10"),
        ("C4A.70", "C4A.70"),
        ("S72.001A", "S72.001A"),
    ],
)
def test_icd_10_codes_are_brought_into_their_printed_form(written: str, code: str) -> None:
    assert rules.icd10(written) == code


@pytest.mark.parametrize("written", ["", "F3", "F32.", "32.1", "FA2.1", "F32.12345", "F32-1", "296.32"])
def test_what_is_not_shaped_like_icd_10_is_refused(written: str) -> None:
    assert rules.icd10(written) is None


REFERRAL = ReferralForm("Reyes", "Ana", "Dr. Roth", "Low mood", phone="+12065550123")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"phone": None, "mrn": "MRN-1"}, []),
        ({"phone": None}, ["phone"]),
        ({"phone": " ", "mrn": " "}, ["phone"]),
        ({"phone": "12"}, ["phone"]),
        ({"family_name": ""}, ["family_name"]),
        ({"referred_by": ""}, ["referred_by"]),
        ({"reason": " "}, ["reason"]),
        ({"language": ""}, ["language"]),
        ({"birth_date": date(2030, 1, 1)}, ["birth_date"]),
    ],
)
def test_a_handoff_needs_a_name_a_way_to_find_the_person_a_referrer_and_a_reason(
    values: dict[str, Any], expected: list[str]
) -> None:
    assert fields(rules.check_referral(changed(REFERRAL, **values), TODAY)) == expected


def state(status: Status, before: Status | None = None, *, risk: bool = False) -> EpisodeState:
    return EpisodeState(status, before, BORN, risk)


HOLD = StatusForm("on_hold", "hospital", TODAY, review_on=date(2026, 3, 9))


@pytest.mark.parametrize(
    ("now", "form"),
    [
        (state("active"), HOLD),
        (state("referred"), HOLD),
        (state("active"), changed(HOLD, reason="jail", from_date=date(2026, 2, 1))),
        (state("on_hold", "active"), changed(HOLD, reason="other_hold")),
        (state("active"), StatusForm("relapse_prevention", "response", TODAY)),
        (state("relapse_prevention"), StatusForm("active", "relapse", TODAY)),
        (state("on_hold", "relapse_prevention"), StatusForm("relapse_prevention", "resumed", TODAY)),
        (state("on_hold", "referred"), StatusForm("referred", "resumed", TODAY)),
        (state("active"), StatusForm("inactive_disengaged", "no_contact", TODAY)),
        (state("inactive_disengaged"), StatusForm("active", "resumed", TODAY)),
        (state("referred"), StatusForm("ended", "declined", TODAY)),
        (state("active"), StatusForm("ended", "consent_withdrawn", TODAY, review_on=date(2026, 3, 3))),
    ],
)
def test_the_usual_course_of_an_episode_is_allowed(now: EpisodeState, form: StatusForm) -> None:
    assert rules.check_status(form, now, TODAY) == []


@pytest.mark.parametrize(
    ("now", "form", "expected"),
    [
        (state("referred"), StatusForm("active", "resumed", TODAY), ["status"]),
        (state("active"), StatusForm("active", "resumed", TODAY), ["status"]),
        (state("ended"), StatusForm("active", "resumed", TODAY), ["status"]),
        (state("on_hold", "active"), StatusForm("referred", "resumed", TODAY), ["status"]),
        (state("on_hold", "referred"), StatusForm("active", "resumed", TODAY), ["status"]),
        (state("active"), changed(HOLD, reason="completed"), ["reason"]),
        (state("active"), StatusForm("ended", "hospital", TODAY), ["reason"]),
        (state("active"), changed(HOLD, from_date=date(2026, 3, 3)), ["from_date"]),
        (state("active"), changed(HOLD, from_date=date(1980, 1, 1)), ["from_date"]),
        (state("active"), changed(HOLD, review_on=None), ["review_on"]),
        (state("active"), changed(HOLD, review_on=date(2026, 3, 1)), ["review_on"]),
        (
            state("active"),
            changed(HOLD, from_date=date(2026, 2, 1), review_on=date(2026, 2, 20)),
            ["review_on"],
        ),
        (state("active"), changed(HOLD, review_on=date(2030, 1, 1)), ["review_on"]),
        (state("active"), changed(HOLD, note="x" * 2001), ["note"]),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(
    now: EpisodeState, form: StatusForm, expected: list[str]
) -> None:
    assert fields(rules.check_status(form, now, TODAY)) == expected


@pytest.mark.parametrize(
    ("form", "waits"),
    [
        (StatusForm("ended", "completed", TODAY), True),
        (StatusForm("inactive_disengaged", "no_contact", TODAY), True),
        (StatusForm("ended", "consent_withdrawn", TODAY), False),
        (HOLD, False),
    ],
)
def test_nobody_is_given_up_on_while_a_risk_event_is_open(form: StatusForm, waits: bool) -> None:
    assert rules.waits_for_risk_event(form, state("active", risk=True)) is waits
    assert rules.waits_for_risk_event(form, state("active")) is False


@pytest.mark.parametrize(
    ("at", "mode", "purpose", "expected"),
    [
        (NOW + timedelta(days=14), "phone", "side effects", []),
        (NOW + timedelta(days=14), "phone", None, []),
        (NOW + timedelta(days=14), None, None, ["mode"]),
        (NOW, "phone", None, ["at"]),
        (NOW + timedelta(days=401), "video", None, ["at"]),
        (datetime(2026, 4, 1), "video", None, ["at"]),
        (None, None, "as needed: moves abroad", []),
        (None, None, "", ["purpose"]),
        (None, None, None, ["purpose"]),
        (NOW + timedelta(days=1), "phone", "x" * 2001, ["purpose"]),
    ],
)
def test_a_next_contact_has_a_moment_or_a_reason_for_none(
    at: datetime | None, mode: Any, purpose: str | None, expected: list[str]
) -> None:
    assert fields(rules.check_next_contact(at, mode, purpose, NOW)) == expected


def test_a_referral_waits_in_calendar_days() -> None:
    assert rules.waiting_days(date(2026, 3, 2), date(2026, 3, 2)) == 0
    assert rules.waiting_days(date(2026, 2, 26), date(2026, 3, 2)) == 4


def on(day: int) -> date:
    return date(2026, 3, day)


@pytest.mark.parametrize(
    ("changes", "spans"),
    [
        ([], ()),
        ([Change("active", "enrolled", on(1), False)], ()),
        (
            [Change("on_hold", "hospital", on(3), False), Change("active", "resumed", on(8), False)],
            (HoldSpan("hospital", on(3), on(8)),),
        ),
        ([Change("on_hold", "jail", on(3), False)], (HoldSpan("jail", on(3), None),)),
        (
            [
                Change("on_hold", "other_hold", on(3), False),
                Change("on_hold", "hospital", on(5), False),
                Change("ended", "moved", on(9), False),
            ],
            (HoldSpan("other_hold", on(3), on(5)), HoldSpan("hospital", on(5), on(9))),
        ),
        ([Change("on_hold", "hospital", on(3), False), Change("active", "resumed", on(3), False)], ()),
        (
            [
                Change("on_hold", "hospital", on(3), False),
                Change("ended", "deceased", on(4), True),
                Change("on_hold", "undo", on(5), False),
                Change("active", "resumed", on(8), False),
            ],
            (HoldSpan("hospital", on(3), on(8)),),
        ),
    ],
)
def test_stays_come_from_the_changes_and_an_undone_death_never_happened(
    changes: list[Change], spans: tuple[HoldSpan, ...]
) -> None:
    assert rules.hold_spans(changes) == spans
