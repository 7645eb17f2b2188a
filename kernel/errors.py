"""Errors as named facts. Which HTTP status each becomes is decided in kernel/web/errors.py alone."""

from __future__ import annotations

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with what was given. `field` is the name the caller used, '' for the whole."""

    field: str
    message: str


class DomainError(Exception):
    """Base of every refusal. Its text names fields and reasons, never a person's data."""

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class Invalid(DomainError):
    """What was given can't be accepted. Carries every problem found, not only the first."""

    code = "invalid"

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems))
        self.problems = problems

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        return cls(Problem(field, message))


class NotFound(DomainError):
    """Does not exist, or belongs to another clinic: the answer is the same."""

    code = "not_found"

    def __init__(self, what: str = "that") -> None:
        super().__init__(f"{what} was not found")


class Forbidden(DomainError):
    """The person is known but lacks the role."""

    code = "role_missing"


class Unauthenticated(DomainError):
    code = "sign_in_required"


class Conflict(DomainError):
    """Someone else changed it first, or the state does not allow it."""

    code = "conflict"


class TooMany(DomainError):
    code = "too_many_requests"


class Unavailable(DomainError):
    """The database can't answer now; the caller should come again."""

    code = "unavailable"
