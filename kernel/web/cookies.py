"""Cookies that scripts can't read and other sites can't send."""

from __future__ import annotations

from litestar.datastructures import Cookie

from kernel.settings import Settings


def name(settings: Settings, base: str) -> str:
    """`__Host-` binds a cookie to this host over TLS; a plain-http demo can't use it."""
    return f"__Host-{base}" if settings.secure else base


def make(settings: Settings, base: str, value: str, max_age: int | None = None) -> Cookie:
    return Cookie(
        key=name(settings, base),
        value=value,
        max_age=max_age,
        path="/",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )


def drop(settings: Settings, base: str) -> Cookie:
    return make(settings, base, "", max_age=0)


STAFF = "evenkeel"
PORTAL = "evenkeel-checkin"
PATIENT = "evenkeel-me"
CODE = "evenkeel-code"
