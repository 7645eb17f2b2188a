"""(e) Explaining a month: any what-if answered with every rule that was applied, on one core, in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from bench.measuring import REPETITIONS, Row, median
from billing.explain import WhatIf, evaluate, explain
from billing.rule_sets import shipped
from tests.support.servers import PostgresServer

ROUNDS = 20_000
WANTED = 20_000


async def measure(_: PostgresServer) -> list[Row]:
    """Processor time, not the clock on the wall: what one core does, whoever else is on the machine."""
    whole = [
        WhatIf(minutes=minutes, month="2026-11", served=("2026-10",), payer="NC Medicaid", beside=("99214",))
        for minutes in range(200)
    ]
    rules = shipped()["cpt_midpoint@1"]
    asked = tuple(_rate(lambda n: explain(whole[n % 200])) for _ in range(REPETITIONS))
    given = tuple(_rate(lambda n: evaluate("initial", n % 200, rules)) for _ in range(REPETITIONS))
    note = "month type from its history, the payer's rule set, conflicts, lines and every rule in words"
    return [
        Row(
            name="(e) explain: a month with its history",
            unit="/s",
            ours=asked,
            target=f">= {WANTED:,}",
            met=median(asked) >= WANTED,
            notes=(note,),
        ),
        Row(
            name="(e) explain: month type and rule set given",
            unit="/s",
            ours=given,
            target=f">= {WANTED:,}",
            met=median(given) >= WANTED,
        ),
    ]


def _rate(one: Callable[[int], object]) -> float:
    gc.collect()
    started = time.process_time()
    for n in range(ROUNDS):
        one(n)
    return ROUNDS / (time.process_time() - started)
