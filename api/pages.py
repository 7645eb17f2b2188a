"""How pages are rendered, and the page for an error."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.response import Response

from api.portal import pages as portal
from kernel.web.context import Connection, request_id, web
from staff_console.errors import ErrorPage
from staff_console.formats import moment
from staff_console.shell import Shell

ROOT: Final = Path(__file__).resolve().parent.parent
# Console templates are named `today/today.html`, the patients' `portal/templates/...`, the phone's `demo/...`.
TEMPLATE_ROOTS: Final = (ROOT / "staff_console", ROOT / "api")
_WORDS: Final[dict[int, tuple[str, str]]] = {
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

    def __call__(self, connection: Connection, status: int, code: str, detail: str) -> Response[str]:
        if portal.is_patients(connection.scope["path"]):
            return portal.error_page(self._pages, connection, status)
        context = web(connection)
        title, advice = _WORDS.get(status, _OURS)
        page = ErrorPage(status, title, advice, request_id(connection))
        shell = Shell(
            clinic="",
            mode="demo" if context.settings.mode == "demo" else "live",
            now=moment(context.clock.now(), ZoneInfo("UTC")),
        )
        body = self._pages.get_template("templates/error.html").render(shell=shell, page=page, csrf_token="")
        return Response(body, status_code=status, media_type="text/html")
