"""Danger in an answer or a text: the patient hears of help at once, and a person is told until somebody takes it."""

from __future__ import annotations

from datetime import date, timedelta

from tests.support.clinic import Clinic

MANAGER = "care_manager"


async def asked_item9(clinic: Clinic) -> object:
    ana = await clinic.enrols("Ana")
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 9)")
    await ana.phone.answers("1", "1", "1", "1", "1", "1", "1", "1")
    await ana.phone.receives("(9 of 9)")
    return ana


async def test_a_positive_item_9_is_answered_and_alerted_by_text_and_mail(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    await ana.phone.replies("2")
    await ana.phone.receives("988", "911", "told your care team")
    event = await clinic.risk_event(ana)
    alert = await clinic.staff_phone(MANAGER).receives("Safety alert", event.code)
    mail = f"Safety alert {event.code} - open console"
    assert alert.startswith(f"{mail} or reply ")
    assert ("care_manager@harbor.example", mail) in await clinic.mails()
    for private in ("Ana", "Rivera", "9", "PHQ"):
        assert private not in alert.replace(event.code, "")
    row = await clinic.registry_row(ana)
    assert (row.phq9_last, row.open_risk, row.check_in_state) == (10, event.tier, "completed")
    assert "safety_event" in await clinic.open_tasks(ana)
    await clinic.acknowledges(ana)
    await clinic.staff_phone(MANAGER).receives_nothing_for(hours=1)


async def test_the_code_in_an_alert_takes_the_event_from_that_phone_alone(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    await ana.phone.replies("2")
    await ana.phone.receives("988")
    event = await clinic.risk_event(ana)
    manager = clinic.staff_phone(MANAGER)
    code = (await manager.receives("Safety alert", event.code)).split()[-1]
    await clinic.staff_phone("clinician").replies(code)
    await clinic.staff_phone("clinician").receives("Harbor")
    assert (await clinic.risk_event(ana)).state == "open"
    await manager.replies(f"take {code.lower()}")
    await manager.receives(f"{event.code} is yours")
    assert (await clinic.risk_event(ana)).state == "acknowledged"
    await manager.replies(code)
    await manager.receives(f"{event.code} is yours")
    await manager.receives_nothing_for(hours=1)


async def test_a_stop_from_a_colleagues_phone_is_an_alarm(clinic: Clinic) -> None:
    clinic.canary.allow("alert.stopped_by_staff")
    await clinic.staff_phone(MANAGER).replies("STOP")
    await clinic.passes(minutes=1)
    said = "A colleague's phone stopped safety alerts - open console"
    assert {to for to, body in await clinic.mails() if body == said} == {
        "care_manager@harbor.example", "clinic_lead@harbor.example",
    }  # fmt: skip
    await clinic.staff_phone("clinic_lead").receives(said)


async def test_an_alert_nobody_takes_goes_to_more_people_until_somebody_does(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    await ana.phone.replies("3")
    await ana.phone.receives("988")
    await clinic.staff_phone(MANAGER).receives("Safety alert")
    for _ in range(12):
        await clinic.passes(minutes=5)
    lead = clinic.staff_phone("clinic_lead")
    assert await lead.unclaimed(), "the clinic lead was never told"
    again = [await clinic.staff_phone(MANAGER).unclaimed(), await lead.unclaimed()]
    await clinic.acknowledges(ana)
    for phone, texts in zip((clinic.staff_phone(MANAGER), lead), again, strict=True):
        for _ in texts:
            await phone.receives("Safety alert")
    await lead.receives_nothing_for(hours=1)


async def test_an_unreadable_reply_to_item_9_is_a_signal_not_a_typing_error(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    await ana.phone.replies("i dont know")
    await ana.phone.receives("988", "(9 of 9)")
    assert [event.tier for event in await clinic.risk_events(ana)] == [1]
    await clinic.staff_phone(MANAGER).receives("Safety alert")
    await ana.phone.replies("0")
    await ana.phone.receives("Thank you")
    assert (await clinic.registry_row(ana)).open_risk == 1  # an answer of 0 closes nothing
    await clinic.acknowledges(ana)


async def test_a_crisis_text_is_answered_at_night_and_alerted(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", starts=date(2026, 3, 20))
    await clinic.until_local("03:00")
    await ana.phone.replies("i want to kill myself")
    await ana.phone.receives("988", "911")
    await clinic.staff_phone(MANAGER).receives("Safety alert")
    await clinic.acknowledges(ana)
    assert ana.phone.transcript[-1].startswith("< Harbor")


async def test_a_crisis_text_of_somebody_who_opted_out_still_alerts(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana")
    await ana.phone.replies("STOP")
    await ana.phone.replies("I can't go on")
    await ana.phone.receives_nothing()  # the provider would refuse it
    event = await clinic.risk_event(ana)
    await clinic.staff_phone(MANAGER).receives("Safety alert", event.code)
    await clinic.acknowledges(ana)


async def test_a_crisis_text_in_the_middle_pauses_the_questions(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana")
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 9)")
    await ana.phone.replies("i dont want to live anymore")
    await ana.phone.receives("988")
    await clinic.staff_phone(MANAGER).receives("Safety alert")
    await clinic.acknowledges(ana)
    await ana.phone.receives_nothing_for(hours=1)


async def test_a_crisis_text_from_a_number_nobody_knows_reaches_a_person(clinic: Clinic) -> None:
    stranger = clinic.phone("+12065550177")
    await stranger.replies("i want to die")
    await stranger.receives("988")
    await clinic.staff_phone("clinic_lead").receives("Safety alert")
    await clinic.passes(minutes=1)


async def test_the_safety_text_and_the_alert_survive_a_provider_that_fails(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    clinic.canary.allow("delivery.operator_needed")
    await clinic.provider.chance(7, {"500_before_accept": 1.0})
    await ana.phone.replies("1")
    await clinic.passes(seconds=20)
    assert [to for to, _ in await clinic.mails()] == ["care_manager@harbor.example"]
    await clinic.provider.chance(7, {})
    for _ in range(12):
        await clinic.passes(seconds=15)
    texts = [text.body for text in await ana.phone.texts()][ana.phone.claimed :]
    assert 1 <= len(texts) <= 3
    assert all("988" in text for text in texts)
    ana.phone.claimed += len(texts)
    await clinic.acknowledges(ana)
    await clinic.passes(minutes=1)
    await clinic.hears_everything()


async def test_an_event_that_somebody_took_and_then_forgot_is_alerted_again(clinic: Clinic) -> None:
    ana = await asked_item9(clinic)
    await ana.phone.replies("3")
    await ana.phone.receives("988")
    manager = clinic.staff_phone(MANAGER)
    await manager.receives("Safety alert")
    await clinic.acknowledges(ana)
    start = clinic.clock.now()
    while not await manager.unclaimed() and clinic.clock.now() - start < timedelta(hours=40):
        await clinic.passes(minutes=15)
    await manager.receives("Safety alert")
    await clinic.acknowledges(ana)
    await clinic.hears_everything()
