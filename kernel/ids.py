"""Identifiers and secrets. Both come from here so that tests can pass their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from uuid import UUID

import uuid_utils.compat as uuid_utils

NewId = Callable[[], UUID]


def new_id() -> UUID:
    """A UUIDv7: ordered by creation time, so that primary-key indexes grow at their end."""
    return uuid_utils.uuid7()


def new_token() -> str:
    """160 bits of chance, URL-safe, without padding. Only its hash is ever stored."""
    return secrets.token_urlsafe(20)


def new_code(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
