"""A biller closes a month, corrects it, takes files, claims and packets: through the pages' own forms."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import insert, select, update

from api.wiring import Deps
from billing.packet.verify import verify
from registry.episodes.tables import Episode
from registry.organisation.tables import Clinic as ClinicTable
from registry.patients.tables import Coverage, Patient
from registry.time_log.tables import TimeEntry
from tests.support import month as months
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import audited, enrols, signed_in

APRIL = datetime(2026, 4, 2, 18, tzinfo=UTC)
MONTH = "/billing/2026-03"


async def billable(dana: Colleague, harbor: Clinic, deps: Deps) -> UUID:
    """Ana with 90 minutes in March and everything on file but her sex; and it is April."""
    patient_id = await enrols(dana, harbor)
    async with deps.system_db.begin() as tx:
        await tx.enter_clinic(harbor.id)
        episode_id = await tx.scalar(select(Episode.id).where(Episode.patient_id == patient_id))
        address = tx.vault.seal(msgspec.json.encode(months.ADDRESS).decode())
        await tx.execute(update(Patient).values(address_sealed=address, sex=None))
        await tx.execute(update(Coverage).values(member_id_sealed=tx.vault.seal("W778120"), payer_id="EVG01"))
        settings = {"fees_cents": months.FEES}
        await tx.execute(update(ClinicTable).where(ClinicTable.id == harbor.id).values(settings=settings))
        for role, activity, minutes in (
            ("care_manager", "patient_contact", 90),
            ("consultant", "case_review", 6),
        ):
            at = datetime(2026, 3, 10, 18, tzinfo=UTC)
            values = {
                "id": tx.new_id(), "clinic_id": harbor.id, "patient_id": patient_id, "episode_id": episode_id,
                "staff_id": harbor.staff[role], "role": role, "activity": activity, "started_at": at,
                "seconds": minutes * 60, "separately_reported": False, "source": "console", "created_at": at,
                "created_by_id": harbor.staff[role],
            }  # fmt: skip
            await tx.execute(insert(TimeEntry), values)
    deps.clock.set(APRIL)  # type: ignore[attr-defined]
    return patient_id


SETUP = {
    "legal_name": "Harbor Clinic", "npi": "1234567893", "tax_id": "00-0000000", "taxonomy": "207Q00000X",
    "line1": "1 Pier Road", "city": "Seattle", "state": "WA", "postal_code": "98101-0001",
    "contact_name": "Tom Field", "contact_phone": "+12065550100", "submitter_id": "HARBOR1",
    "receiver_name": "Clearing House", "receiver_id": "CLEAR1", "usage": "T",
}  # fmt: skip


async def test_a_biller_closes_corrects_and_proves_a_month(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await billable(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens(MONTH)
        assert "Not closed yet" in tom.text
        await tom.submits(f"{MONTH}/close")
        assert "The month is closed." in tom.said
        await tom.posts(f"{MONTH}/close", [("_csrf", tom.form(f"{MONTH}/correct").filled({})[0][1])])
        assert tom.text.count("Content SHA-256") == 1
        before = (await tom.client.get(tom.links("Excel workbook")[0])).content
        packet = await tom.client.get(tom.links("Audit packet")[0])
        verdict = verify(packet.content)
        assert (verdict.true, verdict.lines) == (True, "99492x1;99494x1")
        await tom.opens(f"{MONTH}/people/{patient_id}")
        assert verdict.packet_sha256 in tom.text
        await tom.opens(MONTH)
        await tom.submits(f"{MONTH}/correct")
        assert tom.errors == ["The reason for opening it is needed."]
        await tom.submits(f"{MONTH}/correct", reason="A call is missing")
        assert "Open for a correction" in tom.text
    async with signed_in(console_deps, harbor) as dana_again:
        await dana_again.opens(f"/patients/{patient_id}")
        await dana_again.submits(
            f"/patients/{patient_id}/time",
            on="2026-03-12",
            at="09:00",
            minutes="40",
            activity="patient_contact",
        )
        assert "Time added." in dana_again.said, dana_again.errors
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens(MONTH)
        assert "counted minutes 90 → 130" in tom.text
        await tom.submits(f"{MONTH}/adjust", reason="A call was missing")
        assert "Adjusted and closed." in tom.said
        assert (await tom.client.get(f"{MONTH}/files/1/xlsx")).content == before
        assert (await tom.client.get(f"{MONTH}/files/2/delta_csv")).status_code == 200
        await tom.opens(tom.links("What it changed")[0])
        assert "lines 99492x1;99494x1 → 99492x1;99494x2" in tom.text
        assert (await tom.opens(f"{MONTH}/adjustments/1")).status == 404
        assert (await tom.opens(f"{MONTH}/files/1/claims_837p")).status == 404
        assert (await tom.opens(f"{MONTH}/files/1/passwords")).status == 404
    async with signed_in(console_deps, harbor) as dana_again:
        await dana_again.opens(f"/patients/{patient_id}")
        await dana_again.submits(
            f"/patients/{patient_id}/time",
            on="2026-03-13",
            at="09:00",
            minutes="5",
            activity="patient_contact",
        )
        assert any("open it again with a reason" in error for error in dana_again.errors)
    done = await audited(console_deps, actor_id=harbor.staff["biller"])
    assert {
        "statement.closed",
        "month.reopened",
        "statement.adjusted",
        "statement.exported",
        "packet.exported",
    } <= set(done)


async def test_a_claim_file_names_who_is_refused_and_is_there_once_it_passes(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await billable(dana, harbor, console_deps)
    claims = f"{MONTH}/claims"
    async with signed_in(console_deps, harbor, "biller") as tom:
        assert (await tom.opens(claims)).status == 404
        await tom.opens(MONTH)
        await tom.submits(f"{MONTH}/close")
        await tom.opens(claims)
        assert "Billing NPI is needed for claim files" in tom.text
        await tom.opens("/billing/setup")
        clinician = f"npi_{harbor.staff['clinician']}"
        await tom.submits("/billing/setup", **(SETUP | {"npi": "1234567890", clinician: "1999999984"}))
        assert tom.errors == ["Billing NPI is not a valid NPI: its last digit checks the others."]
        assert 'value="Harbor Clinic"' in tom.html
        await tom.submits("/billing/setup", **(SETUP | {clinician: "1999999980"}))
        assert len(tom.errors) == 1 and tom.errors[0].startswith("NPI of ")
        await tom.submits("/billing/setup", **(SETUP | {clinician: "1999999984"}))
        assert "Billing set-up saved." in tom.said
        await tom.opens(claims)
        await tom.submits(claims)
        assert (tom.status, tom.errors) == (
            409, ["Some patients can't be claimed; correct them or leave them out."],
        )  # fmt: skip
        assert "Aldercott, Maren : The sex, as the payer's form asks it, is missing." in tom.text
        assert "clinician's NPI is missing" in tom.text
        async with console_deps.system_db.begin() as tx:
            await tx.execute(update(Patient).values(sex="F"))
        await tom.opens(MONTH)
        await tom.submits(f"{MONTH}/adjust", reason="Sex and NPI were missing")
        await tom.opens(claims)
        await tom.submits(claims)
        assert "passed both checks" in tom.said
        file = (await tom.client.get(tom.links("Claim file 837P")[0])).text
        assert "NM1*IL*1*ALDERCOTT*MAREN****MI*W778120~" in file and "SV1*HC:99492*" in file
        await tom.posts(claims, [("_csrf", tom.form("/sign-out").filled({})[0][1])])
        assert tom.status == 409


@pytest.mark.parametrize("role", ["care_manager", "consultant", "administrator"])
async def test_only_those_who_answer_for_the_bill_close_and_take_files(
    dana: Colleague, harbor: Clinic, console_deps: Deps, role
) -> None:
    await billable(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, role) as other:
        await other.opens("/account")
        token = next(value for form in other.page.forms for name, value in form.filled({}) if name == "_csrf")
        await other.posts(f"{MONTH}/close", [("_csrf", token)])
        assert other.status == 403
        assert (await other.opens(f"{MONTH}/files/1/xlsx")).status == 403
        if role == "care_manager":
            await other.opens(MONTH)
            assert f"{MONTH}/close" not in other.html


async def test_a_closed_month_is_copied_to_the_chart_and_ticked_by_the_care_manager(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await billable(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens(MONTH)
        await tom.submits(f"{MONTH}/close")
        assert "/copies" not in tom.html
        assert (await tom.opens(f"{MONTH}/copies")).status == 403
    async with signed_in(console_deps, harbor) as dana_again:
        await dana_again.opens(f"{MONTH}/people/{patient_id}")
        [copy] = dana_again.links("Copy for the chart")
        await dana_again.opens(copy)
        assert "COLLABORATIVE CARE, 2026-03" in dana_again.html
        await dana_again.submits(copy)
        assert "Filed in the EHR: 02-Apr-2026" in dana_again.text
        await dana_again.submits(copy)
        await dana_again.opens(f"{MONTH}/copies")
        assert "1 to file in the EHR by you." in dana_again.text
        await dana_again.submits(copy)
        assert "0 to file in the EHR by you." in dana_again.text
