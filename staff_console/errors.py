"""The page shown instead of the one asked for. Template `templates/error.html`."""

from msgspec import Struct


class ErrorPage(Struct, frozen=True):
    """`advice` says what to do now; `reference` is the request id to quote, never anything about a person.
    `kept` says what became of the typed text ("Your note is saved as a draft."), empty when nothing was typed."""

    status: int
    title: str
    advice: str
    reference: str
    kept: str = ""
    back_href: str = "/"
    back_label: str = "Start page"
