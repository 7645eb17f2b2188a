"""Ways to break things on purpose, and the listener that lets the provider's stand-in call us back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from api.app import create_app
from api.wiring import build_deps
from kernel.settings import Settings
from tests.support.databases import LOOKUP_KEY, TEST_KEY
from tests.support.postroom import Postroom
from tests.support.provider.settings import ACCOUNT_SID, AUTH_TOKEN, NEXT_AUTH_TOKEN
from tests.support.serving import serving

PUBLIC_URL = "https://clinic.example"


def settings_for(database_url: str, provider_url: str, **changes: Any) -> Settings:
    """Those of a clinic whose provider is the stand-in."""
    return Settings(
        **{
            "mode": "test",
            "database_url": database_url,
            "public_url": PUBLIC_URL,
            "encryption_keys": (TEST_KEY,),
            "lookup_key": LOOKUP_KEY,
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_tokens": (AUTH_TOKEN, NEXT_AUTH_TOKEN),
            "twilio_api_base_url": provider_url,
            "send_deadline_s": 0.4,
            "smtp_tls": "none",
            **changes,
        }
    )


@asynccontextmanager
async def callbacks(room: Postroom) -> AsyncIterator[str]:
    """The web application on the postroom's database and clock; gives its address."""
    url = room.database.engine.url.render_as_string(hide_password=False)
    deps = build_deps(settings_for(url, room.provider.base_url), "command")
    deps = msgspec.structs.replace(deps, clock=room.clock, db=room.database, system_db=room.database)
    try:
        async with serving(create_app(deps)) as address:
            await room.provider.configure(routes={PUBLIC_URL: address})
            yield address
    finally:
        await deps.gateway.close()
