"""A case review and what comes of it, through the pages' own forms, by the people whose turn it is."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from sqlalchemy import select

from api.wiring import Deps
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.review.tables import CaseReview
from registry.time_log.tables import TimeEntry
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm
from registry.treatment_changes.tables import TreatmentChange
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import actor, count, enrols, signed_in

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
    own = {f"minutes_{both[0]}": "6", f"minutes_{both[1]}": "8"}
    discussed = {"note": "Half the drop after four weeks.", "changed": "Dose goes up."}
    await dana.submits(f"{item}/discuss", **discussed, **own, people=both)
    assert "Saved, with everybody's minutes." in dana.said
    assert re.search(r"Together, in the meeting: .*Care Manager harbor 6 min", dana.text)
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


async def test_the_present_treatment_is_never_the_dose_of_a_plan_that_was_not_renewed(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor, goals="Cook again", medications="Sertraline 50 mg")
    clock.advance(minutes=10)
    await dana.opens(f"/patients/{patient_id}/plans/safety")
    safety = {"signs": "Not sleeping", "by_myself": "A walk", "helpers": "Luis", "professionals": "988"}
    await dana.submits(f"/patients/{patient_id}/plans/safety", **safety)
    casey = await actor(console_deps, harbor)
    async with console_deps.system_db.begin() as tx:
        change = ChangeForm(date(2026, 2, 16), "dose_changed", "sertraline 100 mg")
        await treatment_changes.record_change(tx, casey, patient_id, change, now=console_deps.clock.now())
    await dana.opens(await plans_and_opens(dana, harbor))
    assert (
        "Sertraline 50 mg (plan of 02-Mar-2026); since 16-Feb-2026 dose changed: sertraline 100 mg"
        in dana.text
    )
    assert "last changed 2 weeks ago" in dana.text
    assert "Safety plan version 1 of 02-Mar-2026" in dana.text


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


async def test_a_refused_discussion_shows_everything_that_was_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    await enrols(dana, harbor)
    clock.advance(minutes=10)
    item = await plans_and_opens(dana, harbor)
    await dana.opens(item)
    manager = f"minutes_{harbor.staff['care_manager']}"
    typed = {"note": "Half the drop.", manager: "0", "if_then": "Bupropion", "target_on": "2020-01-01"}
    await dana.submits(f"{item}/discuss", **typed)
    assert dana.status == 422
    assert [error.split(" must")[0] for error in dana.errors if "must" in error] == [
        "Minutes of Care Manager harbor"
    ]
    assert any(error.startswith("What is recommended") for error in dana.errors)
    assert any(error.startswith("Until when") for error in dana.errors)
    shown = dict(dana.form(f"{item}/discuss").fields)
    assert {name: shown[name] for name in typed} == typed
    assert await count(console_deps, TimeEntry) == 0
    await dana.submits(f"{item}/discuss", **{manager: "six"}, medication="Raise sertraline", target_on="")
    assert dana.errors == ["Minutes of Care Manager harbor must be a whole number."]
    assert dict(dana.form(f"{item}/discuss").fields)["medication"] == "Raise sertraline"
    assert await count(console_deps, Recommendation) == 0


async def test_one_form_saves_the_discussion_and_sends_what_is_recommended(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    await enrols(dana, harbor)
    clock.advance(minutes=10)
    item = await plans_and_opens(dana, harbor)
    await dana.opens(item)
    page = dana.html
    await dana.submits(f"{item}/discuss", note="Half the drop.", **ADVICE)
    assert "The recommendation was sent" in dana.said
    assert "Raise sertraline to 100 mg: to be decided" in dana.text or "Raise sertraline" in dana.text
    assert await count(console_deps, Recommendation) == 1
    await dana.submits(f"{item}/recommend", therapy="Behavioural activation")
    assert await count(console_deps, Recommendation) == 2
    dana.html = page  # a colleague's page, opened before
    await dana.submits(f"{item}/discuss", note="My own note", changed="Nothing yet", labs="TSH")
    assert dana.status == 409
    assert (
        "Typed by you, not saved" in dana.text and "My own note" in dana.text and "Nothing yet" in dana.text
    )
    assert dict(dana.form(f"{item}/recommend").fields)["labs"] == "TSH"
    assert await count(console_deps, Recommendation) == 2


async def test_passing_over_loses_nothing_that_was_typed(
    dana: Colleague, harbor: Clinic, clock: FakeClock
) -> None:
    await enrols(dana, harbor)
    clock.advance(minutes=10)
    item = await plans_and_opens(dana, harbor)
    await dana.opens(item)
    form = dana.form(f"{item}/discuss")
    await dana.posts(f"{item}/pass", form.filled({"not_today": "Lab awaited", "note": "Half"}))
    assert dana.errors == [
        "What is written in the form would be lost: save the discussion, or clear it first."
    ]
    form = dana.form(f"{item}/discuss")
    assert (dict(form.fields)["note"], dict(form.fields)["not_today"]) == ("Half", "Lab awaited")
    await dana.submits(f"{item}/discuss")
    assert dana.errors == ["Why not today is given too: the discussion is saved without it."]
    form = dana.form(f"{item}/discuss")
    await dana.posts(f"{item}/pass", form.filled({"note": "", "not_today": ""}))
    assert dana.errors == ["Why not today is needed, in at most 500 characters."]
    form = dana.form(f"{item}/discuss")
    await dana.posts(f"{item}/pass", form.filled({"not_today": "Lab awaited"}))
    assert "Passed over." in dana.said and "Lab awaited" in dana.text


async def test_the_clinician_accepts_and_the_care_manager_closes_the_loop(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=10)
    await dana.opens(f"/patients/{patient_id}/recommend")
    await dana.submits(f"/patients/{patient_id}/recommend", **ADVICE, why="Half the drop after four weeks.")
    sent = await _first(console_deps, select(Recommendation.id))
    path = f"/approvals/{sent}"
    async with signed_in(console_deps, harbor, "clinician") as ines:
        await ines.opens("/approvals")
        assert "Raise sertraline to 100 mg" in ines.text
        await ines.opens(path)
        known = ines.text[ines.text.index("What is known") :]
        for label in (
            "PHQ-9",
            "GAD-7",
            "Item 9",
            "Present treatment",
            "Adherence",
            "Side effects",
            "Question",
        ):
            assert label in known
        assert "Why Half the drop after four weeks." in ines.text
        assert "has not seen or examined the patient" in ines.text  # the clinic's own sentence
        await ines.submits(f"{path}/decide", decision="declined")
        assert ines.errors == ["Why is needed."]
        await ines.submits(f"{path}/decide", decision="accepted")
        assert "Decision saved." in ines.said
        await ines.opens("/approvals")
        assert "For you to do next" in ines.text and "Order or arrange it" in ines.text
        await ines.opens(path)
        proposed = dict(ines.form(f"{path}/order").fields)
        assert (proposed["change_kind"], proposed["change_what"]) == ("dose_changed", "sertraline 100 mg")
        await ines.submits(f"{path}/order")
        assert "The patient is to be told." in ines.said
        await ines.opens("/today?whose=mine")
        assert "Recommendation:" not in ines.text
    await dana.opens("/today?whose=mine")
    assert "Recommendation: tell the patient" in dana.text
    await dana.opens(path)
    await dana.submits(f"{path}/told", note="By phone, understood")
    await dana.opens("/approvals")
    assert "Ask whether it is in use" in dana.text
    await dana.opens(path)
    await dana.submits(f"{path}/taking", in_use="no")
    assert dana.errors == ["Note is needed: why is it not in use?"]
    await dana.submits(f"{path}/taking", in_use="no", note="Afraid of weight gain")
    assert "It is asked about again" in dana.said
    await dana.submits(f"{path}/taking", in_use="yes")
    assert "The loop is closed." in dana.said
    assert await count(console_deps, TreatmentChange) == 1
    await dana.opens("/approvals")
    assert "Nothing is under way" in dana.text


async def test_what_changed_and_why_is_one_entry_with_who_decided_it(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}/recommend")
    await dana.submits(f"/patients/{patient_id}/recommend", **ADVICE, why="Half the drop after four weeks.")
    path = f"/approvals/{await _first(console_deps, select(Recommendation.id))}"
    given = {"decision": "accepted", "via": "phone", "decided_by": "Dr. Roth", "read_back": "yes"}
    await dana.opens(path)
    await dana.submits(f"{path}/decide", **given)
    async with signed_in(console_deps, harbor, "consultant") as lee:
        await lee.opens(f"/patients/{patient_id}")
        assert "Accepted, to be ordered or arranged. Order or arrange it:" in lee.text
    await dana.opens(path)
    await dana.submits(f"{path}/order", by="Dr. Roth")
    await dana.submits(f"{path}/told")
    await dana.opens(f"/patients/{patient_id}")
    text = dana.text[dana.text.rindex("Dose changed: sertraline 100 mg") :][:900]
    for said in (
        "Dr. Roth (written down by ",
        "Patient told, to be seen in use.",
        "Why: Half the drop after four weeks.",
        "Recommended by ",
        "Accepted by Dr. Roth by phone, read back (written down by ",
        "Ordered or arranged by Dr. Roth (written down by ",
        "Patient told (",
    ):
        assert said in text
    assert f'href="{path}"' in dana.html
    assert dana.text.count("Raise sertraline to 100 mg") == 2  # beside the timeline, and as what was ordered


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
