"""A closed month as values: what is frozen, how it is hashed, and what an adjustment changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from billing.export.claims import ClaimFacts
from billing.statement.derivation import Inputs, derive
from billing.statement.rules import StatementRow, lines_text
from registry import zones
from registry.patients.forms import SubscriberName
from registry.time_log.entries import touching

FORMAT: Final = 1


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """One patient-month: everything it was derived from, the row that came of it, and what a claim needs besides."""

    inputs: Inputs
    row: StatementRow
    claim: ClaimFacts
    format: int = FORMAT

    @property
    def episode_id(self) -> str:
        return self.inputs.facts.episode.id


class FieldChange(msgspec.Struct, frozen=True):
    field: str
    before: str
    after: str


class Delta(msgspec.Struct, frozen=True):
    """What an adjustment does to one patient-month. `fields` name everything that differs; for one that came or
    went they hold the whole row against nothing."""

    patient_id: str
    episode_id: str
    family_name: str
    given_name: str
    mrn: str | None
    kind: Literal["added", "changed", "removed"]
    fields: tuple[FieldChange, ...]


class Sealed(NamedTuple):
    content: bytes
    sha256: str


def freeze(inputs: Inputs, claim: ClaimFacts) -> Frozen:
    return Frozen(inputs=inputs, row=derive(inputs).row, claim=claim)


def encoded(frozen: Frozen) -> Sealed:
    """The same patient-month gives the same bytes and hash."""
    content = msgspec.json.encode(frozen, order="deterministic")
    return Sealed(content, hashlib.sha256(content).hexdigest())


def decoded(content: bytes) -> Frozen:
    return msgspec.json.decode(content, type=Frozen)


def month_hash(by_episode: Mapping[str, str]) -> str:
    """SHA-256 over `episode hash` lines in the order of the episodes' ids."""
    lines = "".join(f"{episode} {by_episode[episode]}\n" for episode in sorted(by_episode))
    return hashlib.sha256(lines.encode()).hexdigest()


def deltas(before: Iterable[Frozen], after: Iterable[Frozen]) -> tuple[Delta, ...]:
    """What differs between two states of a month, by family name. A row made on another day or by another person
    is the same row."""
    old = {frozen.episode_id: frozen for frozen in before}
    new = {frozen.episode_id: frozen for frozen in after}
    found = [_delta(old.get(episode), new.get(episode)) for episode in {*old, *new}]
    return tuple(sorted((each for each in found if each is not None), key=_by_name))


def material(frozen: Frozen) -> dict[str, str]:
    """The columns by which two states of a patient-month are compared, in words a biller reads. Flags are left out:
    they point at the record and change no line."""
    row, facts = frozen.row, frozen.row.facts
    cover = row.coverage
    return {
        "lines": lines_text(row),
        "charge": _cents(row),
        "counted_minutes": str(row.minutes),
        "counted_seconds": str(row.counted_seconds),
        "excluded_seconds": "; ".join(f"{reason} {n}" for reason, n in sorted(row.excluded_seconds.items())),
        "entries": str(_entries(frozen.inputs)),
        "month_type": row.month_type or "undecided",
        "status": row.status,
        "holds": "; ".join(note.code for note in row.holds),
        "released": "; ".join(note.code for note in row.released),
        "rule_set": row.rule_id,
        "date_of_service": row.date_of_service.isoformat() if row.date_of_service else "",
        "place_of_service": row.place_of_service,
        "name": f"{facts.family_name}, {facts.given_name}",
        "mrn": facts.mrn or "",
        "birth_date": facts.birth_date.isoformat() if facts.birth_date else "",
        "sex": facts.sex or "",
        "payer": "" if cover is None else cover.payer,
        "payer_id": "" if cover is None else cover.payer_id or "",
        "plan": "" if cover is None else cover.plan or "",
        "subscriber": "" if cover is None else cover.subscriber,
        "subscriber_name": _subscriber(frozen.claim),
        "member_id": "" if cover is None else cover.member_id or "",
        "diagnoses": "; ".join(
            f"{diagnosis.code} (suspected)" if diagnosis.suspected else diagnosis.code
            for diagnosis in facts.diagnoses
        ),
        "billing_npi": facts.practice.billing_npi or "",
        "billing_tin": facts.practice.billing_tin or "",
        "rendering_npi": facts.practice.rendering_npi or "",
        "rendering_name": frozen.claim.rendering_name or "",
        "address": "" if frozen.claim.address is None else _address(frozen.claim),
        "consent": facts.consent.id if facts.consent else "",
        "initiating_visit": facts.initiating_visit.on.isoformat() if facts.initiating_visit else "",
    }


def _entries(inputs: Inputs) -> int:
    """Of the month itself: what lies around it is no part of it."""
    return len(touching(inputs.entries, *inputs.month.bounds(zones.zone(inputs.zone))))


def _cents(row: StatementRow) -> str:
    charges = [line.charge_cents for line in row.lines if line.charge_cents is not None]
    return f"{sum(charges) // 100}.{sum(charges) % 100:02d}" if charges else ""


def _subscriber(claim: ClaimFacts) -> str:
    name = claim.subscriber
    return f"{name.family}, {name.given}" if isinstance(name, SubscriberName) else ""


def _address(claim: ClaimFacts) -> str:
    assert claim.address is not None
    return ", ".join(str(part) for part in msgspec.structs.astuple(claim.address) if part)


def _delta(old: Frozen | None, new: Frozen | None) -> Delta | None:
    before = {} if old is None else material(old)
    after = {} if new is None else material(new)
    fields = tuple(
        FieldChange(name, before.get(name, ""), after.get(name, ""))
        for name in (before or after)
        if before.get(name, "") != after.get(name, "")
    )
    if not fields:
        return None
    known = new or old
    assert known is not None
    facts = known.row.facts
    kind: Literal["added", "changed", "removed"] = (
        "added" if old is None else "removed" if new is None else "changed"
    )
    return Delta(
        facts.patient_id, known.episode_id, facts.family_name, facts.given_name, facts.mrn, kind, fields
    )


def _by_name(delta: Delta) -> tuple[str, str, str]:
    return delta.family_name, delta.given_name, delta.episode_id
