"""From referral to care: each page's own form, filled in as a person would, on the real application."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from api.wiring import Deps
from kernel.audit import AuditEvent
from messaging.delivery.tables import Outbox
from registry.episodes.tables import Episode
from registry.patients.tables import Patient
from registry.plans.tables import MeasurePlan
from registry.time_log.tables import TimeEntry
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import (
    CALM,
    ENROLMENT,
    LOW,
    answers,
    audited,
    count,
    enrols,
    signed_in,
    team,
    texts,
)


async def test_a_referral_takes_a_minute_and_waits_in_the_registry(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens("/referrals")
        await osei.submits(
            "/referrals", family_name="Brannock", given_name="Tobias", phone="206-555-0133",
            reason="Sleeps badly", safety_checked="yes", explained="yes",
        )  # fmt: skip
        assert "Referral sent" in osei.said
        assert "BRANNOCK, Tobias" in osei.text
    await dana.opens("/registry?caseload=clinic")
    assert "BRANNOCK, Tobias" in dana.text
    assert "referred" in dana.text


async def test_a_refused_referral_keeps_what_was_typed_and_names_each_field(dana: Colleague) -> None:
    await dana.opens("/referrals")
    await dana.submits("/referrals", family_name="Brannock", reason="Sleeps badly", explained="yes")
    assert dana.status == 422
    assert dana.errors == ["Given name is needed.", "Asking about urgent risk is needed."]
    kept = dict(dana.form("/referrals").fields)
    assert (kept["family_name"], kept["reason"], kept["explained"]) == ("Brannock", "Sleeps badly", "yes")


async def test_enrolling_plans_check_ins_and_the_next_contact_in_one_go(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    assert "Enrolled." in dana.said
    assert "ALDERCOTT, Maren" in dana.text
    assert "born 09-Apr-1984 (41 y)" in dana.text
    assert "09-Mar-2026 14:00 PDT, phone" in dana.text
    assert "PHQ-9 and GAD-7 every 14 days at 10:00" in dana.text
    assert "Agreed to care 02-Mar-2026" in dana.text
    assert await count(console_deps, MeasurePlan, MeasurePlan.patient_id == patient_id) == 2
    done = await audited(console_deps, patient_id=patient_id)
    assert {
        "patient.enrolled",
        "texting_consent.given",
        "plan.set",
        "next_contact.set",
        "patient.read",
    } <= set(done)


async def test_nothing_of_a_refused_enrolment_is_stored_and_nothing_typed_is_lost(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/enrol")
    changed = ENROLMENT | team(harbor) | {"target_condition": "sad", "next_on": "2026-03-01", "phone": "123"}
    await dana.submits("/enrol", **changed)
    assert dana.status == 422
    assert "Condition is not an ICD-10-CM code such as F32.1." in dana.errors
    assert any("Mobile phone" in problem for problem in dana.errors)
    assert dict(dana.form("/enrol").fields)["family_name"] == "Aldercott"
    assert await count(console_deps, Patient) == 0
    await dana.submits("/enrol", target_condition="F33.1", phone="206-555-0123")
    assert dana.errors == ["Next contact is in the past."]
    assert await count(console_deps, Patient) == 0
    await dana.submits("/enrol", next_on="2026-03-10")
    assert dana.path.startswith("/patients/")


async def test_a_referral_is_completed_with_what_it_knows(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/referrals")
    await dana.submits(
        "/referrals", family_name="Brannock", given_name="Tobias", phone="206-555-0133",
        reason="Sleeps badly", safety_checked="yes", explained="yes",
    )  # fmt: skip
    patient_id = dana.path.split("/")[2].split("?")[0]
    await dana.opens(dana.links("Complete the enrolment")[0])
    form = dana.form(f"/enrol/{patient_id}")
    assert dict(form.fields)["family_name"] == "Brannock"
    assert "referred_by" not in form.names
    rest = {
        k: v
        for k, v in (ENROLMENT | team(harbor)).items()
        if k in form.names and k not in ("family_name", "given_name", "phone")
    }
    await dana.submits(f"/enrol/{patient_id}", **rest)
    assert "Enrolled." in dana.said
    assert await count(console_deps, Patient) == 1
    assert await count(console_deps, Episode, Episode.status == "active") == 1


async def test_the_same_enrolment_sent_twice_enrols_once(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/enrol")
    fields = dana.form("/enrol").filled(ENROLMENT | team(harbor))
    await dana.posts("/enrol", fields)
    first = dana.path
    await dana.posts("/enrol", fields)
    assert dana.path == first
    assert await count(console_deps, Patient) == 1


async def test_scores_answers_and_the_chart_show_what_was_answered(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    await answers(console_deps, harbor, patient_id, LOW, date(2026, 3, 2))
    clock.advance(days=14)
    async with signed_in(console_deps, harbor) as dana:
        await answers(console_deps, harbor, patient_id, CALM, date(2026, 3, 16))
        await dana.opens(f"/patients/{patient_id}")
        assert "13 → 6 (−54 %)" in dana.text
        assert "PHQ-9 went from 13 to 6 (54% lower); met: below 10 and at least 50% lower" in dana.text
        assert "<polyline" in dana.html
        assert "Feeling down, depressed, or hopeless" in dana.text
        assert "Item 9: 0 on 16-Mar-2026" in dana.text
        assert "no risk" not in dana.text.lower()
        await dana.opens("/registry")
        assert "−54 %" in dana.text


async def test_a_text_is_answered_counted_and_marked_as_read(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await texts(console_deps, harbor, "Can we do Friday instead?")
    await dana.opens("/tasks")
    assert "Can we do Friday instead?" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    assert "1 not read" in dana.text
    await dana.submits(f"/patients/{patient_id}/texts", body="Friday at 2 is fine. Lee")
    assert "Your text is on its way" in dana.said
    assert "Friday at 2 is fine. Lee" in dana.text
    assert "not read" not in dana.text
    await dana.opens("/tasks")
    assert "Can we do Friday instead?" not in dana.text
    assert await count(console_deps, Outbox, Outbox.kind == "staff_text") == 1


async def test_a_text_sent_twice_goes_out_once_and_an_edited_one_says_so(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/texts"
    fields = dana.form(path).filled({"body": "See you Friday"})
    await dana.posts(path, fields)
    await dana.posts(path, fields)
    assert await count(console_deps, Outbox, Outbox.kind == "staff_text") == 1
    await dana.posts(path, [(k, "See you Monday" if k == "body" else v) for k, v in fields])
    assert dana.status == 409
    assert dana.errors == ["This form was saved already. Open the page again to add another."]
    assert dict(dana.form(path).fields)["body"] == "See you Monday"


async def test_no_reply_form_is_offered_after_stop(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await texts(console_deps, harbor, "STOP")
    await dana.opens(f"/patients/{patient_id}")
    assert "The patient opted out of texts. Agree on another channel." in dana.text
    assert f"/patients/{patient_id}/texts" not in [form.action for form in dana.page.forms]


async def test_a_text_written_while_the_patient_stopped_is_refused_and_kept(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    fields = dana.form(f"/patients/{patient_id}/texts").filled({"body": "See you Friday"})
    await texts(console_deps, harbor, "STOP")
    await dana.posts(f"/patients/{patient_id}/texts", fields)
    assert dana.status == 409
    assert await count(console_deps, Outbox, Outbox.kind == "staff_text") == 0


async def test_a_draft_of_a_reply_comes_back_after_signing_in_again(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/texts"
    answer = await dana.client.post(
        f"{path}/draft", data=dict(dana.form(path).filled({"body": "Half a thou"}))
    )
    assert answer.status_code == 204
    async with signed_in(console_deps, harbor) as again:
        await again.opens(f"/patients/{patient_id}")
        assert dict(again.form(path).fields)["body"] == "Half a thou"
        assert "Your draft of 02-Mar-2026" in again.text
        await again.submits(path, body="A whole thought")
        assert "Your draft" not in again.text
    async with signed_in(console_deps, harbor, "clinician") as other:
        await other.opens(f"/patients/{patient_id}")
        assert "Half a thou" not in other.html


async def test_a_draft_of_an_enrolment_comes_back_with_its_ticks(dana: Colleague, harbor: Clinic) -> None:
    await dana.opens("/enrol")
    fields = dana.form("/enrol").filled(
        {"family_name": "Ingersoll", "phone_private": "no", "voicemail_ok": "on"}
    )
    assert (await dana.client.post("/enrol/draft", data=dict(fields))).status_code == 204
    await dana.opens("/enrol")
    kept = dana.form("/enrol").fields
    assert ("family_name", "Ingersoll") in kept
    assert ("voicemail_ok", "on") in kept
    assert dict(kept)["phone_private"] == "no"
    assert "texting" not in dict(kept)


async def test_time_is_logged_shown_with_what_counts_and_taken_back(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=30)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/time", minutes="20", activity="patient_contact")
    assert "Time added." in dana.said
    assert "20 min counted" in dana.text
    assert "20 min: G2214, next line at 36" in dana.text
    assert "every minute counts" in dana.text
    undo = next(form.action for form in dana.page.forms if form.action.endswith("/undo"))
    await dana.submits(undo)
    assert "The entry was taken back." in dana.said
    assert "0 min counted" in dana.text
    assert await count(console_deps, TimeEntry, TimeEntry.superseded_at.is_(None), TimeEntry.seconds > 0) == 0


async def test_undo_is_refused_when_it_comes_too_late(
    dana: Colleague, harbor: Clinic, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=30)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/time", minutes="20", activity="patient_contact")
    undo = next(form.action for form in dana.page.forms if form.action.endswith("/undo"))
    fields = dana.form(undo).fields
    clock.advance(seconds=31)
    await dana.posts(undo, fields)
    assert dana.status == 409
    assert "too late" in dana.errors[0]


async def test_a_time_form_sent_twice_logs_once(dana: Colleague, harbor: Clinic, console_deps: Deps) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/time"
    fields = dana.form(path).filled(
        {"on": "2026-03-02", "at": "09:00", "minutes": "20", "activity": "care_plan"}
    )
    for _ in range(2):
        await dana.posts(path, fields)
    assert await count(console_deps, TimeEntry) == 1


async def test_an_entry_is_corrected_with_a_reason_beside_the_old_one(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=30)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/time", minutes="25", activity="patient_contact")
    await dana.opens("/time")
    await dana.opens(dana.links("Correct")[0])
    path = next(
        form.action
        for form in dana.page.forms
        if form.action.startswith("/time/") and "void" not in form.action
    )
    await dana.submits(path, minutes="15")
    assert dana.errors == ["Reason is needed."]
    await dana.submits(path, reason="Talked with a colleague meanwhile")
    assert "Correction saved" in dana.said
    assert "was 25: Talked with a colleague meanwhile" in dana.text
    assert "15 of 15 min" in dana.text
    assert await count(console_deps, TimeEntry) == 2


async def test_overlapping_minutes_say_why_they_do_not_count(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=120)
    for at, activity in (("10:10", "patient_contact"), ("10:15", "care_plan")):
        await dana.opens(f"/patients/{patient_id}")
        await dana.submits(f"/patients/{patient_id}/time", at=at, minutes="10", activity=activity)
    assert "5 min: Another entry already counts this time." in dana.text
    await dana.opens("/time")
    assert "5 of 10 min" in dana.text


async def test_the_next_contact_needs_a_day_or_a_reason(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/next-contact"
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(path, on="", purpose="")
    assert dana.errors == ["What it will cover is needed: why is no next contact planned?"]
    await dana.submits(path, on="2026-03-12", at="09:30", mode="video", purpose="Sleep")
    assert "12-Mar-2026 09:30 PDT, video" in dana.text


async def test_somebody_elses_change_is_a_conflict_and_nothing_is_lost(
    dana: Colleague, harbor: Clinic
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/next-contact"
    stale = dana.form(path).filled({"on": "2026-03-20", "mode": "phone", "purpose": "My own plan"})
    await dana.submits(path, on="2026-03-12", mode="phone")
    await dana.posts(path, stale)
    assert dana.status == 409
    assert dict(dana.form(path).fields)["purpose"] == "My own plan"
    assert "12-Mar-2026" in dana.text


async def test_check_ins_are_changed_and_a_bad_time_is_named(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/check-ins"
    await dana.submits(path, every_days="28", local_time="23:00")
    assert dana.errors == ["The time is outside the sending window 09:00 to 20:00."]
    await dana.submits(path, local_time="11:00")
    assert "every 28 days at 11:00" in dana.text
    await dana.submits(path, every_days="0")
    assert "Check-ins none" in dana.text


async def test_discuss_puts_a_patient_second_in_the_registry(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.submits(f"/patients/{patient_id}/discuss")
    assert "Marked for the case review." in dana.said
    await dana.opens("/registry?flag=discuss")
    assert "ALDERCOTT, Maren" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/discuss")
    await dana.opens("/registry?flag=discuss")
    assert "No patient matches" in dana.text


@pytest.mark.parametrize("asked", ["alder", "40117", "(206) 555-0123", "Aldercott, Maren"])
async def test_a_patient_is_found_by_name_mrn_or_phone_without_an_address_that_says_so(
    dana: Colleague, harbor: Clinic, asked: str
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens("/registry")
    await dana.submits("/search", query=asked)
    assert dana.path == f"/patients/{patient_id}"


async def test_a_search_shows_everybody_who_fits_and_says_when_nobody_does(
    dana: Colleague, harbor: Clinic
) -> None:
    await enrols(dana, harbor)
    await enrols(dana, harbor, given_name="Una", mrn="40118", phone="206-555-0124")
    await dana.submits("/search", query="alder")
    assert "2 people found" in dana.text
    await dana.submits("/search", query="zz")
    assert "Nobody found" in dana.text
    await dana.submits("/search", query="z")
    assert "at least two characters" in dana.text


async def test_what_is_typed_is_shown_as_text_and_never_as_markup(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    hostile = "<script>alert(1)</script>"
    patient_id = await enrols(
        dana, harbor, family_name=f"X{hostile}", referral_reason=f"'\"><img src=x onerror=a>{hostile}"
    )
    await texts(console_deps, harbor, f"{hostile}\"'><svg onload=b>")
    for path in ("/today", "/registry?caseload=clinic", "/tasks", f"/patients/{patient_id}"):
        await dana.opens(path)
        assert dana.status == 200
        assert hostile not in dana.html
        assert not [tag for tag, attrs in dana.page.tags if any(name.startswith("on") for name in attrs)]
    await dana.submits("/search", query=hostile)
    assert hostile not in dana.html


async def test_a_form_of_an_old_page_or_another_site_changes_nothing(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/texts"
    fields = dana.form(path).filled({"body": "Hello"})
    for forged in (
        [f for f in fields if f[0] != "_csrf"],
        [("_csrf", "made-up"), *[f for f in fields if f[0] != "_csrf"]],
    ):
        await dana.posts(path, forged)
        assert dana.status == 403
    answer = await dana.client.post(path, data=dict(fields), headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    answer = await dana.client.post(path, data=dict(fields), headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert await count(console_deps, Outbox, Outbox.kind == "staff_text") == 0


async def test_each_page_of_a_patient_leaves_audit_rows_that_hold_nobody(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    before = len(await audited(console_deps))
    await dana.opens(f"/patients/{patient_id}")
    fresh = (await audited(console_deps))[before:]
    assert {
        "patient.read",
        "measures.read",
        "thread.read",
        "time_log.read",
        "plan.read",
        "check_ins.read",
    } <= set(fresh)
    async with console_deps.system_db.begin() as tx:
        rows = await tx.all(
            select(AuditEvent.detail, AuditEvent.actor_id, AuditEvent.session, AuditEvent.request_id)
        )
    assert "Aldercott" not in str(rows)
    assert all(row.session and row.request_id for row in rows if row.actor_id == harbor.staff["care_manager"])


async def test_a_page_that_does_not_exist_says_so_and_leads_back(dana: Colleague, harbor: Clinic) -> None:
    await dana.opens(f"/patients/{uuid4()}")
    assert dana.status == 404
    assert "There is nothing here" in dana.text
    await dana.opens("/registry?sort=password")
    assert dana.status == 404


async def test_nothing_about_a_person_stands_in_an_address_or_a_title(
    dana: Colleague, harbor: Clinic
) -> None:
    patient_id: UUID = await enrols(dana, harbor)
    for path in (f"/patients/{patient_id}", "/registry", "/today", "/tasks", "/time"):
        await dana.opens(path)
        title = dana.html.split("<title>")[1].split("</title>")[0]
        addresses = [attrs.get("href", "") for tag, attrs in dana.page.tags if tag == "a"]
        for text in (title, *addresses):
            assert "aldercott" not in text.lower()
            assert "40117" not in text


async def test_a_stop_said_on_the_phone_is_recorded_and_the_number_confirmed_again(
    dana: Colleague, harbor: Clinic
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.submits(f"/patients/{patient_id}/texting/stop", said="verbal")
    assert "Texts to this number are stopped." in dana.said
    await dana.opens("/tasks")
    assert "Opted out of texts" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    seen = dana.form(f"/patients/{patient_id}/phone/confirm").filled({})
    await dana.posts(f"/patients/{patient_id}/phone/confirm", [*seen, ("called", "+12065550199")])
    assert dana.status == 409 and "the number was changed meanwhile" in dana.text
    await dana.submits(f"/patients/{patient_id}/phone/confirm")
    assert "Number confirmed." in dana.said


async def test_the_timer_runs_in_the_header_through_a_sign_out_and_stops_into_the_log(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/timer")
    assert "Timer started" in dana.said
    assert "Start timer" not in dana.text
    clock.advance(minutes=8)
    await dana.submits("/sign-out")
    async with signed_in(console_deps, harbor) as again:
        await again.opens("/registry")
        assert "<b data-timer-shown>8 min</b>" in again.html
        await again.posts("/time/timer/add", [*again.form("/time/timer/add").fields, ("minutes", "5")])
        assert "<b data-timer-shown>13 min</b>" in again.html
        clock.advance(minutes=11)
        await again.opens("/time/timer")
        assert "data-timer-ask><b>Still at work?" in again.html
        path, typed = "/time/timer/stop", {"activity": "care_plan", "minutes": "900"}
        fields = [f for f in again.form(path).fields if f[0] == "_csrf"]
        await again.posts(path, [*fields, *typed.items()])
        assert "enter longer work as two" in again.errors[0]
        assert await count(console_deps, TimeEntry) == 0
        await again.posts(path, [*fields, ("activity", "care_plan"), ("minutes", "19")])
        assert "Time added." in again.said
        assert "Start timer" in again.text
    assert (
        await count(console_deps, TimeEntry, TimeEntry.seconds == 19 * 60, TimeEntry.source == "timer") == 1
    )


async def test_a_line_of_the_registry_starts_the_timer_and_comes_back_to_the_line(
    dana: Colleague, harbor: Clinic
) -> None:
    first, second = [
        await enrols(dana, harbor, family_name=name, mrn=name, phone=f"206-555-01{n}")
        for n, name in ((31, "Adler"), (32, "Brook"))
    ]
    await dana.opens("/registry?caseload=clinic&sort=-patient")
    line = re.search(
        r'id="(line-[0-9a-f-]+)"(?:(?!<tr).)*aria-label="Start timer: ADLER, Maren"', dana.html, re.S
    )
    assert line is not None
    sent = [*dana.form("/time/timer").fields, ("line", line[1].removeprefix("line-"))]
    await dana.posts(f"/patients/{first}/timer", sent)
    assert dana.path == f"/registry?caseload=clinic&sort=-patient&said=timer_started#{line[1]}"
    assert "Timer started" in dana.said
    assert "Start timer: ADLER, Maren" not in dana.html and "Start timer: BROOK, Maren" in dana.html
    assert dana.html.count("Your timer runs for this patient") == 2  # to be seen and to be heard
    await dana.posts(f"/patients/{second}/timer", sent)
    assert dana.status == 409 and "timer is running already" in dana.text


@pytest.mark.parametrize(
    ("page", "activity"),
    [
        ("", "patient_contact"),
        ("/contact", "patient_contact"),
        ("/plans/care", "care_plan"),
        ("/scores", "assessment"),
    ],
)
async def test_every_page_of_a_patient_starts_the_timer_and_stays(
    dana: Colleague, harbor: Clinic, page: str, activity: str
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}{page}")
    assert "Start timer for this patient" in dana.text
    assert dict(dana.form(f"/patients/{patient_id}/timer").fields)["activity"] == activity
    await dana.submits(f"/patients/{patient_id}/timer")
    assert dana.path == f"/patients/{patient_id}{page}?said=timer_started"
    assert "Running timer" in dana.html and "Start timer" not in dana.text


async def test_a_timer_leads_nowhere_else(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/timer", back="//elsewhere.example/page")
    assert dana.path == f"/patients/{patient_id}?said=timer_started#time"


async def test_an_end_before_the_start_is_refused_at_its_field_and_stays_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/time"
    typed = {"on": "2026-03-02", "at": "09:30", "until": "09:10", "activity": "care_plan"}
    await dana.posts(path, dana.form(path).filled(typed))
    assert dana.errors == ["Ended The end must be after the start; correct one of the two."]
    assert ("until", "09:10") in [(n, v[:5]) for n, v in dana.form(path).fields]
    await dana.posts(path, dana.form(path).filled(typed | {"until": "09:45"}))
    assert await count(console_deps, TimeEntry, TimeEntry.seconds == 900) == 1


async def test_an_e_mail_address_is_recorded_with_its_agreement_and_taken_back(
    dana: Colleague, harbor: Clinic
) -> None:
    patient_id = await enrols(dana, harbor, second_channel="email")
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/email", address="maren at home")
    assert dana.errors == ["E-mail address is not an e-mail address."]
    assert dict(dana.form(f"/patients/{patient_id}/email").fields)["address"] == "maren at home"
    await dana.submits(f"/patients/{patient_id}/email", address="maren@mail.example")
    assert "E-mail address recorded." in dana.said
    assert "maren@mail.example" in dana.text
    await dana.submits(f"/patients/{patient_id}/email/withdraw")
    assert "taken back" in dana.text
    assert f"/patients/{patient_id}/email/withdraw" not in [form.action for form in dana.page.forms]
