"""Closing a month, correcting it, and taking what belongs to it: files, claim file, packets, figures."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response
from msgspec import Meta

from api.staff import examples
from api.staff.calls import READ_ERRORS, ROOT, WRITE_ERRORS, Call, Created, within
from api.wiring import Deps
from billing.close import claims as claim_files
from billing.close import queries, service
from billing.close.claims import ClaimBatch
from billing.close.files import FileKind
from billing.money import queries as money_queries
from billing.money import shadow
from billing.money.rules import DenialGroup, PersonMinutes, RevenueLine
from billing.packet.service import packet
from billing.statement.service import EXPORTERS, READERS
from kernel.errors import NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from registry.time_log.months import Month
from staff_console.enrol.scripts import care_words

OF_MONTH = f"{ROOT}/billing/months/{{month:str}}"
CHECKED: dict[int, ResponseSpec] = {**READ_ERRORS, 422: WRITE_ERRORS[422]}


def _file(words: str, media_type: str) -> ResponseSpec:
    return ResponseSpec(bytes, description=words, media_type=media_type, generate_examples=False)


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


class UnderMonth(msgspec.Struct, frozen=True):
    """A month that reached no line. `missing` minutes to `next_line`, null when none comes."""

    patient_id: str
    minutes: int
    missing: int | None
    next_line: str
    why: tuple[str, ...]


class StaffWeek(msgspec.Struct, frozen=True):
    """The next seven days in minutes; `available` is null until the hours are entered."""

    staff_id: str
    contacts: int
    needed: int
    available: int | None
    short: int
    panel: int
    panel_target: int


class MonthMoney(msgspec.Struct, frozen=True):
    """Cents. `closed`: as closed, else computed now."""

    month: str
    closed: bool
    expected_cents: int
    held_cents: int
    lines: tuple[RevenueLine, ...]
    people: tuple[PersonMinutes, ...]
    under: tuple[UnderMonth, ...]
    week: tuple[StaffWeek, ...]
    denials: tuple[DenialGroup, ...]


class ShadowBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`csv` has the columns mrn, code and units."""

    csv: str


class ShadowLine(msgspec.Struct, frozen=True):
    """`patient_id` is empty for a record number nobody has."""

    patient_id: str
    kind: str
    theirs: str
    ours: str
    why: str


class ShadowResult(msgspec.Struct, frozen=True):
    agreeing: int
    differences: tuple[ShadowLine, ...]


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
    data: Annotated[CloseBody, BodyKwarg(examples=examples.CLOSE_MONTH)],
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
    data: Annotated[ReasonBody, BodyKwarg(examples=examples.MONTH_REASON)],
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
    data: Annotated[AdjustBody, BodyKwarg(examples=examples.MONTH_REASON)],
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
    data: Annotated[ClaimsBody, BodyKwarg(examples=examples.CLAIMS)],
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
    f"{OF_MONTH}/money",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="A month in money, minutes and people",
    responses=CHECKED,
)
async def money(request: WebRequest, deps: NamedDependency[Deps], month: FromPath[str]) -> MonthMoney:
    """Expected amounts by the clinic's own fees, denials, minutes by person, and the next seven days."""

    async def body(call: Call) -> MonthMoney:
        found = await money_queries.money(call.tx, call.actor, Month.parse(month), now=call.now)
        return MonthMoney(
            month=found.month,
            closed=found.closed,
            expected_cents=found.revenue.expected_cents,
            held_cents=found.revenue.held_cents,
            lines=found.revenue.lines,
            people=found.people,
            under=tuple(
                UnderMonth(each.patient_id, each.minutes, each.missing, each.next_line, each.why)
                for each in found.under
            ),
            week=tuple(
                StaffWeek(
                    each.staff_id, each.contacts, each.needed, each.available, each.short, each.panel,
                    each.panel_target,
                )
                for each in found.week
            ),
            denials=found.denial_groups,
        )  # fmt: skip

    return await within(request, deps, body)


@post(
    f"{OF_MONTH}/shadow",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="Another system's bill beside ours",
    status_code=200,
    responses=WRITE_ERRORS,
)
async def compare(
    request: WebRequest,
    deps: NamedDependency[Deps],
    month: FromPath[str],
    data: Annotated[ShadowBody, BodyKwarg(examples=examples.SHADOW)],
) -> ShadowResult:
    """Compared and not stored; each difference with its reason."""
    bill = shadow.read(data.csv)

    async def body(call: Call) -> ShadowResult:
        found = await money_queries.shadow_month(call.tx, call.actor, Month.parse(month), bill, now=call.now)
        return ShadowResult(
            found.agreeing,
            tuple(
                ShadowLine(each.patient_id, each.kind, each.theirs, each.ours, each.why)
                for each in found.differences
            ),
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


ROUTES: tuple[Any, ...] = (
    standing, close, correction, adjustment, file, claims, audit_packet, money, compare,
)  # fmt: skip
