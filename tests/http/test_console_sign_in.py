"""Signing in and out: password, second factor, clinic, sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from api.wiring import Deps
from kernel.audit import AuditEvent, system
from kernel.web.tables import WebSession
from registry.organisation import accounts
from tests.support import app as support
from tests.support.app import Clinic, found_clinic
from tests.support.clock import FakeClock
from tests.support.colleague import PASSWORD, Colleague, give_passwords

COOKIE = "evenkeel"


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


@pytest.fixture
async def clinic(deps: Deps) -> Clinic:
    made = await found_clinic(deps)
    await give_passwords(made)
    return made


@pytest.fixture
def dana(client: httpx.AsyncClient, deps: Deps) -> Colleague:
    return Colleague(client, deps)


async def actions(deps: Deps) -> list[str]:
    async with deps.system_db.begin() as tx:
        return [row.action for row in await tx.all(select(AuditEvent.action).order_by(AuditEvent.seq))]


async def test_the_first_sign_in_sets_up_a_second_factor_and_shows_recovery_codes_once(
    dana: Colleague, clinic: Clinic
) -> None:
    await dana.gives_password("care_manager@harbor.example")
    assert dana.path == "/sign-in/setup"
    assert "<svg" in dana.html
    assert "style=" not in dana.html
    await dana.sets_up_authenticator()
    assert dana.text.count("-") >= 50  # ten codes in groups of four
    codes = [word for word in dana.text.split() if word.count("-") == 5]
    assert len(codes) == 10
    await dana.opens(dana.links("Go on")[0])
    assert (dana.path, dana.status) == ("/today", 200)
    assert "Care Manager harbor" in dana.text


async def test_later_a_code_is_asked_and_accepted_once(
    dana: Colleague, clinic: Clinic, clock: FakeClock
) -> None:
    await dana.signs_in(clinic)
    used = dana.code()
    await dana.submits("/sign-out")
    assert "You are signed out" in dana.text
    await dana.gives_password("care_manager@harbor.example")
    await dana.submits("/sign-in/code", code=used)
    assert dana.status == 422
    assert dana.errors == [
        "The code is not right, was used before, or the account is locked for some minutes."
    ]
    clock.advance(seconds=30)
    await dana.submits("/sign-in/code", code=dana.code())
    assert dana.path == "/today"


async def test_a_recovery_code_signs_in_once(dana: Colleague, clinic: Clinic) -> None:
    await dana.gives_password("care_manager@harbor.example")
    await dana.sets_up_authenticator()
    code = next(word for word in dana.text.split() if word.count("-") == 5)
    await dana.gives_password("care_manager@harbor.example")
    await dana.submits("/sign-in/code", code=code.lower())
    assert dana.path == "/today"
    await dana.gives_password("care_manager@harbor.example")
    await dana.submits("/sign-in/code", code=code)
    assert dana.status == 422


async def test_wrong_password_and_unknown_account_get_the_same_answer(
    dana: Colleague, clinic: Clinic
) -> None:
    await dana.gives_password("care_manager@harbor.example", "wrong horse")
    known = (dana.status, dana.errors)
    await dana.gives_password("nobody@harbor.example", "wrong horse")
    assert (dana.status, dana.errors) == known
    assert known[0] == 422
    assert COOKIE not in dana.client.cookies


async def test_guessing_is_throttled_for_known_and_unknown_accounts_alike(
    dana: Colleague, clinic: Clinic
) -> None:
    for email in ("care_manager@harbor.example", "nobody@harbor.example"):
        answers = [(await dana.gives_password(email, "wrong horse")).status for _ in range(11)]
        assert answers == [422] * 10 + [429]


async def test_a_locked_account_refuses_the_right_password_too(
    dana: Colleague, clinic: Clinic, clock: FakeClock
) -> None:
    for _ in range(5):
        await dana.gives_password("care_manager@harbor.example", "wrong horse")
    await dana.gives_password("care_manager@harbor.example")
    assert dana.status == 422
    clock.advance(minutes=16)
    await dana.gives_password("care_manager@harbor.example")
    assert dana.path == "/sign-in/setup"


async def test_a_session_id_from_outside_is_never_adopted(dana: Colleague, clinic: Clinic) -> None:
    dana.client.cookies.set(COOKIE, "chosen-by-an-attacker", domain="testserver.local")
    await dana.opens("/today")
    assert dana.path.startswith("/sign-in")
    await dana.gives_password("care_manager@harbor.example")
    half = dana.client.cookies[COOKIE]
    assert half != "chosen-by-an-attacker"
    await dana.sets_up_authenticator()
    assert dana.client.cookies[COOKIE] != half


async def test_the_half_session_opens_nothing_and_dies_with_the_second_factor(
    dana: Colleague, clinic: Clinic, deps: Deps
) -> None:
    await dana.gives_password("care_manager@harbor.example")
    half = dana.client.cookies[COOKIE]
    assert (await dana.client.get("/today")).headers["location"] == "/sign-in"
    await dana.sets_up_authenticator()
    async with support.browser(deps) as other:
        other.cookies.set(COOKIE, half, domain="testserver.local")
        assert (await other.get("/sign-in/code")).headers["location"] == "/sign-in"
        assert (await other.get("/today")).headers["location"] == "/sign-in"


async def test_fifteen_idle_minutes_end_a_session_and_use_extends_it(
    dana: Colleague, clinic: Clinic, clock: FakeClock
) -> None:
    await dana.signs_in(clinic)
    for _ in range(3):
        clock.advance(minutes=14)
        assert (await dana.opens("/registry")).status == 200
    clock.advance(minutes=15)
    await dana.opens("/registry")
    assert dana.path == "/sign-in"


async def test_staying_extends_the_idle_time(dana: Colleague, clinic: Clinic, clock: FakeClock) -> None:
    await dana.signs_in(clinic)
    clock.advance(minutes=14)
    token = dict(dana.form("/sign-out").fields)["_csrf"]
    assert (await dana.client.post("/session/stay", data={"_csrf": token})).status_code == 204
    clock.advance(minutes=14)
    assert (await dana.opens("/registry")).status == 200


async def test_twelve_hours_end_a_session_whatever_was_done(
    dana: Colleague, clinic: Clinic, clock: FakeClock
) -> None:
    await dana.signs_in(clinic)
    began = clock.now()
    while clock.now() - began < timedelta(hours=12):
        assert (await dana.opens("/registry")).status == 200
        clock.advance(minutes=10)
    await dana.opens("/registry")
    assert dana.path == "/sign-in"


async def test_signing_out_ends_the_session_on_the_server(
    dana: Colleague, clinic: Clinic, deps: Deps
) -> None:
    await dana.signs_in(clinic)
    kept = dana.client.cookies[COOKIE]
    await dana.submits("/sign-out")
    dana.client.cookies.set(COOKIE, kept, domain="testserver.local")
    await dana.opens("/today")
    assert dana.path == "/sign-in"
    assert "staff.signed_out" in await actions(deps)


async def test_a_person_of_two_clinics_chooses_one_and_the_session_changes_with_it(
    dana: Colleague, clinic: Clinic, deps: Deps
) -> None:
    second = await found_clinic(deps, "lakeside", "+12065550101")
    async with deps.system_db.begin() as tx:
        await accounts.grant_role(
            tx,
            system(None, "test"),
            clinic.staff["care_manager"],
            second.id,
            "clinician",
            now=deps.clock.now(),
        )
    await dana.gives_password("care_manager@harbor.example")
    await dana.sets_up_authenticator()
    await dana.opens(dana.links("Go on")[0])
    assert dana.path == "/clinics"
    await dana.submits("/clinics", clinic_id=str(second.id))
    first_session = dana.client.cookies[COOKIE]
    assert "Lakeside Street Family Medicine" in dana.text
    await dana.opens("/account")
    await dana.submits("/clinics", clinic_id=str(clinic.id))
    assert "Harbor Street Family Medicine" in dana.text
    assert dana.client.cookies[COOKIE] != first_session


async def test_nobody_enters_a_clinic_without_a_role_there(
    dana: Colleague, clinic: Clinic, deps: Deps
) -> None:
    second = await found_clinic(deps, "lakeside", "+12065550101")
    await dana.signs_in(clinic)
    token = dict(dana.form("/sign-out").fields)["_csrf"]
    await dana.posts("/clinics", [("_csrf", token), ("clinic_id", str(second.id))])
    assert dana.status == 403


async def test_a_new_password_needs_the_present_one_and_ends_other_sessions(
    dana: Colleague, clinic: Clinic, deps: Deps, clock: FakeClock
) -> None:
    await dana.signs_in(clinic)
    async with support.browser(deps) as other:
        elsewhere = Colleague(other, deps)
        elsewhere.authenticator = dana.authenticator
        clock.advance(seconds=30)
        await elsewhere.signs_in(clinic)
        await dana.opens("/account")
        await dana.submits(
            "/account/password", current="wrong", new="quiet rivers run", again="quiet rivers run"
        )
        assert dana.errors == ["Present password is not right."]
        await dana.submits("/account/password", current=PASSWORD, new="password", again="password")
        assert dana.status == 422
        await dana.submits(
            "/account/password", current=PASSWORD, new="quiet rivers run", again="quiet river run"
        )
        assert dana.errors == ["New password again is not the same."]
        await dana.submits(
            "/account/password", current=PASSWORD, new="quiet rivers run", again="quiet rivers run"
        )
        assert "Password changed" in dana.said
        assert (await elsewhere.opens("/today")).path == "/sign-in"
    clock.advance(seconds=30)
    await dana.gives_password("care_manager@harbor.example", "quiet rivers run")
    assert dana.path == "/sign-in/code"


async def test_new_recovery_codes_need_the_password_and_replace_the_old(
    dana: Colleague, clinic: Clinic
) -> None:
    await dana.signs_in(clinic)
    await dana.opens("/account")
    assert "10 recovery codes are left" in dana.text
    await dana.submits("/account/codes", current="wrong")
    assert dana.errors == ["Password is not right."]
    await dana.submits("/account/codes", current=PASSWORD)
    assert len([word for word in dana.text.split() if word.count("-") == 5]) == 10


async def test_sign_in_goes_on_to_the_page_that_was_asked_for_and_never_elsewhere(
    dana: Colleague, clinic: Clinic
) -> None:
    await dana.opens("/sign-in?next=/registry")
    await dana.submits("/sign-in", email="care_manager@harbor.example", password=PASSWORD)
    await dana.sets_up_authenticator()
    assert dana.links("Go on") == ["/registry"]
    for foreign in ("//evil.example", "https://evil.example", "/\\evil.example"):
        await dana.opens(f"/sign-in?next={foreign}")
        assert dict(dana.form("/sign-in").fields)["next"] == ""


async def test_only_the_hash_of_a_session_is_stored(dana: Colleague, clinic: Clinic, deps: Deps) -> None:
    await dana.signs_in(clinic)
    async with deps.system_db.begin() as tx:
        stored = [row.id_hash for row in await tx.all(select(WebSession.id_hash))]
        assert await tx.scalar(select(func.count()).where(WebSession.ended_at.is_(None))) == 1
    assert dana.client.cookies[COOKIE] not in stored
