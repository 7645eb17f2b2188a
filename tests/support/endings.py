"""An end of care with everything said that it may ask for."""

from __future__ import annotations

from datetime import date

from registry.episodes.forms import EndingForm, EndReason, StatusForm


def ended(reason: EndReason, on: date, note: str | None = None) -> StatusForm:
    """`on` is also the day on which the treating clinician was told."""
    said = EndingForm(
        told_on=on,
        told_how="phone",
        unstable_because="Feels well and wants to stop",
        no_score_because="Did not want to answer again",
        no_plan_because="Does not want one",
    )
    return StatusForm("ended", reason, on, note=note, ending=said)
