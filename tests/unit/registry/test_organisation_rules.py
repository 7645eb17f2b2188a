"""Clinics, staff, passwords and codes: what is accepted, what is refused, and by which name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import msgspec
import pyotp
import pytest
from argon2 import extract_parameters

from messaging.delivery.segments import is_gsm7
from registry.organisation import passwords, rules, totp, wording
from registry.organisation.passwords import Cost, Passwords
from registry.organisation.rules import ClinicFacts, ClinicForm, Deployment, Shift, StaffForm

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
CLINIC = ClinicForm(
    slug="north",
    name="North Clinic",
    text_name="North Clinic",
    zone="America/Los_Angeles",
    support_phone="(206) 555-0100",
    hours_text="Mon-Fri 9-5",
    privacy_url="https://north.example/privacy",
)
DEPLOYMENT = Deployment("https://care.example", True, "texting-consent@1")


def fields(problems: tuple[rules.Problem, ...]) -> list[str]:
    return [problem.field for problem in problems]


def test_a_complete_clinic_has_no_problem() -> None:
    assert rules.check_clinic(CLINIC) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "North Clinic"),
        ("slug", "north-"),
        ("name", "  "),
        ("text_name", ""),
        ("text_name", "A name that is far too long for a text"),
        ("text_name", "Clínica Norte"),
        ("text_name", "North — Clinic"),
        ("zone", "Seattle"),
        ("zone", "America/Nowhere"),
        ("zone", "../etc/passwd"),
        ("support_phone", "+1 555 555 0100"),
        ("support_phone", "call us"),
        ("support_phone", "+12065550100 ext. 4"),
        ("hours_text", "Mon–Fri"),
        ("staffed", ((Shift(time(9), time(17)),),)),
        ("staffed", ((Shift(time(17), time(9)),), (), (), (), (), (), ())),
        ("staffed", ((Shift(time(9), time(12)), Shift(time(11), time(13))), (), (), (), (), (), ())),
        ("privacy_url", "http://north.example/privacy"),
        ("window_start", time(7, 59)),
        ("window_end", time(21, 1)),
        ("window_end", time(9, 30)),
        ("npi", "1234567890"),
        ("npi", "12345"),
        ("tax_id", "12-345"),
    ],
)
def test_each_wrong_field_is_named(field: str, value: object) -> None:
    problems = rules.check_clinic(msgspec.structs.replace(CLINIC, **{field: value}))
    assert fields(problems) == [field]


def test_every_problem_comes_at_once() -> None:
    form = msgspec.structs.replace(CLINIC, slug="?", zone="Mars/Olympus", support_phone="1", npi="2")
    assert fields(rules.check_clinic(form)) == ["slug", "zone", "support_phone", "npi"]


@pytest.mark.parametrize(
    "name",
    [
        "Depression Care",
        "Anxiety & Mood",
        "North Psychiatry",
        "PSYCHIATRIC GROUP",
        "Behavioral Health",
        "Behavioural Care",
        "Mental Wellness",
        "Suicide Prevention",
        "Salud Mental Norte",
        "Depresión y vida",
        "Ansiedad",
        "Psiquiatría Norte",
        "Psicologia",
        "Consejería",
        "Addiction Team",
        "North-Therapy",
        "Terapia",
    ],
)
def test_a_sender_name_must_not_say_what_care_it_is(name: str) -> None:
    assert wording.names_speciality(name)


@pytest.mark.parametrize(
    "name", ["North Clinic", "Fundamental Clinic", "Clinica del Sol", "Experimental Farm"]
)
def test_a_neutral_sender_name_is_free(name: str) -> None:
    assert not wording.names_speciality(name)


def test_every_character_allowed_in_our_texts_is_gsm7() -> None:
    assert all(is_gsm7(character) for character in wording.TEXT_CHARACTERS)


@pytest.mark.parametrize("npi", ["1234567893", "1003000126"])
def test_a_right_npi_passes_its_check_digit(npi: str) -> None:
    assert rules.is_npi(npi)


@pytest.mark.parametrize("npi", ["1234567890", "3234567893", "123456789", "12345678933", "١٢٣٤٥٦٧٨٩٣"])
def test_a_wrong_npi_does_not(npi: str) -> None:
    assert not rules.is_npi(npi)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (StaffForm(name="", email="lee@north.example"), "name"),
        (StaffForm(name="Lee Park", email="lee"), "email"),
        (StaffForm(name="Lee Park", email="lee@north"), "email"),
        (StaffForm(name="Lee Park", email="lee@north.example", phone="12"), "phone"),
        (StaffForm(name="Lee Park", email="lee@north.example", npi="1"), "npi"),
    ],
)
def test_each_wrong_staff_field_is_named(form: StaffForm, field: str) -> None:
    assert fields(rules.check_staff(form)) == [field]


def test_an_administrator_has_no_clinical_role() -> None:
    assert fields(rules.check_roles({"administrator", "care_manager"})) == ["roles"]
    assert fields(rules.check_roles({"administrator", "clinic_lead"})) == ["roles"]
    assert rules.check_roles({"administrator", "biller"}) == ()
    assert rules.check_roles({"care_manager", "clinic_lead"}) == ()
    assert fields(rules.check_roles(())) == ["roles"]


def facts(**changed: object) -> ClinicFacts:
    whole = {
        "id": UUID(int=1),
        "texting_mode": "simulation",
        "holidays": frozenset(),
        "minor_policy_signed_on": None,
        "item9_policy_signed_on": None,
        "default_responsible_id": UUID(int=2),
        "settings": {},
    } | {name: getattr(CLINIC, name) for name in CLINIC.__struct_fields__}
    return ClinicFacts(**(whole | changed))


def test_a_complete_clinic_may_go_live() -> None:
    assert rules.missing_in_clinic(facts(), senders=1, responsible_reachable=True) == ()
    assert rules.missing_in_deployment(DEPLOYMENT, "standard") == ()


def test_all_that_is_missing_before_going_live_comes_at_once() -> None:
    bare = facts(
        text_name="Depression Care",
        support_phone="",
        hours_text="",
        privacy_url=None,
        staffed=((),) * 7,
        item9_channel="sms",
        default_responsible_id=None,
    )
    assert fields(rules.missing_in_clinic(bare, senders=0, responsible_reachable=False)) == [
        "text_name",
        "support_phone",
        "hours_text",
        "privacy_url",
        "staffed",
        "item9_policy_signed_on",
        "default_responsible_id",
        "sender",
    ]
    local = Deployment("http://127.0.0.1:8000", False, None)
    assert fields(rules.missing_in_deployment(local, "demo")) == [
        "public_url",
        "encryption_keys",
        "consent_wording_version",
        "organisation",
    ]


def test_item_9_by_text_needs_the_signed_policy_and_a_link_does_not() -> None:
    unsigned = facts(item9_channel="sms")
    signed = facts(item9_channel="sms", item9_policy_signed_on=date(2026, 2, 1))
    assert fields(rules.missing_in_clinic(unsigned, senders=1, responsible_reachable=True)) == [
        "item9_policy_signed_on"
    ]
    assert rules.missing_in_clinic(signed, senders=1, responsible_reachable=True) == ()
    assert (
        rules.missing_in_clinic(facts(item9_channel="staff_call"), senders=1, responsible_reachable=True)
        == ()
    )


def test_a_responsible_person_without_verified_phone_is_not_enough() -> None:
    problems = rules.missing_in_clinic(facts(), senders=1, responsible_reachable=False)
    assert fields(problems) == ["default_responsible_id"]


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "1234567",
        "password",
        "PassWord1",
        "qwertyuiop",
        "iloveyou",
        "zzzzzzzzzz",
        "lee.park@north.example",
        "LEE.PARK",
        "contraseña",
        "ｐａｓｓｗｏｒｄ",
        "x" * 30 + "y" * 300,
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    assert fields(passwords.check_new(password, "Lee.Park@north.example")) == ["password"]


@pytest.mark.parametrize(
    "password", ["kelp teapot", "aaaaaaab", "correct horse " * 8, "Zur Brücke 7", "ñandú-sol"]
)
def test_length_is_enough_and_no_composition_is_asked_for(password: str) -> None:
    assert passwords.check_new(password, "lee@north.example") == ()


def test_a_password_is_found_again_however_its_accents_were_typed() -> None:
    quick = Passwords(Cost(time_cost=1, memory_kib=8, parallelism=1))
    stored = quick.hash("caf\u00e9 del sol")
    assert quick.verify(stored, "cafe\u0301 del sol")
    assert not quick.verify(stored, "cafe del sol")
    assert not quick.verify(None, "the password of nobody")
    assert not quick.verify("not a hash", "x")


def test_a_sign_in_without_an_account_costs_what_one_with_an_account_does() -> None:
    cost = Cost(time_cost=1, memory_kib=64, parallelism=2)
    quick = Passwords(cost)
    assert extract_parameters(quick._nobody) == extract_parameters(quick.hash("kelp teapot"))
    assert Passwords(cost)._nobody != quick._nobody


def test_a_hash_made_with_cheaper_parameters_is_outdated() -> None:
    cheap = Passwords(Cost(time_cost=1, memory_kib=8, parallelism=1))
    dearer = Passwords(Cost(time_cost=2, memory_kib=8, parallelism=1))
    assert dearer.is_outdated(cheap.hash("kelp teapot"))
    assert not cheap.is_outdated(cheap.hash("kelp teapot"))


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def test_the_code_matches_the_published_vector() -> None:
    """RFC 6238, appendix B: SHA-1, the ASCII secret 12345678901234567890, T = 59 s gives 94287082 (last six)."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.accepted_step(secret, "287082", datetime.fromtimestamp(59, UTC), None) == 1


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_code_is_good_one_step_either_side(seconds: int, accepted: bool) -> None:
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=seconds))
    assert (totp.accepted_step(SECRET, code, NOW, None) is not None) is accepted


def test_a_code_works_once_and_an_older_one_not_after_it() -> None:
    code = pyotp.TOTP(SECRET).at(NOW)
    earlier = pyotp.TOTP(SECRET).at(NOW - timedelta(seconds=30))
    step = totp.accepted_step(SECRET, code, NOW, None)
    assert step == totp.step_at(NOW)
    assert totp.accepted_step(SECRET, code, NOW, step) is None
    assert totp.accepted_step(SECRET, earlier, NOW, step) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_not_six_digits_is_no_code(typed: str) -> None:
    assert totp.accepted_step(SECRET, typed, NOW, None) is None


def test_a_recovery_code_may_be_typed_carelessly() -> None:
    code = totp.new_recovery_codes(lambda alphabet, length: alphabet[:length])[0]
    assert code == "2345-6789-ABCD-EFGH-JKLM-NPQR"
    assert totp.recovery_hash("2345 6789abcd-efgh jklmnpqr ") == totp.recovery_hash(code)
