"""What a person sees of a risk event while parts fail, one by one and two by two. One test a run; no run is silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import combinations

import pytest

from registry.safety import service as safety
from tests.support import alert_path, databases
from tests.support.alert_path import FAULTS, AlertPath, Fault
from tests.support.clock import FakeClock
from tests.support.provider_client import Provider

THREE_MINUTES = timedelta(minutes=3)
RUNS: list[tuple[Fault, ...]] = [(fault,) for fault in FAULTS] + list(combinations(FAULTS, 2))


@pytest.fixture
async def path(sqlite_url: str, provider: Provider, clock: FakeClock) -> AsyncIterator[AlertPath]:
    database = databases.open_database(sqlite_url)
    async with alert_path.opened(sqlite_url, database, provider, clock) as opened:
        await opened.passes(60, step=15)  # in health: the auditor has pinged
        assert opened.pings.at[-1] > opened.now - timedelta(seconds=60)
        assert opened.watchdog_mail.taken == []
        yield opened
    await database.close()


@pytest.mark.parametrize("faults", RUNS, ids=["+".join(run) for run in RUNS])
async def test_somebody_notices_within_three_minutes_and_is_told_until_they_take_it(
    path: AlertPath, faults: tuple[Fault, ...]
) -> None:
    await path.fails(*faults)
    began = path.now
    event_id = await path.signals()
    await path.passes(180, step=15)
    noticed = {kind: at - began for kind, at in path.seen.first.items() if kind != "banner"}
    assert noticed, "silence"  # stronger than asked: a banner alone would not count
    assert min(noticed.values()) <= THREE_MINUTES
    if "web" not in faults:
        assert "banner" in path.seen.first
    state, next_action_at = await path.state(event_id)
    assert state == "open"
    assert next_action_at > began

    await path.recovers()
    told = path.alerts()
    await path.passes(11 * 60, step=60)  # the last rung is repeated every ten minutes at the latest
    assert path.alerts() > told
    told = path.alerts()
    await path.passes(12 * 60, step=120)
    assert path.alerts() > told  # nobody has taken it, so it goes on

    casey, consultant = path.room.clinic.actor("care_manager"), path.room.clinic.actor("consultant")
    async with path.room.database.begin() as tx:
        await safety.acknowledge(tx, casey, event_id, now=path.now)
    await path.passes(60, step=60)
    told = path.alerts()
    await path.passes(20 * 60, step=400)
    assert path.alerts() == told
    async with path.room.database.begin() as tx:
        await safety.close(
            tx, consultant, event_id, disposition="crisis_team",
            next_contact_at=path.now + timedelta(days=1), now=path.now,
        )  # fmt: skip
    assert (await path.state(event_id))[0] == "closed"
