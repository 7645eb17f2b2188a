"""Files of a closed month: exports, claim files and audit packets."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.staff import billing_examples
from api.staff.billing_months import CHECKED, OF_MONTH
from api.staff.calls import READ_ERRORS, WRITE_ERRORS, Call, Items, within
from api.staff.contacts import ChartText
from api.wiring import Deps
from billing.close import claims as claim_files
from billing.close import copies, queries
from billing.close.claims import ClaimBatch
from billing.close.copies import MonthCopy
from billing.close.files import FileKind
from billing.packet.copies import month_copy
from billing.packet.service import packet
from billing.statement.service import EXPORTERS
from kernel.errors import NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.time_log.months import Month
from staff_console.enrol.scripts import care_words


def _file(words: str, media_type: str) -> ResponseSpec:
    return ResponseSpec(bytes, description=words, media_type=media_type, generate_examples=False)


class ClaimsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`leave_out`: patients who can't be claimed are left out of the file instead of keeping it from being made."""

    leave_out: bool = False


class RefusedClaim(msgspec.Struct, frozen=True):
    patient_id: str
    episode_id: str
    reasons: tuple[str, ...]


class ClaimsMade(msgspec.Struct, frozen=True):
    """`problems` of the X12 check; with any, no file was stored. `by_hand`: claimed before, and changed or taken out since."""

    version: int
    stored: bool
    claims: int
    held: int
    refused: tuple[RefusedClaim, ...]
    by_hand: tuple[RefusedClaim, ...]
    problems: tuple[str, ...]


@get(
    f"{OF_MONTH}/files/{{version:str}}/{{kind:str}}",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="A file of a closed month",
    responses={200: _file("The file as it was stored.", "application/octet-stream"), **CHECKED},
)
async def file(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    version: FromPath[str],
    kind: FromPath[FileKind],
) -> Response[bytes]:
    """The bytes as they were stored at the close or the adjustment."""

    if not (version.isascii() and version.isdigit() and len(version) < 7):
        raise NotFound("the version")
    number = int(version)

    async def body(call: Call) -> Response[bytes]:
        found = await queries.download(call.tx, call.actor, Month.parse(month), number, kind, now=call.now)
        return _download(found.name, found.media_type.replace("; charset=utf-8", ""), found.content)

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/claims",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Make the claim file of a closed month",
    responses=WRITE_ERRORS,
)
async def claims(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[ClaimsBody, BodyKwarg(examples=billing_examples.CLAIMS)],
) -> ClaimsMade:
    """837P, checked by our own rules and the X12 maps, then among the month's files. Nothing is sent anywhere."""

    async def look(call: Call) -> ClaimBatch:
        return await claim_files.claim_batch(call.tx, call.actor, Month.parse(month), now=call.now)

    batch = await within(request, deps, look)
    if batch.refusals and not data.leave_out:
        return _claims(batch, stored=False, problems=())
    claim_files.require_makeable(batch, leave_out=data.leave_out)
    checked = await asyncio.to_thread(claim_files.checked, batch, deps.clock.now())
    if not checked.problems:

        async def store(call: Call) -> UUID:
            return await claim_files.store_claims(call.tx, call.actor, batch, checked, now=call.now)

        await within(request, deps, store)
    return _claims(batch, stored=not checked.problems, problems=checked.problems)


@get(
    f"{OF_MONTH}/packets/{{episode_id:uuid}}",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="The audit packet of a closed patient-month",
    responses={200: _file("A ZIP of PDF and JSON.", "application/zip"), **CHECKED},
)
async def audit_packet(
    request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str], episode_id: FromPath[UUID]
) -> Response[bytes]:
    """Everything behind the line; `evenkeel billing verify` derives it again and says whether the packet agrees with itself."""

    async def body(call: Call) -> Response[bytes]:
        found = await packet(
            call.tx, call.actor, Month.parse(month), episode_id, words=care_words, now=call.now
        )
        return _download(found.name, "application/zip", found.content)

    return await within(request, deps, body)


@get(
    f"{OF_MONTH}/copies", opt=access.token(*CLINICAL), tags=["billing"],
    summary="Copies of a closed month for the chart", responses=READ_ERRORS | {422: WRITE_ERRORS[422]},
)  # fmt: skip
async def month_copies(
    request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str]
) -> Items[MonthCopy]:
    """Those to file first. `POST /api/v1/patients/{patient_id}/filed` with kind `month` ticks one."""

    async def body(call: Call) -> Items[MonthCopy]:
        return Items(await copies.copies(call.tx, call.actor, Month.parse(month), now=call.now))

    return await within(request, deps, body)


@get(
    f"{OF_MONTH}/copies/{{patient_id:uuid}}/{{ref_id:uuid}}/chart-text", opt=access.token(*CLINICAL),
    tags=["billing"], summary="A closed patient-month as text for the EHR", responses=READ_ERRORS | {422: WRITE_ERRORS[422]},
)  # fmt: skip
async def month_text(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    patient_id: FromPath[UUID],
    ref_id: FromPath[UUID],
) -> ChartText:
    """Codes in our own words, minutes by person and activity, contacts, scores, reviews and what changed."""

    async def body(call: Call) -> ChartText:
        Month.parse(month)
        return ChartText(await month_copy(call.tx, call.actor, patient_id, ref_id, now=call.now))

    return await within(request, deps, body)


def _claims(batch: ClaimBatch, *, stored: bool, problems: tuple[str, ...]) -> ClaimsMade:
    return ClaimsMade(
        version=batch.version,
        stored=stored,
        claims=len(batch.claims),
        held=batch.held,
        refused=tuple(RefusedClaim(r.patient_id, r.episode_id, r.reasons) for r in batch.refusals),
        by_hand=tuple(RefusedClaim(r.patient_id, r.episode_id, r.reasons) for r in batch.by_hand),
        problems=problems,
    )


def _download(name: str, media_type: str, content: bytes) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


ROUTES: tuple[Any, ...] = (file, claims, audit_packet, month_copies, month_text)
