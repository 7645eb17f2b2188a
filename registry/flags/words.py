"""Each rule as one sentence with a clinic's numbers in it, for pages that explain a flag before anybody has it."""

from __future__ import annotations

from typing import assert_never

from registry.flags.facts import RuleId
from registry.flags.thresholds import Thresholds


def explain(rule: RuleId, n: Thresholds) -> str:
    match rule:
        case "R-SAFETY":
            return "A safety event is open."
        case "R-SEVERE":
            return f"The last PHQ-9 is {n.severe_phq9} or more, or the last GAD-7 {n.severe_gad7} or more."
        case "R-WORSE":
            return f"The last PHQ-9 is {n.worse_phq9} points or more above the best earlier one (GAD-7: {n.worse_gad7})."
        case "R-RELAPSE":
            return (
                f"In relapse prevention, the last score is {n.relapse_from} or more, or {n.relapse_rise_phq9} points"
                f" above the best earlier one (GAD-7: {n.relapse_rise_gad7})."
            )
        case "R-STALL-A":
            return (
                f"{n.stall_a_days} days or more since the first score or the last treatment change, and a drop of less"
                f" than {n.stall_a_drop_phq9} points on the PHQ-9 ({n.stall_a_drop_gad7} on the GAD-7)."
            )
        case "R-STALL-B":
            return (
                f"{n.stall_b_days} days or more in care, and the last score is neither below {n.target_below} nor at"
                " least 50% lower than the first."
            )
        case "R-NOSCORE":
            return (
                f"A planned measure has no complete score for {n.no_score_days} days or more"
                f" ({n.no_score_rp_days} in relapse prevention)."
            )
        case "R-NOCONTACT":
            return f"Nobody was reached for {n.no_contact_days} days or more."
        case "R-REVIEW":
            return (
                f"No case review for {n.review_days} days or more ({n.review_rp_days} in relapse prevention)."
            )
        case "R-RESP":
            return f"Every measure that began high is below {n.target_below} and at least 50% lower than at first."
        case "R-LONG":
            return f"In care for {n.long_months} months or more."
        case "R-NEW":
            return f"Enrolled {n.new_days} days ago or less, or never reviewed."
        case _:
            assert_never(rule)
