"""A document whose footer names it and numbers its pages. A module of its own: the library takes a third of a second to
load, which nobody should wait for who prints nothing."""

from __future__ import annotations

from typing import Final

from fpdf import FPDF

MARGIN_MM: Final = 12


class Numbered(FPDF):
    footer_text = ""

    def footer(self) -> None:
        self.set_y(-MARGIN_MM)
        self.set_font("Helvetica", "", 7)
        self.cell(0, 4, f"{self.footer_text} - page {self.page_no()}", align="C")
