"""Chance that is no chance: the same seed gives the same clinic, whatever else has been rolled before."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Each roll is named by a key, so that a new roll somewhere changes no other."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def fraction(self, *key: object) -> float:
        """In [0, 1), evenly spread over keys."""
        name = "/".join(map(str, (self._seed, *key)))
        return int.from_bytes(sha256(name.encode()).digest()[:7]) / 2**56

    def between(self, low: int, high: int, *key: object) -> int:
        """Both ends included."""
        return low + int(self.fraction(*key) * (high - low + 1))

    def pick(self, choices: Sequence[T], *key: object) -> T:
        return choices[self.between(0, len(choices) - 1, *key)]

    def chance(self, share: float, *key: object) -> bool:
        return self.fraction(*key) < share
