"""Every page, filled in and opened in Chromium under the strict content security policy."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import chromium as browser_binary
from tests.unit.staff_console.test_templates import PAGES

CHROMIUM = browser_binary.find()
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
DEMO_POLICY = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'; frame-src 'self'")
FOLDERS = {"console": "staff_console/static", "portal": "api/portal/static", "demo": "api/demo/static"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

# A control narrower or lower than 24 CSS pixels that is neither in running text nor enlarged by its label
# (WCAG 2.2, 2.5.8). Table headers stand in a row of their own.
SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
  .filter(e => !e.closest('dialog, .ek-skip, .skip, thead') && !(e.labels && e.labels.length))
  .filter(e => !(e.tagName === 'A' && e.closest('p, li, dd') && getComputedStyle(e).display === 'inline'))
  .filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.width < 23.5 || r.height < 23.5); })
  .map(e => e.outerHTML.slice(0, 120))"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = pytest.mark.browser


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _, first, *rest = self.path.split("?")[0].split("/")
        if first == "static":
            file = Path(FOLDERS[rest[0]], *rest[1:])
            self.answer(TYPES.get(file.suffix, "text/plain"), file.read_bytes())
        else:
            self.answer("text/html; charset=utf-8", PAGES[first].encode())

    def answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", DEMO_POLICY if self.is_demos() else POLICY)
        self.end_headers()
        self.wfile.write(body)

    def is_demos(self) -> bool:
        """The demonstration alone frames a page of its own."""
        return self.path.startswith(("/phone", "/static/demo/"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def unguarded(browser: Browser) -> Iterator[Page]:
    """Without the policy, because axe is injected as an inline script."""
    tab = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    yield tab
    tab.close()


def failures(page: Page, address: str) -> list[str]:
    """Console errors while a page opens: a blocked inline style, a missing file, a script error."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    return said


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_under_the_policy_without_a_complaint(page: Page, site: str, name: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    assert failures(page, f"{site}/{name}") == []


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(unguarded: Page, site: str, name: str) -> None:
    unguarded.goto(f"{site}/{name}")
    found = Axe().run(unguarded, options=RULES).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 320])
def test_no_target_is_small_and_no_page_scrolls_sideways(
    page: Page, site: str, width: int, name: str
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/{name}")
    assert page.evaluate(SMALL) == []
    assert page.evaluate(SIDEWAYS) <= 0


def test_the_registry_shows_a_patient_in_40_pixels(page: Page, site: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{site}/registry")
    heights = page.evaluate(
        "[...document.querySelectorAll('.ek-registry tbody tr')].map(r => r.getBoundingClientRect().height)"
    )
    assert sorted(heights)[len(heights) // 2] <= 41


def test_patient_answers_are_at_least_56_pixels_high(page: Page, site: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/portal-en-question")
    heights = page.evaluate(
        "[...document.querySelectorAll('.answer')].map(a => a.getBoundingClientRect().height)"
    )
    assert len(heights) == 4
    assert min(heights) >= 56


def test_keys_open_help_find_a_patient_and_stay_out_of_fields(page: Page, site: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{site}/today")
    page.keyboard.press("?")
    assert "Registry" in page.inner_text("#help-dialog")
    page.click("#help-dialog button")
    page.keyboard.press("/")
    page.keyboard.type("gr?")
    assert page.input_value("#search-box") == "gr?"
    assert page.url == f"{site}/today"


def test_focus_goes_to_the_errors_of_a_refused_form(page: Page, site: str) -> None:
    page.goto(f"{site}/enrol")
    assert page.evaluate("document.activeElement.hasAttribute('data-error-summary')")
    page.click("[data-error-summary] a >> nth=0")
    assert page.evaluate("document.activeElement.name") == "consent_method"


def test_a_note_is_kept_as_a_draft_shortly_after_typing_stops(page: Page, site: str) -> None:
    sent: list[str] = []
    page.route(
        "**/texts/draft",
        lambda route: (sent.append(route.request.post_data or ""), route.fulfill(status=204)),
    )
    page.goto(f"{site}/patient")
    page.fill("#reply-body", "slept better")
    page.wait_for_selector("text=Draft kept at")
    assert "_csrf=token-1" in sent[0]
    assert "body=slept+better" in sent[0]


def test_the_idle_warning_comes_ahead_and_staying_asks_the_server(page: Page, site: str) -> None:
    asked: list[str] = []
    short = PAGES["today"].replace('data-idle-ends="900"', 'data-idle-ends="60"')
    page.route("**/idle", lambda route: route.fulfill(body=short, content_type="text/html"))
    page.route(
        "**/session/stay", lambda route: (asked.append(route.request.method), route.fulfill(status=204))
    )
    page.goto(f"{site}/idle")
    page.wait_for_selector("#idle-dialog[open]")
    assert "seconds" in page.inner_text("[data-idle-left]")
    page.click("[data-idle-keep]")
    page.wait_for_selector("#idle-dialog:not([open])", state="attached")
    assert asked == ["POST"]
