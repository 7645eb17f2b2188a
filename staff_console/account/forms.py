"""What the account pages ask."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

Password = Annotated[str, Meta(max_length=1024)]


class SignInForm(msgspec.Struct, frozen=True):
    email: Annotated[str, Meta(max_length=254)]
    password: Password
    next: str = ""


class CodeForm(msgspec.Struct, frozen=True):
    code: Annotated[str, Meta(max_length=64)]
    next: str = ""


class ClinicForm(msgspec.Struct, frozen=True):
    clinic_id: UUID


class PasswordForm(msgspec.Struct, frozen=True):
    current: Password
    new: Password
    again: Password


class ConfirmForm(msgspec.Struct, frozen=True):
    current: Password


SIGN_IN: Final = {"email": "Work e-mail", "password": "Password"}
CODE: Final = {"code": "The code"}
CLINIC: Final = {"clinic_id": "The clinic"}
PASSWORD: Final = {"current": "Present password", "new": "New password", "again": "New password again"}
CONFIRM: Final = {"current": "Password"}
