"""`make screens`: a picture of each console page from a fresh demo clinic, under docs/screens/, and the README's.

Everybody in the pictures is invented. Colours are reduced, so that all of them together stay small.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.support import chromium
from tests.support.children import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screens"
README_PICTURE = ROOT / "docs" / "images" / "registry-and-phone.png"
SIZE: ViewportSize = {"width": 1280, "height": 800}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS = 32
MOST_BYTES = 5_000_000
# (name, role that sees it, address); what stands in braces is looked up, see FOUND.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("today", "Care manager", "/today"),
    ("registry", "Care manager", "/registry"),
    ("registry-clinic", "Care manager", "/registry?caseload=clinic"),
    ("registry-print", "Care manager", "/registry/print"),
    ("patient", "Care manager", "/patients/{patient}"),
    ("rules-and-steps", "Care manager", "/patients/{patient}/rules"),
    ("contact", "Care manager", "/patients/{patient}/contact"),
    ("contact-copy", "Care manager", "/patients/{patient}/contacts/{contact}"),
    ("contact-amend", "Care manager", "/patients/{patient}/contacts/{contact}/amend"),
    ("call-and-ask", "Care manager", "/patients/{patient}/scores?source=phone"),
    ("care-plan", "Care manager", "/patients/{patient}/plans/care"),
    ("safety-plan", "Care manager", "/patients/{patient}/plans/safety"),
    ("status", "Care manager", "/patients/{patient}/status"),
    ("details", "Care manager", "/patients/{patient}/details"),
    ("phone-number", "Care manager", "/patients/{patient}/phone"),
    ("people", "Care manager", "/patients/{patient}/people"),
    ("coverage", "Care manager", "/patients/{patient}/coverage"),
    ("findings", "Care manager", "/patients/{patient}/intake"),
    ("expectations", "Care manager", "/patients/{patient}/expectations"),
    ("refer", "Care manager", "/referrals"),
    ("safety", "Care manager", "/safety"),
    ("safety-event", "Care manager", "/safety/{event}"),
    ("safety-event-call", "Care manager", "/safety/{event}/call"),
    ("tasks", "Care manager", "/tasks"),
    ("time", "Care manager", "/time"),
    ("cover", "Care manager", "/handovers"),
    ("enrol", "Care manager", "/enrol"),
    ("downtime-sheet", "Care manager", "/downtime"),
    ("review", "Consultant", "/review"),
    ("review-agenda", "Consultant", "/review/{review}"),
    ("recommend", "Consultant", "/patients/{patient}/recommend"),
    ("approvals", "Clinician", "/approvals"),
    ("quality", "Clinic lead", "/quality"),
    ("protocol", "Clinic lead", "/safety/protocol"),
    ("on-call", "Clinic lead", "/safety/on-call"),
    ("drills", "Clinic lead", "/safety/drills"),
    ("setup", "Clinic lead", "/setup"),
    ("first-thirty-days", "Clinic lead", "/setup/launch"),
    ("rules-numbers", "Clinic lead", "/setup/numbers"),
    ("calendar", "Clinic lead", "/setup/calendar"),
    ("note-templates", "Clinic lead", "/setup/note-templates"),
    ("imports", "Clinic lead", "/setup/imports"),
    ("accounts", "Administrator", "/setup/accounts"),
    ("keys", "Administrator", "/setup/keys"),
    ("billing", "Biller", "/billing"),
    ("billing-missing", "Biller", "/billing/{month}/missing"),
    ("billing-explained", "Biller", "/billing/{month}/people/{patient}"),
    ("billing-payers", "Biller", "/billing/payers"),
    ("billing-rule-sets", "Biller", "/billing/rule-sets"),
    ("billing-setup", "Biller", "/billing/setup"),
    ("money", "Biller", "/billing/money"),
)
_ID = "([0-9a-f-]{36})"
# What stands in braces -> (page that links to it, the link), in an order in which each finds what it needs.
FOUND: dict[str, tuple[str, str]] = {
    "patient": ("/registry", f"/patients/{_ID}"),
    "contact": ("/patients/{patient}", f"/contacts/{_ID}"),
    "event": ("/safety", f"/safety/{_ID}"),
    "review": ("/review", f"/review/{_ID}"),
    "month": ("/billing", r"/billing/(\d{4}-\d{2})/missing"),
}


def main() -> int:
    browser_path = chromium.find()
    if browser_path is None:
        print(f"{chromium.REASON}: run `{chromium.INSTALL}`", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo() as ways_in, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for scheme in SCHEMES:
            _scheme(browser, ways_in, scheme)
        _registry_and_phone(browser, ways_in["Care manager"])
        browser.close()
    total = sum(file.stat().st_size for file in FOLDER.glob("*.png"))
    print(f"{len(PAGES)} pages, light and dark, {total / 1e6:.1f} MB in {FOLDER}")
    return 0 if total < MOST_BYTES else 1


def _scheme(browser: Browser, ways_in: dict[str, str], scheme: Literal["light", "dark"]) -> None:
    shown: dict[str, str] = {}
    for role in dict.fromkeys(role for _, role, _ in PAGES):
        context = browser.new_context(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.goto(ways_in[role])
        _look_up(page, ways_in[role], shown)
        for name, whose, path in PAGES:
            if whose == role:
                _take(page, _at(ways_in[role], path.format(**shown)), f"{name}-{scheme}.png")
        context.close()


def _registry_and_phone(browser: Browser, way_in: str) -> None:
    """The picture of the README: the registry, and beside it the phone of a patient who is being asked."""
    page = browser.new_context(viewport=SIZE, reduced_motion="reduce").new_page()
    page.goto(way_in)
    page.goto(_at(way_in, "/registry"))
    registry: Image.Image = Image.open(BytesIO(page.screenshot()))
    page.goto(_at(way_in, "/phone"))
    for answer in ("1", "0"):
        page.fill("#reply", answer)
        page.click("button.send")
        page.wait_for_timeout(5_000)  # nobody reads a question in less, and what comes sooner is asked again
    phone: Image.Image = Image.open(BytesIO(page.locator("#phone").screenshot()))
    phone = phone.resize((phone.width * SIZE["height"] // phone.height, SIZE["height"]))
    both = Image.new("RGB", (registry.width + phone.width + 24, SIZE["height"]), "white")
    both.paste(registry, (0, 0))
    both.paste(phone, (registry.width + 24, 0))
    both.quantize(256).save(README_PICTURE, optimize=True)


def _look_up(page: Page, way_in: str, shown: dict[str, str]) -> None:
    """Adds what this role can see and nobody before could."""
    for name, (path, link) in FOUND.items():
        if name not in shown:
            page.goto(_at(way_in, path.format(**shown)))
            found = re.search(link, page.content())
            if found is not None:
                shown[name] = found[1]


def _take(page: Page, address: str, name: str) -> None:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{name}: the page answered {answer and answer.status}")
    file = FOLDER / name
    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)


def _at(way_in: str, path: str) -> str:
    return "/".join(way_in.split("/", 3)[:3]) + path


@contextmanager
def demo() -> Iterator[dict[str, str]]:
    """A fresh demo on a free port; gives each role's way in."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "api", "demo", "--fresh", "--port", str(port), "--folder", folder]
        log = Path(folder) / "log"
        with log.open("wb") as out:
            child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
            try:
                yield _ways_in(child, log)
            finally:
                child.terminate()
                child.wait(timeout=20)


def _ways_in(child: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """Waits until the ways in are printed and the server answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None:
        text = log.read_text(errors="replace")
        ways: dict[str, str] = {}
        for role, address in re.findall(r"^ {4}(\w[\w ]*), .*?(http://\S+)\s*$", text, re.MULTILINE):
            ways.setdefault(role, address)  # the first clinic's
        if len(ways) >= 5:
            time.sleep(4)  # the server listens a moment after the lines, and the rules are judged once
            return ways
        time.sleep(0.2)
    raise RuntimeError("the demo did not start:\n" + log.read_text(errors="replace")[-2000:])


if __name__ == "__main__":
    sys.exit(main())
