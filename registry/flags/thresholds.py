"""The numbers behind the registry's rules. Each is a clinic's setting within limits, with its source beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kernel.errors import Problem

SETTING: Final = "thresholds"  # the key in a clinic's settings
_OWN: Final = "This project's default"
_BAO: Final = "Bao et al. 2016, Psychiatric Services, appi.ps.201400577; Sowa et al. 2018, PMC6063310"
_SCOPE: Final = "University of Washington, Collaborative Care in Oncology workflow"
_TRIVEDI: Final = "CMS159, citing Trivedi 2009: 5 points are the smallest difference that matters"
_TOUSSAINT: Final = "Toussaint 2020, doi 10.1016/j.jad.2020.01.032: 4 points on the GAD-7"
_PHQ9: Final = "Kroenke, Spitzer, Williams 2001: severe from 20"
_GAD7: Final = "Spitzer et al. 2006: severe from 15"
_LABEL: Final = "Antidepressant labelling: close watch of people under 25 at the start of treatment"


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days are whole local days of the clinic and inclusive: a rule of 28 days is met on day 28."""

    new_days: int = 14
    stall_a_days: int = 28
    stall_a_drop_phq9: int = 5
    stall_a_drop_gad7: int = 4
    stall_b_days: int = 56
    target_below: int = 10
    worse_phq9: int = 5
    worse_gad7: int = 4
    severe_phq9: int = 20
    severe_gad7: int = 15
    no_score_days: int = 28
    no_score_rp_days: int = 56
    no_contact_days: int = 28
    review_days: int = 30
    review_rp_days: int = 60
    long_months: int = 9
    relapse_from: int = 10
    relapse_rise_phq9: int = 5
    relapse_rise_gad7: int = 4
    change_contact_days: int = 14
    change_contact_young_days: int = 7
    change_score_days: int = 28


class Setting(msgspec.Struct, frozen=True):
    """One number as people read and set it. `rules` names the rules that use it."""

    name: str
    label: str
    unit: str
    low: int
    high: int
    rules: str
    source: str


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("new_days", "New for", "days", 1, 60, "R-NEW", _OWN),
    Setting("stall_a_days", "Too small a drop: judged from", "days", 14, 84, "R-STALL-A", _OWN),
    Setting("stall_a_drop_phq9", "Smallest drop that counts, PHQ-9", "points", 2, 10, "R-STALL-A", _TRIVEDI),
    Setting("stall_a_drop_gad7", "Smallest drop that counts, GAD-7", "points", 2, 10, "R-STALL-A", _TOUSSAINT),
    Setting("stall_b_days", "Not improving: judged from", "days", 42, 112, "R-STALL-B", _BAO),
    Setting("target_below", "Target: below", "points", 5, 15, "R-STALL-B, R-RESP", _SCOPE),
    Setting("worse_phq9", "Rise that counts, PHQ-9", "points", 3, 10, "R-WORSE", _TRIVEDI),
    Setting("worse_gad7", "Rise that counts, GAD-7", "points", 3, 10, "R-WORSE", _TOUSSAINT),
    Setting("severe_phq9", "Severe from, PHQ-9", "points", 15, 27, "R-SEVERE", _PHQ9),
    Setting("severe_gad7", "Severe from, GAD-7", "points", 10, 21, "R-SEVERE", _GAD7),
    Setting("no_score_days", "No complete score for", "days", 7, 90, "R-NOSCORE", _SCOPE),
    Setting("no_score_rp_days", "The same in relapse prevention", "days", 14, 120, "R-NOSCORE", _SCOPE),
    Setting("no_contact_days", "No successful contact for", "days", 7, 90, "R-NOCONTACT", _BAO),
    Setting("review_days", "No case review for", "days", 7, 90, "R-REVIEW", _SCOPE),
    Setting("review_rp_days", "The same in relapse prevention", "days", 14, 120, "R-REVIEW", _SCOPE),
    Setting("long_months", "In care for", "months", 3, 24, "R-LONG", "University of Washington, SCOPE registry"),
    Setting("relapse_from", "Relapse from", "points", 5, 20, "R-RELAPSE", _SCOPE),
    Setting("relapse_rise_phq9", "Rise that is a relapse, PHQ-9", "points", 3, 10, "R-RELAPSE", _OWN),
    Setting("relapse_rise_gad7", "Rise that is a relapse, GAD-7", "points", 3, 10, "R-RELAPSE", _OWN),
    Setting("change_contact_days", "Contact after a change within", "days", 7, 14, "S-CONTACT", _OWN),
    Setting("change_contact_young_days", "The same, under 25 on a new antidepressant", "days", 2, 14, "S-CONTACT", _LABEL),
    Setting("change_score_days", "Score after a change at", "days", 14, 56, "S-SCORE", _OWN),
)  # fmt: skip


def of_clinic(settings: Mapping[str, Any]) -> Thresholds:
    """A clinic's numbers; what it has not set is the default."""
    return msgspec.convert(settings.get(SETTING, {}), Thresholds)


def check(wanted: Thresholds) -> tuple[Problem, ...]:
    """Every number outside its limits, in the order of the form."""
    found = [
        Problem(setting.name, f"must be {setting.low} to {setting.high} {setting.unit}")
        for setting in SETTINGS
        if not setting.low <= getattr(wanted, setting.name) <= setting.high
    ]
    if wanted.change_contact_young_days > wanted.change_contact_days:
        found.append(Problem("change_contact_young_days", "must not be later than for everybody else"))
    return tuple(found)


def changed(wanted: Thresholds) -> dict[str, int]:
    """Only what differs from the defaults is stored, so that a better default reaches every clinic."""
    default = Thresholds()
    return {
        setting.name: getattr(wanted, setting.name)
        for setting in SETTINGS
        if getattr(wanted, setting.name) != getattr(default, setting.name)
    }
