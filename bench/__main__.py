"""`make bench`: each hot path beside its baseline, on one PostgreSQL, in one run. Names limit it: `-m bench due`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Sequence

import structlog

from api.serving import run
from bench import alerts, dispatch, due, explain, inbound, month, portal, registry
from bench.measuring import HEADING, Row, machine, show, write
from tests.support.servers import PostgresServer, start_postgres

Measure = Callable[[PostgresServer], Awaitable[list[Row]]]
PARTS: dict[str, Measure] = {
    "inbound": inbound.measure,
    "dispatch": dispatch.measure,
    "alerts": alerts.measure,
    "due": due.measure,
    "portal": portal.measure,
    "registry": registry.measure,
    "explain": explain.measure,
    "month": month.measure,
}


def main(wanted: Sequence[str]) -> int:
    sizes = [int(name) for name in wanted if name.isdigit()]  # `month 20000`: a smaller roll-up
    wanted = [name for name in wanted if not name.isdigit()]
    parts = dict(PARTS)
    if sizes:
        parts["month"] = lambda server: month.measure(server, sizes[0])
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"not one of {', '.join(PARTS)}: {', '.join(unknown)}", file=sys.stderr)
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows: list[Row] = []
    with start_postgres() as server:
        print("PostgreSQL with synchronous_commit on and fsync off, as the tests run it. Medians of 5.")
        print(HEADING, flush=True)
        for name in wanted or PARTS:
            found: list[Row] = []
            run(_collect(parts[name](server), found))  # the loop that the application runs on
            print("\n".join(show(row) for row in found), flush=True)
            rows += found
    print(f"written to {write(rows, machine())}")
    return 0


async def _collect(measuring: Awaitable[list[Row]], found: list[Row]) -> None:
    found += await measuring


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
