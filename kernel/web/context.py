"""What the web plumbing needs from the wiring, and where a request finds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.datastructures import State
from litestar.response import Response

from kernel.audit import Actor
from kernel.clock import Clock
from kernel.db import Database, Tx
from kernel.ids import NewId
from kernel.settings import Settings

Connection = ASGIConnection[Any, Any, Any, State]
WebRequest = Request[Any, Any, State]


class PatientCaller(Protocol):
    """A patient, or a person who may act for one, who is signed in. `csrf` must be in every form of a browser."""

    @property
    def actor(self) -> Actor: ...
    @property
    def csrf(self) -> str: ...


class LoadPatient(Protocol):
    async def __call__(
        self, tx: Tx, secret: str, kind: Literal["browser", "device"], *, now: datetime, request_id: str
    ) -> PatientCaller | None:
        """Enters the clinic; None for a secret that is unknown, timed out or ended."""


class Web(msgspec.Struct, frozen=True):
    settings: Settings
    clock: Clock
    db: Database
    new_id: NewId
    new_token: Callable[[], str]
    # Person or key behind a session or bearer token; None when gone or disabled.
    load_actor: Callable[[Tx, UUID, UUID], Awaitable[Actor | None]]
    load_token: Callable[[Tx, str, datetime], Awaitable[Actor | None]]
    load_patient: LoadPatient
    # HTML for an error, by path: the console's page for staff, the patients' page (with the crisis line) for them.
    error_page: Callable[[Connection, int, str, str], Response[Any]]


def web(connection: Connection) -> Web:
    found: Web = connection.app.state.web
    return found


def actor(connection: Connection) -> Actor:
    """Set by the access guard before any handler runs."""
    found: Actor = connection.state.actor
    return found


def request_id(connection: Connection) -> str:
    state = connection.state
    if "request_id" not in state:
        state["request_id"] = str(web(connection).new_id())
    return str(state["request_id"])
