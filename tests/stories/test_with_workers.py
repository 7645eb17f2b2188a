"""The same conversation with the production processes: web, worker, PostgreSQL, and a real Redis as the doorbell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clinic import NUMBER
from tests.support.databases import open_database
from tests.support.provider_client import Provider
from tests.support.site import ANA, FINAL, asked_site, times_received

pytestmark = pytest.mark.processes

REPLIES = ("2", "several days", "2\ufe0f\u20e3", "sevral days", "two", "(3)", "0")


@pytest.fixture
def stand_in() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


async def test_a_check_in_is_asked_answered_and_filed_by_web_and_worker_processes(
    postgres_url: str, redis_server: Any, stand_in: Provider, tmp_path: Path
) -> None:
    site = await asked_site(postgres_url, stand_in, tmp_path, invited=False)
    site.redis_url = redis_server.url
    with site.process("serve") as web, site.process("worker") as worker:
        await site.serves(web)
        for number, reply in enumerate(REPLIES, 1):
            await site.settles(f"({number} of 7)")
            await site.beat()  # nobody reads a question in less than four seconds
            assert await stand_in.receive_inbound(ANA, NUMBER, reply) == 204
        await site.settles("hank")  # the closing text
        assert (web.poll(), worker.poll()) == (None, None)
    for number in range(1, 8):
        assert await times_received(site, f"({number} of 7)") == 1
    assert {state for state, _ in await site.inbound_states()} == {"applied"}
    assert await site.outbox_states() <= FINAL
    database = open_database(postgres_url)
    try:
        async with database.begin() as tx:
            line = (
                await tx.conn.exec_driver_sql("SELECT gad7_last, check_in_state FROM registry_line")
            ).one()
    finally:
        await database.close()
    assert tuple(line) == (11, "completed")
