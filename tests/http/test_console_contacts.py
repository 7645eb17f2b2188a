"""Contacts and plans through the pages' own forms, as a person fills them in."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from api.wiring import Deps
from registry.care_plans.tables import CarePlan
from registry.contacts.tables import Contact
from registry.drafts.tables import Draft
from registry.episodes.tables import Episode
from registry.filing.tables import ChartCopy
from registry.intake.tables import Intake
from registry.recommendations.tables import Recommendation, RecommendationStep
from registry.referrals.tables import Referral
from registry.safety.tables import RiskEvent
from registry.time_log.tables import RunningTimer, TimeEntry
from registry.worklist.tables import Task
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import ENROLMENT, count, enrols, signed_in, team

TALK = {
    "note": "Sleeps better. Walked twice.",
    "minutes": "12",
    "adherence": "as_prescribed",
    "skill": "sleep",
}
NEXT = {"next_on": "2026-03-16", "next_at": "10:30", "next_mode": "video", "next_purpose": "The new dose"}
PLAN = {
    "problem": "Low mood",
    "goals": "Walk to school\nCook on Sundays",
    "rhythm": "Every two weeks by phone",
}


async def test_one_form_records_the_contact_and_offers_the_copy_for_the_chart(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=14)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    assert "Mood, sleep, function:" in dana.text
    await dana.submits(path, **TALK, **NEXT, discuss="yes", question="Raise the dose?")
    assert "Contact saved." in dana.said
    assert "By: " in dana.html
    assert "Minutes: 12" in dana.html
    assert "For the case review: Raise the dose?" in dana.html
    await dana.submits(f"/patients/{patient_id}/filed")
    assert "ticked by" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    assert "16-Mar-2026 10:30 PDT, video The new dose" in dana.text
    assert "Phone call: spoke with the patient" in dana.text
    assert "Discuss at review" in dana.text
    assert "12 min counted" in dana.text
    assert await count(console_deps, ChartCopy, ChartCopy.filed_at.is_not(None)) == 1


async def test_the_contact_form_moves_on_what_waits_for_the_patient(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=14)
    recommend, path = f"/patients/{patient_id}/recommend", f"/patients/{patient_id}/contact"
    await dana.opens(recommend)
    await dana.submits(recommend, medication="Raise sertraline to 100 mg")
    async with console_deps.system_db.begin() as tx:
        advice = f"/approvals/{await tx.scalar(select(Recommendation.id))}"
    await dana.opens(advice)
    await dana.submits(f"{advice}/decide", decision="accepted", via="ehr", decided_by="Dr. Roth")
    await dana.opens(path)
    assert "Recommendations that wait for the patient" not in dana.text  # it is not ordered yet
    assert "Accepted, to be ordered or arranged" in dana.text and "Present treatment" in dana.text
    await dana.opens(advice)
    await dana.submits(f"{advice}/order", by="Dr. Roth", what="Sertraline 100 mg mornings")
    await dana.opens(path)
    [told] = re.findall(r'value="(told:\d+:[0-9a-f-]{36})"', dana.html)
    assert "Told the patient: Sertraline 100 mg mornings" in dana.text
    tried = {"kind": "attempt", "outcome": "no_answer", "channel": "phone", "note": "", **NEXT}
    await dana.submits(path, **tried, advice=told)
    assert dana.errors == ["The recommendation can't move on without speaking to the patient."]
    await dana.submits(path, **TALK, **NEXT, kind="phone", outcome="reached", channel="", advice=told)
    assert "Contact saved." in dana.said
    await dana.opens(path)
    assert "Noted on " in dana.text and "Sleeps better. Walked twice." in dana.text
    [not_in_use] = re.findall(r'value="(not_in_use:\d+:[0-9a-f-]{36})"', dana.html)
    await dana.submits(path, **TALK, **NEXT, advice=not_in_use)
    assert dana.errors == ["Why it is not in use is needed: why is it not in use?"]
    await dana.submits(path, advice=told)
    assert dana.errors == ["The recommendation has moved on since this page was opened: look again."]
    assert await count(console_deps, Contact) == 1
    await dana.submits(path, advice=not_in_use.replace("not_in_use", "in_use"))
    assert "Contact saved." in dana.said
    taken = RecommendationStep.step.in_(("told", "taking"))
    assert await count(console_deps, RecommendationStep, taken) == await count(console_deps, Contact) == 2


async def test_a_refused_contact_shows_what_was_typed_with_each_error_at_its_field(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    wrong = {"next_on": "2026-03-01", "side_effects": "troubling", "medication_what": "Sertraline 100 mg"}
    await dana.submits(path, **(TALK | NEXT | wrong))
    assert dana.status == 422
    assert dana.errors == ["What changed is needed: what kind of change was it?"]
    await dana.submits(path, medication_kind="dose_changed", medication_on="2026-03-01")
    assert dana.errors == [
        "Which side effects is needed: which?",
        "Changed by is needed: who changed it?",
        "Next contact is in the past.",
    ]
    kept = dict(dana.form(path).fields)
    assert (kept["note"], kept["minutes"], kept["medication_what"]) == (
        TALK["note"],
        "12",
        "Sertraline 100 mg",
    )
    assert await count(console_deps, Contact) == await count(console_deps, TimeEntry) == 0


@pytest.mark.parametrize("opened", ["", "garbage", "2026-03-02T10:00"])
async def test_a_note_is_not_lost_because_nobody_knows_when_the_page_was_opened(
    dana: Colleague, harbor: Clinic, console_deps: Deps, opened: str
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    await dana.submits(path, **(TALK | NEXT | {"minutes": "none", "opened_at": opened}))
    assert dana.status == 422
    kept = dict(dana.form(path).fields)
    assert (kept["note"], kept["minutes"]) == (TALK["note"], "none")
    await dana.submits(path, minutes="12")
    assert await count(console_deps, Contact) == 1


async def test_a_long_note_in_a_script_of_many_bytes_is_taken(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    await dana.submits(path, **(TALK | NEXT | {"note": "眠" * 7900}))
    assert dana.status == 200
    assert await count(console_deps, Contact) == 1


async def test_the_same_contact_sent_twice_is_saved_once(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=14)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    fields = dana.form(path).filled(TALK | NEXT)
    await dana.posts(path, fields)
    first = dana.path
    await dana.posts(path, fields)
    assert dana.path == first
    assert await count(console_deps, Contact) == await count(console_deps, TimeEntry) == 1


async def test_the_template_follows_the_kind_and_keeps_what_was_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    fields = dana.form(path).filled({"kind": "portal", "homework": "Walk daily"})
    await dana.posts(f"{path}/template", fields)
    kept = dict(dana.form(path).fields)
    assert kept["note"].startswith("What the patient wrote:")
    assert kept["homework"] == "Walk daily"
    fields = dana.form(path).filled({"kind": "attempt", "note": "My own words"})
    await dana.posts(f"{path}/template", fields)
    kept = dict(dana.form(path).fields)
    assert (kept["note"], kept["outcome"], kept["channel"]) == ("My own words", "no_answer", "phone")
    assert await count(console_deps, Contact) == 0


async def test_minutes_can_run_from_the_opening_of_the_page_or_the_timer(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=5)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    clock.advance(minutes=7)
    await dana.submits(path, note="Short call.", **NEXT)
    assert "Minutes: 7" in dana.html
    clock.advance(minutes=5)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/timer")
    clock.advance(minutes=9)
    await dana.opens(path)
    await dana.submits(path, note="Another call.", **NEXT)
    assert "Minutes: 9" in dana.html
    assert await count(console_deps, RunningTimer) == 0
    assert await count(console_deps, TimeEntry) == 2


async def test_a_draft_comes_back_to_its_author_alone(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    await dana.posts(f"{path}/draft", dana.form(path).filled({"note": "Half a note"}))
    await dana.opens(path)
    assert dict(dana.form(path).fields)["note"] == "Half a note"
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        assert dict(osei.form(path).fields)["note"] != "Half a note"
    await dana.submits(path, note="The whole note", minutes="3", **NEXT)
    assert await count(console_deps, Draft) == 0


async def test_two_people_who_record_at_once_are_told_and_nothing_is_lost(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=14)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        await osei.submits(path, note="Came in.", kind="in_person", **NEXT)
    await dana.submits(path, **TALK, **(NEXT | {"next_on": "2026-03-17"}))
    assert dana.status == 409
    assert "What you typed is below" in dana.text
    assert dict(dana.form(path).fields)["note"] == TALK["note"]
    await dana.submits(path)
    assert "Contact saved." in dana.said
    assert await count(console_deps, Contact) == 2


async def test_a_plan_grows_by_versions_and_two_writers_lose_nothing(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/plans/care"
    await dana.opens(path)
    await dana.submits(path, goals="Walk")
    assert dana.errors == ["Problem is needed.", "Rhythm of contacts and check-ins is needed."]
    await dana.submits(path, **PLAN, agreed_on="2026-03-02")
    assert "Saved as a new version." in dana.said
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        await osei.submits(path, barriers="Night shifts")
        await dana.submits(path, medications="Sertraline 50 mg every morning")
        assert dana.status == 409
        assert "saved version 2 while you were writing" in dana.text
        assert "Night shifts" in dana.text
        assert dict(dana.form(path).fields)["medications"] == "Sertraline 50 mg every morning"
        await dana.submits(path, barriers="Night shifts")
        await osei.opens(path)
        await osei.submits(f"{path}/sign", read="yes", note="Agreed.")
        assert "Signed by" in osei.text
        await osei.opens(f"{path}/copy")
        assert "Medications:\n- Sertraline 50 mg every morning" in osei.html
    async with console_deps.system_db.begin() as tx:
        assert await tx.scalar(select(CarePlan.version).order_by(CarePlan.version.desc()).limit(1)) == 3


async def test_the_patient_gets_a_safety_plan_to_print_in_their_language(
    dana: Colleague, harbor: Clinic, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor, language="es")
    path = f"/patients/{patient_id}/plans/safety"
    await dana.opens(path)
    await dana.submits(
        path, signs="No como", by_myself="Caminar", helpers="Luis", professionals="988\nHarbor"
    )
    await dana.opens(f"{path}/handout")
    assert 'lang="es"' in dana.html
    assert "Cómo noto que se pone difícil" in dana.text
    assert "988" in dana.text
    assert "Nadie vigila los mensajes" in dana.text


async def test_the_clinic_lead_writes_the_templates(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/setup/note-templates")
        await lead.submits("/setup/note-templates/phone", body="Mood:\nSleep:")
        assert "Template saved." in lead.said
        await lead.submits("/setup/closing-rule", attempts="2", channels="3", days="400")
        assert lead.errors == ["Ways can't be more than the tries.", "Days must be 1 to 180."]
        await lead.submits("/setup/closing-rule", channels="2", days="14")
        assert "It holds from now on." in lead.said
    await dana.opens(f"/patients/{patient_id}/contact")
    assert dict(dana.form(f"/patients/{patient_id}/contact").fields)["note"] == "Mood:\nSleep:"


async def test_enrolment_keeps_findings_first_scores_and_goals_and_prints_a_sheet(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    items = {f"phq9_{n}": "2" for n in range(1, 9)} | {"phq9_9": "0"}
    found = {
        "bipolar": "considered",
        "medications": "Sertraline 50 mg",
        "goals": "Walk to school\nCook again",
    }
    patient_id = await enrols(
        dana, harbor, baseline="paper", baseline_on="2026-02-27", problem="Low mood", **found, **items
    )
    assert "PHQ-9 16" in dana.text
    await dana.opens(f"/patients/{patient_id}/plans/care")
    assert (
        dict(dana.form(f"/patients/{patient_id}/plans/care").fields)["goals"] == "Walk to school\nCook again"
    )
    await dana.opens(f"/patients/{patient_id}/expectations")
    assert "stays in charge of your care" in dana.text
    assert "every 14 days" in dana.text
    await dana.opens(f"/patients/{patient_id}/intake")
    assert "Bipolar disorder: Considered\nPTSD: Not documented\nPregnancy: Not documented" in dana.html
    assert "- Sertraline 50 mg" in dana.html
    assert await count(console_deps, Intake) == 1


async def test_findings_are_put_right_later_and_a_stale_save_loses_nothing(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    page = f"/patients/{patient_id}/intake"
    await dana.opens(page)
    for screen in ("bipolar", "ptsd"):
        assert 'value="not_applicable"' not in dana.html.split(f'name="{screen}"')[1].split("</select>")[0]
    await dana.submits(page, bipolar="considered", bipolar_note="None found", medications="Sertraline 50 mg")
    assert "Findings saved" in dana.text
    assert "Bipolar disorder: Considered: None found" in dana.html
    stale = dict(dana.form(page).fields) | {"version": "1", "history": "Asthma as a child"}
    await dana.submits(page, **stale)
    assert "Not saved" in dana.text
    assert dict(dana.form(page).fields) | {"history": "Asthma as a child", "version": "2"} == dict(
        dana.form(page).fields
    )
    await dana.submits(page, pregnancy="not_documented", pregnancy_note="Asked")
    assert "can't be noted when it was not considered" in dana.text
    assert await count(console_deps, Intake) == 2


async def test_an_enrolment_needs_its_visit_and_keeps_the_items_it_can_t_read(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/enrol")
    wrong = {"initiating_visit_on": "", "initiating_visit_code": "", "baseline": "paper", "phq9_1": "1"}
    await dana.submits("/enrol", **(ENROLMENT | team(harbor) | wrong))
    assert dana.errors == ["Initiating visit is needed, unless the patient was seen here within a year."]
    await dana.submits("/enrol", seen_within_year="yes", baseline_on="2026-09-01")
    assert dana.status == 422
    assert dict(dana.form("/enrol").fields)["phq9_1"] == "1"
    assert await count(console_deps, Intake) == 0


async def test_answers_asked_by_phone_are_entered_in_one_screen(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor, channel="phone", second_channel="none")
    path = f"/patients/{patient_id}/scores"
    await dana.opens(f"{path}?source=phone")
    assert "Is this a good moment to talk in private?" in dana.text
    await dana.submits(path, phq9_1="1", phq9_total="9", gad7_2="declined")
    assert dana.errors == ["PHQ-9 total is given as well as items: leave one of them out."]
    await dana.submits(path, phq9_total="", **{f"phq9_{n}": "1" for n in range(2, 9)}, phq9_9="0")
    assert "Scores saved." in dana.said
    assert "PHQ-9 8" in dana.text
    await dana.opens(path)
    await dana.submits(path, **{f"phq9_{n}": "1" for n in range(1, 10)})
    assert dana.path.startswith("/safety")
    assert await count(console_deps, RiskEvent) == 1


async def test_holds_returns_and_a_death_go_through_one_page(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/status"
    await dana.opens(path)
    await dana.submits(path, event="hospital")
    assert dana.errors == ["Look again on is needed: when does somebody look again?"]
    await dana.submits(path, review_on="2026-03-09")
    assert "Status changed." in dana.said
    await dana.opens(path)
    assert "On hold, hospital, since 02-Mar-2026; look again on 09-Mar-2026" in dana.text
    await dana.submits(path, event="back")
    assert await count(console_deps, Task, Task.kind == "after_discharge") == 1
    await dana.opens(path)
    await dana.submits(path, event="died")
    assert "Nothing more goes out to the household." in dana.said
    await dana.opens(path)
    await dana.submits(f"{path}/undo-death")
    assert await count(console_deps, Episode, Episode.status == "active") == 1


async def test_an_end_says_what_is_missing_keeps_what_was_typed_and_waits_for_a_handover(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/status"
    await dana.opens(f"/patients/{patient_id}/referrals")
    await dana.submits(
        f"/patients/{patient_id}/referrals",
        kind="psychiatry",
        to="Alder",
        why="Second opinion",
        hands_over="yes",
    )
    await dana.opens(path)
    assert "A referral that hands the patient over is not complete." in dana.text
    assert f"/patients/{patient_id}/plans/relapse" in dana.html
    await dana.submits(path, event="completed", note="Goals met.")
    assert "call it off with the reason" in dana.text
    assert "Goals met." in dana.html
    async with console_deps.system_db.begin() as tx:
        referral = await tx.scalar(select(Referral.id))
    await dana.opens(f"/patients/{patient_id}/referrals")
    await dana.submits(
        f"/patients/{patient_id}/referrals/{referral}", step="cancelled", note="Does not want to go"
    )
    await dana.opens(path)
    await dana.submits(path, event="completed", note="Goals met.", unstable_because="Feels well")
    assert dana.errors == [
        "The plan against relapse is needed: write the plan against relapse, or say why there is none.",
        "Telling the treating clinician is needed: when the treating clinician was told.",
        "The way of telling is needed: how the treating clinician was told.",
    ]
    assert "Feels well" in dana.html
    await dana.submits(path, no_plan_because="Does not want one", told_on="2026-03-02", told_how="phone")
    assert "Status changed." in dana.said
    await dana.opens(path)
    assert await count(console_deps, Episode, Episode.end_reason == "completed") == 1


async def test_a_patient_nobody_reaches_is_closed_by_the_lead_with_a_note(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/closing"
    await dana.opens(f"/patients/{patient_id}/contact?kind=attempt")
    await dana.submits(f"/patients/{patient_id}/contact", since_opened=None)
    await dana.opens(path)
    assert "1 try by 1 way in 0 days without reaching the patient" in dana.text
    await dana.submits(path, decision="keep", note="Sister calls.", keep_until="2026-03-09")
    assert "It is looked at again on that day." in dana.said
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(path)
        await lead.submits(path, note="Letter sent, no answer.")
        assert lead.errors == [
            "Telling the treating clinician is needed: the treating clinician hears of it first."
        ]
        await lead.submits(path, told_clinician_on="2026-03-02", letter_on="2026-03-02")
        assert "Closed." in lead.said
        assert "Way back: Call the clinic" in lead.html
    assert await count(console_deps, Episode, Episode.status == "inactive_disengaged") == 1
