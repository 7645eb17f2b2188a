"""Six-digit codes of an authenticator app (RFC 6238: SHA-1, 30 seconds) and one-time recovery codes."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import Final

import pyotp

from kernel.crypto import token_hash

STEP_S: Final = 30
SLACK: Final = 1  # steps before and after the present one: clocks differ
ISSUER: Final = "Evenkeel"
BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # base32
SECRET_LENGTH: Final = 32  # 160 bits, the length RFC 4226 recommends
RECOVERY_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0/O, no 1/I: read off paper
RECOVERY_LENGTH: Final = 24  # 120 bits, so that a plain SHA-256 may store it (ASVS 5.0, 6.5.2)
RECOVERY_CODES: Final = 10

NewCode = Callable[[str, int], str]


def new_secret(new_code: NewCode) -> str:
    return new_code(BASE32, SECRET_LENGTH)


def address(secret: str, email: str) -> str:
    """The otpauth:// address that the QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_S


def accepted_step(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """The step whose code this is, within one step of now and later than the last one used; None when wrong or used."""
    typed = "".join(code.split())
    if len(typed) != 6 or not typed.isascii() or not typed.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    for step in range(step_at(now) - SLACK, step_at(now) + SLACK + 1):
        if hmac.compare_digest(totp.generate_otp(step), typed):
            return step if last_step is None or step > last_step else None
    return None


def new_recovery_codes(new_code: NewCode) -> tuple[str, ...]:
    """Ten codes in groups of four, shown once."""
    return tuple(_grouped(new_code(RECOVERY_ALPHABET, RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES))


def recovery_hash(code: str) -> str:
    """The same for a code typed in small letters, with or without its hyphens."""
    return token_hash("".join(c for c in code.upper() if c.isalnum()))


def _grouped(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
