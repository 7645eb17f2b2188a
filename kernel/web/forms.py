"""Forms parsed at the door into frozen structs, with every problem at its field.

Bodies are read here and not by the framework's form parser, which keeps the last raw bodies in memory.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from datetime import time
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from kernel.errors import Invalid, Problem
from kernel.web import uploads
from kernel.web.context import WebRequest

T = TypeVar("T", bound=msgspec.Struct)
MAX_BODY = 64 * 1024
MAX_FIELDS = 500
_LARGEST = "largest_form"
_SHORT_TIME = re.compile(r"\d{2}:\d{2}", re.ASCII)
Pairs = Sequence[tuple[str, str]]


def up_to(largest: int) -> dict[str, Any]:
    """For a route whose form carries a file: its own limit in bytes. The route needs a `request_max_body_size` too."""
    return {_LARGEST: largest}


async def pairs(request: WebRequest) -> Pairs:
    """Fields of an URL-encoded or multipart body in order, blanks kept. Raises Invalid beyond 64 KB, or the route's own
    limit, or 500 fields."""
    cached: Pairs | None = request.state.get("form_pairs")
    if cached is not None:
        return cached
    body = await request.body()
    if len(body) > request.route_handler.opt.get(_LARGEST, MAX_BODY):
        raise Invalid.field("", "the form is too large")
    request.state["form_pairs"] = found = _split(request.headers.get("content-type", ""), body)
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
            values[info.name] = msgspec.convert(_as_typed(info.type, raw), info.type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(Problem(info.encode_name, _plain(str(error))))
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
    if typing.get_origin(kind) is typing.Annotated:
        return _takes(typing.get_args(kind)[0], wanted)
    return kind is wanted or any(part is wanted for part in typing.get_args(kind))


def _plain(message: str) -> str:
    """The validator's sentence without its technical tail."""
    text = message.split(" - at ")[0]
    for technical, words in (
        ("Invalid RFC3339 encoded", "is not a valid"),
        ("Invalid ISO8601", "is not a valid"),
        ("Expected `int`", "must be a whole number"),
        ("Invalid enum value", "is not one of the choices:"),
        ("Expected", "must be"),
    ):
        if text.startswith(technical):
            return text.replace(technical, words, 1)
    return text
