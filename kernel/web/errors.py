"""The one table from what went wrong to an HTTP answer: problem+json for programs, a page for people."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Response
from litestar.response.redirect import Redirect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from kernel import log
from kernel.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from kernel.web import forms
from kernel.web.context import Connection, request_id, web

STATUS: dict[type[DomainError], int] = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
}
PROGRAMS = ("/api/", "/patient/v1", "/webhooks/", "/health", "/metrics", "/schema")
PATIENTS = "/me"  # a signed-in patient's pages
STAFF_SIGN_IN = "/sign-in"
_UNKNOWN_FIELD = re.compile("unknown field `([^`]*)`")


def status_of(error: Exception) -> int:
    if isinstance(error, DomainError):
        return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
    if isinstance(error, HTTPException):
        return error.status_code
    if _cannot_be_stored(error):
        return 422
    if isinstance(error, DBAPIError | PoolTimeout):
        return 503
    return 500


def _cannot_be_stored(error: Exception) -> bool:
    """SQLSTATE class 22: the value itself, such as a NUL inside a text; trying again changes nothing."""
    return isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", "")).startswith("22")


def problem(
    connection: Connection, status: int, code: str, detail: str, problems: tuple[Problem, ...] = ()
) -> Any:
    """RFC 9457. `errors` names each field."""
    body: dict[str, Any] = {
        "type": f"urn:evenkeel:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id(connection),
    }
    if problems:
        body["errors"] = [{"field": p.field, "message": p.message} for p in problems]
    return Response(body, status_code=status, media_type="application/problem+json")


def handle(connection: Connection, error: Exception) -> Response[Any]:
    status = status_of(error)
    if status >= 500:
        log.get().error("request.failed", status=status, request_id=request_id(connection), exc_info=error)
    code, detail, problems = _describe(error, status)
    if connection.scope["path"].startswith(PROGRAMS):
        answer: Response[Any] = problem(connection, status, code, detail, problems)
        if status == 401:
            answer.headers["www-authenticate"] = "Bearer"
        return answer
    sign_in = _sign_in(connection.scope["path"])
    if status == 401 and (sign_in != STAFF_SIGN_IN or not connection.state.get(forms.READ)):
        return Redirect(sign_in, status_code=303)
    return web(connection).error_page(connection, status, code, detail)


def _sign_in(path: str) -> str:
    return f"{PATIENTS}/sign-in" if f"{path}/".startswith(f"{PATIENTS}/") else STAFF_SIGN_IN


def _describe(error: Exception, status: int) -> tuple[str, str, tuple[Problem, ...]]:
    if isinstance(error, Invalid):
        return error.code, "some fields can't be accepted", error.problems
    if isinstance(error, DomainError):
        return error.code, error.message, ()
    if isinstance(error, ValidationException):
        return "invalid", "some fields can't be accepted", _fields(error)
    if isinstance(error, HTTPException) and status < 500:
        return HTTPStatus(status).phrase.lower().replace(" ", "_"), HTTPStatus(status).phrase, ()
    if status == 422:
        return "invalid", "a value holds something that can't be stored", ()
    if status == 503:
        return "unavailable", "the service can't answer now; try again in a moment", ()
    return "internal", "something went wrong on our side; it has been recorded", ()


def _fields(error: ValidationException) -> tuple[Problem, ...]:
    extra: Any = error.extra
    if not isinstance(extra, list):
        return (Problem("", "the request can't be read"),)
    return tuple(_problem(str(item.get("key", "")), str(item.get("message", ""))) for item in extra)


def _problem(where: str, message: str) -> Problem:
    """The framework names the whole body `data`, and an unknown field only in its sentence."""
    where = "" if where == "data" else where
    unknown = _UNKNOWN_FIELD.search(message)
    if unknown is None:
        return Problem(where, message)
    return Problem(".".join(part for part in (where, unknown[1]) if part), "is not a field here")
