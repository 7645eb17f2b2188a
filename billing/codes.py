"""The procedure codes a month can become, by the years they are in force.

Labels are this project's own words; code numbers alone are used, never the wording of the code books.
Minutes: BCBS North Dakota NDRP-GC-017 and BCBS Texas (31 May 2022) for 99492-99494; NGS Medicare for G2214
(from 2021-01-01); AAFP for 99484. Conflicts: BCBS Michigan, The Record, May 2022; FQHC and clinic wrapper
codes as NARHC summarises the 2026 final rules; the advanced-primary-care pairing is unsettled, so a person decides.
"""

from datetime import date
from functools import lru_cache
from typing import Final, Literal

import msgspec

from registry.time_log.months import Month

Use = Literal[
    "initial", "subsequent", "additional", "short_month", "whole_month", "general", "addition", "seen_beside"
]


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """`nominal_minutes` is the full time the code stands for; what a unit takes is the rule set's business.
    `seen_beside` codes are never suggested, only recognised when another system reports them."""

    id: str
    label: str
    use: Use
    nominal_minutes: int | None
    valid_from: date
    valid_to: date | None = None
    source: str


class Conflict(msgspec.Struct, frozen=True):
    """Two groups of codes that must not both be reported for one patient in one month."""

    ours: frozenset[str]
    other: frozenset[str]
    text: str
    source: str


_BANDS: Final = "BCBS North Dakota, NDRP-GC-017; BCBS Texas Medicaid, 31 May 2022"

CODES: Final[tuple[Code, ...]] = (
    Code(
        id="99492",
        label="Collaborative care, first month of the episode",
        use="initial",
        nominal_minutes=70,
        valid_from=date(2018, 1, 1),
        source=_BANDS,
    ),
    Code(
        id="99493",
        label="Collaborative care, a later month",
        use="subsequent",
        nominal_minutes=60,
        valid_from=date(2018, 1, 1),
        source=_BANDS,
    ),
    Code(
        id="99494",
        label="Collaborative care, each half hour more in the month",
        use="additional",
        nominal_minutes=30,
        valid_from=date(2018, 1, 1),
        source=f"{_BANDS}; unit steps: Premera, Billing for time, 7 November 2019",
    ),
    Code(
        id="G2214",
        label="Collaborative care, a shorter month",
        use="short_month",
        nominal_minutes=30,
        valid_from=date(2021, 1, 1),
        source="NGS Medicare, Mental health",
    ),
    Code(
        id="99484",
        label="General behavioural-health integration, one month",
        use="general",
        nominal_minutes=20,
        valid_from=date(2018, 1, 1),
        source="AAFP, Behavioral health integration coding",
    ),
    Code(
        id="G0512",
        label="Collaborative care month of a rural clinic or health centre",
        use="whole_month",
        nominal_minutes=None,
        valid_from=date(2018, 1, 1),
        source="APA, Get paid in integrated care; AHRQ Integration Academy, 2026: ended for Medicare on 2026-01-01",
    ),
    Code(
        id="G0511",
        label="Care-management month of a rural clinic or health centre",
        use="seen_beside",
        nominal_minutes=None,
        valid_from=date(2018, 1, 1),
        valid_to=date(2025, 9, 30),
        source="NARHC, summary of the 2026 final rules",
    ),
    *(
        Code(
            id=id,
            label=f"Advanced primary care, month, level {level}",
            use="seen_beside",
            nominal_minutes=None,
            valid_from=date(2025, 1, 1),
            source="NARHC, summary of the 2026 final rules",
        )
        for level, id in enumerate(("G0556", "G0557", "G0558"), start=1)
    ),
    *(
        Code(
            id=id,
            label=f"Advanced primary care, behavioural-health addition ({number} of 3)",
            use="addition",
            nominal_minutes=None,
            valid_from=date(2026, 1, 1),
            source="CMS-1832-F, 90 FR 49266",
        )
        for number, id in enumerate(("G0568", "G0569", "G0570"), start=1)
    ),
)

COLLABORATIVE_CARE: Final = frozenset({"99492", "99493", "99494", "G2214", "G0512"})
ADVANCED_PRIMARY_CARE: Final = frozenset({"G0556", "G0557", "G0558"})
ADDITIONS: Final = frozenset({"G0568", "G0569", "G0570"})

CONFLICTS: Final[tuple[Conflict, ...]] = (
    Conflict(
        ours=COLLABORATIVE_CARE,
        other=frozenset({"99484", "G0511"}),
        text="Collaborative care and general integration are never reported for one patient in one month.",
        source="BCBS Michigan, The Record, May 2022",
    ),
    Conflict(
        ours=frozenset({"99484"}),
        other=COLLABORATIVE_CARE | {"G0511"},
        text="General integration and collaborative care are never reported for one patient in one month.",
        source="BCBS Michigan, The Record, May 2022",
    ),
    Conflict(
        ours=COLLABORATIVE_CARE | {"99484"},
        other=ADDITIONS | ADVANCED_PRIMARY_CARE,
        text="Whether this line may stand beside an advanced-primary-care month or its additions is unsettled; a person decides.",
        source="CMS-1832-F, 90 FR 49266",
    ),
    Conflict(
        ours=ADDITIONS,
        other=COLLABORATIVE_CARE | {"99484", "G0511"},
        text="An advanced-primary-care addition takes the place of a collaborative-care or integration line.",
        source="CMS-1832-F, 90 FR 49266",
    ),
    *(
        Conflict(
            ours=codes,
            other=codes,
            text="Someone else already reports such a month for this patient; one practitioner does.",
            source="HHS OIG A-07-17-05101, November 2019: most overpayments were one month reported twice",
        )
        for codes in (COLLABORATIVE_CARE, frozenset({"99484"}))
    ),
)

_BY_ID: Final = {code.id: code for code in CODES}


def find(code_id: str) -> Code | None:
    return _BY_ID.get(code_id)


@lru_cache(maxsize=600)
def in_force(month: Month) -> tuple[Code, ...]:
    """The codes in force for the whole of a month."""
    return tuple(
        code
        for code in CODES
        if code.valid_from <= month.first_day and (code.valid_to is None or month.last_day <= code.valid_to)
    )


def not_in_force(code_ids: frozenset[str], month: Month) -> tuple[str, ...]:
    """Those of the codes that can't be reported for the whole of a month, sorted."""
    return tuple(sorted(code_ids - _ids_in_force(month)))


@lru_cache(maxsize=600)
def _ids_in_force(month: Month) -> frozenset[str]:
    return frozenset(code.id for code in in_force(month))


def conflicts(lines: frozenset[str], others: frozenset[str]) -> tuple[Conflict, ...]:
    """What must not stand together, given our suggested codes and those reported by others in the month."""
    return tuple(conflict for conflict in CONFLICTS if conflict.ours & lines and conflict.other & others)
