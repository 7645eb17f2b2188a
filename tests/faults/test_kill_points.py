"""kill -9 at each step of a text, with real processes: a web process on SQLite, web and worker on PostgreSQL.

After a restart nothing is lost and no question reaches the patient twice, whatever step was cut off.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clinic import NUMBER
from tests.support.provider_client import Provider
from tests.support.site import ANA, asked_site, times_received

pytestmark = pytest.mark.processes


@pytest.fixture
def stand_in() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.mark.parametrize(
    "point",
    [
        "outbox.before_claim_commit",
        "outbox.after_claim_commit",
        "outbox.before_post",
        "outbox.after_post",
        "outbox.after_record_commit",
    ],
)
async def test_a_question_reaches_the_patient_once_wherever_the_sender_is_killed(
    database_url: str, stand_in: Provider, tmp_path: Path, point: str
) -> None:
    site = await asked_site(database_url, stand_in, tmp_path, invited=False)
    command = "serve" if site.on_sqlite else "worker"
    with site.process(command, crash=point) as child:
        await site.dies(child)
    with site.process(command) as child:
        await site.settles("(1 of 7)")
        for _ in range(20):  # and nothing more comes later
            await site.beat()
        assert child.poll() is None
    assert await times_received(site, "(1 of 7)") == 1
    assert await site.outbox_states() == {"accepted"}


@pytest.mark.parametrize("point", ["inbound.before_commit", "webhook.after_commit"])
async def test_an_answer_counts_once_wherever_the_webhook_is_killed(
    database_url: str, stand_in: Provider, tmp_path: Path, point: str
) -> None:
    """The provider's call goes unanswered. It may come again, or never: then its list is swept."""
    site = await asked_site(database_url, stand_in, tmp_path, invited=True)
    with site.process("serve", crash=point) as child:
        await site.serves(child)
        received = await stand_in.inbound(ANA, NUMBER, "2")
        assert 204 not in received.answers
        assert child.wait(10) == -signal.SIGKILL
    with site.process("serve") as web:
        await site.serves(web)
        if site.on_sqlite:
            await site.settles("(2 of 7)")
        else:
            with site.process("worker"):
                await site.settles("(2 of 7)")
        again = await stand_in.inbound(ANA, NUMBER, "2", sid=received.sid)
        assert again.answers == [204]
        assert await site.inbound_states() == [("applied", "answer:2")]
    assert await times_received(site, "(2 of 7)") == 1
    assert await times_received(site, "(1 of 7)") == 1
