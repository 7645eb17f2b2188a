"""Headers on every answer, also on 404, 500 and static files, which app-level response headers miss."""

from __future__ import annotations

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FIXED = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
STATIC = ("/static/", "/portal-static/", "/phone-static/")


# The demonstration shows the patient's page beside the phone. No other deployment lets a page be framed.
DEMO_CSP = CSP.replace("frame-ancestors 'none'", "frame-ancestors 'self'; frame-src 'self'")
DEMO_FRAMES = ("/demo/", "/static/demo/", "/c/", "/check-in")


async def before_send_in_demo(message: Message, scope: Scope) -> None:
    await before_send(message, scope)
    if message["type"] == "http.response.start" and str(scope["path"]).startswith(DEMO_FRAMES):
        MutableScopeHeaders.from_message(message)["content-security-policy"] = DEMO_CSP


async def before_send(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for key, value in FIXED.items():
        headers[key] = value
    if not str(scope["path"]).startswith(STATIC):
        headers["cache-control"] = "no-store"
