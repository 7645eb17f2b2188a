"""No other site may act in a signed-in person's name: a session-bound token, and the browser's own word on where a
request came from (ASVS 5.0, 3.5.1)."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from kernel.errors import Forbidden
from kernel.web.context import Connection, WebRequest, web
from kernel.web.forms import pairs

FIELD = "_csrf"
HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def check_origin(connection: Connection) -> None:
    """Refuses what a browser says came from another site. A request with neither header says nothing."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forbidden("the request came from another site", code="cross_site")
    origin = connection.headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    if not _ours(connection, origin):
        raise Forbidden("the request came from another site", code="cross_site")


def from_own_page(connection: Connection) -> bool:
    """Whether the browser says itself that one of our pages sent this: only then may an answer show what came with
    it to somebody who is not known."""
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and _ours(connection, origin)


def _ours(connection: Connection, origin: str) -> bool:
    own = {urlsplit(web(connection).settings.public_url).netloc, connection.headers.get("host", "")}
    return urlsplit(origin).netloc in own


async def check_token(request: WebRequest, expected: str) -> None:
    given = request.headers.get(HEADER)
    if given is None:
        given = next((value for key, value in await pairs(request) if key == FIELD), "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Forbidden("the form is from an old page; reload it and try again", code="csrf")
