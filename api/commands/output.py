"""How every command answers: words for people, stable keys for programs, a reason on standard error, an exit code.

Exit codes: 0 done, 1 a check found something, 2 the command was given something it can't use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click
import msgspec

from kernel.errors import DomainError, Invalid

F = TypeVar("F", bound=Callable[..., Any])
FOUND_SOMETHING = 1
BAD_INPUT = 2


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")(function)


def answer(data: Any, lines: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())
        return
    for line in lines:
        click.echo(line)


def refuse(*reasons: str) -> NoReturn:
    for reason in reasons:
        click.echo(f"Error: {reason}", err=True)
    raise SystemExit(BAD_INPUT)


@contextmanager
def refusals() -> Iterator[None]:
    """A refusal of the domain ends the command with its reasons, one a line, and no traceback."""
    try:
        yield
    except Invalid as error:
        refuse(*(f"{p.field}: {p.message}" if p.field else p.message for p in error.problems))
    except DomainError as error:
        refuse(error.message)
