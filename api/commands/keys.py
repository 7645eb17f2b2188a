"""`evenkeel keys`: the secrets a deployment needs before it can start."""

from __future__ import annotations

import click
import msgspec

from api.commands.output import answer, json_option


class NewKeys(msgspec.Struct, frozen=True):
    encryption_key: str
    lookup_key: str


@click.group()
def command() -> None:
    """Make encryption keys."""


@command.command()
@json_option
def new(as_json: bool) -> None:
    """Print a fresh encryption key and lookup key, as lines for an environment file.

    Keep both apart from the backups: without them nobody can read a phone number or a text again.
    """
    from kernel.crypto import new_key
    from kernel.ids import new_token

    keys = NewKeys(new_key(), new_token() + new_token())
    lines = [f"EVENKEEL_ENCRYPTION_KEYS={keys.encryption_key}", f"EVENKEEL_LOOKUP_KEY={keys.lookup_key}"]
    answer(keys, lines, as_json=as_json)
