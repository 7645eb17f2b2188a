"""Two check-ins of a small clinic with people who answer as people do, and a provider that fails as providers do.

Nobody tells the application what to expect; the laws of the checker are all that is asked for. The seed is the case.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from datetime import time

import pytest

from tests.support.clinic import PHQ9, Clinic, PatientHandle, opened
from tests.support.clock import FakeClock
from tests.support.provider_client import Provider

# One check-in and its reminders; `make proof` goes on for weeks, with more seeds.
PROOF = os.environ.get("EVENKEEL_PROOF") == "1"
DAYS = 45 if PROOF else 5
SEEDS = range(1, 9) if PROOF else (1,)
PEOPLE = (
    ("Ana", "+12065550123", "America/Los_Angeles"),
    ("Ben", "+12125550124", "America/New_York"),
    ("Kai", "+18085550125", "Pacific/Honolulu"),
    ("Sol", "+16025550127", "America/Phoenix"),
)
FAULTS = {
    "timeout_after_accept": 0.06,
    "500_after_accept": 0.04,
    "500_before_accept": 0.04,
    "reset_mid_response": 0.03,
    "429(5)": 0.05,
    "accept_twice": 0.02,
}
# (weight, what somebody texts back)
REPLIES = (
    (30, "0"), (30, "1"), (20, "2"), (10, "3"), (6, "several days"), (4, "2️⃣"), (3, "2 or 3"), (3, "BACK"),
    (2, "LATER"), (2, "idk"), (2, "HELP"), (1, "SKIP"), (1, "STOP"), (1, "i want to die"), (1, "👍"),
)  # fmt: skip


@dataclass
class Person:
    """Reads new texts some time after they came, and mostly replies to the last."""

    patient: PatientHandle
    chance: random.Random
    read: int = 0

    async def looks_at_the_phone(self, clinic: Clinic) -> bool:
        texts = await self.patient.phone.texts()
        new, self.read = texts[self.read :], len(texts)
        if not new or self.chance.random() < 0.15:
            return False
        weights, words = zip(*REPLIES, strict=True)
        [body] = self.chance.choices(words, weights)
        copies = 2 if self.chance.random() < 0.1 else 1
        lost = self.chance.random() < 0.05
        await self.patient.phone.texts_us(
            body, after_s=self.chance.choice((5, 30, 600)), copies=copies, webhook=not lost
        )
        await clinic.ticks()
        return True


@pytest.mark.timeout(3600 if PROOF else 180)
@pytest.mark.parametrize("seed", SEEDS)
async def test_weeks_of_people_and_faults_breaks_no_law(
    sqlite_url: str, provider: Provider, clock: FakeClock, seed: int
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with opened(sqlite_url, provider, clock) as clinic:
        clinic.canary.allow(
            "delivery.duplicate", "inbound.recovered", "delivery.operator_needed", "alert.nobody"
        )
        people = [
            Person(
                await clinic.enrols(
                    name, phone=number, zone=zone, measures=(PHQ9,), at=time(10, 30), every_days=14
                ),
                random.Random(f"{seed}:{name}"),
            )
            for name, number, zone in PEOPLE
        ]
        await provider.chance(seed, FAULTS)
        for _ in range(DAYS):
            await a_day(clinic, people, chance)
        await provider.chance(seed, {})
        await clinic.passes(hours=1)
        assert len(await provider.sent()) > 20, "nothing much happened"
        await clinic.hears_everything()


async def a_day(clinic: Clinic, people: list[Person], chance: random.Random) -> None:
    outage = chance.random() < 0.1
    await clinic.passes(hours=6)
    await clinic.passes(hours=6, work=not outage)
    for _ in range(40):
        busy = [await person.looks_at_the_phone(clinic) for person in people]
        if not any(busy):
            break
    for person in people:
        for event in await clinic.risk_events(person.patient):
            if event.state == "open":
                await clinic.acknowledges(person.patient)
    await clinic.passes(hours=12)
