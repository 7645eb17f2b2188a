"""docs/patient-api.md names every call of the patients' mobile API, and every key of every body and answer."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest
from litestar.params import BodyKwarg

from api.patient.routes import ROUTES
from tests.support.api_shapes import Route, keys, routes, structs

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "patient-api.md").read_text(encoding="utf-8")
SHAPES = structs(ROUTES)
CALLS = list(routes(ROUTES))
BODIES = [route for route in CALLS if route.body]


def section(heading: str) -> str:
    parts = re.split(r"^### (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


@pytest.mark.parametrize("route", CALLS, ids=[route.name for route in CALLS])
def test_every_call_is_described_with_its_body_and_answer(route: Route) -> None:
    text = " ".join(section(f"`{route.name}`").split())
    if route.body is not None:
        assert f"Body: [{route.body.__name__}]" in text
    if isinstance(route.shape, type) and issubclass(route.shape, msgspec.Struct):
        assert f"[{route.shape.__name__}]" in text


@pytest.mark.parametrize("name", SHAPES)
def test_every_key_of_a_shape_is_described(name: str) -> None:
    last_paragraph = section(name).strip().split("\n\n")[-1]
    assert re.findall(r"`(\w+)`", last_paragraph) == keys(SHAPES[name])


def test_nothing_is_described_that_does_not_exist() -> None:
    headings = re.findall(r"^### (.+)$", PAGE, flags=re.MULTILINE)
    assert sorted(headings) == sorted([f"`{route.name}`" for route in CALLS] + list(SHAPES))


@pytest.mark.parametrize("route", BODIES, ids=[route.name for route in BODIES])
def test_every_example_is_a_body_the_call_can_read(route: Route) -> None:
    annotation = typing.get_type_hints(route.handler.fn, include_extras=True)["data"]
    examples = next(m for m in typing.get_args(annotation) if isinstance(m, BodyKwarg)).examples
    assert examples
    for example in examples:
        msgspec.json.decode(msgspec.json.encode(example.value), type=route.body)
