"""Two people, one page: whoever saves second is told, sees what is stored now, and still has what was typed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from api.wiring import Deps
from kernel.audit import Role
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import enrols, signed_in


@asynccontextmanager
async def two(deps: Deps, clinic: Clinic, role: Role) -> AsyncIterator[tuple[Colleague, Colleague]]:
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(signed_in(deps, clinic, role))
        yield first, await both.enter_async_context(signed_in(deps, clinic, role))


# Page, form, field, what the first person writes, what the second does; and who they are.
SETTINGS: tuple[tuple[str, str, str, Any, Any, Role], ...] = (
    ("/setup", "/setup/clinic", "hours_text", "Mon-Thu 8-4", "Mon-Sat 9-5", "administrator"),
    ("/setup", "/setup/outreach", "call_after_hours", "100", "120", "administrator"),
    ("/setup/numbers", "/setup/numbers", "no_contact_days", "25", "26", "clinic_lead"),
    ("/setup/calendar", "/setup/calendar", "monday", "08:00-12:00", "09:00-12:00", "clinic_lead"),
    ("/setup/note-templates", "/setup/closing-rule", "days", "28", "35", "clinic_lead"),
    ("/billing/setup", "/billing/setup", "city", "Tacoma", "Spokane", "biller"),
    ("/billing/payers", "/billing/payers/default", "rule_set", None, None, "biller"),
    ("/billing/money", "/billing/money/staffing", "contact_minutes", "35", "40", "biller"),
    ("/billing/money", "/billing/money/fees", "expected", "90.00", "95.00", "biller"),
    ("/safety/drills", "/safety/drills/schedule", "every_days", "20", "25", "clinic_lead"),
)


def _other(page: Colleague, action: str, field: str) -> list[str]:
    """Values that a list offers and that are not chosen now."""
    [markup] = re.findall(rf'<select[^>]*name="{field}"[^>]*>(.*?)</select>', page.html, re.S)[-1:]
    values: list[str] = re.findall(r'<option value="([^"]+)"', markup)
    now = dict(page.form(action).fields)[field]
    return [value for value in values if value != now]


@pytest.mark.parametrize(
    ("page", "action", "field", "first", "second", "role"), SETTINGS, ids=[row[1] for row in SETTINGS]
)
async def test_settings_that_someone_else_saved_are_not_overwritten_unseen(
    console_deps: Deps,
    harbor: Clinic,
    page: str,
    action: str,
    field: str,
    first: Any,
    second: Any,
    role: Role,
) -> None:
    async with two(console_deps, harbor, role) as (anna, ben):
        await anna.opens(page)
        await ben.opens(page)
        if first is None:
            first, second = _other(anna, action, field)[0], dict(ben.form(action).fields)[field]
        await anna.submits(action, **{field: first})
        assert anna.status == 200 and not anna.errors, anna.errors
        stored = await _stored(anna, page, action, field)

        await ben.submits(action, **{field: second})
        assert ben.status == 409
        assert "Someone else changed this meanwhile" in " ".join(ben.errors)
        typed = dict(ben.form(action).fields)
        assert typed[field] == second, "what was typed stands"
        assert await _stored(anna, page, action, field) == stored, "nothing was saved"

        await ben.submits(action)
        assert ben.status == 200 and not ben.errors, "seen now, it may be saved"


async def _stored(person: Colleague, page: str, action: str, field: str) -> str:
    await person.opens(page)
    return dict(person.form(action).fields)[field]


async def test_a_colleague_s_account_is_not_overwritten_unseen(console_deps: Deps, harbor: Clinic) -> None:
    path = f"/setup/accounts/{harbor.staff['clinician']}"
    async with two(console_deps, harbor, "administrator") as (anna, ben):
        for action, field, first, second in (
            ("details", "credentials", "MD", "PhD"),
            ("roles", "roles", ["clinician", "clinic_lead"], ["clinician", "consultant"]),
        ):
            await anna.opens(path)
            await ben.opens(path)
            await anna.submits(f"{path}/{action}", **{field: first})
            assert anna.status == 200, anna.errors
            await ben.submits(f"{path}/{action}", **{field: second})
            assert ben.status == 409
            assert "What you typed is below" in " ".join(ben.errors)
        await anna.opens(path)
        fields = anna.form(f"{path}/details").fields + anna.form(f"{path}/roles").fields
        assert ("credentials", "MD") in fields and ("roles", "clinic_lead") in fields
        assert ("roles", "consultant") not in fields


async def test_a_coverage_and_the_flags_are_not_overwritten_unseen(
    console_deps: Deps, harbor: Clinic
) -> None:
    async with two(console_deps, harbor, "care_manager") as (anna, ben):
        patient_id = await enrols(anna, harbor)
        home = f"/patients/{patient_id}"
        await anna.opens(f"{home}/coverage")
        await ben.opens(f"{home}/coverage")
        [row] = sorted(set(re.findall(rf'action="({home}/coverage/[0-9a-f-]+)"', anna.html)))
        await anna.submits(row, plan="Gold")
        assert anna.status == 200
        await ben.submits(row, member_id="M-77")
        assert ben.status == 409 and "Plan: Gold" in " ".join(ben.errors)
        await ben.submits(row)
        assert ben.status == 200

        await anna.opens(f"{home}/rules")
        await ben.opens(f"{home}/rules")
        await anna.submits(f"{home}/flags", safety="yes")
        assert anna.status == 200
        await ben.submits(f"{home}/flags", discuss="yes")
        assert ben.status == 409 and "Safety: yes" in " ".join(ben.errors)
        await anna.opens(f"{home}/rules")
        assert ("safety", "yes") in anna.form(f"{home}/flags").fields


async def test_the_draft_of_the_safety_protocol_is_not_overwritten_unseen(
    console_deps: Deps, harbor: Clinic
) -> None:
    async with two(console_deps, harbor, "clinic_lead") as (anna, ben):
        await anna.opens("/safety/protocol")
        await anna.submits("/safety/protocol/drafts")
        edit, path = anna.path, anna.path.removesuffix("/edit")
        await ben.opens(edit)
        await anna.submits(path, partner="Harbor Crisis Line")
        assert anna.status == 200, anna.errors
        await ben.submits(path, others_note="Call the sister first")
        assert ben.status == 409 and "Harbor Crisis Line" in " ".join(ben.errors)
        assert dict(ben.form(path).fields)["others_note"] == "Call the sister first"
        await anna.opens(edit)
        assert dict(anna.form(path).fields)["partner"] == "Harbor Crisis Line"


async def test_the_same_change_by_two_people_is_no_conflict(console_deps: Deps, harbor: Clinic) -> None:
    async with two(console_deps, harbor, "clinic_lead") as (anna, ben):
        await anna.opens("/setup/numbers")
        await ben.opens("/setup/numbers")
        await anna.submits("/setup/numbers", no_contact_days="25")
        await ben.submits("/setup/numbers", no_contact_days="25")
        assert ben.status == 200 and not ben.errors


HERE = {"origin": "http://testserver.local", "sec-fetch-site": "same-origin"}


async def test_a_form_of_an_ended_session_or_an_old_page_gives_back_what_was_typed(
    dana: Colleague, harbor: Clinic, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/texts"
    fields = dict(dana.form(path).filled({"body": "See you on <Friday>"}))
    old = await dana.client.post(path, data=fields | {"_csrf": "of yesterday"}, headers=HERE)
    assert old.status_code == 403
    assert "from before you signed in" in old.text and "See you on &lt;Friday&gt;" in old.text

    clock.advance(minutes=16)
    ended = await dana.client.post(path, data=fields, headers=HERE)
    assert ended.status_code == 401
    assert "You were signed out" in ended.text and "See you on &lt;Friday&gt;" in ended.text
    assert "Aldercott" not in ended.text and 'href="/sign-in"' in ended.text
    for headers in ({}, {"sec-fetch-site": "cross-site"}):
        elsewhere = await dana.client.post(path, data=fields, headers=headers)
        assert (elsewhere.status_code, elsewhere.headers["location"]) == (303, "/sign-in")
    button = await dana.client.post("/time/timer/keep", data={"back": "/today"}, headers=HERE)
    assert button.status_code == 303, "nothing was typed"


async def test_a_text_for_what_is_gone_is_given_back_on_the_page_that_says_so(
    dana: Colleague, harbor: Clinic
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/treatment-changes/{patient_id}/withdraw"
    token = dict(dana.form("/sign-out").fields)["_csrf"]
    gone = await dana.client.post(path, data={"_csrf": token, "reason": "Wrong patient"}, headers=HERE)
    assert gone.status_code == 404 and "Reason: Wrong patient" in gone.text
