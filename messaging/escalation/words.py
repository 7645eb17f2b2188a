"""What staff are told: a code and where to look. Never anything about a person."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from kernel.crypto import Vault

TEMPLATE: Final = "staff_alert@2"
TEST_TEMPLATE: Final = "staff_alert_test@1"
NOTICE_TEMPLATE: Final = "staff_notice@1"
# Letters alone, none that is taken for another: a reply is typed with one thumb.
LETTERS: Final = "ACDEFHJKMNPRTUVWXY"
LENGTH: Final = 4


def alert(code: str, *, is_drill: bool) -> str:
    return f"{'DRILL ' if is_drill else ''}Safety alert {code} - open console"


def alert_by_text(code: str, reply: str, *, is_drill: bool) -> str:
    return f"{alert(code, is_drill=is_drill)} or reply {reply}"


def alert_spoken(code: str, *, is_drill: bool) -> str:
    drill = "This is a drill. " if is_drill else ""
    return f"{drill}Safety alert. Code {', '.join(code)}. Open the console."


TEST_BY_MAIL: Final = "Monthly test of safety alerts, nothing happened. Confirm it in the console."


def test_by_text(reply: str) -> str:
    return f"Monthly test of safety alerts, nothing happened. Reply {reply} or confirm in the console."


def reply_code(vault: Vault, about: UUID, staff_id: UUID, phone_key: str) -> str:
    """What this person replies from this phone to take this event, or to answer this test. Nobody else's is the same
    but by chance, and a changed number changes it."""
    digest = vault.lookup(f"alert-reply:{about}:{staff_id}:{phone_key}")
    found, number = "", int(digest[:16], 16)
    for _ in range(LENGTH):
        number, place = divmod(number, len(LETTERS))
        found += LETTERS[place]
    return found
