"""The console for readers whose system asks for dark colours: contrast on the main pages, and what stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.test_console import FLAGS, a_morning, context_of
from tests.browser.test_screens import CHROMIUM
from tests.support import databases
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
GROUND = "getComputedStyle(document.body).backgroundColor"
LINE = "getComputedStyle(document.querySelector('.ek-trend-line')).stroke"
INK = "getComputedStyle(document.body).color"
MAIN_PAGES = {
    "today": "/today",
    "registry": "/registry?caseload=clinic",
    "patient": "/patients/{maren}",
    "safety event": "/safety/{event}",
    "billing": "/billing/2026-03",
}


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("dark") / "dark.db")
    with served(url, a_morning) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def dark(browser: Browser, site: Served) -> Iterator[Page]:
    """Without the policy, because axe is injected as an inline script."""
    with context_of(browser, site, bypass_csp=True, color_scheme="dark", reduced_motion="reduce") as context:
        yield context.new_page()


@pytest.mark.parametrize("name", MAIN_PAGES)
def test_text_keeps_its_contrast_in_the_dark(dark: Page, site: Served, name: str) -> None:
    dark.goto(site.url + MAIN_PAGES[name].format(**site.extra))
    assert dark.evaluate(GROUND) == "rgb(15, 23, 27)"
    found = Axe().run(dark, options=CONTRAST).response
    failed: list[Any] = [
        (node["html"], node["failureSummary"]) for rule in found["violations"] for node in rule["nodes"]
    ]
    assert failed == []
    assert found["passes"], "the rule looked at nothing"


def test_paper_stays_light(dark: Page, site: Served) -> None:
    dark.goto(f"{site.url}/registry/print")
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(GROUND) == "rgb(255, 255, 255)"
    assert dark.evaluate(INK) == "rgb(22, 38, 44)"
    dark.emulate_media(media="screen", color_scheme="dark")


def test_colours_the_system_forces_win_over_the_dark_ones(browser: Browser, site: Served) -> None:
    with context_of(browser, site, color_scheme="dark", forced_colors="active") as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/patients/{site.extra['maren']}")
        assert tab.evaluate("matchMedia('(forced-colors: active)').matches")
        assert tab.evaluate(LINE) == tab.evaluate(INK)
