"""A month explained, what is missing, decisions and coverage, as the console shows them."""

from __future__ import annotations

from api.wiring import Deps
from billing.decisions.tables import BillingDecision
from registry.patients.tables import Coverage
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import count, enrols, signed_in


async def test_a_month_shows_every_second_rule_and_element_and_who_can_mend_it(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=120)
    for at, activity in (("10:10", "patient_contact"), ("10:15", "care_plan")):
        await dana.opens(f"/patients/{patient_id}")
        await dana.submits(f"/patients/{patient_id}/time", at=at, minutes="40", activity=activity)
    await dana.opens("/billing/2026-03/missing")
    assert "Psychiatric consultant's review (holds the line)" in dana.text
    assert "Put the patient on the agenda of the next case review" in dana.text
    await dana.opens("/billing/2026-03/missing?who=mine")
    assert "Psychiatric consultant's review" in dana.text
    assert dana.links("ALDERCOTT, Maren")
    await dana.opens(dana.links("ALDERCOTT, Maren")[0])
    assert "45 min counted of 80 logged" in dana.text
    assert (
        "5 min not counted: Another entry already counts this time." in dana.text
        or "not counted" in dana.text
    )
    assert "cpt_midpoint@1/99492" in dana.text
    assert "Put the patient on the agenda of the next case review." in dana.text
    assert "Save decision" not in dana.text
    async with signed_in(console_deps, harbor, "biller") as bea:
        path = f"/billing/2026-03/people/{patient_id}"
        await bea.opens(path)
        await bea.submits(f"{path}/decisions", kind="release", value="consultant_review")
        assert bea.errors == ["Reason is needed."]
        await bea.submits(
            f"{path}/decisions",
            kind="release",
            value="consultant_review",
            reason="note of 2 March in the EHR",
        )
        assert "Decision saved" in bea.said
        assert "note of 2 March in the EHR" in bea.text
        assert await count(console_deps, BillingDecision, BillingDecision.withdrawn_at.is_(None)) == 1
        withdraw = next(form.action for form in bea.page.forms if "/withdraw/" in form.action)
        await bea.submits(withdraw, reason="other patient")
        assert "Decision withdrawn" in bea.said
        assert await count(console_deps, BillingDecision, BillingDecision.withdrawn_at.is_(None)) == 0


async def test_coverage_rows_are_added_and_corrected_with_their_dates(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/coverage"
    before = await count(console_deps, Coverage)
    await dana.opens(path)
    await dana.submits(
        path,
        payer="Harbor Mutual",
        rank="2",
        valid_from="2026-02-01",
        valid_to="2026-01-01",
        subscriber="spouse",
    )
    assert dana.errors == ["Until is before the first day."]
    await dana.submits(path, valid_to="2026-12-31")
    assert "Coverage saved." in dana.said
    assert "Secondary: Harbor Mutual, 2026-02-01 to 2026-12-31" in dana.text
    assert await count(console_deps, Coverage, Coverage.subscriber == "spouse") == 1
    row = [form.action for form in dana.page.forms if form.action.startswith(f"{path}/")][-1]
    await dana.submits(row, member_id="W-1", subscriber_family="Aldercott", subscriber_given="Teo")
    assert "member W-1, Spouse, Aldercott, Teo" in dana.text
    await dana.submits(row, subscriber_family="x" * 61)
    assert dana.errors == ["Subscriber's family name is longer than 60 characters."]
    await dana.opens(path)
    assert await count(console_deps, Coverage) == before + 1
