"""Whether a webhook really comes from the provider: Twilio's signature over the address it was given.

The address is our public one plus the raw path and query as they arrived; Host and X-Forwarded-* are never believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar.datastructures import FormMultiDict
from twilio.request_validator import RequestValidator

from kernel.web.context import Connection


class SignatureCheck:
    """Accepts any of several auth tokens, so that a token can be rotated without losing a text. Without a token
    nothing is accepted."""

    def __init__(self, auth_tokens: Sequence[str], public_url: str) -> None:
        self._validators = tuple(RequestValidator(token) for token in auth_tokens if token)
        self._public_url = public_url.rstrip("/")

    def url(self, connection: Connection) -> str:
        raw_path: bytes = connection.scope.get("raw_path") or connection.scope["path"].encode()
        query: bytes = connection.scope.get("query_string", b"")
        address = self._public_url + raw_path.decode("latin-1").split("?")[0]
        return f"{address}?{query.decode('latin-1')}" if query else address

    def holds(self, connection: Connection, fields: Sequence[tuple[str, str]]) -> bool:
        """Never raises: whatever can't be checked is not signed."""
        signature = connection.headers.get("x-twilio-signature")
        if not signature or not self._validators:
            return False
        url, form = self.url(connection), FormMultiDict(fields)
        try:
            return any(validator.validate(url, form, signature) for validator in self._validators)
        except Exception:
            return False
