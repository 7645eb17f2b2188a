"""Where Chromium is. Browser tests run when it is found; otherwise the end of the run says what was left out."""

from __future__ import annotations

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
REASON = "Chromium is not installed"
INSTALL = "make services"


def find() -> str | None:
    named = os.environ.get("EVENKEEL_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def required() -> bool:
    """CI names what must be there: EVENKEEL_TEST_REQUIRE=postgresql,redis,chromium."""
    return "chromium" in os.environ.get("EVENKEEL_TEST_REQUIRE", "").split(",")
