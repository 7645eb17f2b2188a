"""A month closed, corrected, claimed and proved through the JSON API, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime

import httpx
from sqlalchemy import update

from api.staff.calls import ROOT as API
from api.wiring import Deps
from billing.identity import service as identity
from billing.packet.verify import verify
from kernel.audit import system
from registry.organisation.tables import Clinic as ClinicTable
from registry.organisation.tables import Staff
from registry.patients.tables import Patient
from tests.support import month as months
from tests.support.app import Clinic
from tests.support.builders import ClinicRows

MONTH = f"{API}/billing/months/2026-03"


def rows_of(clinic: Clinic) -> ClinicRows:
    staff = {role: clinic.staff[role] for role in clinic.staff}
    lead = clinic.staff["clinic_lead"]
    return ClinicRows(clinic.id, "America/Los_Angeles", lead, "", default=lead, **staff)


async def billable(deps: Deps, clinic: Clinic):
    made, now = rows_of(clinic), datetime(2026, 3, 3, 18, tzinfo=UTC)
    async with deps.system_db.begin() as tx:
        await tx.enter_clinic(clinic.id)
        await identity.change_identity(tx, system(clinic.id), months.IDENTITY, now=now)
        await tx.execute(update(Staff).where(Staff.id == made.clinician).values(npi="1999999984"))
        await tx.execute(
            update(ClinicTable)
            .where(ClinicTable.id == clinic.id)
            .values(settings={"fees_cents": months.FEES})
        )
        ana = await months.patient(tx, made, date(2026, 3, 3), mrn="00417")
        ben = await months.patient(tx, made, date(2026, 3, 3), given_name="Ben", sex=None, mrn="00418")
        await months.full_month(tx, made, ana, date(2026, 3, 1), 90)
        await months.full_month(tx, made, ben, date(2026, 3, 1), 40, hour=14)
    deps.clock.set(datetime(2026, 4, 2, 18, tzinfo=UTC))  # type: ignore[attr-defined]
    return ana, ben


async def test_a_month_is_closed_claimed_and_proved_by_calls(
    web: httpx.AsyncClient, clinic: Clinic, deps: Deps
) -> None:
    ana, ben = await billable(deps, clinic)
    biller = clinic.headers("biller")

    async def post(path: str, body: dict[str, object]) -> httpx.Response:
        return await web.post(f"{MONTH}/{path}", json=body, headers=biller)

    first, second = await post("close", {}), await post("close", {})
    assert (first.status_code, first.json()) == (201, second.json())
    standing = (await web.get(MONTH, headers=clinic.headers("care_manager"))).json()
    [version] = standing["versions"]
    assert (standing["open"], standing["drift"], version["patient_months"]) == (False, 0, 2)
    for stored in version["files"]:
        answer = await web.get(f"{MONTH}/files/1/{stored['kind']}", headers=biller)
        assert answer.status_code == 200
        assert stored["name"] in answer.headers["content-disposition"]
    assert (await web.get(f"{MONTH}/files/1/other", headers=biller)).status_code in (400, 404, 422)
    refused = (await post("claims", {})).json()
    assert (refused["stored"], refused["claims"]) == (False, 1)
    assert refused["refused"][0]["patient_id"] == str(ben.id)
    made = (await post("claims", {"leave_out": True})).json()
    assert (made["stored"], made["problems"]) == (True, [])
    claims = await web.get(f"{MONTH}/files/1/claims_837p", headers=biller)
    assert claims.text.count("CLM*") == 1
    again = await post("claims", {"leave_out": True})
    assert (again.status_code, again.json()["code"]) == (409, "claims_made")
    packet = await web.get(f"{MONTH}/packets/{ana.episode_id}", headers=biller)
    assert verify(packet.content).true
    nothing = await post("adjustment", {"reason": "To see"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_changed")
    assert (await post("correction", {"reason": "To see"})).status_code == 201
    async with deps.system_db.begin() as tx:
        await tx.execute(update(Patient).where(Patient.id == ben.id).values(sex="M"))
    assert (await post("adjustment", {"reason": "Sex was missing"})).status_code == 201
    standing = (await web.get(MONTH, headers=biller)).json()
    assert [line["reason"] for line in standing["versions"]] == ["", "Sex was missing"]


async def test_money_and_a_shadow_bill_are_read_by_calls(
    web: httpx.AsyncClient, clinic: Clinic, deps: Deps
) -> None:
    await billable(deps, clinic)
    biller = clinic.headers("biller")
    money = (await web.get(f"{MONTH}/money", headers=biller)).json()
    assert [(line["code"], line["units"], line["cents"]) for line in money["lines"]] == [
        ("99492", 2, None), ("99494", 1, None),
    ]  # fmt: skip
    most = money["people"][0]
    assert (most["counted_seconds"], most["patients"]) == (130 * 60, 2)
    body = {"csv": "mrn,code,units\r\n00417,99492,1\r\n00418,99492,1\r\n"}
    shadow = (await web.post(f"{MONTH}/shadow", json=body, headers=biller)).json()
    assert (shadow["agreeing"], [line["ours"] for line in shadow["differences"]]) == (1, ["99492x1;99494x1"])
    wrong = await web.post(f"{MONTH}/shadow", json={"csv": "a,b\r\n"}, headers=biller)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "csv")
    assert (await web.get(f"{MONTH}/money", headers=clinic.headers("care_manager"))).status_code == 403
    assert (await web.get(f"{API}/billing/months/2026-13", headers=biller)).status_code == 422
