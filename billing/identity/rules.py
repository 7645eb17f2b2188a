"""Who a claim file says it comes from: what is asked, and what keeps a file from being made.

Where each datum stands in 005010X222A1: loops 1000A, 1000B and 2010AA. The NPI's check digit: 45 CFR 162.406.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from kernel.errors import Problem
from registry.organisation.rules import is_npi

_TAXONOMY: Final = re.compile(r"[0-9]{3}[0-9A-Z]{6}X", re.ASCII)
_TAX_ID: Final = re.compile(r"\d{2}-?\d{7}", re.ASCII)
_STATE: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_ZIP_9: Final = re.compile(r"\d{5}-?\d{4}", re.ASCII)
_PHONE: Final = re.compile(r"\+1\d{10}", re.ASCII)
_TRADING_ID: Final = re.compile(r"[A-Za-z0-9]{2,15}", re.ASCII)


class BillingIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All may be empty until a claim file is asked for. `postal_code` needs nine digits, `contact_phone` is E.164
    of the North American plan, `submitter_id` and `receiver_id` are what the clearing house gave. `usage` T marks
    every file as a test."""

    legal_name: str = ""
    npi: str = ""
    tax_id: str = ""
    taxonomy: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    submitter_id: str = ""
    receiver_name: str = ""
    receiver_id: str = ""
    usage: Literal["P", "T"] = "T"


LABELS: Final = {
    "legal_name": "Legal name",
    "npi": "Billing NPI",
    "tax_id": "Tax id",
    "taxonomy": "Taxonomy code",
    "line1": "Street",
    "line2": "Second address line",
    "city": "City",
    "state": "State",
    "postal_code": "Postal code",
    "contact_name": "Contact person",
    "contact_phone": "Contact phone",
    "submitter_id": "Submitter id",
    "receiver_name": "Receiver name",
    "receiver_id": "Receiver id",
    "usage": "Files are",
}
LONGEST: Final = {
    "legal_name": 60,
    "line1": 55,
    "line2": 55,
    "city": 30,
    "contact_name": 60,
    "receiver_name": 60,
}


def check(identity: BillingIdentity) -> tuple[Problem, ...]:
    """What is given and wrong. Empty fields pass: they keep claim files from being made, nothing else."""
    tests = (
        ("npi", is_npi(identity.npi), "is not a valid NPI: its last digit checks the others"),
        ("tax_id", _TAX_ID.fullmatch(identity.tax_id), "needs nine digits"),
        ("taxonomy", _TAXONOMY.fullmatch(identity.taxonomy), "needs ten characters such as 207Q00000X"),
        ("state", _STATE.fullmatch(identity.state), "needs two capital letters"),
        ("postal_code", _ZIP_9.fullmatch(identity.postal_code), "needs nine digits, as claims ask"),
        ("contact_phone", _PHONE.fullmatch(identity.contact_phone), "write it as +1 and ten digits"),
        ("submitter_id", _TRADING_ID.fullmatch(identity.submitter_id), "needs 2 to 15 letters or digits"),
        ("receiver_id", _TRADING_ID.fullmatch(identity.receiver_id), "needs 2 to 15 letters or digits"),
    )
    found = [Problem(name, words) for name, right, words in tests if getattr(identity, name) and not right]
    found += [
        Problem(name, f"is longer than {most} characters")
        for name, most in LONGEST.items()
        if len(getattr(identity, name)) > most
    ]
    return tuple(found)


def missing(identity: BillingIdentity) -> tuple[Problem, ...]:
    """Everything that keeps a claim file from being made, in the order of the form."""
    wrong = {problem.field: problem for problem in check(identity)}
    found = []
    for name in LABELS:
        if name in wrong:
            found.append(wrong[name])
        elif name not in ("line2", "usage") and not getattr(identity, name):
            found.append(Problem(name, "is needed for claim files"))
    return tuple(found)


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)
