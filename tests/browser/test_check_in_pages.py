"""The check-in in Chromium over the real application: small screens, without scripts, by keyboard, and by its names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select

from api.wiring import Deps
from messaging.links import service as links
from messaging.schedule.tables import CheckIn
from registry.measures.tables import MeasureResult
from tests.browser.test_console import FLAGS
from tests.browser.test_screens import CHROMIUM, RULES, SIDEWAYS, SMALL
from tests.support import databases
from tests.support.programme import Programme, la
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
FIRST_PAGE = 30_000  # bytes in all
PATIENTS = ("without scripts", "by keyboard", "in Spanish", "by its names")
LOW = """() => [...document.querySelectorAll('main label.answer, main .button')]
  .map(e => e.getBoundingClientRect().height).filter(height => height < 44)"""


async def four_invitations(deps: Deps) -> dict[str, str]:
    """Whose link opens what: one check-in a patient."""
    clock: Any = deps.clock
    programme = await Programme.open(deps.system_db, clock)
    people = [
        await programme.enrols(
            first_on=(clock.now() + timedelta(days=1)).date(),
            instruments=("phq9",),
            language="es" if who == "in Spanish" else "en",
        )
        for who in PATIENTS
    ]
    clock.set(la(3, 3, 10, 1))
    await programme.sweep()
    made = {}
    for who, patient in zip(PATIENTS, people, strict=True):
        async with deps.system_db.begin() as tx:
            check_in = await tx.scalar(
                select(CheckIn.id).where(CheckIn.patient_id == patient.id, CheckIn.state == "invited")
            )
            made[who] = await links.issue(tx, check_in, token=deps.new_token(), now=clock.now())
    return made


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("check-in") / "check-in.db")
    with served(url, four_invitations) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def looks_right(page: Page) -> None:
    """Nothing sideways, nothing small, the help line there, and nothing that axe finds."""
    assert page.evaluate(SIDEWAYS) <= 0
    assert page.evaluate(SMALL) == []
    assert page.evaluate(LOW) == []
    help_line = page.locator("nav.help")
    assert help_line.locator("a[href='tel:988']").is_visible()
    assert help_line.locator("a[href='tel:911']").is_visible()
    assert help_line.locator("a[href='tel:+12065550100']").is_visible()


def axe(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def filed(site: Served) -> list[int | None]:
    async def totals() -> list[int | None]:
        async with site.deps.system_db.begin() as tx:
            rows = await tx.all(select(MeasureResult.total).order_by(MeasureResult.filed_at))
        return [row.total for row in rows]

    return list(site.run(totals()))


def test_without_scripts_on_390_px_a_check_in_is_light_private_and_done(
    browser: Browser, site: Served
) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False) as context:
        page = context.new_page()
        asked: list[str] = []
        weight: list[int] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda answer: weight.append(len(answer.body())))
        page.goto(site.url + site.extra["without scripts"])
        page.wait_for_load_state("networkidle")
        assert sum(weight) < FIRST_PAGE
        page.get_by_role("button", name="Start").click()
        for number in range(1, 9):
            page.get_by_text(f"Question {number} of 9", exact=True).wait_for()
            page.get_by_label("Not at all").check()
            page.get_by_role("button", name="Next").click()
        page.get_by_label("Several days").check()
        page.get_by_role("button", name="Next").click()
        assert page.get_by_role("heading", name="Talk to someone now").is_visible()
        assert page.get_by_role("main").get_by_role("link", name="Call 988").is_visible()
        assert all(address.startswith(site.url) for address in asked)
        assert not [address for address in asked if "=" in address]  # nothing said stands in an address
    assert filed(site) == [1]


@pytest.mark.parametrize("width", [390, 320])
def test_each_page_of_a_check_in_passes_on_a_small_screen(browser: Browser, site: Served, width: int) -> None:
    """With scripts allowed, since axe is one; the pages have none."""
    with browser.new_context(viewport={"width": width, "height": 640}, bypass_csp=True) as context:
        page = context.new_page()
        for who in ("in Spanish", "by its names"):
            page.goto(site.url + site.extra[who])
            looks_right(page)
            assert axe(page) == []
            page.locator("main button").click()
            page.locator("main h1").wait_for()
            looks_right(page)
            assert axe(page) == []
            page.locator("button[value=next]").click()  # nothing chosen: told so, where it is
            assert page.get_by_role("alert").is_visible()
            assert axe(page) == []
        page.goto(f"{site.url}/c/{'x' * 27}")
        looks_right_without_clinic(page)
        assert axe(page) == []


def looks_right_without_clinic(page: Page) -> None:
    assert page.evaluate(SIDEWAYS) <= 0
    assert page.locator("nav.help a[href='tel:988']").is_visible()


def test_by_keyboard_alone_answers_are_chosen_changed_and_sent(browser: Browser, site: Served) -> None:
    with browser.new_context(viewport={"width": 320, "height": 640}) as context:
        page = context.new_page()
        page.goto(site.url + site.extra["by keyboard"])
        reach(page, "button")
        page.keyboard.press("Enter")
        page.get_by_text("Question 1 of 9").wait_for()
        reach(page, "input[type=radio]")
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")  # from the first answer to the second
        assert page.get_by_label("Several days").is_checked()
        page.keyboard.press("Enter")
        page.get_by_text("Question 2 of 9").wait_for()
        reach(page, "button[value=back]")
        page.keyboard.press("Enter")
        page.get_by_text("Question 1 of 9").wait_for()
        assert page.get_by_label("Several days").is_checked()  # Back keeps what was given in this visit
        reach(page, "button[value=skip]")
        page.keyboard.press("Enter")
        page.get_by_text("Question 2 of 9").wait_for()


def reach(page: Page, selector: str) -> None:
    """Tab until the focus is in the main part on what is meant; it is seen there."""
    for _ in range(25):
        page.keyboard.press("Tab")
        there = (
            "s => { const e = document.activeElement; return e.closest('main') !== null && e.matches(s); }"
        )
        if page.evaluate(there, selector):
            box = page.locator("*:focus").bounding_box()
            assert box is not None
            assert 0 <= box["y"] <= 640
            return
    raise AssertionError(f"the keyboard never reaches {selector}")


def test_a_screen_reader_hears_the_question_its_answers_and_where_help_is(
    browser: Browser, site: Served
) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto(site.url + site.extra["by its names"])
        page.get_by_role("button", name="Start").click()
        group = page.get_by_role("group", name="Little interest or pleasure in doing things")
        assert group.get_by_role("radio").count() == 4
        assert group.get_by_role("radio", name="Nearly every day").is_visible()
        assert page.get_by_role("navigation", name="Help line").get_by_role("link").count() == 3
        assert page.get_by_role("heading", level=1).count() == 1
        assert "Question 1 of 9" in page.title()
        page.get_by_role("link", name="Español").click()
        assert page.locator("html").get_attribute("lang") == "es"
        assert page.get_by_role("radio", name="Casi todos los días").is_visible()
        assert page.get_by_role("navigation", name="Línea de ayuda").is_visible()
