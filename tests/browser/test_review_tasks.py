"""A review of five patients and a decision about advice, in Chromium by mouse and by keyboard; axe on each page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, sync_playwright

from api.wiring import Deps
from kernel.audit import Actor
from registry.organisation import queries as organisation
from registry.recommendations import service as recommendations
from registry.recommendations.rules import RecommendationForm, RecommendationPart
from registry.recommendations.tables import RecommendationStep
from registry.review import service
from registry.review.tables import ReviewItem
from tests.browser.test_console import FLAGS, context_of, findings
from tests.browser.test_screens import CHROMIUM, SIDEWAYS, SMALL
from tests.support import databases
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import give_passwords
from tests.support.console import count, enrols, signed_in
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
NAMES = ("Maren", "Tobias", "Josiah", "Ines", "Lucille")


async def five_patients(deps: Deps) -> dict[str, Any]:
    """New patients for two meetings, and two recommendations that wait for the clinician."""
    clinic = await found_clinic(deps)
    await give_passwords(clinic)
    async with signed_in(deps, clinic) as dana:
        patients = [
            await enrols(
                dana, clinic, family_name=f"Alder{given}", given_name=given, mrn=f"4011{at}",
                phone=f"206-555-012{at}",
            )
            for at, given in enumerate(NAMES)
        ]  # fmt: skip
    made: dict[str, Any] = {"clinic": clinic, "referred": patients[0]}
    consultant = await _actor(deps, clinic, "consultant")
    assert consultant.id is not None
    async with deps.system_db.begin(clinic.id) as tx:
        now = deps.clock.now()
        for way in ("mouse", "keys"):
            meeting = await service.plan(
                tx, consultant, starts_at=now + timedelta(hours=1), minutes=60,
                consultant_id=consultant.id, care_manager_id=None, now=now,
            )  # fmt: skip
            part = RecommendationPart("medication", f"Raise the dose ({way})")
            advice = await recommendations.send(
                tx, consultant, patients[0], RecommendationForm((part,)), now=now, notices=deps.notices
            )
            made |= {f"meeting_{way}": meeting, f"advice_{way}": advice}
    return made


async def _actor(deps: Deps, clinic: Clinic, role: Any) -> Actor:
    async with deps.system_db.begin() as tx:
        found = await organisation.actor_for(tx, clinic.staff[role], clinic.id)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("review") / "review.db")
    with served(url, five_patients) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def discussed(site: Served, meeting: UUID) -> int:
    where = (ReviewItem.review_id == meeting, ReviewItem.state == "discussed")
    return site.run(count(site.deps, ReviewItem, *where))


def test_a_review_of_five_patients_is_run_by_mouse(browser: Browser, site: Served) -> None:
    meeting = site.extra["meeting_mouse"]
    with context_of(browser, site, "consultant") as context:
        page = context.new_page()
        page.goto(f"{site.url}/review/{meeting}")
        page.click("text=Open, and fix the agenda")
        page.click("text=Start with the first patient")
        for number in range(1, 6):
            assert f"{number} of 5" in page.inner_text("main")
            page.fill("#discuss-note", f"Patient {number}: stay on course.")
            for minutes in page.locator("#discuss-minutes .ek-took-part:has(:checked) .form-control").all():
                minutes.fill("1")
            page.click("text=Save discussion")
            page.wait_for_selector("#flashes >> text=Saved, with everybody's minutes.")
            if number < 5:
                page.click("a[rel=next]")
        page.click("text=Agenda")
        page.click("button:has-text('Close')")
        page.wait_for_selector("#flashes >> text=Case review closed.")
    assert discussed(site, meeting) == 5


def test_a_review_of_five_patients_is_run_by_keyboard(browser: Browser, site: Served) -> None:
    meeting = site.extra["meeting_keys"]
    with context_of(browser, site, "consultant") as context:
        page = context.new_page()
        page.goto(f"{site.url}/review/{meeting}")
        page.focus("button:has-text('Open, and fix')")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The agenda is built.")
        page.focus("text=Start with the first patient")
        page.keyboard.press("Enter")
        for number in range(1, 6):
            page.wait_for_selector(f"text={number} of 5")
            page.focus("#discuss-note")
            page.keyboard.type(f"Patient {number}.")
            for _ in range(3):  # impression, what changes, how
                page.keyboard.press("Tab")
            for _ in range(2):  # each who took part, and their minutes
                page.keyboard.press("Tab")
                page.keyboard.press("Tab")
                page.keyboard.press("Control+a")
                page.keyboard.type("1")
            page.keyboard.press("Enter")
            page.wait_for_selector("#flashes >> text=Saved, with everybody's minutes.")
            if number < 5:
                page.focus("a[rel=next]")
                page.keyboard.press("Enter")
    assert discussed(site, meeting) == 5


def test_a_clinician_approves_by_mouse(browser: Browser, site: Served) -> None:
    advice = site.extra["advice_mouse"]
    with context_of(browser, site, "clinician") as context:
        page = context.new_page()
        page.goto(f"{site.url}/approvals")
        page.click(f"a[href='/approvals/{advice}'] >> nth=0")
        page.check("text=Accept >> nth=0")
        page.click("text=Save decision")
        page.wait_for_selector("#flashes >> text=Decision saved.")
    assert accepted(site, advice) == 1


def test_a_clinician_approves_by_keyboard(browser: Browser, site: Served) -> None:
    advice = site.extra["advice_keys"]
    with context_of(browser, site, "clinician") as context:
        page = context.new_page()
        page.goto(f"{site.url}/today")
        page.keyboard.press("g")
        page.keyboard.press("a")
        page.wait_for_url("**/approvals")
        page.focus(f"a[href='/approvals/{advice}'] >> nth=0")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Your decision")
        page.focus("#decide-decision")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_selector("#flashes >> text=Decision saved.")
    assert accepted(site, advice) == 1


def accepted(site: Served, advice: UUID) -> int:
    steps = (RecommendationStep.recommendation_id == advice, RecommendationStep.step == "accepted")
    return site.run(count(site.deps, RecommendationStep, *steps))


PAGES = {
    "reviews": "/review",
    "agenda": "/review/{meeting_keys}",
    "to print": "/review/{meeting_mouse}/print",
    "approvals": "/approvals",
    "one approval": "/approvals/{advice_mouse}",
    "recommend": "/patients/{referred}/recommend",
    "referrals": "/patients/{referred}/referrals",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_axe_finding_and_fits_a_phone(browser: Browser, site: Served, name: str) -> None:
    address = site.url + PAGES[name].format(**site.extra)
    with context_of(browser, site, "care_manager", bypass_csp=True) as context:
        tab = context.new_page()
        answer = tab.goto(address)
        assert answer is not None
        assert answer.status == 200
        assert findings(tab) == []
        tab.set_viewport_size({"width": 320, "height": 800})
        tab.goto(address)
        assert tab.evaluate(SIDEWAYS) <= 0
        assert tab.evaluate(SMALL) == []
