"""Two people decide the same thing in the demo clinic: the second is told at the top of the page, and nothing typed is
lost, also where the new state has no such form any more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.wiring import Deps
from kernel.audit import Role
from tests.support import app as support
from tests.support import databases
from tests.support.colleague import Colleague
from tests.support.demo import WEDNESDAY, MovedClock, as_demo

ID = "[0-9a-f-]{36}"
MOST_PAGES = 30
FIRST, SECOND = "Alpha wrote this", "Beta wrote <that>"

# Who; the page to begin at; which links to follow from it; the form; its text; what else is chosen.
CASES: tuple[tuple[Role, str, tuple[str, ...], str, str, dict[str, Any]], ...] = (
    ("clinician", "/approvals", (f"/approvals/{ID}",), "/decide", "reason", {"decision": "declined"}),
    ("care_manager", "/approvals", (f"/approvals/{ID}",), "/order", "what", {}),
    ("care_manager", "/approvals", (f"/approvals/{ID}",), "/told", "note", {}),
    ("care_manager", "/approvals", (f"/approvals/{ID}",), "/taking", "note", {}),
    ("clinic_lead", "/approvals", (f"/approvals/{ID}",), "/withdraw", "reason", {}),
    ("care_manager", "/review", (f"/review/{ID}", f"/review/items/{ID}"), "/discuss", "note", {}),
    ("clinic_lead", "/review", (f"/review/{ID}",), f"/review/{ID}/close", "note", {}),
    ("clinic_lead", "/quality", (r"/quality/\d{4}-\d\d",), "/sign", "note", {}),
    ("clinician", "/safety", (f"/safety/{ID}",), "/tier", "reason", {"tier": "1"}),
    ("care_manager", "/today", (f'/patients/{ID}/rules[^"]*',), f"/steps/{ID}/decline", "reason", {}),
    ("care_manager", "/registry", (f"/patients/{ID}",), f"/treatment-changes/{ID}/withdraw", "reason", {}),
    ("care_manager", "/time", (f"/time/{ID}",), f"/time/{ID}", "reason", {"minutes": "7"}),
    ("care_manager", "/time", (f"/time/{ID}",), f"/time/{ID}/void", "reason", {}),
)


# Pressed before, by one person: there the forms begin.
OPENED: tuple[tuple[Role, str, str, str], ...] = (
    ("care_manager", "/review", f"/review/{ID}", f"/review/{ID}/open"),
    ("care_manager", "/safety", f"/safety/{ID}", "/acknowledge"),
)


@pytest.fixture
async def demo(demo_file: Path, tmp_path: Path) -> AsyncIterator[Deps]:
    url = databases.sqlite_copy(demo_file, tmp_path / "demo.db")
    async with support.test_deps(url, MovedClock(WEDNESDAY), mode="demo") as made:
        yield as_demo(made)


async def test_the_second_of_two_who_decide_is_told_and_loses_nothing(demo: Deps) -> None:
    async with support.browser(demo) as one, support.browser(demo) as other:
        anna, ben = Colleague(one, demo), Colleague(other, demo)
        for role, start, link, form in OPENED:
            await anna.opens(f"/demo/sign-in/{role}")
            await anna.submits(await _finds(anna, start, (link,), form))
            assert anna.status == 200, form
        for role, start, links, form, field, chosen in CASES:
            case = f"{role} {form}"
            await anna.opens(f"/demo/sign-in/{role}")
            await ben.opens(f"/demo/sign-in/{role}")
            action = await _finds(anna, start, links, form)
            assert action, f"no page of the demo has {case}"
            await ben.opens(anna.path)
            chosen = chosen | {name: "5" for name in anna.form(action).names if name.startswith("minutes_")}
            await anna.submits(action, **{field: FIRST}, **chosen)
            assert anna.status == 200, (case, anna.status, anna.errors)

            await ben.submits(action, **{field: SECOND}, **chosen)
            assert ben.status == 409, case
            assert "data-error-summary" in ben.html, case
            assert re.search(r">\s*(?:[^<]*\n)*[^<]*Beta wrote &lt;that&gt;[^<]*</textarea>", ben.html), case


async def _finds(person: Colleague, start: str, links: tuple[str, ...], form: str) -> str:
    """The person stands on the first page that has the form; its whole action."""
    pages = [start]
    for link in links:
        found = []
        for page in pages[:MOST_PAGES]:
            await person.opens(page)
            found += re.findall(rf'href="({link})"', person.html)
        pages = list(dict.fromkeys(found))
    for page in pages[:MOST_PAGES]:
        await person.opens(page)
        actions = [one.action for one in person.page.forms]
        wanted = next((one for one in actions if re.search(rf"{form}$", one)), None)
        if wanted is not None:
            return wanted
    return ""
