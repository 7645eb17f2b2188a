"""What the JSON API takes and gives, read from its handlers: for the test that holds docs/api.md to it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from api.staff.calls import Items, ProblemBody
from api.staff.routes import ROUTES

PYTHON_ONLY = {"request", "deps"}


class Route(NamedTuple):
    method: str
    path: str
    handler: HTTPRouteHandler
    body: type[msgspec.Struct] | None
    answer: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def lists(self) -> bool:
        return typing.get_origin(self.answer) is Items

    @property
    def shape(self) -> Any:
        """The struct of the answer, or of its items."""
        return typing.get_args(self.answer)[0] if self.lists else self.answer


def routes(handlers: Sequence[Any] = ROUTES) -> Iterator[Route]:
    for handler in handlers:
        hints = typing.get_type_hints(handler.fn, include_extras=False)
        answer = hints["return"]
        if typing.get_origin(answer) is Response:
            answer = typing.get_args(answer)[0]
        (path,) = handler.paths
        (method,) = handler.http_methods
        plain = path.replace(":uuid", "").replace(":str", "")
        yield Route(method, plain, handler, hints.get("data"), answer)


def structs(handlers: Sequence[Any] = ROUTES) -> dict[str, type[msgspec.Struct]]:
    """Every struct in bodies and answers, by name."""
    found: dict[str, type[msgspec.Struct]] = {ProblemBody.__name__: ProblemBody}
    _collect(ProblemBody, found)
    for route in routes(handlers):
        for kind in (route.body, route.shape):
            _collect(kind, found)
    return found


def keys(struct: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def _collect(kind: Any, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if found.get(kind.__name__) is kind and kind is not ProblemBody:
            return
        known = found.setdefault(kind.__name__, kind)
        assert known is kind, f"two shapes are called {kind.__name__}"
        for field in msgspec.structs.fields(kind):
            _collect_inside(field.type, found)
        return
    _collect_inside(kind, found)


def _collect_inside(kind: Any, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind.__name__ not in found or found[kind.__name__] is not kind:
            _collect(kind, found)
        return
    if typing.get_origin(kind) is typing.Annotated:
        _collect_inside(typing.get_args(kind)[0], found)
    elif isinstance(kind, types.UnionType) or typing.get_origin(kind) is not None:
        for part in typing.get_args(kind):
            _collect_inside(part, found)
