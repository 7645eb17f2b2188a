"""Workbook, PDF and CSV hold hostile text as text, and give the same bytes for the same month."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import openpyxl
import pytest
from pypdf import PdfReader

from billing.close.files import Made, files
from billing.close.rules import deltas, encoded, freeze, month_hash
from billing.export.claims import ClaimFacts
from billing.export.institutional import institutional_csv, institutional_rows
from billing.export.pdf import latin
from billing.export.xlsx import workbook
from billing.statement.derivation import Inputs
from billing.statement.facts import Diagnosis
from billing.statement.rules import lines_text
from registry.patients.forms import Address
from registry.time_log.rules import Entry, Window
from tests.support import office
from tests.unit.billing.test_csv import FORMULA
from tests.unit.billing.test_statement import FACTS, NOVEMBER, RULES, TODAY, row, rules, with_

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PAYLOADS = (
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\x00=1", "＝1+1", '"=1', "'=1", "%0A=1", ";=1",
    '",=1+1', "=HYPERLINK(\"https://x.example\",\"a\")", "=cmd|'/C calc'!A0", "@DDE(\"a\")", "|calc", " =1",
    "\ufeff=1", "﹦1", "−1+1",
)  # fmt: skip
SINCE = datetime(2025, 1, 1, tzinfo=UTC)


def frozen(payload: str = "Vale", minutes: int = 90, **changes: object):
    """A patient-month whose every text is the payload."""
    facts = with_(
        family_name=payload,
        given_name=payload,
        mrn=payload,
        sex=payload,
        diagnoses=(Diagnosis(payload, payload),),
        coverages=(
            msgspec.structs.replace(
                FACTS.coverages[0], payer=payload, payer_id=payload, plan=payload, member_id=payload
            ),
        ),
        consent=msgspec.structs.replace(FACTS.consent, recorded_by=payload),
        initiating_visit=msgspec.structs.replace(FACTS.initiating_visit, code=payload),
        practice=msgspec.structs.replace(
            FACTS.practice, billing_npi=payload, billing_tin=payload, rendering_npi=payload
        ),
    )
    entry = Entry(
        id="t1", patient_id="p1", staff_id="cm", role="care_manager", activity="patient_contact",
        started_at=datetime(2026, 11, 10, 15, tzinfo=UTC), seconds=minutes * 60, created_at=NOW,
    )  # fmt: skip
    inputs = Inputs(
        month=NOVEMBER, zone="America/New_York", today=TODAY, prepared_by=payload, rule_set=RULES,
        facts=msgspec.structs.replace(facts, **changes), window=Window(consent_at=SINCE, enrolled_at=SINCE),
        entries=(entry,),
    )  # fmt: skip
    return freeze(inputs, ClaimFacts(Address(payload, payload, "WA", "98101"), payload))


def made(version: int = 1, reason: str = "") -> Made:
    return Made(
        clinic="=Harbor", month=NOVEMBER, version=version, content_hash="ab" * 32, closed_by="@Tom",
        closed_at=NOW, reason=reason,
    )  # fmt: skip


def by_kind(version: int = 2, payloads: tuple[str, ...] = PAYLOADS) -> dict[str, bytes]:
    rows = [
        msgspec.structs.replace(
            each, inputs=msgspec.structs.replace(
                each.inputs, facts=msgspec.structs.replace(
                    each.inputs.facts, episode=msgspec.structs.replace(each.inputs.facts.episode, id=f"e{n}")
                )
            )
        )
        for n, each in enumerate(map(frozen, payloads))
    ]  # fmt: skip
    changed = deltas([], rows)
    return {file.kind: file.content for file in files(made(version, "=1+1"), rows, changed)}


def test_no_cell_of_the_workbook_is_a_formula_a_link_or_an_error():
    book = openpyxl.load_workbook(io.BytesIO(by_kind()["xlsx"]))
    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not any(cell.hyperlink for cell in cells)
    texts = {cell.value for cell in cells if cell.data_type == "s"}
    assert {"=1+1", "@SUM(1)", "=cmd|'/C calc'!A0", "＝1+1", "=Harbor"} <= texts


@pytest.mark.parametrize("kind", ["csv_spreadsheet", "delta_csv"])
def test_no_field_of_a_file_for_spreadsheets_starts_a_formula(kind):
    text = by_kind()[kind].decode("utf-8-sig")
    fields = [field for line in csv.reader(io.StringIO(text, newline="")) for field in line]
    assert len(fields) > 500
    assert [field for field in fields if FORMULA.match(field)] == []


@pytest.mark.skipif(not office.found(), reason=office.REASON)
@pytest.mark.parametrize(("kind", "suffix"), [("xlsx", "xlsx"), ("csv_spreadsheet", "csv")])
def test_libreoffice_opens_hostile_text_as_text(tmp_path: Path, kind: str, suffix: str):
    source = tmp_path / f"hostile.{suffix}"
    source.write_bytes(by_kind()[kind])
    sheet = office.opened(source)
    assert "table:formula=" not in sheet
    assert "calc" in sheet


def test_the_same_month_gives_the_same_bytes():
    assert by_kind() == by_kind()


def test_the_summary_says_what_it_is_and_holds_every_line():
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(by_kind()["summary_pdf"])).pages)
    for words in ("A work list that a biller reviews", "99492 x1", "90 min", "cpt_midpoint@1", "ab" * 32):
        assert words in text.replace("\n", " ") or words in text.replace("\n", "")


def test_text_on_paper_loses_accents_rather_than_failing():
    assert latin("Zoë’s 漢 \u202e–\x00") == "Zoë's ? ?-"
    assert latin("Łódź") == "?ódz"


def test_months_of_rural_clinics_are_summarised_for_their_own_claim():
    clinic = row(rule_set=rules(setting="rhc_fqhc"))
    assert institutional_rows([row(), clinic]) == [clinic]
    lines = list(
        csv.DictReader(io.StringIO(institutional_csv([clinic], "x").content.decode("utf-8-sig"), newline=""))
    )
    assert [(line["code"], line["bill_type_rural_clinic"], line["revenue_code_rural_clinic"]) for line in lines] == [
        ("99492", "71X", "052X"), ("99494", "71X", "052X"),
    ]  # fmt: skip


def test_the_same_patient_month_has_one_hash_whoever_looks_and_another_when_anything_differs():
    assert encoded(frozen()) == encoded(frozen())
    assert encoded(frozen()).sha256 != encoded(frozen(minutes=91)).sha256
    assert month_hash({"a": "1", "b": "2"}) == month_hash({"b": "2", "a": "1"}) != month_hash({"a": "1"})


def test_a_delta_names_each_field_and_ignores_who_looked_and_when():
    before, after = frozen(), frozen(minutes=130)
    [delta] = deltas([before], [after])
    assert {change.field: (change.before, change.after) for change in delta.fields} == {
        "lines": ("99492x1;99494x1", "99492x1;99494x2"),
        "charge": ("222.40", "282.40"),
        "counted_minutes": ("90", "130"),
        "counted_seconds": ("5400", "7800"),
    }
    looked_later = msgspec.structs.replace(
        before.inputs, prepared_by="Someone else", today=TODAY.replace(day=9)
    )
    assert deltas([before], [freeze(looked_later, before.claim)]) == ()
    assert [each.kind for each in (*deltas([before], []), *deltas([], [after]))] == ["removed", "added"]


def test_a_card_a_plan_a_suspicion_and_an_addition_are_corrections_too():
    before = frozen()

    def fields(**changes: object) -> set[str]:
        facts = msgspec.structs.replace(before.inputs.facts, **changes)
        after = freeze(msgspec.structs.replace(before.inputs, facts=facts), before.claim)
        return {change.field for delta in deltas([before], [after]) for change in delta.fields}

    [cover] = before.inputs.facts.coverages
    spouse = msgspec.structs.replace(cover, subscriber="spouse")
    assert fields(coverages=(spouse,)) == {"subscriber"}
    assert fields(coverages=(msgspec.structs.replace(cover, plan="Silver"),)) == {"plan"}
    [diagnosis] = before.inputs.facts.diagnoses
    assert "diagnoses" in fields(diagnoses=(msgspec.structs.replace(diagnosis, suspected=True),))
    addition = msgspec.structs.replace(
        before.inputs,
        rule_set=rules(apcm_addons="use"),
        facts=with_(before.inputs.facts, other_codes=("G0557",)),
    )
    row = freeze(addition, before.claim).row
    assert lines_text(row) == "G0568x1"
    [delta] = deltas([before], [freeze(addition, before.claim)])
    assert {c.field: c.after for c in delta.fields}["lines"] == "G0568x1"


def test_a_workbook_leaves_out_what_xml_cant_hold():
    content = workbook([("Sheet", ("a",), [("x\x0b\ud800\uffffy",), ("z" * 40_000,)])], NOW)
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Sheet"]
    assert sheet["A2"].value == "xy"
    assert len(sheet["A3"].value) == 32_767
