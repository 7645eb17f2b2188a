"""(b) Dispatch: claim, post, settle, beside a bare loop that posts the same requests through the same client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from bench.measuring import REPETITIONS, Row, at_least
from bench.processes import asgi
from bench.questions import FIRST_ITEM, ask
from bench.world import NOW, OUTBOX, World, build, id_of
from kernel.db import Database
from messaging.delivery.dispatch import AT_ONCE, Dispatcher
from messaging.delivery.outcomes import Accepted
from messaging.gateways.email import NoMailer
from messaging.gateways.sms import OutgoingText
from messaging.gateways.twilio import TwilioGateway
from tests.support.servers import PostgresServer

TEXTS = 1_200  # per repetition
STUBS = (("at_once", "that answers at once", 0.40), ("slow", "that answers after 50 ms", 0.80))
STEP = timedelta(seconds=10)  # short of the first question about a text's fate, which is other work
CALLBACKS = "https://bench.example"


class Standing:
    """A clock that shows the moment at which exactly one more group of texts is due."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


async def measure(server: PostgresServer) -> list[Row]:
    world = await build(server, "dispatch")
    numbers = await ask(world, TEXTS * REPETITIONS * len(STUBS), at=NOW, state="pending", group=TEXTS)
    database = world.database()
    rows, first = [], 0
    for stub, words, share in STUBS:
        with asgi(f"bench.stub:{stub}") as running:
            gateway = _gateway(running.port)
            rows.append(await _compare(world, database, gateway, numbers, first, words, share))
            await gateway.close()
        first += REPETITIONS
    await database.close()
    await world.drop()
    return rows


async def _compare(
    world: World,
    database: Database,
    gateway: TwilioGateway,
    numbers: Sequence[str],
    first: int,
    words: str,
    share: float,
) -> Row:
    ours, bare = [], []
    await _post_all(gateway, _texts(world, numbers[:AT_ONCE], 0))  # both find the connections open
    for group in range(first, first + REPETITIONS):
        moment = NOW + group * STEP + STEP / 2
        ours.append(TEXTS / await _tick(database, gateway, moment))
        start = group * TEXTS
        bare.append(TEXTS / await _post_all(gateway, _texts(world, numbers[start : start + TEXTS], start)))
    return Row(
        name=f"(b) dispatch to a provider {words}",
        unit="sends/s",
        ours=tuple(ours),
        bare=tuple(bare),
        target=f">= {share:.2f}",
        met=at_least(ours, bare, share),
        notes=(f"{AT_ONCE} calls at a time in both; {TEXTS} texts per repetition",),
    )


async def _tick(database: Database, gateway: TwilioGateway, moment: datetime) -> float:
    dispatcher = Dispatcher(
        database=database, gateway=gateway, mailer=NoMailer(), clock=Standing(moment), chance=lambda: 0.5
    )
    started = time.perf_counter()
    totals = await dispatcher.tick(moment)
    took = time.perf_counter() - started
    if totals["accepted"] != TEXTS:
        raise RuntimeError(f"{TEXTS} texts were due: {totals}")
    return took


async def _post_all(gateway: TwilioGateway, texts: Sequence[OutgoingText]) -> float:
    waiting = iter(texts)

    async def post() -> None:
        for text in waiting:
            if not isinstance(await gateway.send(text), Accepted):
                raise RuntimeError("the stub refused a text")

    started = time.perf_counter()
    await asyncio.gather(*(post() for _ in range(AT_ONCE)))
    return time.perf_counter() - started


def _texts(world: World, numbers: Sequence[str], first: int) -> list[OutgoingText]:
    return [
        OutgoingText(
            to=number,
            sender=world.clinic.sender_number,
            service_sid=None,
            body=FIRST_ITEM,
            validity_s=14_400,
            status_path=f"/webhooks/twilio/status/{id_of(OUTBOX, n)}/1",
        )
        for n, number in enumerate(numbers, start=first)
    ]


def _gateway(port: int) -> TwilioGateway:
    return TwilioGateway(
        "AC" + "0" * 32,
        "AC" + "0" * 32,
        "secret",
        callback_base=CALLBACKS,
        deadline_s=10.0,
        base_url=f"http://127.0.0.1:{port}",
    )
