"""Sealing of texts and numbers at rest, and keyed hashes by which a sealed number can be found."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Sealed(str):
    """A sealed text. Its own type, so that it can't be shown by mistake."""

    __slots__ = ()


class Vault:
    """Seals with the first key and opens with any, so keys rotate by adding one in front.

    `lookup_key` never rotates with them: it makes the keyed hash by which a phone number is found.
    """

    def __init__(self, keys: tuple[str, ...], lookup_key: str) -> None:
        if not keys:
            raise ValueError("at least one encryption key is needed")
        self._fernet = MultiFernet([Fernet(key.encode()) for key in keys])
        self._lookup = lookup_key.encode()

    def seal(self, text: str) -> str:
        # Surrogates can arrive in a text; they must be kept, not refused.
        return self._fernet.encrypt(text.encode("utf-8", "surrogatepass")).decode()

    def open(self, sealed: str) -> str:
        """Raises `cryptography.fernet.InvalidToken` when no key fits."""
        return self._fernet.decrypt(sealed.encode()).decode("utf-8", "surrogatepass")

    def open_or_none(self, sealed: str | None) -> str | None:
        return None if sealed is None else self.open(sealed)

    def can_open(self, sealed: str) -> bool:
        try:
            self.open(sealed)
        except InvalidToken:
            return False
        return True

    def rotate(self, sealed: str) -> str:
        """The same text under the newest key."""
        return self._fernet.rotate(sealed.encode()).decode()

    def lookup(self, value: str) -> str:
        """Keyed HMAC-SHA256 in hex: equal values have equal hashes, and nobody without the key can try numbers."""
        return hmac.new(self._lookup, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def token_hash(token: str) -> str:
    """SHA-256 of a secret with at least 112 bits of chance (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    return Fernet.generate_key().decode()
