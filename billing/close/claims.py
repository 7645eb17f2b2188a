"""The claim file of a closed month: asked for, checked outside the transaction, stored once, then downloadable.

A biller reviews the file; no claim is sent anywhere. Held lines are never in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from billing.close import record
from billing.close.files import MadeFile
from billing.close.record import Standing
from billing.close.tables import StatementFile
from billing.export.claims import Claim, Refusal, claim_rows, prepared
from billing.export.professional import claim_file
from billing.export.validation import problems
from billing.identity import rules as identity_rules
from billing.identity import service as identity
from billing.identity.rules import BillingIdentity
from billing.statement.rules import batch_problems
from billing.statement.service import EXPORTERS
from kernel import audit
from kernel.audit import Actor
from kernel.db import Tx
from kernel.errors import Conflict, NotFound, Problem
from registry.access import require
from registry.organisation import service as organisation
from registry.time_log.months import Month


class ClaimBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim file of the newest version would hold. `refusals` name each patient who can't be claimed and
    why, for the screen alone; `by_hand` were claimed before and changed or taken out since, so a corrected or void claim
    needs the payer's own number; `missing` is what the clinic's set-up lacks."""

    month: Month
    version_id: UUID
    version: int
    number: int
    identity: BillingIdentity
    claims: tuple[Claim, ...]
    episode_ids: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    by_hand: tuple[Refusal, ...]
    missing: tuple[Problem, ...]
    held: int
    made: bool


class CheckedFile(msgspec.Struct, frozen=True):
    """`problems` of the X12 maps: with any, the file is never stored."""

    text: str
    problems: tuple[str, ...]


async def claim_batch(tx: Tx, viewer: Actor, month: Month, *, now: datetime) -> ClaimBatch:
    """Raises NotFound while the month was never closed."""
    clinic_id = require(viewer, *EXPORTERS)
    versions = await record.versions(tx, clinic_id, month)
    if not versions:
        raise NotFound("the closed month")
    latest = versions[-1]
    files = await record.file_list(tx, clinic_id, [row.id for row in versions])
    claimed = {
        episode: next(row.version for row in versions if row.id == file.version_id)
        for file in files
        for episode in file.episode_ids
    }
    standing = await record.standing(tx, clinic_id, month)
    gone = await record.removed(tx, clinic_id, month)
    fresh = [each for key, each in standing.items() if key not in claimed]
    ready = {row.facts.episode.id for row in claim_rows(each.frozen.row for each in fresh)}
    pairs = [(each.frozen.row, each.frozen.claim) for each in fresh if each.frozen.episode_id in ready]
    made = prepared(pairs, _twice(standing, ready | set(claimed)))
    refused = {refusal.episode_id for refusal in made.refusals}
    who = await identity.identity_of(tx, clinic_id)
    await audit.record(
        tx, viewer, "statement.claims_previewed", "statement_version", latest.id, now=now, month=str(month),
        claims=len(made.claims), refused=len(made.refusals),
    )  # fmt: skip
    return ClaimBatch(
        month=month,
        version_id=latest.id,
        version=latest.version,
        number=await _next_number(tx, clinic_id),
        identity=who,
        claims=made.claims,
        episode_ids=tuple(row.facts.episode.id for row, _ in pairs if row.facts.episode.id not in refused),
        refusals=made.refusals,
        by_hand=(*_by_hand(standing.values(), claimed), *_to_void(gone.values(), claimed)),
        missing=identity_rules.missing(who),
        held=sum(each.frozen.row.status == "held" for each in standing.values()),
        made=any(file.version_id == latest.id and file.kind == "claims_837p" for file in files),
    )


def checked(batch: ClaimBatch, now: datetime) -> CheckedFile:
    """The file and what the X12 maps say of it. Some milliseconds a claim, without a transaction."""
    text = claim_file(batch.identity, batch.claims, number=batch.number, made_at=now)
    return CheckedFile(text, problems(text))


def require_makeable(batch: ClaimBatch, *, leave_out: bool) -> None:
    """Raises Conflict: nothing to claim, something missing in set-up, or refused patients that nobody chose to
    leave out. Its text names no one."""
    if batch.made:
        raise Conflict("this version has its claim file already", code="claims_made")
    if batch.missing:
        raise Conflict("the billing set-up is not complete", code="billing_setup_missing")
    if batch.refusals and not leave_out:
        raise Conflict(
            "some patients can't be claimed; correct them or leave them out", code="claims_refused"
        )
    if not batch.claims:
        raise Conflict("there is nothing to claim", code="nothing_to_claim")


async def store_claims(tx: Tx, actor: Actor, batch: ClaimBatch, file: CheckedFile, *, now: datetime) -> UUID:
    """Stores a checked file. Raises Conflict when the maps refused it, or another version or file was made meanwhile."""
    clinic_id = require(actor, *EXPORTERS)
    if file.problems:
        raise Conflict("the claim file did not pass the X12 check", code="claims_invalid")
    await organisation.hold(tx, clinic_id)  # whoever makes a file at the same time waits here
    versions = await record.versions(tx, clinic_id, batch.month)
    if not versions or versions[-1].id != batch.version_id:
        raise Conflict("the month was adjusted meanwhile; look at it again", code="stale")
    if await _next_number(tx, clinic_id) != batch.number:
        raise Conflict("another claim file was made meanwhile; look at it again", code="stale")
    made = MadeFile(
        "claims_837p", f"evenkeel-{batch.month}.v{batch.version}.837p.txt", "text/plain; charset=us-ascii",
        file.text.encode("ascii"),
    )  # fmt: skip
    file_id = await record.store_file(
        tx, clinic_id, batch.version_id, made, by=actor.id, now=now, episode_ids=batch.episode_ids,
        number=batch.number,
    )  # fmt: skip
    await audit.record(
        tx, actor, "statement.claims_made", "statement_version", batch.version_id, now=now,
        month=str(batch.month), claims=len(batch.claims), left_out=len(batch.refusals), sha256=made.sha256,
    )  # fmt: skip
    return file_id


async def _next_number(tx: Tx, clinic_id: UUID) -> int:
    number: int | None = await tx.scalar(
        select(func.max(StatementFile.number)).where(StatementFile.clinic_id == clinic_id)
    )
    return (number or 0) + 1


def _twice(standing: Mapping[str, Standing], billed: set[str]) -> dict[str, str]:
    """By patient: why two claims would be for one person, among what is claimed already and what would be now."""
    rows = [each.frozen.row for episode, each in standing.items() if episode in billed]
    return {patient: problem.words for problem in batch_problems(rows) for patient in problem.patient_ids}


def _by_hand(standing: Iterable[Standing], claimed: dict[str, int]) -> tuple[Refusal, ...]:
    words = (
        "Changed after it was claimed: a replacement needs the payer's claim number, so it is made by hand."
    )
    return tuple(
        _refusal(each, words)
        for each in standing
        if each.version > claimed.get(each.frozen.episode_id, each.version)
    )


def _to_void(gone: Iterable[Standing], claimed: dict[str, int]) -> tuple[Refusal, ...]:
    words = (
        "Claimed, and taken out of the month since: void this claim by hand, with the payer's claim number."
    )
    return tuple(_refusal(each, words) for each in gone if each.frozen.episode_id in claimed)


def _refusal(each: Standing, words: str) -> Refusal:
    facts = each.frozen.row.facts
    name = f"{facts.family_name}, {facts.given_name}"
    return Refusal(facts.patient_id, each.frozen.episode_id, name, (words,))
