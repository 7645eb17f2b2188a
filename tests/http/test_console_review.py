"""A case review and what comes of it, through the pages' own forms, by the people whose turn it is."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from api.wiring import Deps
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.review.tables import CaseReview
from registry.time_log.tables import TimeEntry
from registry.treatment_changes.tables import TreatmentChange
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import count, enrols, signed_in

ADVICE = {
    "medication": "Raise sertraline to 100 mg",
    "if_then": "If no change in 4 weeks, add bupropion",
    "urgency": "this_week",
}


async def plans_and_opens(dana: Colleague, harbor: Clinic) -> str:
    """The address of the first patient's item."""
    await dana.opens("/review")
    await dana.submits("/review", consultant_id=str(harbor.staff["consultant"]), minutes="30")
    assert "Case review planned." in dana.said
    [path] = sorted(set(re.findall(r'href="(/review/[0-9a-f-]{36})"', dana.html)))
    await dana.opens(path)
    assert "New patients" in dana.text
    await dana.submits(f"{path}/open")
    assert "The agenda is built." in dana.said
    found = re.search(r'href="(/review/items/[0-9a-f-]{36})"', dana.html)
    assert found is not None
    return found.group(1)


async def test_a_review_goes_from_the_agenda_to_the_next_month_s_record(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(
        dana,
        harbor,
        substances="Wine at weekends",
        bipolar="considered",
        bipolar_note="No such time",
        ptsd="considered",
        ptsd_note="Two of five",
    )
    clock.advance(minutes=10)
    item = await plans_and_opens(dana, harbor)
    await dana.opens(item)
    assert "not documented" in dana.text
    assert "Wine at weekends" in dana.text and "considered; No such time" in dana.text
    assert "considered; Two of five" in dana.text
    both = [str(harbor.staff["care_manager"]), str(harbor.staff["consultant"])]
    discussed = {"note": "Half the drop after four weeks.", "changed": "Dose goes up.", "minutes": "6"}
    await dana.submits(f"{item}/discuss", **discussed, people=both)
    assert "Saved, with everybody's minutes." in dana.said
    assert "Together, in the meeting, 6 min" in dana.text
    assert await count(console_deps, TimeEntry) == 2
    await dana.opens(f"{item}/copy")
    assert "What changes, and why: Dose goes up." in dana.html
    await dana.submits(f"/patients/{patient_id}/filed")
    assert "Ticked as filed in the EHR." in dana.said
    await dana.opens(item)
    await dana.submits(f"{item}/recommend", **ADVICE)
    assert "Sent." in dana.said
    review = item and (await _first(console_deps, select(CaseReview.id)))
    await dana.opens(f"/review/{review}/print")
    assert "Medication, dose or titration: Raise sertraline to 100 mg" in dana.text
    assert "has not seen or examined the patient" in dana.text
    await dana.opens(f"/review/{review}")
    await dana.submits(f"/review/{review}/close", note="All done")
    assert "Case review closed." in dana.said


async def test_how_difficult_life_is_stands_on_the_patient_s_page_in_the_words_of_the_form(
    dana: Colleague, harbor: Clinic, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    scores = f"/patients/{patient_id}/scores"
    await dana.opens(scores)
    assert "get along with other people?" in dana.text
    await dana.submits(scores, **{f"phq9_{n}": "1" for n in range(1, 9)}, phq9_9="0", phq9_10="2")
    await dana.opens(f"/patients/{patient_id}")
    assert "PHQ-9 8" in dana.text and "Very difficult" in dana.text
    clock.advance(minutes=10)
    await dana.opens(await plans_and_opens(dana, harbor))
    assert "Very difficult (02-Mar-2026)" in dana.text


async def test_a_refused_discussion_shows_what_was_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    await enrols(dana, harbor)
    clock.advance(minutes=10)
    item = await plans_and_opens(dana, harbor)
    await dana.opens(item)
    await dana.submits(f"{item}/discuss", note="Half the drop.", minutes="0")
    assert dana.status == 422
    assert "Minutes must be 1 to 120." in dana.errors
    assert dict(dana.form(f"{item}/discuss").fields)["note"] == "Half the drop."
    assert await count(console_deps, TimeEntry) == 0


async def test_the_clinician_accepts_and_the_care_manager_closes_the_loop(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=10)
    await dana.opens(f"/patients/{patient_id}/recommend")
    await dana.submits(f"/patients/{patient_id}/recommend", **ADVICE)
    sent = await _first(console_deps, select(Recommendation.id))
    path = f"/approvals/{sent}"
    async with signed_in(console_deps, harbor, "clinician") as ines:
        await ines.opens("/approvals")
        assert "Raise sertraline to 100 mg" in ines.text
        await ines.opens(path)
        await ines.submits(f"{path}/decide", decision="declined")
        assert ines.errors == ["Why is needed."]
        await ines.submits(f"{path}/decide", decision="accepted")
        assert "Decision saved." in ines.said
        await ines.submits(f"{path}/order", change_kind="dose_changed", change_what="Sertraline 100 mg")
        assert "The patient is to be told." in ines.said
    await dana.opens(path)
    await dana.submits(f"{path}/told", note="By phone, understood")
    await dana.submits(f"{path}/taking")
    assert "The loop is closed." in dana.said
    assert await count(console_deps, TreatmentChange) == 1
    await dana.opens("/approvals")
    assert "Nothing is under way" in dana.text


async def test_two_decisions_at_once_are_one_and_the_other_is_told(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}/recommend")
    await dana.submits(f"/patients/{patient_id}/recommend", **ADVICE)
    path = f"/approvals/{await _first(console_deps, select(Recommendation.id))}"
    async with signed_in(console_deps, harbor, "clinician") as ines:
        await ines.opens(path)
        await dana.opens(path)
        await ines.submits(f"{path}/decide", decision="accepted")
        given = {"decision": "declined", "reason": "Long QT", "via": "ehr", "decided_by": "Dr. Roth"}
        await dana.submits(f"{path}/decide", **given)
        assert dana.status == 409
    steps = RecommendationStep.step.in_(("accepted", "declined"))
    assert await count(console_deps, RecommendationStep, steps) == 1


async def test_the_clinic_s_own_sentence_stands_under_the_minutes(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/review")
        await lead.submits("/review/wording", body="Advice, not an order.")
        assert "Wording saved." in lead.said
    await dana.opens("/review")
    assert "Advice, not an order." in dana.text


async def _first(deps: Deps, statement: Any) -> Any:
    async with deps.system_db.begin() as tx:
        return await tx.scalar(statement)


async def test_a_referral_is_followed_on_the_patient_s_page(dana: Colleague, harbor: Clinic) -> None:
    path = f"/patients/{await enrols(dana, harbor)}/referrals"
    await dana.opens(path)
    await dana.submits(path, kind="specialty_therapy", to="", why="Trauma work")
    assert dana.errors == ["To whom is needed."]
    await dana.submits(path, to="Alder Therapy")
    assert "not known yet" in dana.text
    found = re.search(rf'action="({path}/[0-9a-f-]{{36}})"', dana.html)
    assert found is not None
    await dana.submits(found.group(1), step="seen")
    assert "Seen, result awaited" in dana.text
