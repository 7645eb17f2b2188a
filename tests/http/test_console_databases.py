"""The console's key paths on both databases: on PostgreSQL the web's role sits behind the clinic wall."""

from __future__ import annotations

import asyncio
from datetime import date

from sqlalchemy import select

from api.wiring import Deps
from messaging.delivery.tables import Outbox
from registry.safety.tables import RiskEvent
from registry.time_log.tables import TimeEntry
from tests.support import app as support
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import Colleague, give_passwords
from tests.support.console import answers, count, enrols, signed_in, texts

DANGER = (2, 2, 2, 2, 2, 2, 1, 0, 1)


async def test_signing_in_and_the_way_from_enrolment_to_the_bill(deps: Deps, clinic: Clinic) -> None:
    await give_passwords(clinic)
    async with support.browser(deps) as client:
        dana = await Colleague(client, deps).signs_in(clinic)
        assert (dana.path, dana.status) == ("/today", 200)
        patient_id = await enrols(dana, clinic)
        await texts(deps, clinic, "Can we do Friday?")
        await answers(deps, clinic, patient_id, DANGER, date(2026, 3, 2))
        await dana.opens(f"/patients/{patient_id}")
        assert "Can we do Friday?" in dana.text
        await dana.submits(f"/patients/{patient_id}/texts", body="Friday it is")
        await dana.works_for(minutes=40)
        await dana.opens(f"/patients/{patient_id}")
        await dana.submits(f"/patients/{patient_id}/time", minutes="25", activity="patient_contact")
        for path, words in {
            "/today": "ALDERCOTT, Maren",
            "/registry": "25 min: G2214, next line at 36",
            "/registry?flag=safety&sort=-phq9&caseload=clinic": "Item 9: 1",
            "/safety": "ALDERCOTT, Maren",
            "/tasks?view=all": "Safety event to handle",
            "/time": "25 of 25 min",
            "/billing/2026-03": "25 min: G2214",
            "/account": "10 recovery codes are left",
        }.items():
            await dana.opens(path)
            assert dana.status == 200, path
            assert words in dana.text, path
    assert await count(deps, Outbox, Outbox.kind == "staff_text") == 1


async def test_a_safety_event_is_handled_to_its_close(deps: Deps, clinic: Clinic) -> None:
    async with signed_in(deps, clinic) as dana, signed_in(deps, clinic, "clinician") as osei:
        patient_id = await enrols(dana, clinic)
        await answers(deps, clinic, patient_id, DANGER, date(2026, 3, 2))
        async with deps.system_db.begin() as tx:
            path = f"/safety/{await tx.scalar(select(RiskEvent.id))}"
        await dana.opens(path)
        await dana.submits(f"{path}/acknowledge")
        await dana.submits(f"{path}/attempts", channel="phone", outcome="reached")
        found = {"answer_thoughts": "wish_to_be_dead", "answer_method": "not_reported"}
        asked = {"answer_intent": "not_reported", "answer_plan": "not_reported"}
        rest = {"answer_behaviour": "not_reported", "answer_means": "unsure"}
        await dana.submits(f"{path}/assessment", **found, **asked, **rest, level="low", findings="No plan")
        await dana.submits(
            f"{path}/disposition", disposition="assessed_plan_made", next_contact_on="2026-03-04"
        )
        await osei.opens(path)
        await osei.submits(f"{path}/close", confirm="yes")
        assert "Event closed." in osei.said


async def test_two_posts_of_one_form_at_once_are_saved_once(deps: Deps, clinic: Clinic) -> None:
    async with signed_in(deps, clinic) as dana:
        patient_id = await enrols(dana, clinic)
        path = f"/patients/{patient_id}/time"
        fields = dict(dana.form(path).filled({"at": "09:00", "minutes": "20", "activity": "care_plan"}))
        both = await asyncio.gather(*(dana.client.post(path, data=fields) for _ in range(2)))
        assert [answer.status_code for answer in both] == [303, 303]
        assert len({answer.headers["location"] for answer in both}) == 1
    assert await count(deps, TimeEntry) == 1


async def test_drafts_and_patients_stay_in_their_clinic(deps: Deps, clinic: Clinic) -> None:
    lakeside = await found_clinic(deps, "lakeside", "+12065550101")
    async with signed_in(deps, clinic) as dana, signed_in(deps, lakeside) as stranger:
        patient_id = await enrols(dana, clinic)
        path = f"/patients/{patient_id}/texts"
        draft = dict(dana.form(path).filled({"body": "Half a thou"}))
        assert (await dana.client.post(f"{path}/draft", data=draft)).status_code == 204
        assert (await stranger.opens(f"/patients/{patient_id}")).status == 404
        await stranger.opens("/registry?caseload=clinic")
        assert "ALDERCOTT" not in stranger.html
        await stranger.submits("/search", query="alder")
        assert "Nobody found" in stranger.text
        await dana.opens(f"/patients/{patient_id}")
        assert "Half a thou" in dana.html
