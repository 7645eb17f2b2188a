"""A month's figures with the patients behind each. Template `quality/quality.html`.

Gets: `/quality`, `/quality/{yyyy-mm}`. Posts: `/quality/{yyyy-mm}/sign` (note).
"""

from typing import Literal

from msgspec import Struct

from staff_console.formats import Moment
from staff_console.formstate import FormState


class Behind(Struct, frozen=True):
    """A patient behind a number; `href` is empty for one who left the month's list."""

    name: str
    href: str
    because: str


class FigureLine(Struct, frozen=True):
    """`share` is `64%`, or `no patients` without a denominator; `of` prints the denominator with its unit. The lists
    hold everybody, so that each number can be followed to its patients; `unjudged` are those for whom the record lacks
    something."""

    id: str
    title: str
    rule: str
    definition: str
    share: str
    of: str
    met: tuple[Behind, ...]
    not_met: tuple[Behind, ...]
    excluded: tuple[Behind, ...]
    unjudged: tuple[Behind, ...] = ()


class CaseloadLine(Struct, frozen=True):
    name: str
    patients: int
    guidance: str
    state: Literal["within", "above", "below", "none"]


class Licensed(Struct, frozen=True):
    """CMS159. `missing` lists what has to be imported before there is a number."""

    title: str
    computable: bool
    missing: tuple[str, ...]
    result: str
    strata: tuple[str, ...]
    figure: FigureLine | None


class SignedLine(Struct, frozen=True):
    month: str
    href: str
    signed_by: str
    at: Moment
    note: str
    figures: tuple[tuple[str, str], ...]


class QualityPage(Struct, frozen=True):
    """`may_sign` is false while the month runs, when it is signed, or for people who don't lead the clinic. `running`
    says of a month that is not over how far its figures go."""

    month: str
    sign_href: str
    earlier_href: str
    later_href: str
    figures: tuple[FigureLine, ...]
    caseloads: tuple[CaseloadLine, ...]
    licensed: Licensed
    form: FormState
    may_sign: bool
    why_not: str
    signed: tuple[SignedLine, ...]
    cut: bool
    running: str = ""
