"""What a month's close looks like: versions, files, corrections, claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from billing.close.claims import ClaimBatch
from billing.close.queries import MonthState, Version
from billing.close.rules import Delta
from billing.export.claims import Refusal
from billing.identity.rules import LABELS
from registry.time_log.months import Month
from staff_console import formats, people
from staff_console.billing.views import (
    AdjustmentPage,
    Changed,
    ClaimsPage,
    CloseSection,
    Link,
    Refused,
    VersionLine,
)
from staff_console.formstate import FormState
from staff_console.pages import Visit

CHANGES: Final = {"added": "new", "changed": "changed", "removed": "no longer there"}
CLOSE: Final = {"despite": "Why it is closed all the same"}
CORRECT: Final = {"reason": "The reason for opening it"}
ADJUST: Final = {"reason": "The reason for the adjustment", "despite": "Why it is adjusted all the same"}


class Forms(msgspec.Struct, frozen=True):
    """A refused form of the month's page, None for those as they first open."""

    close: FormState | None = None
    correct: FormState | None = None
    adjust: FormState | None = None


def section(visit: Visit, state: MonthState, *, duplicates: bool, refused: Forms) -> CloseSection:
    month = state.month
    over = month < Month.of(visit.today)
    if state.versions:
        standing = "correcting" if state.open else "closed"
    else:
        standing = "open" if over else "running"
    return CloseSection(
        month=str(month),
        state=standing,  # type: ignore[arg-type]  # one of the four above
        asks_why=duplicates,
        close_form=refused.close or FormState("close"),
        correct_form=refused.correct or FormState("correct"),
        adjust_form=refused.adjust or FormState("adjust"),
        versions=tuple(version_line(visit, month, version) for version in reversed(state.versions)),
        drift=changed(state.drift),
        claims_href=f"/billing/{month}/claims" if state.versions else "",
    )


def version_line(visit: Visit, month: Month, version: Version) -> VersionLine:
    first = version.version == 1
    return VersionLine(
        title="Closed" if first else f"Adjustment {version.version - 1}",
        closed_at=visit.at(version.closed_at),
        closed_by=version.closed_by,
        content_hash=version.content_hash,
        reason=version.reason,
        files=tuple(
            Link(file.label, f"/billing/{month}/files/{version.version}/{file.kind}", file.name)
            for file in version.files
        ),
        delta_href="" if first else f"/billing/{month}/adjustments/{version.version}",
    )


def changed(deltas: Iterable[Delta]) -> tuple[Changed, ...]:
    return tuple(
        Changed(
            people.name(delta.family_name, delta.given_name),
            CHANGES[delta.kind],
            tuple(
                (change.field.replace("_", " "), change.before or "nothing", change.after or "nothing")
                for change in delta.fields
            ),
        )
        for delta in deltas
    )


def adjustment(visit: Visit, month: Month, version: Version, deltas: Iterable[Delta]) -> AdjustmentPage:
    return AdjustmentPage(
        month=str(month),
        month_text=formats.month_text(str(month)),
        version=version_line(visit, month, version),
        changed=changed(deltas),
    )


def claims(batch: ClaimBatch, form: FormState | None, problems: tuple[str, ...]) -> ClaimsPage:
    cents = sum(claim.total_cents for claim in batch.claims)
    month = batch.month
    return ClaimsPage(
        month=str(month),
        month_text=formats.month_text(str(month)),
        version=batch.version,
        claims=len(batch.claims),
        total=f"{cents // 100}.{cents % 100:02d}",
        held=batch.held,
        refused=_refused(batch.refusals),
        by_hand=_refused(batch.by_hand),
        missing=_missing({problem.field: problem.message for problem in batch.missing}),
        problems=problems,
        form=form or FormState("claims"),
        file=Link("Claim file 837P", f"/billing/{month}/files/{batch.version}/claims_837p")
        if batch.made
        else None,
    )


def _refused(refusals: Iterable[Refusal]) -> tuple[Refused, ...]:
    return tuple(Refused(refusal.name, refusal.reasons) for refusal in refusals)


def _missing(problems: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{LABELS[field]} {message}" for field, message in problems.items())
