"""The console in Chromium over the real application: the key tasks by mouse and by keyboard, and axe on each page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import select

from api.wiring import Deps
from messaging.delivery.tables import Outbox
from registry.safety.tables import RiskEvent
from registry.time_log.tables import TimeEntry
from tests.browser.test_screens import CHROMIUM, RULES, SIDEWAYS, SMALL
from tests.support import databases
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import PASSWORD, give_passwords
from tests.support.console import LOW, actor, answers, count, enrols, signed_in, texts
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


async def a_morning(deps: Deps) -> dict[str, Any]:
    """Two patients in care, a referral, texts that wait, minutes, and an event from item 9."""
    clinic: Clinic = await found_clinic(deps)
    await give_passwords(clinic)
    async with signed_in(deps, clinic) as dana:
        maren = await enrols(dana, clinic)
        await answers(deps, clinic, maren, LOW, date(2026, 3, 2))
        await answers(deps, clinic, maren, (1,) * 7, date(2026, 3, 2), "gad7")
        tobias = await enrols(
            dana, clinic, family_name="Brannock", given_name="Tobias", mrn="40217", phone="206-555-0124"
        )
        await answers(deps, clinic, tobias, (2, 2, 2, 2, 2, 2, 1, 0, 2), date(2026, 3, 2))
        await dana.opens("/referrals")
        await dana.submits(
            "/referrals", family_name="Ekwueme-Hart", given_name="Josiah", phone="206-555-0125",
            reason="Worries all day", safety_checked="yes", explained="yes",
        )  # fmt: skip
        await texts(deps, clinic, "Can we do Friday instead?")
        await texts(deps, clinic, "who is this", phone="+12065550177")
        await dana.opens(f"/patients/{maren}")
        await dana.submits(
            f"/patients/{maren}/time", on="2026-03-02", at="08:00", minutes="12", activity="care_plan"
        )
    async with deps.system_db.begin() as tx:
        event_id = await tx.scalar(select(RiskEvent.id))
        entry_id = await tx.scalar(select(TimeEntry.id))
    assert (await actor(deps, clinic)).clinic_id == clinic.id
    return {"clinic": clinic, "maren": maren, "event": event_id, "entry": entry_id}


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("console") / "console.db")
    with served(url, a_morning) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def context_of(browser: Browser, site: Served, role: Any = "care_manager", **options: Any) -> BrowserContext:
    """A window that is signed in already."""

    async def cookie() -> str:
        async with signed_in(site.deps, site.extra["clinic"], role) as person:
            return str(person.client.cookies["evenkeel"])

    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.add_cookies([{"name": "evenkeel", "value": site.run(cookie()), "url": site.url}])
    return context


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    with context_of(browser, site) as context:
        tab = context.new_page()
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: said.append(str(error)))
        yield tab
        assert [text for text in said if "422" not in text] == []  # a refused form is one


PAGES = {
    "today": "/today",
    "registry": "/registry",
    "registry narrowed": "/registry?caseload=clinic&flag=not_improving&sort=-phq9",
    "patient": "/patients/{maren}",
    "safety": "/safety",
    "event": "/safety/{event}",
    "tasks": "/tasks",
    "time": "/time",
    "correction": "/time/{entry}",
    "billing": "/billing/2026-03",
    "account": "/account",
    "referral": "/referrals",
    "enrol": "/enrol",
    "lost": "/patients/00000000-0000-0000-0000-000000000000",
}


@pytest.fixture(scope="module")
def unguarded(browser: Browser, site: Served) -> Iterator[Page]:
    """Without the policy, because axe is injected as an inline script."""
    with context_of(browser, site, bypass_csp=True) as context:
        yield context.new_page()


def findings(page: Page) -> list[Any]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_a_page_with_real_data(unguarded: Page, site: Served, name: str) -> None:
    unguarded.set_viewport_size({"width": 1280, "height": 900})
    unguarded.goto(site.url + PAGES[name].format(**site.extra))
    assert findings(unguarded) == []


def test_axe_finds_nothing_on_set_up_and_sign_in(browser: Browser, site: Served) -> None:
    with context_of(browser, site, "administrator", bypass_csp=True) as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/setup")
        assert findings(tab) == []
        context.clear_cookies()
        tab.goto(f"{site.url}/sign-in")
        assert findings(tab) == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_on_a_phone_and_no_target_is_small(
    unguarded: Page, site: Served, name: str
) -> None:
    unguarded.set_viewport_size({"width": 320, "height": 800})
    unguarded.goto(site.url + PAGES[name].format(**site.extra))
    assert unguarded.evaluate(SIDEWAYS) <= 0
    assert unguarded.evaluate(SMALL) == []


def test_signing_in_with_a_new_second_factor(browser: Browser, site: Served) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/registry")
        assert tab.url == f"{site.url}/sign-in"
        tab.fill("#sign-in-email", "consultant@harbor.example")
        tab.fill("#sign-in-password", PASSWORD)
        tab.click("text=Continue")
        assert tab.locator("svg.ek-qr").bounding_box() is not None
        tab.click("summary")
        secret = (tab.text_content(".ek-key") or "").replace(" ", "")
        code = pyotp.TOTP(secret).at(int(site.deps.clock.now().timestamp()))
        tab.fill("#totp-code", code)
        tab.click("text=Turn it on")
        assert tab.locator(".ek-codes li").count() == 10
        tab.click("text=Go on")
        assert tab.url == f"{site.url}/today"
        tab.click("text=Registry")
        assert tab.locator(".ek-registry tbody tr").count() == 2


def test_a_text_is_read_and_answered(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/today")
    page.click("text=Text to read >> xpath=ancestor::li >> a")
    page.wait_for_url("**/patients/**")
    assert "Can we do Friday instead?" in page.inner_text("#texts >> xpath=ancestor::section")
    page.fill("#reply-body", "Friday at 2 is fine.")
    page.wait_for_selector("text=20 characters, about 1 text")
    page.click("text=Send text")
    page.wait_for_selector("#flashes >> text=Your text is on its way")
    page.wait_for_function("document.activeElement.id === 'texts'")
    assert site.run(count(site.deps, Outbox, Outbox.kind == "staff_text")) == 1


def test_time_is_logged_from_the_patients_page(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/patients/{site.extra['maren']}")
    before = site.run(count(site.deps, TimeEntry))
    page.click("text=Add time >> nth=0")
    page.fill("#time-at", "08:30")
    page.fill("#time-minutes", "7")
    page.select_option("#time-activity", "measure_review")
    page.click("section:has(#time) details button[type=submit]")
    page.wait_for_selector("#flashes >> text=Time added.")
    assert "Going over scores and progress" in page.inner_text(".ek-entries")
    assert site.run(count(site.deps, TimeEntry)) == before + 1
    page.click("#flashes >> text=Undo")
    page.wait_for_selector("#flashes >> text=The entry was taken back.")


def test_a_patient_is_found_by_keyboard(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/today")
    page.keyboard.press("/")
    page.keyboard.type("alder")
    page.keyboard.press("Enter")
    page.wait_for_url("**/patients/**")
    assert "ALDERCOTT, Maren" in page.inner_text("h1")
    assert "alder" not in page.url.lower()


def test_a_draft_of_a_reply_survives_leaving_the_page(page: Page, site: Served) -> None:
    address = f"{site.url}/patients/{site.extra['maren']}"
    page.goto(address)
    page.fill("#reply-body", "Half a thou")
    page.wait_for_selector("text=Draft kept at")
    page.goto(f"{site.url}/today")
    page.goto(address)
    assert page.input_value("#reply-body") == "Half a thou"


def test_a_refused_form_moves_the_focus_to_its_errors(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/referrals")
    page.fill("#refer-family_name", "Brannock")
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.click("text=Send referral")
    page.wait_for_selector("[data-error-summary]")
    assert page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
    assert page.input_value("#refer-family_name") == "Brannock"


def test_the_registry_prints_without_its_controls(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/registry")
    page.emulate_media(media="print")
    assert not page.is_visible(".ek-nav")
    assert page.is_visible(".ek-registry")


def test_an_event_is_acknowledged_by_keyboard_alone(page: Page, site: Served) -> None:
    page.goto(f"{site.url}/today")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/safety")
    tab_to(page, "text=BRANNOCK, Tobias")
    page.keyboard.press("Enter")
    page.wait_for_url("**/safety/*-*")
    tab_to(page, "text=Acknowledge, I have it")
    page.keyboard.press("Enter")
    page.wait_for_selector("#flashes >> text=You have this event.")
    assert page.inner_text("#step") == "Reach the patient"
    taken = site.run(count(site.deps, RiskEvent, RiskEvent.state == "acknowledged"))
    assert taken == 1


def tab_to(page: Page, selector: str) -> None:
    target = page.locator(selector).first
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            box = target.bounding_box()
            assert box is not None
            covering = page.evaluate(
                "([x, y]) => document.elementFromPoint(x, y).closest('header, .ek-banner') === null",
                [box["x"] + 3, box["y"] + 3],
            )
            assert covering, "the focused control is hidden by the header"
            return
    raise AssertionError(f"{selector} can't be reached by Tab")
