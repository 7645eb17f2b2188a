"""The signed-in patient's pages in Chromium over the real application: small screens, without scripts, by keyboard, and
by their names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright
from sqlalchemy import func, insert, select

from api.portal.home.copy import WORDS
from api.wiring import Deps
from registry.care_plans.tables import CarePlan
from registry.measures import service as measures
from registry.measures.rules import ItemsForm
from registry.organisation.patient_pages import PatientPages, set_patient_pages
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from registry.worklist.tables import Task
from tests.browser.test_check_in_pages import FIRST_PAGE, axe, reach
from tests.browser.test_console import FLAGS
from tests.browser.test_screens import CHROMIUM, SIDEWAYS
from tests.http.test_patient_home import ANA, OWN_PAGES, SISTER, invited, plans_contact
from tests.support import databases
from tests.support.alerts import NotedAlerts
from tests.support.builders import PatientRows
from tests.support.patients import newest_code
from tests.support.programme import Programme
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
GOALS = '{"problem":"Low mood","goals":["Walk with my dog"],"rhythm":"Every two weeks"}'
OTHERS = ("/me/sign-in", "/me/sign-in/code", "/me/nowhere")

# A control narrower or lower than 44 CSS pixels; the label enlarges a choice. Links inside a sentence are as high as it.
UNDER_44 = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
  .filter(e => !e.matches('.skip') && !(e.closest('p, dd') && getComputedStyle(e).display === 'inline'))
  .map(e => [e, (e.closest('label') || e).getBoundingClientRect()])
  .filter(([e, r]) => r.width < 44 || r.height < 44)
  .map(([e, r]) => `${r.width}x${r.height} ${e.outerHTML.slice(0, 120)}`)"""
UNNAMED = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea')]
  .filter(e => !(e.labels && e.labels.length ? e.labels[0].textContent : e.textContent).trim())
  .map(e => e.outerHTML.slice(0, 120))"""


async def a_full_page(deps: Deps) -> Programme:
    """Whatever the pages can show: questions that wait, a contact, a plan, an answer, a helper."""
    clock: Any = deps.clock
    programme = await Programme.open(deps.system_db, clock)
    ana = await invited(deps, programme)
    await plans_contact(deps, ana, clock.now() + timedelta(days=2))
    lead, manager = programme.clinic.actor("clinic_lead"), programme.clinic.actor("care_manager")
    async with deps.system_db.begin() as tx:
        await tx.execute(insert(CarePlan), plan_row(tx, programme, ana))
        given: dict[int, int | None] = {number: int(number < 9) for number in range(1, 10)}
        paper = ItemsForm(ana.id, "phq9", given, date(2026, 3, 2), "paper")
        await measures.enter_items(tx, manager, paper, now=clock.now(), alerts=NotedAlerts())
        pages = PatientPages(shows_answers=True)
        await set_patient_pages(tx, lead, programme.clinic.id, pages, now=clock.now())
        rosa = RelatedPersonForm(
            "Rosa Vale", "sister", SISTER, "patient_agreed", ("contacts",), clock.now().date()
        )
        await related.add(tx, manager, ana.id, rosa, now=clock.now())
    return programme


def plan_row(tx: Any, programme: Programme, patient: PatientRows) -> dict[str, Any]:
    return {
        "id": tx.new_id(), "clinic_id": programme.clinic.id, "patient_id": patient.id,
        "episode_id": patient.episode_id, "kind": "care", "version": 1, "content_sealed": tx.vault.seal(GOALS),
        "agreed_on": date(2026, 3, 1), "created_at": programme.clock.now(), "created_by_id": None,
        "signed_at": None, "signed_by_id": None, "sign_note_sealed": None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("home") / "home.db")
    with served(url, a_full_page) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def who_is_ana(browser: Browser, site: Served) -> Any:
    """The cookies of a browser in which she has signed in, without scripts."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.url}/me/sign-in")
        page.get_by_label("Mobile number").fill(ANA)
        page.get_by_role("button", name="Text me a code").click()
        page.get_by_label("Code").fill(code(site))
        page.get_by_role("button", name="Next").click()
        assert page.url == f"{site.url}/me"
        return context.storage_state()


def code(site: Served, phone: str = ANA) -> str:
    return str(site.run(newest_code(site.deps, phone)))


def small(browser: Browser, who: Any, width: int = 320, **more: Any) -> BrowserContext:
    return browser.new_context(viewport={"width": width, "height": 640}, storage_state=who, **more)


def looks_right(page: Page) -> None:
    """Nothing sideways, nothing small or nameless, the help line in reach."""
    where = page.url
    assert page.evaluate(SIDEWAYS) <= 0, where
    assert page.evaluate(UNDER_44) == [], where
    assert page.evaluate(UNNAMED) == [], where
    for number in ("988", "911"):
        assert page.locator(f"nav.help a[href='tel:{number}']").is_visible(), where


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize(("width", "language"), [(390, "en"), (320, "es")])
def test_each_page_passes_on_a_small_screen(
    browser: Browser, site: Served, who_is_ana: Any, width: int, language: str, scripts: bool
) -> None:
    """axe is a script, so it looks at the pages only where scripts are allowed; they have none of their own."""
    with small(browser, who_is_ana, width, bypass_csp=True, java_script_enabled=scripts) as context:
        page = context.new_page()
        for path in (*OWN_PAGES, *OTHERS):
            page.goto(f"{site.url}{path}?lang={language}")
            assert page.locator("script").count() == 0, path
            looks_right(page)
            if scripts:
                assert axe(page) == [], path


def test_each_refusal_and_the_crisis_panel_pass_too(browser: Browser, site: Served, who_is_ana: Any) -> None:
    typed = {
        "/me/sign-in": ("phone", "206 555"),
        "/me/sign-in/code": ("code", "12"),
        "/me/messages": ("body", " "),
        "/me/number": ("phone", "206 555"),
        "/me/number/code": ("code", "12"),
        "/me/safety": ("code_word", "x" * 300),
        "/me/wishes": ("window_start", "09:00"),
    }
    with small(browser, who_is_ana, bypass_csp=True) as context:
        page = context.new_page()
        for path, (field, value) in typed.items():
            page.goto(f"{site.url}{path}?lang=en")
            page.locator(f"[name={field}]").fill(value)
            page.locator("main form button").first.click()
            assert page.title().startswith("Error:"), path
            assert page.locator(".error").first.is_visible(), path
            looks_right(page)
            assert axe(page) == [], path
        page.goto(f"{site.url}/me/messages")
        page.get_by_label("Your message").fill("I want to die")
        page.get_by_role("button", name="Send").click()
        assert page.get_by_role("heading", name="Talk to someone now").is_visible()
        looks_right(page)
        assert axe(page) == []


def test_a_helper_is_told_what_is_the_patients_alone_on_a_page_that_passes(
    browser: Browser, site: Served
) -> None:
    with small(browser, None, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"{site.url}/me/sign-in")
        page.get_by_label("Mobile number").fill(SISTER)
        page.get_by_role("button", name="Text me a code").click()
        page.get_by_label("Code").fill(code(site, SISTER))
        page.get_by_role("button", name="Next").click()
        for path in ("/me", "/me/messages"):
            page.goto(site.url + path)
            looks_right(page)
            assert axe(page) == [], path
        assert page.get_by_role("heading", level=1).inner_text() == WORDS["en"].not_allowed


def test_by_keyboard_alone_a_patient_signs_in_writes_and_leaves(browser: Browser, site: Served) -> None:
    with small(browser, None) as context:
        page = context.new_page()
        page.goto(f"{site.url}/me")
        types(page, "input[name=phone]", ANA)
        page.get_by_label("Code").wait_for()
        types(page, "input[name=code]", code(site))
        page.get_by_role("heading", name="Your page").wait_for()
        reach(page, "a[href^='/me/messages']")
        page.keyboard.press("Enter")
        page.get_by_label("Your message").wait_for()
        reach(page, "textarea")
        page.keyboard.type("Can we talk on Friday?")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("Your message was sent").wait_for()
        assert page.locator(".thread li").last.get_by_text("Can we talk on Friday?").is_visible()
        assert waiting(site) == 1
        reach(page, ".ways button")
        page.keyboard.press("Enter")
        page.get_by_text("You are signed out").wait_for()


def types(page: Page, field: str, text: str) -> None:
    reach(page, field)
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def waiting(site: Served) -> int:
    async def tasks() -> int:
        async with site.deps.system_db.begin() as tx:
            return int(await tx.scalar(select(func.count()).where(Task.kind == "inbound_text")))

    return int(site.run(tasks()))


def test_the_first_page_is_light_and_nothing_comes_from_elsewhere(
    browser: Browser, site: Served, who_is_ana: Any
) -> None:
    """Without scripts and with an empty cache, as a phone with little signal opens it."""
    for who, path in ((None, "/me/sign-in"), (who_is_ana, "/me")):
        with small(browser, who, java_script_enabled=False) as context:
            page = context.new_page()
            answers = heard(page)
            page.goto(site.url + path)
            page.wait_for_load_state("networkidle")
            weight = sum(len(answer.body()) for answer in answers)
        assert 0 < weight < FIRST_PAGE, path
        assert all(answer.url.startswith(site.url) for answer in answers)


def heard(page: Page) -> list[Response]:
    """Fills with whatever the page loads from now on."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    return answers


def test_a_screen_reader_hears_what_each_control_is_for(
    browser: Browser, site: Served, who_is_ana: Any
) -> None:
    with small(browser, who_is_ana, 390) as context:
        page = context.new_page()
        page.goto(f"{site.url}/me?lang=en")
        main = page.get_by_role("main")
        assert main.get_by_role("region", name="Questions for you").get_by_role("button").count() == 1
        assert (
            main.get_by_role("navigation", name="Your page").get_by_role("button", name="Sign out").count()
            == 1
        )
        assert page.get_by_role("navigation", name="Help line").get_by_role("link").count() == 3
        page.goto(f"{site.url}/me/wishes?lang=en")
        assert main.get_by_role("group", name="Language").get_by_role("radio").count() == 3
        for name in ("Texts from", "Texts until"):
            assert main.get_by_label(name, exact=True).count() == 1
        page.goto(f"{site.url}/me/number?lang=en")
        field = main.get_by_role("textbox")
        field.fill("206 555")
        main.get_by_role("button", name="Text me a code").click()
        assert field.get_attribute("aria-invalid") == "true"
        told = str(field.get_attribute("aria-describedby")).strip()
        assert page.locator(f"#{told}").inner_text() == WORDS["en"].phone_error
