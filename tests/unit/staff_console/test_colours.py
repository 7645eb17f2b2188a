"""Contrast of the console's colours, light and dark: text 4.5:1 (WCAG 2.2, 1.4.3), marks and edges 3:1 (1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

CSS: Final = Path("staff_console/static/console.css").read_text()
DARK: Final = CSS.index("prefers-color-scheme: dark")
_PROPERTY: Final = re.compile(r"--ek-([a-z0-9-]+): (#[0-9a-f]{6});")
SCHEMES: Final = {
    "light": dict(_PROPERTY.findall(CSS[:DARK])),
    "dark": dict(_PROPERTY.findall(CSS[:DARK])) | dict(_PROPERTY.findall(CSS[DARK:])),
}
TONES: Final = ("bad", "warn", "good", "info", "quiet")
TEXT: Final = (
    *((text, ground) for text in ("ink", "soft", "link", "text", *TONES) for ground in ("paper", "ground")),
    *((tone, f"{tone}-tint") for tone in TONES),
    ("ink", "quiet-tint"), ("soft", "sent"), ("ink", "sent"), ("ink", "bad-tint"), ("soft", "bad-tint"),
    ("soft", "head"), ("head-link", "head"), ("soft", "row-hover"), ("placeholder", "paper"),
    ("second", "second-bg"), ("second-hover", "second-hover-bg"), ("second-hover", "second-active-bg"),
    ("on-change", "change"),
    *((text, f"band-{n}") for text in ("soft", "good") for n in range(1, 6)),
)  # fmt: skip
MARKS: Final = (
    ("edge", "paper"), ("edge", "ground"), ("brand", "paper"), ("focus", "focus-gap"),
    *((mark, f"band-{n}") for mark in ("trend", "change", "bad", "axis") for n in range(1, 6)),
)  # fmt: skip
ON_WHITE_TEXT: Final = (
    "solid",
    "solid-hover",
    "solid-active",
    "bad-solid",
    "bad-solid-hover",
    "deep",
    "deeper",
)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_that_of_the_definition() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_colour_keeps_its_contrast(scheme: str) -> None:
    colours = SCHEMES[scheme]
    pairs = [(*pair, 4.5) for pair in TEXT] + [(*pair, 3.0) for pair in MARKS]
    found = {(a, b): round(contrast(colours[a], colours[b]), 2) for a, b, least in pairs
             if contrast(colours[a], colours[b]) < least}  # fmt: skip
    found |= {(name, "white"): round(contrast(colours[name], "#ffffff"), 2) for name in ON_WHITE_TEXT
              if contrast(colours[name], "#ffffff") < 4.5}  # fmt: skip
    assert found == {}


def test_the_dark_scheme_answers_every_colour_that_changes() -> None:
    """Only the header's colours, white on deep green in both, stay."""
    light, dark = set(dict(_PROPERTY.findall(CSS[:DARK]))), set(dict(_PROPERTY.findall(CSS[DARK:])))
    assert light - dark == {"deep", "deeper"}
    assert dark - light == set()
