"""Signs webhooks as Twilio does; the application verifies with Twilio's own library, so each checks the other."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable


def twilio_signature(token: str, url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Header `X-Twilio-Signature`: base64 of HMAC-SHA1 over the URL and the sorted, de-duplicated pairs."""
    values: dict[str, set[str]] = {}
    for key, value in pairs:
        values.setdefault(key, set()).add(value)
    payload = url + "".join(key + value for key in sorted(values) for value in sorted(values[key]))
    digest = hmac.new(token.encode(), payload.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
