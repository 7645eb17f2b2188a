"""A plan as text for the chart. Pure."""

from __future__ import annotations

from datetime import date

from registry.care_plans.contents import FIELDS, TITLES, Field, as_lines
from registry.care_plans.queries import PlanVersion
from registry.filing.text import Heading, body, day_text, document, moment_text, section


def plan_text(plan: PlanVersion, whose: Heading, zone: str) -> str:
    """For pasting into an EHR: the version, who wrote and signed it, then each part with its points."""
    signed = "not signed yet"
    if plan.signed_at is not None:
        signed = f"{plan.signed_by or 'a clinician'}, {moment_text(plan.signed_at, zone)}"
    facts = (
        ("Version", f"{plan.version} of {moment_text(plan.created_at, zone)}"),
        ("By", plan.created_by or ""),
        ("Agreed with the patient", "" if plan.agreed_on is None else day_text(plan.agreed_on)),
        ("Signed by the treating clinician", signed if plan.kind == "care" or plan.signed_at else ""),
        ("Note of the clinician", plan.sign_note or ""),
    )
    parts = (section(field.label, _shown(plan, field)) for field in FIELDS[plan.kind])
    return document(TITLES[plan.kind], whose, facts, body(*parts))


def _shown(plan: PlanVersion, field: Field) -> tuple[str, ...]:
    value = getattr(plan.content, field.name)
    return (day_text(value),) if isinstance(value, date) else as_lines(value)
