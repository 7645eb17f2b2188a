"""The page on which a lead brings in a file: each row's verdict first, then all rows or none."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

import openpyxl
from sqlalchemy import func, select

from api.wiring import Deps
from registry.contacts.tables import Contact
from registry.patients.tables import Patient
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import enrols, signed_in

PAGE = "/setup/imports"
HEADINGS = "Chart,Family,Given,Born,PCP,Manager,Consultant,Code,Payer,Agreed,Agreed with"
FIELDS = "mrn,family_name,given_name,birth_date,clinician,care_manager,consultant,condition,payer,consent_on,consent_by"
COLUMNS = "\n".join(
    f"{field} = {heading}" for field, heading in zip(FIELDS.split(","), HEADINGS.split(","), strict=True)
)


async def test_a_lead_checks_a_file_reads_why_a_row_fails_and_brings_it_in_whole(
    harbor: Clinic, console_deps: Deps
) -> None:
    async with console_deps.system_db.begin() as tx:
        before = await tx.scalar(select(func.count()).select_from(Patient))
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        people = {
            role: await _name(console_deps, harbor, role)
            for role in ("clinician", "care_manager", "consultant")
        }
        row = f"X{{0}},Alder,Robin,{{1}},{people['clinician']},{people['care_manager']},{people['consultant']},F32.1,Self-pay,2026-02-02,Casey Moore"
        bad = "\n".join((HEADINGS, row.format(1, "1980-01-31"), row.format(2, "31.1.1980")))
        await lead.opens(PAGE)
        typed = {"kind": "patients", "name": "Old registry", "dates": "iso"}
        await lead.submits(f"{PAGE}/check", **typed, columns="mrn Chart", csv=bad)
        assert lead.errors == ["The columns, must be lines such as mrn = Chart number, each field once."]
        await lead.submits(f"{PAGE}/check", **typed, columns="mrn = Chart", csv=bad)
        assert "family_name is needed: which column holds it?" in lead.errors[0]
        await lead.submits(f"{PAGE}/check", **typed, columns=COLUMNS, csv=bad)
        assert "1 of 2 rows can be used." in lead.text
        assert "Born is not a date such as 2026-11-05" in lead.text
        assert "Bring in every row" not in lead.text and "31.1.1980" in lead.html
        async with console_deps.system_db.begin() as tx:
            assert await tx.scalar(select(func.count()).select_from(Patient)) == before
        good = bad.replace("31.1.1980", "1980-01-30")
        await lead.submits(f"{PAGE}/check", **typed, columns=COLUMNS, csv=good)
        await lead.submits(PAGE)
        assert "Every row was brought in." in lead.text
        assert "Patients: Old registry" in lead.text and "by the mapping Old registry: 2 rows" in lead.text
        async with console_deps.system_db.begin() as tx:
            assert await tx.scalar(select(func.count()).select_from(Patient)) == before + 2
        await lead.submits(f"{PAGE}/check", **typed, columns=COLUMNS, csv=good)
        assert "This file was brought in already." in lead.text
    async with signed_in(console_deps, harbor, "administrator") as other:
        assert (await other.client.get(PAGE)).status_code == 403


async def test_a_workbook_is_chosen_once_carried_from_check_to_check_and_brought_in(
    harbor: Clinic, console_deps: Deps, dana: Colleague
) -> None:
    patient = await enrols(dana, harbor)
    mrn = await _mrn(console_deps, patient)
    day = (console_deps.clock.now() - timedelta(days=30)).date()
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Chart", "Date", "How", "Result", "Who"])
    book.worksheets[0].append([mrn, day, "phone", "reached", "Jane Former"])
    columns, content = "mrn = Chart\non = Date\nmode = How\noutcome = Result\nby = Who", saved(book)
    typed = {"kind": "contacts", "name": "Old calls", "dates": "us"}
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(PAGE)
        await _chooses(lead, "calls.csv", content, **typed, columns=columns)
        assert lead.errors[0].startswith("The file is named .csv but is no text")
        await _chooses(lead, "calls.xlsx", content, **typed, columns="mrn = Chart")
        assert "calls.xlsx was read." in lead.text
        await lead.submits(f"{PAGE}/check", columns=columns)
        assert "1 of 1 row can be used. Read from the sheet Sheet." in lead.text
        await lead.submits(f"{PAGE}/check", csv="Chart\n1")
        assert lead.errors == ["The file is to be chosen, or its table pasted, and one of the two alone."]
        await lead.submits(f"{PAGE}/check", csv="", sheet="Old")
        assert lead.errors == ["The sheet is the name of no sheet in the workbook."]
        await lead.submits(f"{PAGE}/check", sheet="")
        await lead.submits(PAGE)
        assert "Every row was brought in." in lead.text
        await lead.submits(f"{PAGE}/check", **typed, columns=columns)
        assert lead.errors == ["The file is to be chosen, or its table pasted, and one of the two alone."]
        await _chooses(lead, "big.xlsx", b"PK\x03\x04" + bytes(1024 * 1024), **typed, columns=columns)
        assert lead.errors == ["The file is larger than 1 MB: evenkeel import on the server takes it."]
        assert len(lead.html) > 1024 * 1024
        await _chooses(lead, "calls.xlsx", content, **typed, columns=columns)
        assert "This file was brought in already." in lead.text


async def _chooses(lead: Colleague, called: str, content: bytes, **typed: str) -> None:
    """As a browser sends the page's form with a file."""
    action = f"{PAGE}/check"
    fields = [(key, value) for key, value in lead.form(action).filled(typed) if value or key != "file"]
    given = [(key, (None, value)) for key, value in fields]
    given.append(("file", (called, content)))  # type: ignore[arg-type]
    await lead._follow(await lead.client.post(action, files=given), action)


async def test_contacts_come_in_by_the_page_and_say_on_the_patients_page_where_they_come_from(
    harbor: Clinic, console_deps: Deps, dana: Colleague
) -> None:
    patient = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient}")
    mrn = await _mrn(console_deps, patient)
    day = (console_deps.clock.now() - timedelta(days=30)).date().isoformat()
    file = (
        f'Chart,Date,How,Result,Who,Note\n{mrn},{day},telehealth,spoke,Jane Former,"Better.\nWalks daily."\n'
    )
    columns = "mrn = Chart\non = Date\nmode = How\noutcome = Result\nby = Who\nnote = Note"
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(PAGE)
        assert "Contacts" in lead.text and "next_purpose" in lead.text
        typed = {"kind": "contacts", "name": "Old calls", "dates": "iso", "columns": columns}
        await lead.submits(f"{PAGE}/check", **typed, csv=file)
        assert "1 of 1 row can be used." in lead.text
        await lead.submits(PAGE)
        assert "Contacts by the mapping Old calls: 1 row" in lead.text
    await dana.opens(f"/patients/{patient}")
    assert "Video call" in dana.text
    async with console_deps.system_db.begin() as tx:
        contact = await tx.scalar(select(Contact.id).where(Contact.patient_id == patient))
    await dana.opens(f"/patients/{patient}/contacts/{contact}")
    assert "Brought in from another registry. Contact of Jane Former." in dana.text
    assert "Brought in from another registry on" in dana.text
    assert "more than 2 days after" not in dana.text


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


async def _mrn(deps: Deps, patient_id: UUID) -> str:
    async with deps.system_db.begin() as tx:
        found: str = await tx.scalar(select(Patient.mrn).where(Patient.id == patient_id))
    return found


async def _name(deps: Deps, clinic: Clinic, role: str) -> str:
    from registry.organisation import queries as organisation

    async with deps.system_db.begin() as tx:
        return (await organisation.staff_names(tx, clinic.id))[clinic.staff[role]]  # type: ignore[index]
