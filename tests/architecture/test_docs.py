"""The reference pages say what the code does: every setting, every command, every key of their answers."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import click
import msgspec
import pytest

from api.__main__ import COMMANDS, main
from kernel.settings import PREFIX, SECRETS, Settings

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
FIELDS = msgspec.structs.fields(Settings)


def sections(page: str) -> dict[str, str]:
    """Text under each heading that is code, by that code."""
    parts = re.split(r"^#+ `(.+?)`$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("field", FIELDS, ids=[field.name for field in FIELDS])
def test_every_setting_is_described(field: msgspec.structs.FieldInfo) -> None:
    text = sections("settings.md")[PREFIX + field.name.upper()]
    meta = next(m for m in typing.get_args(field.type) if isinstance(m, msgspec.Meta))
    assert meta.description in text
    assert ("Secret." in text) == (field.name in SECRETS)
    empty = field.default in (None, "", ())
    shown = (
        "none"
        if empty
        else f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
    )
    assert f"Default: {shown}." in text


def test_no_setting_is_described_that_does_not_exist() -> None:
    assert set(sections("settings.md")) == {PREFIX + field.name.upper() for field in FIELDS}


def commands() -> dict[str, click.Command]:
    """Every command by the words that call it."""
    found: dict[str, click.Command] = {}
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {part}": each for part, each in inner.items()} or {name: command}
    return found


def test_every_command_is_described_with_each_of_its_options() -> None:
    described = sections("cli.md")
    assert set(described) == {f"evenkeel {words}" for words in commands()}
    for words, command in commands().items():
        text = described[f"evenkeel {words}"]
        options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts]
        assert [o for o in options if f"`{o}" not in text] == [], words
