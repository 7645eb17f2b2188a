"""Closing a month, correcting it, and taking what belongs to it: files, claim file, packets, figures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, FromPath
from msgspec import Meta

from api.staff import billing_examples
from api.staff.calls import READ_ERRORS, ROOT, WRITE_ERRORS, Call, Created, within
from api.wiring import Deps
from billing.close import queries, service
from billing.close.files import FileKind
from billing.statement.service import EXPORTERS, READERS
from kernel.web import access
from kernel.web.context import WebRequest
from registry.time_log.months import Month

OF_MONTH = f"{ROOT}/billing/months/{{month:str}}"
CHECKED: dict[int, ResponseSpec] = {**READ_ERRORS, 422: WRITE_ERRORS[422]}


class MonthFile(msgspec.Struct, frozen=True):
    """The same bytes at every call. `sha256` is theirs."""

    kind: FileKind
    name: str
    sha256: str


class MonthVersion(msgspec.Struct, frozen=True):
    """Version 1 is the close, later ones are adjustments with a `reason`. `content_hash` covers every patient-month."""

    version: int
    closed_at: datetime
    closed_by: str
    content_hash: str
    rule_ids: tuple[str, ...]
    patient_months: int
    reason: str
    files: tuple[MonthFile, ...]


class MonthStanding(msgspec.Struct, frozen=True):
    """`open`: time can be logged into it. `drift` is how many patient-months an adjustment would change now."""

    month: str
    open: bool
    drift: int
    versions: tuple[MonthVersion, ...]


class CloseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`despite` says why a month is closed in which two records look like one person."""

    despite: Annotated[str, Meta(max_length=500)] | None = None


class ReasonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=500)]


class AdjustBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`despite` says why a month is adjusted in which two records look like one person who did not at the close."""

    reason: Annotated[str, Meta(max_length=500)]
    despite: Annotated[str, Meta(max_length=500)] | None = None


@get(OF_MONTH, opt=access.token(*READERS), tags=["billing"], summary="How a month stands", responses=CHECKED)
async def standing(request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str]) -> MonthStanding:
    """Whether it is closed, its versions and files, and how far the record has moved on since."""

    async def body(call: Call) -> MonthStanding:
        found = await queries.month_state(call.tx, call.actor, Month.parse(month), now=call.now)
        return MonthStanding(month, found.open, len(found.drift), tuple(map(_version, found.versions)))

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/close",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Close a month",
    responses=WRITE_ERRORS,
)
async def close(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[CloseBody, BodyKwarg(examples=billing_examples.CLOSE_MONTH)],
) -> Created:
    """Closing twice is closing once: the second call gives the first one's id."""

    async def body(call: Call) -> Created:
        wanted = Month.parse(month)
        return Created(
            await service.close_month(call.tx, call.actor, wanted, now=call.now, despite=data.despite)
        )

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/correction",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Open a closed month for a correction",
    responses=WRITE_ERRORS,
)
async def correction(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[ReasonBody, BodyKwarg(examples=billing_examples.MONTH_REASON)],
) -> Created:
    """Time of the month can be logged and corrected until it is adjusted."""

    async def body(call: Call) -> Created:
        wanted = Month.parse(month)
        return Created(
            await service.open_for_correction(call.tx, call.actor, wanted, data.reason, now=call.now)
        )

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/adjustment",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Adjust a closed month",
    responses=WRITE_ERRORS,
)
async def adjustment(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[AdjustBody, BodyKwarg(examples=billing_examples.MONTH_REASON)],
) -> Created:
    """A new version with what changed since; earlier versions and their files stay."""

    async def body(call: Call) -> Created:
        wanted = Month.parse(month)
        return Created(
            await service.adjust_month(
                call.tx, call.actor, wanted, data.reason, now=call.now, despite=data.despite
            )
        )

    return await within(request, deps, body)


def _version(version: queries.Version) -> MonthVersion:
    return MonthVersion(
        version=version.version,
        closed_at=version.closed_at,
        closed_by=version.closed_by,
        content_hash=version.content_hash,
        rule_ids=version.rule_ids,
        patient_months=version.patient_months,
        reason=version.reason,
        files=tuple(MonthFile(each.kind, each.name, each.sha256) for each in version.files),
    )


ROUTES: tuple[Any, ...] = (standing, close, correction, adjustment)
