"""What a link must withstand: scanners, guessers, the wrong reader."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select, text, update

from api.app import create_app
from api.wiring import Deps
from kernel.crypto import token_hash
from kernel.db import Database
from kernel.ids import new_token
from messaging.links import birth, service
from messaging.links.tables import CheckInLink, LinkVisit
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer
from registry.organisation.patient_pages import PatientPages, set_patient_pages
from registry.patients.tables import Patient
from tests.support import app as support
from tests.support.builders import PatientRows
from tests.support.canary import Canary
from tests.support.clock import FakeClock
from tests.support.programme import Programme, la
from tests.support.visitor import PageReader, Visitor

GUESSES = 10_000 if os.environ.get("EVENKEEL_PROOF") == "1" else 2_000
BORN = date(1987, 4, 12)
BOTS = (
    {"user-agent": "Mimecast"},
    {"user-agent": "facebookexternalhit/1.1"},
    {"purpose": "prefetch", "sec-purpose": "prefetch;prerender"},
    {"x-moz": "prefetch"},
    {"user-agent": "Google-Safety"},
)


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


@pytest.fixture
async def programme(deps: Deps, clock: FakeClock) -> Programme:
    return await Programme.open(deps.system_db, clock)


async def invited(programme: Programme, **person: Any) -> tuple[PatientRows, str]:
    """A patient and the path of a link to their check-in."""
    tomorrow = (programme.clock.now() + timedelta(days=1)).date()
    patient = await programme.enrols(first_on=tomorrow, instruments=("phq9",), birth_date=BORN, **person)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    await programme.sweep()
    await programme.all_accepted()
    token = new_token()
    async with programme.database.begin() as tx:
        mine = (CheckIn.patient_id == patient.id, CheckIn.state == "invited")
        check_in_id = await tx.scalar(select(CheckIn.id).where(*mine))
        return patient, await service.issue(tx, check_in_id, token=token, now=programme.clock.now())


async def asks_birth_dates(deps: Deps, programme: Programme) -> None:
    async with deps.system_db.begin() as tx:
        lead, pages = programme.clinic.actor("clinic_lead"), PatientPages(birth_check=True)
        await set_patient_pages(tx, lead, programme.clinic.id, pages, now=deps.clock.now())


async def count(deps: Deps, table: Any) -> int:
    async with deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_fifty_scanners_look_and_then_the_patient_completes(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    _, path = await invited(programme)
    for bot in BOTS:
        for method in ("GET", "HEAD") * 5:
            assert (await client.request(method, path, headers=bot)).status_code == 200
    assert (await count(deps, LinkVisit), await count(deps, Answer)) == (0, 0)
    visitor = await (await Visitor(client).opens(path)).presses()
    await visitor.answers(*[0] * 9)
    assert visitor.path == "/check-in/thanks"


async def test_random_tokens_over_http_start_nothing(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    """2,000, and 10,000 with EVENKEEL_PROOF=1. Each from an address of its own, so that only the count of misses holds them
    back: past 600 in a minute nothing is looked up any more and all are told to wait, by the server's own minutes. How
    many the lookup itself withstands, the next test counts."""
    _, path = await invited(programme)
    app = create_app(deps)
    statuses: dict[int, int] = {}
    bodies: set[bytes] = set()
    started = time.monotonic()
    for nth in range(GUESSES):
        status, body = await _get(
            app, f"/c/{new_token()}", f"10.{nth // 65536}.{nth // 256 % 256}.{nth % 256}"
        )
        statuses[status] = statuses.get(status, 0) + 1
        bodies.add(body)
    minutes = 1 + int((time.monotonic() - started) // 60)
    assert set(statuses) == {404, 429}
    assert 600 <= statuses[404] <= 600 * minutes
    assert sum(statuses.values()) == GUESSES
    assert len(bodies) == 2, "a miss looks like every other miss"
    assert await count(deps, LinkVisit) == 0
    visitor = await (await Visitor(client).opens(path)).presses()
    assert visitor.path == "/check-in/1"


async def _get(app: Any, path: str, address: str) -> tuple[int, bytes]:
    """Straight into the application: thousands of requests leave no time for a client."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"testserver.local")], "client": (address, 40000), "server": ("testserver.local", 80),
        "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


async def test_a_million_random_tokens_match_no_stored_link(database: Database, clock: FakeClock) -> None:
    """The lookup is one comparison, of the token's hash with the stored ones; here for ten thousand at a time beside a
    thousand links that work."""
    now, clinic_id = clock.now(), database.ids()
    live = [new_token() for _ in range(1_000)]
    async with database.begin() as tx:
        await tx.execute(
            insert(CheckInLink),
            [
                {"id": tx.new_id(), "token_hash": token_hash(token), "clinic_id": clinic_id,
                 "patient_id": tx.new_id(), "check_in_id": tx.new_id(), "created_at": now,
                 "expires_at": now + timedelta(days=1), "revoked_at": None}
                for token in live
            ],
        )  # fmt: skip
        each = "json_array_elements_text(CAST(:guesses AS json))" if tx.is_postgres else "json_each(:guesses)"
        hit = text(f"SELECT count(*) FROM check_in_link JOIN {each} AS guess ON token_hash = guess.value")

        async def hits(tokens: list[str]) -> int:
            hashes = json.dumps([token_hash(token) for token in tokens])
            return int(await tx.scalar(hit, {"guesses": hashes}))

        assert await hits(live) == 1_000
        for _ in range(100):
            assert await hits([new_token() for _ in range(10_000)]) == 0
        started = time.perf_counter()
        for _ in range(200):
            assert await service.find(tx, new_token(), now=now) is None
        unknown = time.perf_counter() - started
        started = time.perf_counter()
        for token in live[:200]:  # known, but to no check-in: as one that was used up
            assert await service.find(tx, token, now=now) is None
        dead = time.perf_counter() - started
    assert 0.2 < unknown / dead < 5, "the same statements, whatever the reason"


async def test_a_date_that_does_not_fit_is_asked_again_and_the_fifth_looks_like_any_dead_link(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    await asks_birth_dates(deps, programme)
    _, path = await invited(programme)
    visitor = await (await Visitor(client).opens(path)).presses()
    assert (visitor.path, "Is this for you?" in visitor.text) == ("/check-in/birth", True)
    await visitor.opens("/check-in/3")
    assert visitor.path == "/check-in/birth"
    await visitor.presses("next", month="2", day="30", year="1987")
    assert (visitor.status, "in numbers" in visitor.text) == (422, True)
    for _ in range(birth.TRIES - 1):
        await visitor.presses("next", month="4", day="13", year="1987")
        assert (visitor.status, "1987" in PageReader(visitor.html).text) == (422, False)
    await visitor.presses("next", month="4", day="14", year="1987")
    dead = await client.get("/c/never-issued-0123456789ABC")
    assert (visitor.status, visitor.html) == (404, dead.text)
    assert (await client.get("/check-in/birth")).text == dead.text
    assert (await client.get(path)).text == dead.text


async def test_the_right_date_leads_to_the_first_question(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    await asks_birth_dates(deps, programme)
    _, path = await invited(programme)
    visitor = await (await Visitor(client).opens(f"{path}?lang=es")).presses()
    assert "¿Esto es para usted?" in visitor.text
    await visitor.presses("next", month="04", day="12", year="1987")
    assert visitor.path == "/check-in/1"


async def test_who_says_it_is_not_theirs_ends_the_link(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    await asks_birth_dates(deps, programme)
    patient, path = await invited(programme)
    visitor = await (await Visitor(client).opens(path)).presses()
    await visitor.presses("not_me")
    assert visitor.status == 404
    assert (await client.get(path)).status_code == 404
    assert "wrong_number" in await programme.tasks(patient)


async def test_nothing_of_the_person_is_on_any_page_that_a_link_reaches_in_any_address_or_log(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    names = ("Zephyrine", "Quillfeather")
    with Canary() as canary:
        patient, path = await invited(
            programme, family_name=names[1], given_name=names[0], phone="+12065550164"
        )
        async with deps.system_db.begin() as tx:
            sealed = tx.vault.seal("+12065550165")
            await tx.execute(
                update(Patient)
                .where(Patient.id == patient.id)
                .values(mrn="MRN-77412", emergency_phone_sealed=sealed)
            )
        first = await (await Visitor(client).opens(path)).presses()
        await first.answers(3, 3, 3)
        client.cookies.clear()
        visitor = await Visitor(client).opens(path)
        seen = [visitor.html]
        await visitor.presses()
        seen.append(visitor.html)
        assert path not in visitor.path
        for value in (2, 2, 2, 2, 2, 2):
            await visitor.presses("next", value)
            seen.append(visitor.html)
        for address in (
            "/check-in",
            "/check-in/1",
            "/check-in/99",
            "/check-in/support",
            "/check-in/thanks",
            "/check-in/x",
            "/me",
            path,
        ):
            seen.append((await Visitor(client).opens(address)).html)
        secrets = (*names, "MRN-77412", "5550164", "5550165", str(patient.id), path.removeprefix("/c/"))
        canary.watch_for(*secrets)
        canary.check()
    for html in seen:
        assert not [word for word in secrets if word in html]
        assert not [word for word in ("21", "score", "PHQ", "depress") if word in PageReader(html).text]
        assert not [link for link in PageReader(html).links if "555" in link and link != "tel:+12065550100"]
