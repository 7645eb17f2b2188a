"""Staff passwords: which are accepted, how they are stored, and checking one in the same time for everybody.

NIST SP 800-63B section 3.1.1: at least 8 characters, long ones allowed, no composition rules, a list of common ones refused.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from functools import cache
from importlib.resources import files
from secrets import token_bytes
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from kernel.errors import Problem

SHORTEST: Final = 8
LONGEST: Final = 256  # more would only cost us time


class Cost(msgspec.Struct, frozen=True):
    """Argon2id parameters; `memory_kib` per hash."""

    time_cost: int = 3
    memory_kib: int = 65536
    parallelism: int = 4


class Passwords:
    """Argon2id. `verify` takes as long for an account that doesn't exist as for one that does."""

    def __init__(self, cost: Cost) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.time_cost, memory_cost=cost.memory_kib, parallelism=cost.parallelism
        )
        self._nobody = _hash_of_no_password(cost)

    def hash(self, password: str) -> str:
        return self._hasher.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """False for a wrong password, an unusable hash, or no account (`stored` is None)."""
        try:
            self._hasher.verify(self._nobody if stored is None else stored, _normal(password)[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)


def _hash_of_no_password(cost: Cost) -> str:
    """In the encoded form of the PHC string format, of chance alone: it costs as much to verify as any, nobody knows a
    password for it, and a process that starts does not spend a quarter of a second on making one."""
    salt, digest = (b64encode(token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    numbers = f"m={cost.memory_kib},t={cost.time_cost},p={cost.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${numbers}${salt}${digest}"


def check_new(password: str, email: str) -> tuple[Problem, ...]:
    """Why a password can't be used; empty when it can."""
    plain = _normal(password)
    folded = plain.casefold()
    if len(plain) < SHORTEST:
        return (Problem("password", f"needs at least {SHORTEST} characters"),)
    if len(plain) > LONGEST:
        return (Problem("password", f"has more than {LONGEST} characters"),)
    if folded in {email.casefold(), email.casefold().partition("@")[0]}:
        return (Problem("password", "must not be the e-mail address"),)
    if folded in _common() or len(set(folded)) == 1:
        return (Problem("password", "is one of the passwords tried first; choose another"),)
    return ()


def _normal(password: str) -> str:
    # The same characters typed on two keyboards can differ in code points.
    return unicodedata.normalize("NFKC", password)


@cache
def _common() -> frozenset[str]:
    text = files("registry.organisation").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))
