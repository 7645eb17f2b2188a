"""The demo clinic as a file, seeded once for all tests, on a Wednesday morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from api.demo.seed import seed
from api.wiring import Deps
from messaging.gateways.simulator import SimulatorGateway, SimulatorMailer
from tests.support import app as support
from tests.support.clock import FakeClock

WEDNESDAY = datetime(2026, 3, 18, 17, 30, tzinfo=UTC)


class MovedClock(FakeClock):
    """The demo's clock, standing still between jumps."""

    def jump(self, by: timedelta) -> None:
        self.set(self.now() + by)


async def seeded(url: str) -> None:
    async with support.test_deps(url, MovedClock(WEDNESDAY), mode="demo") as deps:
        await seed(as_demo(deps))


def as_demo(deps: Deps) -> Deps:
    """With the gateway and the mailer a demo has."""
    return msgspec.structs.replace(deps, gateway=SimulatorGateway(deps.new_id), mailer=SimulatorMailer())
