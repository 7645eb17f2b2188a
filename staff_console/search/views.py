"""People found by name, record number or phone. Template `search/search.html`; the search itself is a post."""

from msgspec import Struct

from staff_console.formats import Day


class FoundLine(Struct, frozen=True):
    name: str
    href: str
    born: Day | None
    mrn: str
    status: str


class SearchPage(Struct, frozen=True):
    """`asked` is what was typed; `problem` says why nothing was looked for."""

    asked: str
    found: tuple[FoundLine, ...]
    problem: str = ""
