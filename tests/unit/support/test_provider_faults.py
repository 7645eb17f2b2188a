"""Every fault the stand-in for Twilio can play, seen by a plain HTTP client."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from tests.support.provider.faults import Entry, parse
from tests.support.provider_client import Provider
from tests.unit.support.conftest import Api

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+12065550123"
BEN = "+12065550124"


async def outcome(api: Api) -> int | str:
    """The code of one create, or how it failed."""
    try:
        answer = await api.create()
        json.loads(answer.content)
    except httpx.TimeoutException:
        return "timeout"
    except httpx.TransportError:
        return "reset"
    except ValueError:
        return f"{answer.status_code} unreadable"
    return answer.status_code


@pytest.mark.parametrize(
    ("fault", "seen", "accepted"),
    [
        ("ok", 201, 1),
        ("429", 429, 0),
        ("400(21211)", 400, 0),
        ("400(30034)", 400, 0),
        ("500_before_accept", 500, 0),
        ("500_after_accept", 500, 1),
        ("timeout_before", "timeout", 0),
        ("timeout_after_accept", "timeout", 1),
        ("reset_before", "reset", 0),
        ("reset_mid_response", "reset", 1),
        ("slow(0.1)", 201, 1),
        ("slow(0.9)", "timeout", 1),
        ("malformed_json", "201 unreadable", 1),
        ("accept_but_never_callback", 201, 1),
        ("accept_twice", 201, 2),
        ("callback_before_response", 201, 1),
        ("outage(60)", 503, 0),
    ],
)
async def test_each_fault_shows_as_named_and_accepts_as_named(
    provider: Provider, api: Api, fault: str, seen: int | str, accepted: int
) -> None:
    await provider.script(fault)
    assert await outcome(api) == seen
    assert len(await provider.sent()) == accepted
    (call,) = await provider.calls("create")
    assert call.fault == parse(fault).label()
    assert (call.sid is not None) == (accepted > 0)


async def test_a_429_says_when_to_come_back(provider: Provider, api: Api) -> None:
    await provider.script("429(7)")
    answer = await api.create()
    assert (answer.headers["Retry-After"], answer.json()["code"]) == ("7", 20429)


async def test_a_doubled_text_names_its_first(provider: Provider, api: Api) -> None:
    await provider.script("accept_twice")
    sid = (await api.create()).json()["sid"]
    first, second = await provider.sent()
    assert (first.sid, first.duplicate_of, second.duplicate_of) == (sid, None, sid)
    assert len((await api.list(To=ANA)).json()["messages"]) == 2


async def test_an_outage_ends_with_its_window(provider: Provider, api: Api) -> None:
    await provider.set_clock(NOON)
    await provider.script("outage(60)", "429")
    assert [await outcome(api), (await api.list()).status_code] == [503, 503]
    await provider.advance_clock(59)
    assert await outcome(api) == 503
    await provider.advance_clock(1)
    assert [await outcome(api), await outcome(api)] == [429, 201]


async def test_a_script_is_used_up_in_order_and_by_kind_of_request(provider: Provider, api: Api) -> None:
    await provider.script(
        "429", Entry("500_before_accept", on="list", times=2), Entry("429", to=BEN), "ok", "429"
    )
    assert [await outcome(api), await outcome(api), await outcome(api), await outcome(api)] == [
        429,
        201,
        429,
        201,
    ]
    assert [(await api.list()).status_code for _ in range(3)] == [500, 500, 200]
    assert [(await api.create(To=BEN)).status_code for _ in range(2)] == [429, 201]


async def test_an_unknown_fault_is_named(provider: Provider) -> None:
    with pytest.raises(ValueError, match="unknown fault 'explode'"):
        await provider.script("explode")
    with pytest.raises(ValueError, match="outage_untill"):
        await provider.configure(outage_untill=None)


async def test_seeded_chance_repeats_itself(provider: Provider, api: Api) -> None:
    runs = []
    for _ in range(2):
        await provider.reset()
        await provider.chance(11, {"429": 0.3, "500_after_accept": 0.2})
        runs.append([await outcome(api) for _ in range(40)])
    assert runs[0] == runs[1]
    assert 4 <= runs[0].count(429) <= 20
    assert 2 <= runs[0].count(500) <= 16
