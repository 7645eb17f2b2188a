"""What enrolment asks before it records it, and the minutes it carries."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select

from api.wiring import Deps
from messaging.consent.tables import TextingConsent
from registry.episodes.forms import StatusForm
from registry.episodes.status import change_status
from registry.episodes.tables import Episode
from registry.patients.tables import Patient, PatientPhone
from registry.time_log.tables import RunningTimer, TimeEntry
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import ENROLMENT, actor, count, enrols, team

ASKED = ("texting", "channel", "second_channel", "phone_private", "consent_method", "consent_at")
REFERRAL = {
    "family_name": "Brannock", "given_name": "Tobias", "birth_date": "1990-05-17", "phone": "206-555-0133",
    "reason": "Sleeps badly", "safety_checked": "yes", "explained": "yes",
}  # fmt: skip


async def refers(dana: Colleague, **changes: str) -> Colleague:
    await dana.opens("/referrals")
    return await dana.submits("/referrals", **(REFERRAL | changes))


def referred_id(dana: Colleague) -> str:
    return dana.path.split("/")[2].split("?")[0]


async def test_no_agreement_is_chosen_before_the_patient_was_asked(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/enrol")
    fields = dict(dana.form("/enrol").fields)
    assert {name: fields.get(name, "") for name in (*ASKED, "phone_shared", "voicemail_ok")} == dict.fromkeys(
        (*ASKED, "phone_shared", "voicemail_ok"), ""
    )
    silent = {name: value for name, value in ENROLMENT.items() if name not in ASKED}
    await dana.submits("/enrol", **(silent | team(harbor)))
    assert dana.status == 422
    assert dana.errors == [
        "How the patient agreed is needed.",
        "Time of the agreement is needed.",
        "Agreement to texts is needed.",
        "How check-ins are answered is needed.",
        "When that fails is needed.",
    ]
    rest = {name: ENROLMENT[name] for name in ASKED if name != "phone_private"}
    await dana.submits("/enrol", **rest)
    assert dana.errors == ["Who reads along is needed: ask the patient."]
    assert await count(console_deps, Patient) == 0


async def test_no_texts_is_an_answer_as_good_as_the_others(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    told = {"texting": "none", "channel": "phone", "second_channel": "none", "phone_private": "no"}
    patient_id = await enrols(dana, harbor, **told)
    assert await count(console_deps, TextingConsent) == 0
    assert await count(
        console_deps,
        PatientPhone,
        PatientPhone.patient_id == patient_id,
        PatientPhone.safe_to_text.is_(False),
    )


@pytest.mark.parametrize(
    ("minutes", "began_at", "consent_at", "counted", "logged"),
    [
        ("20", "", "09:50", "10 min counted", 1200),
        ("20", "09:35", "09:50", "5 min counted", 1200),
        ("20", "09:20", "09:50", "0 min counted", 1200),
        ("", "", "09:50", "0 min counted", None),
    ],
)
async def test_minutes_of_the_conversation_count_from_the_agreement(
    dana: Colleague,
    harbor: Clinic,
    console_deps: Deps,
    minutes: str,
    began_at: str,
    consent_at: str,
    counted: str,
    logged: int | None,
) -> None:
    patient_id = await enrols(dana, harbor, minutes=minutes, began_at=began_at, consent_at=consent_at)
    assert counted in dana.text
    async with console_deps.system_db.begin() as tx:
        rows = await tx.all(select(TimeEntry.__table__).where(TimeEntry.patient_id == patient_id))
    assert [(row.seconds, row.activity, row.staff_id) for row in rows] == (
        [] if logged is None else [(logged, "outreach", harbor.staff["care_manager"])]
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"minutes": "20", "consent_at": "09:10"},
            "Start of the conversation is needed: the patient agreed more than that many minutes ago.",
        ),
        (
            {"began_at": "09:10"},
            "Minutes of this conversation are needed with the start of the conversation.",
        ),
    ],
)
async def test_minutes_that_nobody_can_place_enrol_nobody(
    dana: Colleague, harbor: Clinic, console_deps: Deps, changes: dict[str, str], error: str
) -> None:
    await dana.opens("/enrol")
    await dana.submits("/enrol", **(ENROLMENT | team(harbor) | changes))
    assert dana.status == 422
    assert dana.errors == [error]
    assert await count(console_deps, Patient) == 0


async def test_the_timer_of_the_call_is_stopped_by_the_enrolment(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await refers(dana)
    patient_id = referred_id(dana)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/timer", activity="outreach")
    await dana.works_for(minutes=10)
    await dana.opens(f"/enrol/{patient_id}")
    form = dana.form(f"/enrol/{patient_id}")
    assert dict(form.fields)["from_timer"] == "yes"
    whole = ENROLMENT | team(harbor) | {"consent_at": "10:05"}
    rest = {k: v for k, v in whole.items() if k in form.names and k not in REFERRAL}
    await dana.submits(f"/enrol/{patient_id}", **rest)
    assert "Enrolled." in dana.said
    assert "5 min counted" in dana.text
    assert await count(console_deps, RunningTimer) == 0
    assert await count(console_deps, TimeEntry, TimeEntry.patient_id == UUID(patient_id)) == 1


async def test_two_who_share_a_phone_are_both_referred_after_a_tick(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await refers(dana)
    await refers(dana, given_name="Lea", birth_date="2001-02-03")
    assert dana.errors == ["Mobile phone is another patient's. Tick Both use this phone if that is so."]
    assert "BRANNOCK, Tobias" in dana.text and "same phone" in dana.text
    await dana.submits("/referrals", phone_shared="on")
    assert "Referral sent" in dana.said
    assert await count(console_deps, PatientPhone, PatientPhone.shared.is_(True)) == 2
    patient_id = referred_id(dana)
    await dana.opens(f"/enrol/{patient_id}")
    form = dana.form(f"/enrol/{patient_id}")
    assert dict(form.fields)["phone_shared"] == "on"
    whole = ENROLMENT | team(harbor)
    rest = {k: v for k, v in whole.items() if k in form.names and k not in REFERRAL}
    await dana.submits(f"/enrol/{patient_id}", **rest)
    assert "Enrolled." in dana.said


async def test_a_second_referral_of_a_person_leads_to_the_record_unless_it_is_said_to_be_another(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await refers(dana)
    known = referred_id(dana)
    await refers(dana, phone="206-555-0134", family_name="brannock")
    assert dana.status == 409
    assert "born 17-May-1990, waits to be enrolled; same name" in dana.text
    assert dana.links("BRANNOCK, Tobias") == [f"/patients/{known}"]
    assert not dana.form("/referrals").names & {"patient_id"}
    assert await count(console_deps, Patient) == 1
    await dana.submits("/referrals", another_person="yes")
    assert "Referral sent" in dana.said
    assert await count(console_deps, Patient) == 2


async def test_somebody_whose_care_ended_is_referred_again_with_the_history(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await refers(dana, mrn="40300")
    known = referred_id(dana)
    who = await actor(console_deps, harbor)
    async with console_deps.db.begin(harbor.id) as tx:
        form = StatusForm("ended", "declined", date(2026, 3, 2), note="Wants to wait.")
        await change_status(
            tx, who, UUID(known), form, now=console_deps.clock.now(), outreach=console_deps.outreach
        )
    await refers(dana, family_name="Brannock-Vale", mrn="40300", phone="206-555-0135")
    assert "care has ended; same MRN" in dana.text
    await dana.submits("/referrals", patient_id=known)
    assert "Referral sent" in dana.said
    assert referred_id(dana) == known
    assert (await count(console_deps, Patient), await count(console_deps, Episode)) == (1, 2)
