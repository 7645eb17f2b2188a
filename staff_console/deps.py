"""What the console needs from the wiring. `api/app.py` provides it to every handler as `console`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kernel.clock import Clock
from kernel.db import Database
from kernel.settings import Settings
from registry.organisation.passwords import Passwords
from registry.ports import Alerts, Notices, Outreach
from staff_console.account.throttle import Throttle


class ConsoleDeps(msgspec.Struct, frozen=True, kw_only=True):
    """`db` is the web's own role, behind the clinic wall."""

    settings: Settings
    clock: Clock
    db: Database
    passwords: Passwords
    outreach: Outreach
    alerts: Alerts
    notices: Notices
    throttle: Throttle
    new_token: Callable[[], str]
    new_code: Callable[[str, int], str]
