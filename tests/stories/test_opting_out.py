"""Who may be texted: STOP in any words, HELP, START, wrong numbers, and numbers nobody knows."""

from __future__ import annotations

import pytest

from tests.support.clinic import GAD7, Clinic


async def asked(clinic: Clinic) -> object:
    ana = await clinic.enrols("Ana", measures=(GAD7,))
    await clinic.until_local("10:30")
    await ana.phone.receives("Over the last 2 weeks")
    return ana


async def test_stop_ends_the_check_in(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("Para")
    await ana.phone.receives("no more texts", "988")
    await ana.phone.receives_nothing_for(days=30)
    assert await clinic.open_tasks(ana) == ["opted_out"]
    assert (await clinic.check_in_states(ana))[0] == "opted_out"
    assert (await clinic.registry_row(ana)).opted_out


@pytest.mark.parametrize(
    "words", ["Stop please", "please stop texting me", "no more messages", "remove my number"]
)
async def test_any_reasonable_wording_of_stop_is_one(clinic: Clinic, words: str) -> None:
    ana = await asked(clinic)
    await ana.phone.replies(words)
    await ana.phone.receives("no more texts")
    await ana.phone.receives_nothing_for(days=3)
    assert await clinic.open_tasks(ana) == ["opted_out"]


async def test_the_providers_own_confirmation_is_the_only_one(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("STOP")
    await ana.phone.receives_nothing_for(hours=12)
    assert len(await clinic.provider.keyword_replies(ana.phone.number)) == 1


async def test_start_after_stop_brings_texts_back_but_not_the_old_check_in(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("STOP")
    await ana.phone.replies("START")
    await ana.phone.receives("check-in texts again")
    assert not (await clinic.registry_row(ana)).opted_out
    await ana.phone.receives_nothing_for(days=13)
    await clinic.passes(days=1)
    await ana.phone.receives("(1 of 7)")


async def test_an_unclear_stop_pauses_and_asks_once(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("stpo")
    await ana.phone.receives("should we stop texting you")
    assert "opt_out_unclear" in await clinic.open_tasks(ana)
    await ana.phone.receives_nothing_for(days=2)


async def test_help_names_us_and_leaves_the_question_open(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("HELP")
    await ana.phone.receives("Harbor", "(206) 555-0100", "STOP", "988")
    assert await clinic.open_tasks(ana) == ["inbound_text"]  # it may be a cry for help
    await ana.phone.replies("2")
    await ana.phone.receives("(2 of 7)")


async def test_a_wrong_number_is_never_texted_again(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("You have the wrong number")
    await ana.phone.receives("will not text this number again")
    assert await clinic.open_tasks(ana) == ["wrong_number"]
    await ana.phone.receives_nothing_for(days=20)


async def test_who_is_this_tells_no_secret_and_asks_no_more(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await ana.phone.replies("who is this?")
    text = await ana.phone.receives("Harbor", "WRONG", "LINK")
    assert "weeks" not in text
    await ana.phone.receives_nothing_for(hours=20)
    assert "who_is_this" in await clinic.open_tasks(ana)


async def test_a_text_from_a_number_nobody_knows_is_kept_and_answered_once_a_day(clinic: Clinic) -> None:
    stranger = clinic.phone("+12065550177")
    await stranger.replies("hello?")
    await stranger.receives("we don't know this number")
    await stranger.replies("anyone there?")
    await stranger.receives_nothing()
    assert await clinic.open_tasks() == ["unknown_number"]


async def test_a_text_outside_any_check_in_waits_for_a_person(clinic: Clinic) -> None:
    ana = await clinic.enrols("Ana", starts=None)
    await ana.phone.replies("can we move my appointment?")
    await ana.phone.receives("A person reads texts")
    assert await clinic.open_tasks(ana) == ["inbound_text"]


async def test_nothing_leaves_once_care_has_ended(clinic: Clinic) -> None:
    ana = await asked(clinic)
    await clinic.ends_care(ana)
    await ana.phone.receives_nothing_for(days=30)
    assert (await clinic.check_in_states(ana)) == ["cancelled"]


async def test_a_text_whose_webhook_never_came_is_found_in_the_providers_list(clinic: Clinic) -> None:
    clinic.canary.allow("inbound.recovered")
    ana = await asked(clinic)
    assert await ana.phone.texts_us("2", webhook=False) is None
    await clinic.passes(minutes=2)
    await ana.phone.receives("(2 of 7)")
