"""`make screens`: a picture of each console page from a fresh demo clinic, under docs/screens/.

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
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support import chromium
from tests.support.children import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "screens"
SIZE = {"width": 1280, "height": 800}
SCHEMES = ("light", "dark")
COLOURS = 48
MOST_BYTES = 4_000_000
# (name, role that sees it, address); `{patient}` is the first patient of the caseload.
PAGES: tuple[tuple[str, str, str], ...] = (
    ("today", "Care manager", "/today"),
    ("registry", "Care manager", "/registry"),
    ("registry-clinic", "Care manager", "/registry?caseload=clinic"),
    ("registry-print", "Care manager", "/registry/print"),
    ("patient", "Care manager", "/patients/{patient}"),
    ("rules-and-steps", "Care manager", "/patients/{patient}/rules"),
    ("safety", "Care manager", "/safety"),
    ("tasks", "Care manager", "/tasks"),
    ("time", "Care manager", "/time"),
    ("review", "Consultant", "/review"),
    ("approvals", "Clinician", "/approvals"),
    ("enrol", "Care manager", "/enrol"),
    ("quality", "Clinic lead", "/quality"),
    ("billing", "Biller", "/billing"),
    ("setup", "Clinic lead", "/setup"),
    ("first-thirty-days", "Clinic lead", "/setup/launch"),
    ("rules-numbers", "Clinic lead", "/setup/numbers"),
    ("calendar", "Clinic lead", "/setup/calendar"),
    ("downtime-sheet", "Care manager", "/downtime"),
)


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
        browser.close()
    total = sum(file.stat().st_size for file in FOLDER.glob("*.png"))
    print(f"{len(PAGES)} pages, light and dark, {total / 1e6:.1f} MB in {FOLDER}")
    return 0 if total < MOST_BYTES else 1


def _scheme(browser: object, ways_in: dict[str, str], scheme: str) -> None:
    for role in dict.fromkeys(role for _, role, _ in PAGES):
        context = browser.new_context(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[attr-defined]
        page = context.new_page()
        page.goto(ways_in[role])
        patient = _patient(page, ways_in[role])
        for name, whose, path in PAGES:
            if whose == role:
                _take(page, _at(ways_in[role], path.format(patient=patient)), f"{name}-{scheme}.png")
        context.close()


def _take(page: Page, address: str, name: str) -> None:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{name}: the page answered {answer and answer.status}")
    file = FOLDER / name
    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)


def _patient(page: Page, way_in: str) -> str:
    page.goto(_at(way_in, "/registry?caseload=clinic"))
    found = re.search(r"/patients/([0-9a-f-]{36})", page.content())
    return found[1] if found else ""


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
