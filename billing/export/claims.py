"""From closed rows to claims, or to a named reason why not. A biller reviews every file; no claim is sent anywhere.

Own checks, which the X12 maps do not make: the NPI's check digit (45 CFR 162.406), member id, shape of the
ICD-10-CM code, birth date, address, date of service, charge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from billing.export.statement_columns import claimable
from billing.export.x12 import plain
from billing.statement.rules import StatementLine, StatementRow
from registry.organisation.rules import is_npi
from registry.patients.forms import Address, SubscriberName

_ICD10: Final = re.compile(r"[A-TV-Z][0-9][0-9A-Z](?:\.?[0-9A-Z]{1,4})?", re.ASCII)
_MEMBER_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 -]{0,78})[A-Za-z0-9]", re.ASCII)
_POS: Final = re.compile(r"\d{2}", re.ASCII)
_US_ZIP: Final = re.compile(r"\d{5}(?:-?\d{4})?", re.ASCII)
_STATE: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_TITLES: Final = frozenset({"dr", "prof", "mr", "mrs", "ms", "mx"})
MOST_DIAGNOSES: Final = 12
# PAT01: the patient is the subscriber's spouse or child; G8 is any other relation.
_RELATIONS: Final = {"spouse": "01", "child": "19"}


class ClaimFacts(msgspec.Struct, frozen=True):
    """What only a claim needs of a patient-month, kept beside the row: address, who treated the patient, and whose
    policy it is where that is somebody else. Months that were closed before it was asked for have no `subscriber`."""

    address: Address | None = None
    rendering_name: str | None = None
    subscriber: SubscriberName | msgspec.UnsetType = msgspec.UNSET


class Through(msgspec.Struct, frozen=True):
    """Who has the policy, and the patient's relation to that person as X12 codes it."""

    family_name: str
    given_name: str
    relation: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One patient-month ready to write. `control` is the claim's own number: no name, no record number. `through` is
    None for a patient who has the policy."""

    control: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str
    address: Address
    member_id: str
    payer: str
    payer_id: str
    filing: str
    diagnoses: tuple[str, ...]
    place_of_service: str
    date_of_service: date
    rendering_npi: str
    rendering_family: str
    rendering_given: str
    lines: tuple[StatementLine, ...]
    through: Through | None = None

    @property
    def total_cents(self) -> int:
        return sum(line.charge_cents or 0 for line in self.lines)


class Refusal(msgspec.Struct, frozen=True):
    """Why a patient-month can't be claimed. The name is for the screen; nothing of it reaches a log."""

    patient_id: str
    episode_id: str
    name: str
    reasons: tuple[str, ...]


class Prepared(msgspec.Struct, frozen=True):
    claims: tuple[Claim, ...]
    refusals: tuple[Refusal, ...]


def claim_rows(rows: Iterable[StatementRow]) -> list[StatementRow]:
    """Rows of a professional claim file: not held, paid apart, not of a rural clinic or health centre."""
    return [
        row
        for row in claimable(rows)
        if row.lines and not _flagged(row, "institutional_claim") and not _flagged(row, "not_separately_paid")
    ]


def prepared(
    pairs: Sequence[tuple[StatementRow, ClaimFacts]], twice: Mapping[str, str] | None = None
) -> Prepared:
    """Each row becomes a claim or a refusal with every reason at once. `twice` says by patient why another row looks
    like the same month of the same person: none of them is claimed from here."""
    claims: list[Claim] = []
    refusals: list[Refusal] = []
    for row, facts in pairs:
        words = (twice or {}).get(row.facts.patient_id)
        reasons = [
            *([] if words is None else [f"{words} Correct it, or enter this claim by hand."]),
            *_problems(row, facts),
        ]
        if reasons:
            name = f"{row.facts.family_name}, {row.facts.given_name}"
            refusals.append(Refusal(row.facts.patient_id, row.facts.episode.id, name, tuple(reasons)))
        else:
            claims.append(_claim(row, facts))
    return Prepared(tuple(claims), tuple(refusals))


def control_number(row: StatementRow) -> str:
    """At most 20 characters, as X12 asks: year and month, then the end of the episode's random id."""
    return f"{row.month.year % 100:02d}{row.month.month:02d}{row.facts.episode.id.replace('-', '')[-14:].upper()}"


def _flagged(row: StatementRow, code: str) -> bool:
    return any(flag.code == code for flag in row.flags)


def _problems(row: StatementRow, claim: ClaimFacts) -> list[str]:
    return [
        *_person_problems(row, claim),
        *_payer_problems(row),
        *_subscriber_problems(row, claim),
        *_service_problems(row, claim),
    ]


def _person_problems(row: StatementRow, claim: ClaimFacts) -> list[str]:
    facts, found = row.facts, []
    if not plain(facts.family_name) or not plain(facts.given_name):
        found.append("The name has no letter that a claim file can hold.")
    if facts.birth_date is None:
        found.append("The birth date is missing.")
    if facts.sex is None:
        found.append("The sex, as the payer's form asks it, is missing.")
    if not _good_address(claim.address):
        found.append("The address needs street, city, two-letter state and postal code.")
    return found


def _good_address(address: Address | None) -> bool:
    return (
        address is not None
        and bool(plain(address.line1))
        and len(plain(address.city)) >= 2
        and _STATE.fullmatch(address.state) is not None
        and _US_ZIP.fullmatch(address.postal_code) is not None
    )


def _payer_problems(row: StatementRow) -> list[str]:
    cover, found = row.coverage, []
    if cover is None:
        return ["No payer is on record."]
    if not cover.member_id:
        found.append("The member id is missing.")
    elif _MEMBER_ID.fullmatch(cover.member_id) is None:
        found.append("The member id holds what no member id holds.")
    if not plain(cover.payer) or not plain(cover.payer_id):
        found.append("The payer's id is missing.")
    return found


def _subscriber_problems(row: StatementRow, claim: ClaimFacts) -> list[str]:
    cover, name = row.coverage, claim.subscriber
    if cover is None or cover.subscriber == "self":
        return []
    if isinstance(name, msgspec.UnsetType):
        return ["Covered through someone else: the subscriber's name is missing."]
    parts = (("family", name.family), ("given", name.given))
    return [f"The subscriber's {part} name is missing." for part, words in parts if not plain(words)]


def _through(row: StatementRow, claim: ClaimFacts) -> Through | None:
    cover, name = row.coverage, claim.subscriber
    if cover is None or cover.subscriber == "self" or isinstance(name, msgspec.UnsetType):
        return None
    return Through(name.family, name.given, _RELATIONS.get(cover.subscriber, "G8"))


def _service_problems(row: StatementRow, claim: ClaimFacts) -> list[str]:
    facts, found = row.facts, []
    if not facts.diagnoses:
        found.append("The diagnosis is missing.")
    elif not facts.claim_diagnoses:
        found.append("Only a suspected condition is on record, and none goes on a claim.")
    elif any(_ICD10.fullmatch(code) is None for code in facts.claim_diagnoses):
        found.append("A diagnosis is not written as an ICD-10-CM code.")
    if row.date_of_service is None:
        found.append("The date of service is missing.")
    if _POS.fullmatch(row.place_of_service) is None:
        found.append("The place of service is not a two-digit code.")
    if not facts.practice.rendering_npi:
        found.append("The treating clinician's NPI is missing.")
    elif not is_npi(facts.practice.rendering_npi):
        found.append("The treating clinician's NPI fails its check digit.")
    if not _parted(claim.rendering_name)[0]:
        found.append("The treating clinician's name is missing.")
    without = [line.code for line in row.lines if not line.charge_cents]
    if without:
        found.append(f"No fee is on file for {', '.join(without)}.")
    return found


def _claim(row: StatementRow, claim: ClaimFacts) -> Claim:
    facts, cover = row.facts, row.coverage
    assert cover is not None
    assert cover.member_id is not None
    assert cover.payer_id is not None
    assert facts.birth_date is not None
    assert row.date_of_service is not None
    assert facts.practice.rendering_npi is not None
    assert claim.address is not None
    family, given = _parted(claim.rendering_name)
    return Claim(
        control=control_number(row),
        family_name=facts.family_name,
        given_name=facts.given_name,
        birth_date=facts.birth_date,
        sex=facts.sex or "U",
        address=claim.address,
        member_id=cover.member_id,
        payer=cover.payer,
        payer_id=cover.payer_id,
        filing=_filing(cover.payer),
        diagnoses=facts.claim_diagnoses[:MOST_DIAGNOSES],
        place_of_service=row.place_of_service,
        date_of_service=row.date_of_service,
        rendering_npi=facts.practice.rendering_npi,
        rendering_family=family,
        rendering_given=given,
        lines=row.lines,
        through=_through(row, claim),
    )


def _filing(payer: str) -> str:
    """SBR09 by the payer's name: MB is Medicare Part B; a biller sets what the name doesn't tell."""
    name = plain(payer)
    for word, indicator in (("MEDICARE", "MB"), ("MEDICAID", "MC"), ("BLUE", "BL")):
        if word in name:
            return indicator
    return "CI"


def _parted(name: str | None) -> tuple[str, str]:
    """(family, given) of a name written as one: titles and letters after a comma left out, the last word is family."""
    words = [
        word for word in (name or "").split(",")[0].split() if word.rstrip(".").casefold() not in _TITLES
    ]
    if not words:
        return "", ""
    return plain(words[-1], 60), plain(" ".join(words[:-1]), 35)
