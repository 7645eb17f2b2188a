"""The claim file: what it says, what keeps a patient out of it, and that the X12 maps take it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from billing.export.claims import ClaimFacts, claim_rows, prepared
from billing.export.institutional import institutional_csv
from billing.export.professional import claim_file
from billing.export.statement_columns import statement_csv
from billing.export.validation import problems
from billing.export.x12 import money, plain
from billing.identity.rules import BillingIdentity, check, missing
from billing.statement.facts import Diagnosis, Release
from registry.patients.forms import Address, SubscriberName
from tests.support.month import IDENTITY
from tests.unit.billing.test_statement import FACTS, row, rules, with_

FACTS_OF_CLAIM = ClaimFacts(Address("12 Alder Street", "Seattle", "WA", "98101"), "Dr. Ines Roth, MD")
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOSTILE = "O'Brien*~:^\x00\r\n\u202eÉÑ漢 =cmd|'/C calc'!A0"


def practice(**changes: object):
    return msgspec.structs.replace(FACTS.practice, **changes)


def coverage(**changes: object):
    return (msgspec.structs.replace(FACTS.coverages[0], **changes),)


def file_of(*rows, facts: ClaimFacts = FACTS_OF_CLAIM, identity: BillingIdentity = IDENTITY) -> str:
    made = prepared([(each, facts) for each in rows])
    assert made.refusals == ()
    return claim_file(identity, made.claims, number=7, made_at=NOW)


def test_a_claim_file_says_what_was_closed_and_the_maps_accept_it():
    text = file_of(row(minutes=120))
    lines = text.splitlines()
    for expected in (
        "GS*HC*HARBOR1*CLEAR1*20261201*1200*7*X*005010X222A1~",
        "NM1*85*2*HARBOR CLINIC*****XX*1234567893~",
        "N4*SEATTLE*WA*981010001~",
        "REF*EI*000000000~",
        "NM1*IL*1*VALE*ANA****MI*W1~",
        "DMG*D8*19800517*F~",
        "NM1*PR*2*PAYER*****PI*60054~",
        "HI*ABK:F321*ABF:F411~",
        "SV1*HC:99492*162.4*UN*1***1:2~",
        "SV1*HC:99494*120*UN*2***1:2~",
        "DTP*472*D8*20261130~",
    ):
        assert expected in lines
    assert "NM1*82*1*ROTH*INES****XX*1999999984~" in file_of(
        row(with_(practice=practice(rendering_npi="1999999984")))
    )
    assert "NM1*82" not in text  # the billing provider treats the patient
    assert problems(text) == ()


@pytest.mark.parametrize(("subscriber", "relation"), [("spouse", "01"), ("child", "19"), ("other", "G8")])
def test_a_patient_covered_through_somebody_else_has_a_level_of_their_own(subscriber: str, relation: str):
    facts = msgspec.structs.replace(FACTS_OF_CLAIM, subscriber=SubscriberName("Vále", "Teo*"))
    through = row(with_(coverages=coverage(subscriber=subscriber)), minutes=120)
    made = prepared([(through, facts), (row(minutes=120), FACTS_OF_CLAIM)])
    text = claim_file(IDENTITY, made.claims, number=7, made_at=NOW)
    assert problems(text) == ()
    lines = text.splitlines()
    first = lines[lines.index("HL*2*1*22*1~") : lines.index("HL*4*1*22*0~")]
    assert first[1:11] == [
        "SBR*P********CI~", "NM1*IL*1*VALE*TEO****MI*W1~", "NM1*PR*2*PAYER*****PI*60054~", "HL*3*2*23*0~",
        f"PAT*{relation}~", "NM1*QC*1*VALE*ANA~", "N3*12 ALDER STREET~", "N4*SEATTLE*WA*98101~",
        "DMG*D8*19800517*F~", first[10],
    ]  # fmt: skip
    assert first[10].startswith("CLM*")


def test_what_was_closed_before_subscribers_were_asked_for_keeps_its_bytes():
    assert msgspec.json.encode(FACTS_OF_CLAIM).endswith(b'"rendering_name":"Dr. Ines Roth, MD"}')
    named = msgspec.structs.replace(FACTS_OF_CLAIM, subscriber=SubscriberName("Vale", "Teo"))
    assert msgspec.json.decode(msgspec.json.encode(named), type=ClaimFacts) == named


def test_a_suspected_condition_never_reaches_a_claim_or_a_file_as_if_it_were_confirmed():
    suspected = msgspec.structs.replace(FACTS.diagnoses[0], suspected=True)
    mixed = row(with_(diagnoses=(suspected, FACTS.diagnoses[1])), minutes=120)
    assert "HI*ABK:F411~" in file_of(mixed).splitlines()
    assert "F32" not in statement_csv([mixed], "2026-11", "machine").content.decode()
    assert "F32" not in institutional_csv([mixed], "2026-11").content.decode()
    alone = row(with_(diagnoses=(suspected,)), rule_set=rules(dx_policy="suspected_allowed"))
    assert alone.status == "ready"
    [refusal] = prepared([(alone, FACTS_OF_CLAIM)]).refusals
    assert refusal.reasons == ("Only a suspected condition is on record, and none goes on a claim.",)


def test_five_hundred_patient_months_are_accepted():
    rows = [
        row(
            with_(
                patient_id=f"p{n}",
                family_name=f"Vale{'' if n % 3 else '-Østergård'}",
                episode=msgspec.structs.replace(FACTS.episode, id=f"01a2-{n:020d}"),
                practice=practice(rendering_npi="1999999984"),
            ),
            minutes=40 + n % 90,
        )
        for n in range(500)
    ]
    text = file_of(*claim_rows(rows))
    assert text.count("\nCLM*") == 500
    assert problems(text) == ()


REFUSED = [
    (with_(practice=practice(rendering_npi="1234567890")), FACTS_OF_CLAIM, "NPI fails its check digit"),
    (with_(practice=practice(rendering_npi=None)), FACTS_OF_CLAIM, "NPI is missing"),
    (with_(practice=practice(fees={})), FACTS_OF_CLAIM, "No fee is on file for 99492, 99494"),
    (with_(diagnoses=(Diagnosis("d", "F32;1"),)), FACTS_OF_CLAIM, "not written as an ICD-10-CM code"),
    (with_(birth_date=None), FACTS_OF_CLAIM, "birth date is missing"),
    (with_(sex=None), FACTS_OF_CLAIM, "sex, as the payer's form asks it, is missing"),
    (with_(family_name="漢字"), FACTS_OF_CLAIM, "no letter that a claim file can hold"),
    (with_(coverages=coverage(member_id=None)), FACTS_OF_CLAIM, "member id is missing"),
    (with_(coverages=coverage(member_id="W1*~")), FACTS_OF_CLAIM, "member id holds what no member id"),
    (with_(coverages=coverage(payer_id=None)), FACTS_OF_CLAIM, "payer's id is missing"),
    (with_(coverages=coverage(subscriber="spouse")), FACTS_OF_CLAIM, "subscriber's name is missing"),
    (
        with_(coverages=coverage(subscriber="child")),
        msgspec.structs.replace(FACTS_OF_CLAIM, subscriber=SubscriberName("Vale", "漢")),
        "subscriber's given name is missing",
    ),
    (with_(), ClaimFacts(None, "Ines Roth"), "address needs"),
    (with_(), ClaimFacts(FACTS_OF_CLAIM.address, None), "clinician's name is missing"),
]


@pytest.mark.parametrize(("facts", "claim", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_a_patient_who_cant_be_claimed_is_named_with_the_reason(facts, claim, words):
    made = prepared([(row(facts), claim), (row(), FACTS_OF_CLAIM)])
    [refusal] = made.refusals
    assert refusal.name == f"{facts.family_name}, Ana"
    assert any(words in reason for reason in refusal.reasons)
    assert len(made.claims) == 1


def test_a_released_line_without_diagnosis_or_date_is_still_refused():
    release = Release(holds=("diagnosis",), by="Tom Field", reason="Chart says F32.1", at=NOW)
    released = row(with_(diagnoses=(), releases=(release,)))
    assert released.status == "released"
    [refusal] = prepared([(released, FACTS_OF_CLAIM)]).refusals
    assert refusal.reasons == ("The diagnosis is missing.",)
    undated = msgspec.structs.replace(row(), date_of_service=None)
    [refusal] = prepared([(undated, FACTS_OF_CLAIM)]).refusals
    assert refusal.reasons == ("The date of service is missing.",)


def test_held_lines_lines_not_paid_apart_and_institutional_months_are_in_no_claim_file():
    held = row(with_(consent=None))
    institutional = row(rule_set=rules(setting="rhc_fqhc"))
    not_paid = row(rule_set=rules(separately_paid=False))
    nothing = row(minutes=3)
    assert claim_rows([held, institutional, nothing]) == []
    assert claim_rows([not_paid, row()]) == [row()]


def test_no_text_can_end_a_segment_or_begin_another():
    hostile = row(with_(family_name=HOSTILE, given_name=HOSTILE))
    address = Address(HOSTILE, HOSTILE, "WA", "98101", HOSTILE)
    identity = msgspec.structs.replace(IDENTITY, legal_name=HOSTILE, receiver_name=HOSTILE)
    hostile_file = file_of(hostile, facts=ClaimFacts(address, "Ines Roth"), identity=identity)
    assert (
        hostile_file.count("~") == file_of(row(), facts=FACTS_OF_CLAIM).count("~") == hostile_file.count("\n")
    )
    assert problems(hostile_file) == ()


def test_what_the_maps_refuse_is_named_by_segment_and_never_by_value():
    broken = file_of(row()).replace("DTP*472*D8*20261130", "DTP*472*D8*2026113X")
    found = problems(broken)
    assert any(problem.startswith("segment DTP") for problem in found)
    assert not any("2026113X" in problem for problem in found)
    assert problems("nothing of the kind") != ()


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0"), (5, "0.05"), (50, "0.5"), (16240, "162.4"), (16000, "160"), (16001, "160.01")],
)
def test_cents_are_written_as_x12_writes_them(cents, text):
    assert money(cents) == text


def test_letters_are_written_in_the_basic_set():
    assert plain("  Zoë  Ångström-Łódź ") == "ZOE ANGSTROM-ODZ"
    assert plain("x" * 90, 60) == "X" * 60


def test_what_the_set_up_lacks_or_has_wrong_is_named_by_field():
    assert missing(IDENTITY) == ()
    assert [problem.field for problem in missing(BillingIdentity())][:3] == ["legal_name", "npi", "tax_id"]
    wrong = msgspec.structs.replace(IDENTITY, taxonomy="family", state="Wa", contact_phone="5550100")
    assert [problem.field for problem in check(wrong)] == ["taxonomy", "state", "contact_phone"]


def test_a_date_of_birth_is_written_as_a_date():
    assert "DMG*D8*20010203*M~" in file_of(row(with_(birth_date=date(2001, 2, 3), sex="M")))
