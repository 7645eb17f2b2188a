"""A discussed case as text for the chart, with what was recommended. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from registry.filing.text import Heading, body, document, moment_text, section
from registry.recommendations.queries import RecommendationPage
from registry.recommendations.rules import PARTS, STAGES
from registry.review.queries import ReviewLine
from registry.review.rules import DISCUSSIONS


def review_text(
    item: ReviewLine, advice: Iterable[RecommendationPage], whose: Heading, disclaimer: str, zone: str
) -> str:
    """`advice` is what this discussion led to; the clinic's own sentence closes the copy."""
    facts = (
        ("When", "" if item.discussed_at is None else moment_text(item.discussed_at, zone)),
        ("Who", took_part(item)),
        ("How", "" if item.discussion is None else DISCUSSIONS[item.discussion]),
        ("Impression", item.impression or ""),
        ("What changes, and why", item.changed or ""),
    )
    text = body(item.note or "", section("Recommended", map(_advice, advice)), disclaimer)
    return document("Case review", whose, facts, text)


def took_part(item: ReviewLine) -> str:
    """Each person with their minutes."""
    return ", ".join(
        person.name if person.minutes is None else f"{person.name} {person.minutes} min"
        for person in item.took_part
    )


def _advice(found: RecommendationPage) -> str:
    line = found.line
    what = "; ".join(f"{PARTS[part.kind]}: {part.text}" for part in line.parts)
    then = f" If that does not help: {found.if_then}." if found.if_then else ""
    return f"{what}, to {line.recipient} ({STAGES[line.stage].lower()}).{then}"
