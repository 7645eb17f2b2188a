"""A safety event from the answer to the second person's close, through the pages' own forms."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select

from api.wiring import Deps
from registry.safety.tables import RiskAction, RiskEvent
from registry.worklist.tables import Task
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import answers, audited, count, enrols, signed_in, texts

DANGER = (2, 2, 2, 2, 2, 2, 1, 0, 2)


async def event_of(deps: Deps) -> UUID:
    async with deps.system_db.begin() as tx:
        row = await tx.first(select(RiskEvent.id))
    assert row is not None
    found: UUID = row.id
    return found


async def opened(dana: Colleague, harbor: Clinic, deps: Deps) -> str:
    """An event of tier 2 from item 9; the path of its page."""
    patient_id = await enrols(dana, harbor)
    await answers(deps, harbor, patient_id, DANGER, date(2026, 3, 2))
    return f"/safety/{await event_of(deps)}"


async def test_every_page_says_that_an_event_waits_until_somebody_takes_it(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens("/registry")
    assert "1 safety event waits to be acknowledged, for 0 min" in dana.text
    await dana.opens("/today")
    assert "ALDERCOTT, Maren" in dana.text
    assert "acknowledge by 10:30 PST" in dana.text
    await dana.opens(path)
    await dana.submits(f"{path}/acknowledge")
    assert "You have this event." in dana.said
    await dana.opens("/registry")
    assert "waits to be acknowledged" not in dana.text
    assert "Safety" in dana.text


async def test_the_banner_counts_nothing_for_people_who_see_no_patients(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await opened(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens("/billing")
        assert "safety event" not in tom.text


async def test_from_the_answer_to_the_second_persons_close(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(path)
    assert "Item 9 above 0" in dana.text
    assert "answered 2" in dana.text
    assert "206-555-0123" in dana.text
    await dana.submits(f"{path}/acknowledge")
    await dana.submits(f"{path}/attempts", channel="phone", outcome="reached", note="At home with her sister")
    assert "Attempt recorded." in dana.said
    await dana.submits(
        f"{path}/assessment", answer_thoughts="suicide", answer_method="yes", answer_intent="not_reported",
        answer_plan="not_reported", answer_behaviour="not_reported", answer_means="unsure", level="low",
        findings="Thoughts, no plan",
    )  # fmt: skip
    assert dana.errors == ["Why this level is needed: the answers suggest moderate."]
    await dana.submits(f"{path}/assessment", level="moderate", mitigation="Sister stays tonight")
    assert "Assessment saved." in dana.said
    assert "Thinks of killing themself" in dana.text
    await dana.submits(f"{path}/steps", step="consultant_informed", who="Dr. Sung", at="09:55")
    assert "Step recorded." in dana.said
    await dana.submits(
        f"{path}/disposition", disposition="assessed_plan_made", next_contact_on="2026-03-03",
        next_contact_at="09:00", note="Call in the morning",
    )  # fmt: skip
    assert "Disposition and next contact saved." in dana.said
    assert "closed by someone other than the person who acknowledged it" in dana.text
    assert f"{path}/close" not in [form.action for form in dana.page.forms]
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        assert "At home with her sister" in osei.text
        await osei.submits(f"{path}/close")
        assert osei.errors == ["Your agreement is needed."]
        await osei.submits(f"{path}/close", confirm="yes", note="Agreed")
        assert "Event closed." in osei.said
        await osei.opens("/safety")
        assert "No open safety event" in osei.text
    async with console_deps.system_db.begin() as tx:
        kinds = [
            row.kind for row in await tx.all(select(RiskAction.kind).order_by(RiskAction.at, RiskAction.id))
        ]
    assert kinds == ["acknowledged", "attempt", "assessment", "step", "disposition", "closed"]
    assert await count(console_deps, Task, Task.kind == "safety_event", Task.done_at.is_(None)) == 0
    assert "risk_event.closed" in await audited(console_deps)


async def test_the_person_who_acknowledged_cannot_close_even_with_a_made_up_form(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(path)
    await dana.submits(f"{path}/acknowledge")
    await dana.submits(f"{path}/disposition", disposition="assessed_plan_made", next_contact_on="2026-03-03")
    token = dict(dana.form("/sign-out").fields)["_csrf"]
    await dana.posts(f"{path}/close", [("_csrf", token), ("confirm", "yes")])
    assert dana.status == 409
    assert await count(console_deps, RiskEvent, RiskEvent.state != "closed") == 1


async def test_of_two_people_one_takes_the_event_and_the_other_is_told(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await dana.opens(path)
        await osei.opens(path)
        fields = osei.form(f"{path}/acknowledge").fields
        await dana.submits(f"{path}/acknowledge")
        await osei.posts(f"{path}/acknowledge", fields)
        assert "Somebody had acknowledged this event before you." in osei.said
        assert "Care Manager harbor" in osei.text


async def test_a_disposition_needs_the_next_contact(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(path)
    await dana.submits(f"{path}/acknowledge")
    await dana.submits(f"{path}/disposition", disposition="urgent_visit", note="Seen today")
    assert dana.errors == ["Next contact is needed."]
    assert dict(dana.form(f"{path}/disposition").fields)["note"] == "Seen today"


async def test_an_attempt_sent_twice_is_one_attempt(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(path)
    await dana.submits(f"{path}/acknowledge")
    fields = dana.form(f"{path}/attempts").filled({"channel": "phone", "outcome": "no_answer"})
    for _ in range(2):
        await dana.posts(f"{path}/attempts", fields)
    assert await count(console_deps, RiskAction, RiskAction.kind == "attempt") == 1


async def test_a_dangerous_text_of_an_unknown_number_shows_its_words_and_the_number(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await texts(console_deps, harbor, "I want to kill myself", phone="+12065550177")
    path = f"/safety/{await event_of(console_deps)}"
    await dana.opens(path)
    assert dana.status == 200
    assert "I want to kill myself" in dana.text
    assert "206-555-0177" in dana.text
    await dana.submits(f"{path}/acknowledge")
    await dana.submits(f"{path}/disposition", disposition="welfare_check", note="Police asked to look in")
    assert "Disposition" in dana.said


async def test_the_patients_page_states_the_event_and_the_answer_never_a_verdict(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    async with console_deps.system_db.begin() as tx:
        patient_id = await tx.scalar(select(RiskEvent.patient_id))
    await dana.opens(f"/patients/{patient_id}")
    assert "Open safety event, tier 2" in dana.text
    assert path in dana.html
    assert "no risk" not in dana.text.lower()


async def test_the_page_for_a_phone_dials_asks_where_and_shows_address_and_plan(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(f"{path}/call")
    assert 'href="tel:+12065550123"' in dana.html
    for shown in (
        "Acknowledge, I have it",
        "Where are you now?",
        "Home address",
        "Safety plan",
        "Treating clinician",
    ):
        assert shown in dana.text, shown
    assert 'href="tel:988"' in dana.html
    assert "<script" not in dana.html.split("<main")[1]
    await dana.submits(f"{path}/call/acknowledge")
    assert "You have this event." in dana.said
    await dana.submits(f"{path}/where", where=" ")
    assert dana.errors == ["Where the patient is is needed."]
    await dana.submits(f"{path}/where", where="In the car, at the north lot")
    assert "In the car, at the north lot" in dana.text
    await dana.submits(f"{path}/call", channel="phone", outcome="reached")
    assert "Attempt recorded." in dana.said
    await dana.opens(path)
    assert "In the car, at the north lot" in dana.text
    async with console_deps.system_db.begin() as tx:
        patient_id = await tx.scalar(select(RiskEvent.patient_id))
    await dana.opens(f"/patients/{patient_id}")
    assert "Safety: Where the patient is" in dana.text
    assert "Safety: Attempt, phone: reached" in dana.text


async def test_only_a_clinician_is_offered_decisions_about_others_and_a_lower_tier(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    path = await opened(dana, harbor, console_deps)
    await dana.opens(path)
    await dana.submits(f"{path}/acknowledge")
    assert f"{path}/decisions" not in [form.action for form in dana.page.forms]
    await dana.submits(f"{path}/attempts", channel="welfare_check", outcome="handed_over")
    assert "a clinician decides for a welfare check first" in dana.text.lower()
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        await osei.submits(
            f"{path}/decisions", about="emergency_contact", go="yes", reason="Silent since noon"
        )
        assert osei.errors == ["Basis is needed to tell the emergency contact."]
        await osei.submits(f"{path}/decisions", basis="safety_exception")
        assert "Telling the emergency contact: decided for" in osei.text
        await osei.submits(f"{path}/tier", tier="1", reason="A line of a song")
        assert "Tier lowered from 2 to 1" in osei.text


async def test_a_drill_is_started_worked_and_reported(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await dana.opens("/safety/drills")
    assert "No drill yet" in dana.text
    await dana.submits("/safety/drills")
    assert "The drill is running." in dana.said
    path = f"/safety/{await event_of(console_deps)}"
    await dana.submits("/safety/drills")
    assert "running already" in dana.text
    await dana.opens(f"{path}/call")
    assert "Drill: call the clinic in the patient" in dana.text
    await dana.submits(f"{path}/call/acknowledge")
    await dana.submits(f"{path}/call", channel="phone", outcome="reached")
    await dana.opens(path)
    await dana.submits(f"{path}/disposition", disposition="drill")
    await dana.submits(f"{path}/close", confirm="yes")
    assert "Event closed." in dana.said
    await dana.opens("/safety/drills")
    assert "1 of 1" in dana.text
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/safety/drills")
        await lead.submits("/safety/drills/schedule", every_days="200")
        assert lead.errors == ["Days between drills needs 0 to 92 days."]
        await lead.submits("/safety/drills/schedule", every_days="7")
        assert "Every 7 days in each slot" in lead.text
