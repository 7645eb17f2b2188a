"""Acknowledging an event, logging time and closing a month, in Chromium by mouse and by keyboard (an event by keyboard
and time by mouse stand in `test_console`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import insert, select

from api.wiring import Deps
from billing.close.tables import StatementVersion
from registry.episodes.tables import Episode
from registry.safety.tables import RiskEvent
from registry.time_log.tables import TimeEntry
from tests.browser.test_care_tasks import tab_to, types
from tests.browser.test_console import FLAGS, context_of, findings
from tests.browser.test_screens import CHROMIUM, SIDEWAYS, SMALL
from tests.http.test_console_closing import billable
from tests.support import databases
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import give_passwords
from tests.support.console import answers, count, enrols, signed_in
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
MAY = datetime(2026, 5, 4, 17, tzinfo=UTC)


async def two_months_over(deps: Deps) -> dict[str, Any]:
    """March and April with minutes and not closed yet; and in May somebody's item 9 is above 0."""
    clinic = await found_clinic(deps)
    await give_passwords(clinic)
    async with signed_in(deps, clinic) as dana:
        maren = await billable(dana, clinic, deps)
    await _april(deps, clinic, maren)
    deps.clock.set(MAY)  # type: ignore[attr-defined]
    async with signed_in(deps, clinic) as dana:
        tobias = await enrols(
            dana, clinic, family_name="Brannock", given_name="Tobias", mrn="40217", phone="206-555-0124",
            next_on="2026-05-18",
        )  # fmt: skip
    await answers(deps, clinic, tobias, (2, 2, 2, 2, 2, 2, 1, 0, 2), date(2026, 5, 4))
    return {"clinic": clinic, "maren": maren}


async def _april(deps: Deps, clinic: Clinic, patient_id: Any) -> None:
    at = datetime(2026, 4, 9, 18, tzinfo=UTC)
    async with deps.system_db.begin(clinic.id) as tx:
        episode_id = await tx.scalar(select(Episode.id).where(Episode.patient_id == patient_id))
        values = {
            "id": tx.new_id(), "clinic_id": clinic.id, "patient_id": patient_id, "episode_id": episode_id,
            "staff_id": clinic.staff["care_manager"], "role": "care_manager", "activity": "patient_contact",
            "started_at": at, "seconds": 70 * 60, "separately_reported": False, "source": "console",
            "created_at": at, "created_by_id": clinic.staff["care_manager"],
        }  # fmt: skip
        await tx.execute(insert(TimeEntry), values)


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("month") / "month.db")
    with served(url, two_months_over) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def dana(browser: Browser, site: Served) -> Iterator[Page]:
    with context_of(browser, site) as context:
        yield context.new_page()


@pytest.fixture
def tom(browser: Browser, site: Served) -> Iterator[Page]:
    with context_of(browser, site, "biller") as context:
        yield context.new_page()


def test_an_event_is_acknowledged_by_mouse(dana: Page, site: Served) -> None:
    dana.goto(f"{site.url}/today")
    dana.click(".ek-safety-banner a")
    dana.click("main >> text=BRANNOCK, Tobias")
    dana.wait_for_url("**/safety/*-*")
    dana.click("text=Acknowledge, I have it")
    dana.wait_for_selector("#flashes >> text=You have this event.")
    assert dana.inner_text("#step") == "Reach the patient"
    assert site.run(count(site.deps, RiskEvent, RiskEvent.state == "acknowledged")) == 1


def test_time_is_logged_by_keyboard_alone(dana: Page, site: Served) -> None:
    before = site.run(count(site.deps, TimeEntry))
    dana.goto(f"{site.url}/patients/{site.extra['maren']}")
    tab_to(dana, "section:has(#time) summary")
    dana.keyboard.press("Enter")
    types(dana, "#time-at", "0830AM")
    types(dana, "#time-minutes", "7")
    tab_to(dana, "#time-activity")
    dana.keyboard.type("Going over")
    tab_to(dana, "form[action$='/time'] button[type=submit]")
    dana.keyboard.press("Enter")
    dana.wait_for_selector("#flashes >> text=Time added.")
    assert "Going over scores and progress" in dana.inner_text(".ek-entries")
    assert site.run(count(site.deps, TimeEntry)) == before + 1


def test_a_month_is_closed_by_mouse(tom: Page, site: Served) -> None:
    tom.goto(f"{site.url}/account")
    tom.click(".ek-nav >> text=Billing")
    tom.click("a[rel=prev]")  # April
    tom.click("a[rel=prev]")
    assert "Billing, March 2026" in tom.inner_text("h1")
    tom.click("text=Close the month")
    tom.wait_for_selector("#flashes >> text=The month is closed.")
    with tom.expect_download() as fetched:
        tom.click("text=Excel workbook")
    assert fetched.value.suggested_filename.endswith(".xlsx")
    assert closed(site, "2026-03") == 1


def test_a_month_is_closed_by_keyboard(tom: Page, site: Served) -> None:
    tom.goto(f"{site.url}/account")
    tom.keyboard.press("g")
    tom.keyboard.press("b")
    tom.wait_for_url("**/billing**")
    tab_to(tom, "a[rel=prev]")
    tom.keyboard.press("Enter")
    tom.wait_for_url("**/billing/2026-04")
    tab_to(tom, "button:has-text('Close the month')")
    tom.keyboard.press("Enter")
    tom.wait_for_selector("#flashes >> text=The month is closed.")
    assert closed(site, "2026-04") == 1


def closed(site: Served, month: str) -> int:
    return int(site.run(count(site.deps, StatementVersion, StatementVersion.month == month)))


def test_a_closed_month_has_no_axe_finding(browser: Browser, site: Served) -> None:
    with context_of(browser, site, "biller", bypass_csp=True) as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/billing/2026-03")
        assert findings(tab) == []


def test_copies_of_a_closed_month_have_no_axe_finding_and_fit_a_phone(browser: Browser, site: Served) -> None:
    with context_of(browser, site, "care_manager", bypass_csp=True) as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/billing/2026-03/copies?who=all")
        assert findings(tab) == []
        tab.set_viewport_size({"width": 320, "height": 800})
        tab.reload()
        assert tab.evaluate(SIDEWAYS) <= 0
        assert tab.evaluate(SMALL) == []


SETUP_PAGES = ("/setup/accounts", "/setup/accounts/{dana}", "/setup/clinics", "/billing/payers")


def test_pages_of_an_administrator_have_no_axe_finding_and_fit_a_phone(
    browser: Browser, site: Served
) -> None:
    with context_of(browser, site, "administrator", bypass_csp=True) as context:
        tab = context.new_page()
        for path in SETUP_PAGES:
            tab.set_viewport_size({"width": 1280, "height": 900})
            tab.goto(site.url + path.format(dana=site.extra["clinic"].staff["care_manager"]))
            assert findings(tab) == [], path
            tab.set_viewport_size({"width": 320, "height": 800})
            assert tab.evaluate(SIDEWAYS) <= 0, path
            assert tab.evaluate(SMALL) == [], path
