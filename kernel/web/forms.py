"""Forms parsed at the door into frozen structs, with every problem at its field.

Bodies are read here and not by the framework's form parser, which keeps the last raw bodies in memory.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from kernel.errors import Invalid, Problem
from kernel.web import uploads
from kernel.web.context import WebRequest

T = TypeVar("T", bound=msgspec.Struct)
MAX_BODY = 250 * 1024  # every text of the longest form in a script that takes nine bytes a character
MAX_FIELDS = 500
# A year beyond these is a slip of the keyboard; sums of dates stay within what a calendar holds.
EARLIEST, LATEST = 1850, 2199
_LARGEST = "largest_form"
READ = "form_pairs"  # in the request's state: the fields, once they were read
_SHORT_TIME = re.compile(r"\d{2}:\d{2}", re.ASCII)
Pairs = Sequence[tuple[str, str]]


def up_to(largest: int) -> dict[str, Any]:
    """For a route whose form carries a file: its own limit in bytes. The route needs a `request_max_body_size` too."""
    return {_LARGEST: largest}


async def pairs(request: WebRequest) -> Pairs:
    """Fields of an URL-encoded or multipart body in order, blanks kept. Raises Invalid beyond 250 KB, or the route's own
    limit, or 500 fields."""
    cached: Pairs | None = request.state.get(READ)
    if cached is not None:
        return cached
    body = await request.body()
    if len(body) > request.route_handler.opt.get(_LARGEST, MAX_BODY):
        raise Invalid.field("", "the form is too long: go back, where it still stands, and shorten it")
    request.state[READ] = found = _split(request.headers.get("content-type", ""), body)
    return found


def _split(content_type: str, body: bytes) -> Pairs:
    if content_type.lower().startswith(uploads.MULTIPART):
        return uploads.pairs(content_type, body, MAX_FIELDS)
    try:
        text = body.decode("utf-8")
        return parse_qsl(
            text, keep_blank_values=True, max_num_fields=MAX_FIELDS, encoding="utf-8", errors="replace"
        )
    except ValueError:
        raise Invalid.field("", "the form can't be read") from None


async def read(request: WebRequest, kind: type[T]) -> T:
    return parse(await pairs(request), kind)


def parse(fields: Pairs, kind: type[T]) -> T:
    """Blank fields count as not given; repeated fields fill a tuple; unknown fields are ignored.

    Raises Invalid with one Problem per field that can't be used.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for info in msgspec.structs.fields(kind):
        given = [value.strip() for key, value in fields if key == info.encode_name and value.strip()]
        raw: Any = given if _is_tuple(info.type) else (given[-1] if given else None)
        if raw is None:
            if info.required and not _allows_none(info.type):
                problems.append(Problem(info.encode_name, "is needed"))
            elif info.required:
                values[info.name] = None
            continue
        try:
            value = msgspec.convert(_as_typed(info.type, raw), info.type, strict=False)
        except msgspec.ValidationError:
            problems.append(Problem(info.encode_name, _reason(info.type, raw)))
            continue
        if isinstance(value, date) and not EARLIEST <= value.year <= LATEST:
            problems.append(Problem(info.encode_name, f"must lie between {EARLIEST} and {LATEST}"))
        values[info.name] = value
    if problems:
        raise Invalid(*problems)
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise Invalid.field("", str(error)) from None


def _is_tuple(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _is_tuple(typing.get_args(kind)[0])
    return origin in (tuple, list, frozenset)


def _allows_none(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Annotated:
        return _allows_none(typing.get_args(kind)[0])
    return typing.get_origin(kind) in (typing.Union, types.UnionType) and type(None) in typing.get_args(kind)


def _as_typed(kind: Any, raw: Any) -> Any:
    """What browsers send, as the validator reads it: a ticked box is "on", a time of day has no seconds."""
    if kind is bool and raw == "on":
        return True
    if isinstance(raw, str) and _SHORT_TIME.fullmatch(raw) and _takes(kind, time):
        return f"{raw}:00"
    return raw


def _takes(kind: Any, wanted: type) -> bool:
    return any(part is wanted for part in _parts(kind))


def _reason(kind: Any, raw: Any) -> str:
    """Why a value can't be used, in words for whoever typed it; the validator speaks of types."""
    limits = _limits(kind)
    longest = limits.max_length if limits is not None else None
    if longest is not None and len(raw) > longest:
        return f"is longer than {longest} characters"
    for wanted, words in (
        (bool, "must be ticked or not"),
        (int, f"must be a whole number{_between(limits)}"),
        (float, f"must be a number{_between(limits)}"),
        (datetime, "is not a valid date and time"),
        (date, "is not a valid date"),
        (time, "is not a valid time"),
        (UUID, "is not one of the choices"),
    ):
        if _takes(kind, wanted):
            return words
    return "is not one of the choices" if _offers(kind) else "can't be accepted"


def _parts(kind: Any) -> tuple[Any, ...]:
    """The types in an optional or annotated one, itself included; not those in a tuple."""
    inner = typing.get_args(kind) if not _is_tuple(kind) and typing.get_origin(kind) is not Literal else ()
    return (kind, *(part for one in inner for part in _parts(one)))


def _limits(kind: Any) -> msgspec.Meta | None:
    return next((part for part in _parts(kind) if isinstance(part, msgspec.Meta)), None)


def _offers(kind: Any) -> bool:
    return any(typing.get_origin(part) is Literal or _is_tuple(part) for part in _parts(kind))


def _between(limits: msgspec.Meta | None) -> str:
    if limits is None or (limits.ge is None and limits.le is None):
        return ""
    if limits.ge is None or limits.le is None:
        return f" of at least {limits.ge}" if limits.le is None else f" of at most {limits.le}"
    return f" from {limits.ge} to {limits.le}"
