"""The professional claim file, X12 837P 005010X222A1, one billing provider and any number of patients.

Positions: Medicare's companion crosswalk and the published segment list of 005010X222A1 (loops 1000A, 1000B,
2000A, 2010AA, 2000B, 2010BA, 2010BB, 2000C, 2010CA, 2300, 2310B, 2400). The file is checked by `billing/export/validation.py`
before anyone can have it, and by a biller before anyone sends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from billing.export.claims import Claim
from billing.export.x12 import COMPONENT, REPETITION, money, plain, segment, text_of
from billing.identity.rules import BillingIdentity, digits
from billing.statement.rules import StatementLine

VERSION = "005010X222A1"


def claim_file(identity: BillingIdentity, claims: Sequence[Claim], *, number: int, made_at: datetime) -> str:
    """`number` 1 to 999999999 is the interchange's own; the same arguments give the same text. `identity` has nothing
    missing (`billing.identity.rules.missing`)."""
    body = [*_head(identity, number, made_at)]
    place = 2
    for claim in claims:
        body += _claim(claim, place, by_itself=claim.rendering_npi == identity.npi)
        place += 1 if claim.through is None else 2
    body.append(segment("SE", str(len(body) + 1), "0001"))
    return text_of(
        [
            _interchange(identity, number, made_at),
            segment(
                "GS", "HC", identity.submitter_id, identity.receiver_id, f"{made_at:%Y%m%d}", f"{made_at:%H%M}",
                str(number), "X", VERSION,
            ),
            *body,
            segment("GE", "1", str(number)),
            segment("IEA", "1", f"{number:09d}"),
        ]
    )  # fmt: skip


def _interchange(identity: BillingIdentity, number: int, made_at: datetime) -> str:
    return segment(
        "ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{identity.submitter_id:<15}", "ZZ",
        f"{identity.receiver_id:<15}", f"{made_at:%y%m%d}", f"{made_at:%H%M}", REPETITION, "00501",
        f"{number:09d}", "0", identity.usage, COMPONENT,
    )  # fmt: skip


def _head(identity: BillingIdentity, number: int, made_at: datetime) -> Iterator[str]:
    yield segment("ST", "837", "0001", VERSION)
    yield segment("BHT", "0019", "00", f"EK{number:09d}", f"{made_at:%Y%m%d}", f"{made_at:%H%M}", "CH")
    yield segment(
        "NM1", "41", "2", plain(identity.legal_name, 60), "", "", "", "", "46", identity.submitter_id
    )
    yield segment("PER", "IC", plain(identity.contact_name, 60), "TE", digits(identity.contact_phone)[-10:])
    yield segment(
        "NM1", "40", "2", plain(identity.receiver_name, 60), "", "", "", "", "46", identity.receiver_id
    )
    yield segment("HL", "1", "", "20", "1")
    yield segment("PRV", "BI", "PXC", identity.taxonomy)
    yield segment("NM1", "85", "2", plain(identity.legal_name, 60), "", "", "", "", "XX", identity.npi)
    yield segment("N3", plain(identity.line1, 55), plain(identity.line2, 55))
    yield segment("N4", plain(identity.city, 30), identity.state, digits(identity.postal_code))
    yield segment("REF", "EI", digits(identity.tax_id))


def _claim(claim: Claim, place: int, *, by_itself: bool) -> Iterator[str]:
    """`place` is the subscriber's level; a patient covered through somebody else has the next one. Address, birth date
    and sex are the patient's, and nobody else's are sent."""
    through = claim.through
    family, given = (
        (claim.family_name, claim.given_name)
        if through is None
        else (through.family_name, through.given_name)
    )
    yield segment("HL", str(place), "1", "22", "0" if through is None else "1")
    yield segment("SBR", "P", "18" if through is None else "", "", "", "", "", "", "", claim.filing)
    yield segment(
        "NM1", "IL", "1", plain(family, 60), plain(given, 35), "", "", "", "MI", plain(claim.member_id)
    )
    if through is None:
        yield from _patient(claim)
    yield segment("NM1", "PR", "2", plain(claim.payer, 60), "", "", "", "", "PI", plain(claim.payer_id))
    if through is not None:
        yield segment("HL", str(place + 1), str(place), "23", "0")
        yield segment("PAT", through.relation)
        yield segment("NM1", "QC", "1", plain(claim.family_name, 60), plain(claim.given_name, 35))
        yield from _patient(claim)
    yield segment(
        "CLM", claim.control, money(claim.total_cents), "", "",
        COMPONENT.join((claim.place_of_service, "B", "1")), "Y", "A", "Y", "Y",
    )  # fmt: skip
    codes = (code.replace(".", "").upper() for code in claim.diagnoses)
    yield segment("HI", *(f"{'ABF' if nth else 'ABK'}{COMPONENT}{code}" for nth, code in enumerate(codes)))
    if not by_itself:
        yield segment(
            "NM1", "82", "1", claim.rendering_family, claim.rendering_given, "", "", "", "XX",
            claim.rendering_npi,
        )  # fmt: skip
    for nth, line in enumerate(claim.lines, start=1):
        yield from _line(claim, line, nth)


def _patient(claim: Claim) -> Iterator[str]:
    yield segment("N3", plain(claim.address.line1, 55), plain(claim.address.line2, 55))
    yield segment("N4", plain(claim.address.city, 30), claim.address.state, digits(claim.address.postal_code))
    yield segment("DMG", "D8", f"{claim.birth_date:%Y%m%d}", claim.sex)


def _line(claim: Claim, line: StatementLine, nth: int) -> Iterator[str]:
    pointers = COMPONENT.join(str(place) for place in range(1, min(4, len(claim.diagnoses)) + 1))
    yield segment("LX", str(nth))
    yield segment(
        "SV1", COMPONENT.join(("HC", line.code, *line.modifiers)), money(line.charge_cents or 0), "UN",
        str(line.units), "", "", pointers,
    )  # fmt: skip
    yield segment("DTP", "472", "D8", f"{claim.date_of_service:%Y%m%d}")
    yield segment("REF", "6R", f"{claim.control}L{nth}")
