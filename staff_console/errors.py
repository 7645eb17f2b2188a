"""The page shown instead of the one asked for. Template `templates/error.html`."""

from msgspec import Struct


class ErrorPage(Struct, frozen=True):
    """`advice` says what to do now; `reference` is the request id to quote, never anything about a person.
    `typed` is what a form brought and nobody saved, to read and to copy; empty when there was none."""

    status: int
    title: str
    advice: str
    reference: str
    typed: str = ""
    back_href: str = "/"
    back_label: str = "Start page"
