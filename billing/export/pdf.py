"""Plain pages for printing: titles, paragraphs and tables. Characters outside Latin-1 are written without accents or
as `?`, since the built-in fonts hold no others; the machine files hold the text itself."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

_TYPOGRAPHY: Final = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)
TABLE_PT: Final = 7
LETTER_MM: Final = (
    TABLE_PT * 0.6 * 0.3528 + 0.002
)  # a fixed-width letter is 0.6 of its size; one point is 0.3528 mm
LINE_MM: Final = 3.1


class Pages:
    """Same calls, same bytes. `title` stands in the footer of each page, with its number."""

    def __init__(
        self, title: str, made_at: datetime, orientation: Literal["portrait", "landscape"] = "portrait"
    ) -> None:
        from billing.export.numbered import MARGIN_MM, Numbered

        self._pdf = Numbered(orientation, unit="mm", format="Letter")
        self._pdf.footer_text = latin(title)
        self._pdf.set_creation_date(made_at)
        self._pdf.set_title(latin(title))
        self._pdf.set_margin(MARGIN_MM)
        self._pdf.set_auto_page_break(True, margin=MARGIN_MM + 6)
        self._pdf.add_page()

    def heading(self, words: str, *, size: int = 14) -> None:
        self._pdf.set_font("Helvetica", "B", size)
        self._pdf.multi_cell(0, size * 0.55, latin(words), new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(1)

    def paragraph(self, words: str, *, size: int = 9) -> None:
        self._pdf.set_font("Helvetica", "", size)
        self._pdf.multi_cell(0, size * 0.5, latin(words), new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(1)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """`widths` are shares of the page's width. Written in a fixed-width face, each cell wrapped in its column."""
        columns = _columns(widths, round(self._pdf.epw / LETTER_MM))
        self._pdf.set_font("Courier", "B", TABLE_PT)
        self._lines(_wrapped(header, columns))
        self._pdf.set_font("Courier", "", TABLE_PT)
        for row in rows:
            self._lines(_wrapped(row, columns))
        self._pdf.ln(2)

    def _lines(self, lines: Sequence[str]) -> None:
        """A row stays on one page."""
        if self._pdf.get_y() + len(lines) * LINE_MM > self._pdf.page_break_trigger:
            self._pdf.add_page()
        for line in lines:
            self._pdf.cell(0, LINE_MM, line, new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(0.8)

    def content(self) -> bytes:
        return bytes(self._pdf.output())


def _columns(widths: Sequence[int], letters: int) -> list[int]:
    return [max(3, letters * width // sum(widths) - 1) for width in widths]


def _wrapped(cells: Sequence[str], columns: Sequence[int]) -> list[str]:
    """The lines of one row, every cell inside its column."""
    parts = [
        textwrap.wrap(latin(cell), width, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, columns, strict=True)
    ]
    high = max(map(len, parts))
    filled = [part + [""] * (high - len(part)) for part in parts]
    return [
        " ".join(f"{part[line]:<{width}}" for part, width in zip(filled, columns, strict=True)).rstrip()
        for line in range(high)
    ]


def latin(words: str) -> str:
    """The text in the fonts' own characters, on lines of printable ones."""
    kept = words.translate(_TYPOGRAPHY)
    known = "".join(letter if _held(letter) else _without_accent(letter) for letter in kept)
    return "".join(letter for letter in known if letter == "\n" or letter.isprintable())


def _held(letter: str) -> bool:
    try:
        letter.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _without_accent(letter: str) -> str:
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"
