"""How pages are rendered, and the page for an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.response import Response
from litestar.response.redirect import Redirect

from api.portal import pages as portal
from kernel.web import csrf, forms
from kernel.web.access import Access
from kernel.web.context import Connection, request_id, web
from kernel.web.errors import STAFF_SIGN_IN
from staff_console import unsaved
from staff_console.errors import ErrorPage
from staff_console.formats import moment
from staff_console.pages import REFUSED
from staff_console.shell import Shell

ROOT: Final = Path(__file__).resolve().parent.parent
# Console templates are named `today/today.html`, the patients' `portal/templates/...`, the phone's `demo/...`.
TEMPLATE_ROOTS: Final = (ROOT / "staff_console", ROOT / "api")
_WORDS: Final[dict[int, tuple[str, str]]] = {
    401: ("You were signed out", "Nothing was saved. Copy what you typed, sign in and enter it again."),
    400: ("This request can't be read", "Go back and try again."),
    403: (
        "You can't do this",
        "Your role does not allow it, or the page was too old. Go back, reload and try again.",
    ),
    404: ("There is nothing here", "The page was moved, or it belongs to another clinic."),
    409: ("Someone was faster", "It was changed in the meantime. Go back, reload and look at it again."),
    422: ("Something in the form can't be accepted", "Go back and check what you typed."),
    429: ("Too many tries", "Wait a few minutes and try again."),
    503: ("We can't answer now", "Nothing was lost. Try again in a moment."),
}
_STALE_PAGE: Final = (
    "This page is from before you signed in",
    "Nothing was saved. Copy what you typed, open the page again and enter it there.",
)
_OURS: Final = (
    "Something went wrong on our side",
    "It has been recorded. Try again; nothing you saved before is lost.",
)


def environment() -> Environment:
    """Escapes everything, whatever a template is called, and refuses names that were not given."""
    return Environment(
        loader=FileSystemLoader([str(root) for root in TEMPLATE_ROOTS]),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=False,
        auto_reload=False,
    )


class ErrorPages:
    """The console's page for an error; for patients their own, in their language and with the help line."""

    def __init__(self, pages: Environment) -> None:
        self._pages = pages

    def __call__(self, connection: Connection, status: int, code: str, detail: str) -> Response[Any]:
        if portal.is_patients(connection.scope["path"]):
            return portal.error_page(self._pages, connection, status)
        context = web(connection)
        title, advice = _STALE_PAGE if code == "csrf" else _WORDS.get(status, _OURS)
        page = ErrorPage(status, title, advice, request_id(connection), _typed(connection))
        if status == 401:
            if not page.typed:
                return Redirect(STAFF_SIGN_IN, status_code=303)
            page = msgspec.structs.replace(page, back_href=STAFF_SIGN_IN, back_label="Sign in")
        shell = Shell(
            clinic="",
            mode="demo" if context.settings.mode == "demo" else "live",
            now=moment(context.clock.now(), ZoneInfo("UTC")),
        )
        body = self._pages.get_template("templates/error.html").render(shell=shell, page=page, csrf_token="")
        return Response(body, status_code=status, media_type="text/html")


def _typed(connection: Connection) -> str:
    """What a member of staff typed, when one of our own pages sent it: whoever sees the answer sent the text."""
    handler = connection.scope.get("route_handler")
    access = None if handler is None else handler.opt.get("access")
    if not isinstance(access, Access) or access.kind != "staff" or not csrf.from_own_page(connection):
        return ""
    fields = connection.state.get(forms.READ) or ()
    _, labels = connection.state.get(REFUSED, (None, {}))
    return unsaved.typed_text(fields, labels) if unsaved.has_words(fields) else ""
