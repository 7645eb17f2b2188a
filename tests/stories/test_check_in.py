"""A check-in by text, from enrolment to the row in the registry."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from registry import zones
from tests.support.clinic import GAD7, PHQ9, Clinic

TUESDAY_9 = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)  # the next contact, a week after enrolment


async def test_from_enrolment_to_the_registry_row(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(PHQ9, GAD7))
    await clinic.next_contact(ana, TUESDAY_9)
    await ana.phone.receives_nothing()
    await clinic.until_local("10:30")
    await ana.phone.receives("Harbor check-in", "Over the last 2 weeks", "(1 of 16)", "STOP ends texts")
    await ana.phone.replies("1")
    await ana.phone.receives("(2 of 16)")
    await ana.phone.replies("severel days")  # a typo that can mean one thing only
    await ana.phone.receives("Got 1 = Several days", "(3 of 16)")
    await ana.phone.replies("2️⃣")
    await ana.phone.receives("(4 of 16)")
    await ana.phone.replies("BACK")
    await ana.phone.receives("taken back", "(3 of 16)")
    await ana.phone.replies("three")
    await ana.phone.receives("(4 of 16)")
    await ana.phone.replies("2 or 3")
    await ana.phone.receives("not sure which", "(4 of 16)")
    await ana.phone.replies("2")
    await ana.phone.receives("(5 of 16)")
    await ana.phone.answers("1", "1", "0", "0")
    await ana.phone.receives("(9 of 16)")
    await ana.phone.replies("0")
    await ana.phone.receives("Over the last 2 weeks", "(10 of 16)")  # GAD-7
    await ana.phone.answers("1", "1", "1", "1", "1", "1", "1")
    await ana.phone.receives("Thank you", "Next: phone call with your care team", "Mon-Fri 9-5")
    row = await clinic.registry_row(ana)
    assert (row.phq9_last, row.gad7_last, row.check_in_state) == (9, 7, "completed")
    assert (row.phq9_item9, row.open_risk) == ("0", 0)
    await ana.phone.receives_nothing_for(days=6)


async def test_without_a_next_contact_nobody_is_promised_one(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.answers("0", "0", "0", "0", "0", "0", "0")
    text = await ana.phone.receives("They will be in touch")
    assert "Next:" not in text


async def test_two_weeks_later_the_next_check_in_comes(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.answers("1", "1", "1", "1", "1", "1", "1")
    await ana.phone.receives("Thank you")
    await ana.phone.receives_nothing_for(days=13, hours=12)
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    assert await clinic.check_in_states(ana) == ["completed", "invited", "scheduled"]


async def test_a_double_tap_answers_one_question(clinic: Clinic) -> None:
    """The second "2" comes before the next question left: it can only be the same answer again."""
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    assert await ana.phone.texts_us("2") == 204
    assert await ana.phone.texts_us("2", after_s=6) == 204
    await ana.phone.receives("(2 of 7)")
    await ana.phone.replies("1")
    await ana.phone.receives("(3 of 7)")


async def test_the_same_text_twice_within_seconds_is_one(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies("2")
    await ana.phone.receives("(2 of 7)")
    await ana.phone.replies("2", after_s=2)
    await ana.phone.receives_nothing()


async def test_a_webhook_delivered_three_times_counts_once(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies("3", copies=3)
    await ana.phone.receives("(2 of 7)")


async def test_another_answer_before_the_next_question_corrects_the_last(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    assert await ana.phone.texts_us("2") == 204
    assert await ana.phone.texts_us("3", after_s=6) == 204
    await ana.phone.receives("Changed to 3 = Nearly every day", "(2 of 7)")
    await ana.phone.answers("0", "0", "0", "0", "0", "0")
    await ana.phone.receives("Thank you")
    assert (await clinic.registry_row(ana)).gad7_last == 3


async def test_an_answer_while_nobody_knows_whether_the_question_left_is_held_then_applied(
    clinic: Clinic,
) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await clinic.provider.configure(automatic=False)  # no callback tells us either
    await clinic.provider.script("timeout_after_accept")
    await ana.phone.replies("1")
    await ana.phone.receives("(2 of 7)")  # it arrived, but we don't know
    await ana.phone.replies("2", after_s=10)
    await ana.phone.receives_nothing()
    await clinic.passes(seconds=31)  # the provider's list shows the question
    await ana.phone.receives("(3 of 7)")
    await ana.phone.answers("0", "0", "0", "0", "0")
    await ana.phone.receives("Thank you")
    assert (await clinic.registry_row(ana)).gad7_last == 3


async def test_unreadable_three_times_a_link_and_a_person(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies("dunno")
    await ana.phone.receives("could not read", "(1 of 7)", "0 = Not at all")
    await ana.phone.replies("hmm")
    await ana.phone.receives("just one number", "For example: 1")
    await ana.phone.replies("pizza")
    await ana.phone.receives("may be easier here", "https://clinic.example/c/")
    assert await clinic.open_tasks(ana) == ["could_not_parse"]
    await ana.phone.replies("2")  # a plain answer goes on
    await ana.phone.receives("(2 of 7)")


async def test_expiry_keeps_the_answers_files_no_total_and_offers_to_begin_again(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.answers("3", "3")
    await ana.phone.receives("(3 of 7)")
    await clinic.passes(hours=24)
    await ana.phone.receives("2 of 7 done", "(3 of 7)")
    await clinic.passes(hours=24)
    await ana.phone.receives("2 of 7 done", "(3 of 7)")
    await clinic.passes(hours=24)
    assert (await clinic.check_in_states(ana))[0] == "partial_expired"
    assert (await clinic.registry_row(ana)).gad7_last is None
    await ana.phone.replies("1")
    await ana.phone.receives("has closed", "LINK")
    assert "late_answer" in await clinic.open_tasks(ana)
    await ana.phone.replies("LINK")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.answers("1", "1", "1", "1", "1", "1", "1")
    await ana.phone.receives("Thank you")
    assert (await clinic.registry_row(ana)).gad7_last == 7


async def test_reminders_come_inside_the_window_and_then_a_person_is_asked(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await clinic.passes(hours=24)
    await ana.phone.receives("Harbor", "(1 of 7)")
    await clinic.passes(hours=48)
    unread = await ana.phone.unclaimed()
    assert len(unread) <= 1
    for _ in unread:
        await ana.phone.receives("Harbor")
    await ana.phone.receives_nothing_for(days=5)
    assert "unanswered_check_in" in await clinic.open_tasks(ana)
    for text in await clinic.provider.sent(ana.phone.number):
        local = text.at.astimezone(UTC) - timedelta(hours=8)
        assert 9 <= (local.hour + (1 if text.at >= datetime(2026, 3, 8, 10, tzinfo=UTC) else 0)) < 20


async def test_later_puts_the_check_in_off_to_the_next_day(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies("LATER")
    await ana.phone.receives("text you again tomorrow")
    await clinic.until_local("20:30")
    await ana.phone.receives_nothing()
    await clinic.until_local("10:30")
    await ana.phone.receives("Harbor", "(1 of 7)")


async def test_a_patient_who_is_sent_links_gets_a_link_and_no_question(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", channel="sms_link")
    await clinic.until_local("10:30")
    text = await ana.phone.receives("your check-in is ready: https://clinic.example/c/", "Reply STOP")
    assert "bothered" not in text
    await ana.phone.replies("2")
    await ana.phone.receives("Harbor")
    assert "inbound_text" in await clinic.open_tasks(ana)


async def test_in_spanish_from_the_first_text_to_the_last(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,), language="es")
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 de 7)", "0 = ")
    await ana.phone.replies("varios dias")
    await ana.phone.receives("(2 de 7)")
    await ana.phone.replies("ENGLISH")
    await ana.phone.receives("write in English", "(2 of 7)")
    await ana.phone.replies("ESPAÑOL")
    await ana.phone.receives("(2 de 7)")
    for answer in ("dos", "nunca", "0", "1", "tres"):
        await ana.phone.replies(answer)
        await ana.phone.receives(" de 7)")
    await ana.phone.replies("1")
    await ana.phone.receives("Gracias")
    assert (await clinic.registry_row(ana)).gad7_last == 8


async def test_a_phone_changed_in_the_middle_ends_the_check_in_there(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("(1 of 7)")
    await ana.phone.replies("1")
    await ana.phone.receives("(2 of 7)")
    old = ana.phone
    new = await clinic.changes_phone(ana, "+12065550145")
    await old.replies("2")
    await old.receives("we don't know this number")
    assert await clinic.open_tasks() == ["unknown_number"]
    assert (await clinic.check_in_states(ana))[0] == "cancelled"
    await new.receives_nothing_for(days=10)
    await clinic.passes(days=4)
    await new.receives("(1 of 7)")
    await old.receives_nothing()


async def test_two_patients_on_one_phone_are_asked_one_after_the_other_and_never_named(
    clinic: Clinic,
) -> None:
    number = "+12065550123"
    ana = await clinic.enrols("Ana", measures=(GAD7,), phone=number, shared=True)
    await clinic.enrols("Luz", measures=(GAD7,), phone=number, shared=True)
    await clinic.until_local("10:30")
    first = await ana.phone.receives("(1 of 7)")
    await ana.phone.receives_nothing()
    await ana.phone.answers("1", "1", "1", "1", "1", "1", "1")
    await ana.phone.receives("Thank you")
    later = await ana.phone.receives("(1 of 7)")
    assert not any(name in text for text in (first, later) for name in ("Ana", "Luz", "Rivera"))


async def test_after_an_outage_each_patient_gets_one_text_inside_the_window(clinic: Clinic) -> None:
    """36 hours, ending on Wednesday at 03:00 in Seattle."""
    tuesday, zones_of = date(2026, 3, 3), {}
    for name, number, zone in (
        ("Ana", "+12065550123", "America/Los_Angeles"),
        ("Ben", "+12125550124", "America/New_York"),
        ("Kai", "+18085550125", "Pacific/Honolulu"),
    ):
        await clinic.enrols(name, measures=(GAD7,), phone=number, zone=zone, starts=tuesday, at=time(12, 0))
        zones_of[number] = zone
    await clinic.enrols("Eve", measures=(GAD7,), phone="+12065550126", starts=tuesday, at=time(9, 30))
    zones_of["+12065550126"] = "America/Los_Angeles"
    await clinic.passes(hours=5)
    await clinic.passes(hours=36, work=False)  # nothing of ours runs
    await clinic.passes(hours=10)
    sent = await clinic.provider.sent()
    assert sorted(text.to for text in sent) == sorted(zones_of)
    for text in sent:
        assert 9 <= text.at.astimezone(zones.zone(zones_of[text.to])).hour < 20
        await clinic.phone(text.to).receives("(1 of 7)")


async def test_a_provider_down_for_half_an_hour_costs_no_text(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.passes(minutes=29)
    await clinic.provider.script("outage(1800)")
    await clinic.passes(minutes=20)
    await ana.phone.receives_nothing()
    await clinic.passes(minutes=20)
    await ana.phone.receives("(1 of 7)")
