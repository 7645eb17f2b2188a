"""The stand-in for Twilio: what it accepts and refuses, what it lists, what it remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.provider.settings import (
    ACCOUNT_SID,
    API_KEY_SECRET,
    API_KEY_SID,
    NEXT_AUTH_TOKEN,
    SENDER,
    SERVICE_SID,
)
from tests.support.provider_client import Provider
from tests.unit.support.conftest import PATH, Api

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+12065550123"
BEN = "+12065550124"


async def test_a_direct_text_starts_as_queued_from_its_sender(api: Api) -> None:
    answer = await api.create(Body="á")
    text = answer.json()
    assert answer.status_code == 201
    assert (text["status"], text["from"], text["to"], text["num_segments"]) == ("queued", SENDER, ANA, "1")
    assert (text["date_sent"], text["direction"], text["error_code"]) == (None, "outbound-api", None)
    assert text["sid"].startswith("SM") and len(text["sid"]) == 34
    assert text["uri"] == f"{PATH}/{text['sid']}.json"


async def test_a_text_through_a_service_starts_as_accepted_without_sender_or_parts(api: Api) -> None:
    text = (await api.through_service()).json()
    assert (text["status"], text["from"], text["num_segments"]) == ("accepted", None, "0")
    assert text["messaging_service_sid"] == SERVICE_SID


async def test_what_was_accepted_is_what_patients_received(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    await api.create(Body="First", StatusCallback="https://care.example.org/s/1/1")
    await api.through_service(To=BEN, Body="Second")
    await api.create(To="bad")
    first, second = await provider.sent()
    assert (first.to, first.from_, first.body, first.status_callback) == (
        ANA,
        SENDER,
        "First",
        "https://care.example.org/s/1/1",
    )
    assert (first.validity_period, first.status, first.at, first.segments) == (600, "queued", NOON, 1)
    assert (second.to, second.from_, second.messaging_service_sid) == (BEN, None, SERVICE_SID)
    assert [text.body for text in await provider.sent(BEN)] == ["Second"]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "2065550123"}, 21211),
        ({"To": "+1206555012x"}, 21211),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550002"}, 21612),
        ({"To": "+15005550003"}, 21408),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": ""}, 21603),
        ({"From": "clinic"}, 21212),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
        ({"From": "+12065550177"}, 21606),
        ({"MessagingServiceSid": "MG99999999999999999999999999999999"}, 21701),
        ({"MessagingServiceSid": SERVICE_SID, "From": "+12065550177"}, 21606),
        ({"Body": ""}, 21602),
        ({"Body": "a" * 1601}, 21617),
        ({"StatusCallback": "care.example.org/s"}, 21609),
        ({"StatusCallback": "ftp://care.example.org/s"}, 21609),
        ({"StatusCallback": "https://care_clinic.example.org/s"}, 21609),
        ({"ValidityPeriod": "0"}, 21624),
        ({"ValidityPeriod": "36001"}, 21624),
        ({"ValidityPeriod": "600.5"}, 21624),
        ({"ScheduleType": "fixed"}, 35111),
        ({"SendAt": "2026-03-02T12:10:00Z"}, 35118),
    ],
)
async def test_a_wrong_request_is_refused_in_twilios_shape(
    provider: Provider, api: Api, form: dict[str, str], code: int
) -> None:
    answer = await api.create(**form)
    error = answer.json()
    assert (answer.status_code, error["code"], error["status"]) == (400, code, 400)
    assert error["message"] and str(code) in error["more_info"]
    assert await provider.sent() == []


async def test_the_magic_sender_is_accepted(api: Api) -> None:
    assert (await api.create(From="+15005550006")).status_code == 201


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        (ACCOUNT_SID, NEXT_AUTH_TOKEN, 201),
        (API_KEY_SID, API_KEY_SECRET, 201),
        (ACCOUNT_SID, "guess", 401),
        (API_KEY_SID, NEXT_AUTH_TOKEN, 401),
        ("", "", 401),
    ],
)
async def test_only_known_credentials_are_let_in(api: Api, user: str, password: str, code: int) -> None:
    form = {"To": ANA, "From": SENDER, "Body": "Hello"}
    answer = await api.client.post(f"{PATH}.json", data=form, auth=(user, password))
    assert answer.status_code == code
    assert code == 201 or answer.json()["code"] == 20003


async def test_a_foreign_account_and_an_unknown_path_are_refused(api: Api) -> None:
    foreign = PATH.replace(ACCOUNT_SID, "AC" + "1" * 32)
    assert (await api.client.get(f"{foreign}.json")).json()["code"] == 20003
    assert (await api.client.get("/2010-04-01/Accounts.json")).json()["code"] == 20404
    assert (await api.fetch("SM" + "0" * 32)).json()["code"] == 20404


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        (timedelta(seconds=300), 35115),
        (timedelta(seconds=301), None),
        (timedelta(days=35), None),
        (timedelta(days=35, seconds=1), 35115),
    ],
)
async def test_a_text_is_scheduled_within_five_minutes_and_35_days(
    provider: Provider, api: Api, ahead: timedelta, code: int | None
) -> None:
    await provider.set_clock(NOON)
    answer = await api.through_service(ScheduleType="fixed", SendAt=(NOON + ahead).isoformat())
    assert answer.json().get("code") == code
    assert code is not None or answer.json()["status"] == "scheduled"


async def test_only_a_scheduled_text_can_be_cancelled(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    scheduled = (await api.through_service(ScheduleType="fixed", SendAt="2026-03-02T13:00:00Z")).json()["sid"]
    queued = (await api.create()).json()["sid"]
    assert (await api.update(scheduled, Status="canceled")).json()["status"] == "canceled"
    assert (await api.update(queued, Status="canceled")).json()["code"] == 30409
    await provider.advance_clock(7200)
    await provider.flush_callbacks()
    assert (await api.fetch(scheduled)).json()["status"] == "canceled"


async def test_a_body_can_be_cleared_once_its_text_has_arrived(provider: Provider, api: Api) -> None:
    sid = (await api.create()).json()["sid"]
    assert (await api.update(sid, Body="")).json()["code"] == 20422
    await provider.deliver(sid)
    assert (await api.update(sid, Body="")).json()["body"] == ""


async def bodies(api: Api, **query: str) -> list[str]:
    return [text["body"] for text in (await api.list(**query)).json()["messages"]]


async def test_the_list_is_newest_first_and_filters_by_number(provider: Provider, api: Api) -> None:
    for to, body in ((ANA, "1"), (BEN, "2"), (ANA, "3")):
        await api.create(To=to, Body=body)
    await provider.receive_inbound(ANA, SENDER, "4", webhook=False)
    assert await bodies(api) == ["4", "3", "2", "1"]
    assert await bodies(api, To=ANA) == ["3", "1"]
    assert await bodies(api, To=SENDER) == ["4"]
    assert await bodies(api, From=SENDER, To=BEN) == ["2"]


async def test_a_date_filter_never_finds_a_text_that_is_still_queued(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    sent = (await api.create(Body="sent")).json()["sid"]
    await provider.deliver(sent)
    await api.create(Body="queued")
    assert await bodies(api) == ["queued", "sent"]
    assert await bodies(api, **{"DateSent>": "2026-03-01"}) == ["sent"]
    assert (await api.list()).json()["messages"][0]["date_sent"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"DateSent": "2026-03-02"}, ["noon"]),
        ({"DateSent": "2026-03-03"}, ["next day"]),
        ({"DateSent>": "2026-03-02T12:00:00Z"}, ["next day", "noon"]),
        ({"DateSent>": "2026-03-02T12:00:01Z"}, ["next day"]),
        ({"DateSent>=": "2026-03-03"}, ["next day"]),
        ({"DateSent<": "2026-03-02T12:00:00Z"}, ["noon"]),
        ({"DateSent<=": "2026-03-02"}, []),
        ({"DateSent>": "2026-03-02", "DateSent<": "2026-03-03T11:00:00Z"}, ["noon"]),
    ],
)
async def test_the_list_filters_by_the_moment_of_sending(
    provider: Provider, api: Api, query: dict[str, str], found: list[str]
) -> None:
    for body, at in (("noon", NOON), ("next day", NOON + timedelta(days=1))):
        await provider.set_clock(at)
        await provider.receive_inbound(ANA, SENDER, body, webhook=False)
    assert await bodies(api, **query) == found


async def test_an_unreadable_date_is_refused(api: Api) -> None:
    assert (await api.list(**{"DateSent>": "yesterday"})).json()["code"] == 20422


async def test_pages_neither_repeat_nor_skip_while_texts_arrive(api: Api) -> None:
    for number in range(7):
        await api.create(Body=str(number))
    page = (await api.list(PageSize="3", To=ANA)).json()
    seen = [text["body"] for text in page["messages"]]
    while page["next_page_uri"] is not None:
        await api.create(Body="later")
        page = (await api.client.get(page["next_page_uri"])).json()
        seen += [text["body"] for text in page["messages"]]
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert (page["page"], page["page_size"], page["start"], page["end"]) == (2, 3, 6, 6)


async def test_the_list_lags_behind_when_told_to(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    await provider.configure(visibility_lag=10)
    sid = (await api.create()).json()["sid"]
    assert await bodies(api) == []
    assert (await api.fetch(sid)).status_code == 200
    await provider.advance_clock(10)
    assert await bodies(api) == ["How are you?"]


async def test_redaction_masks_numbers_and_bodies(provider: Provider, api: Api) -> None:
    await provider.configure(redaction=True)
    sid = (await api.create(Body="private")).json()["sid"]
    text = (await api.fetch(sid)).json()
    assert (text["to"], text["from"], text["body"]) == ("+1206555XXXX", "+1206555XXXX", "__REDACTED__")
    assert (await provider.sent())[0].body == "private"


async def test_answers_carry_provider_time(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    answer = await api.create()
    assert parsedate_to_datetime(answer.headers["Date"]) == NOON
    assert parsedate_to_datetime(answer.json()["date_created"]) == NOON
    await provider.skew_clock(600)
    skewed = parsedate_to_datetime((await api.list()).headers["Date"])
    assert timedelta(seconds=590) < skewed - datetime.now(UTC) < timedelta(seconds=610)


async def test_the_ledger_survives_the_providers_own_death(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    sid = (await api.create(Body="kept")).json()["sid"]
    await provider.script("429")
    before = provider.base_url
    provider.restart()
    assert provider.base_url == before
    assert [(text.sid, text.body) for text in await provider.sent()] == [(sid, "kept")]
    assert (await api.create()).status_code == 429
    assert parsedate_to_datetime((await api.fetch(sid)).headers["Date"]) == NOON


async def test_a_reset_forgets_texts_scripts_time_and_settings(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    await provider.script("429")
    await provider.configure(redaction=True)
    await api.through_service()
    await provider.reset()
    assert (await api.create(Body="after")).json()["body"] == "after"
    (text,) = await provider.sent()
    assert text.at > NOON
