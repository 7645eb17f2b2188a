"""What a person corrects on a patient's pages: treatment, details, number, who may act for them, a saved contact."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from api.wiring import Deps
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm
from tests.support.app import Clinic
from tests.support.colleague import Colleague
from tests.support.console import actor, audited, enrols, signed_in


async def started(deps: Deps, clinic: Clinic, patient_id: UUID) -> str:
    """A medication that the care manager entered; gives the address that withdraws it."""
    who = await actor(deps, clinic)
    form = ChangeForm(date(2026, 3, 2), "medication_started", "sertraline 50 mg")
    async with deps.system_db.begin() as tx:
        change_id = await treatment_changes.record_change(tx, who, patient_id, form, now=deps.clock.now())
    return f"/patients/{patient_id}/treatment-changes/{change_id}/withdraw"


async def test_a_change_of_treatment_is_withdrawn_with_a_reason_and_stays_on_the_timeline(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    withdraw = await started(console_deps, harbor, patient_id)
    await dana.opens(f"/patients/{patient_id}")
    assert "Medication started: sertraline 50 mg" in dana.text
    await dana.submits(withdraw, reason=" ")
    assert (dana.status, dana.errors) == (422, ["The reason is needed."])
    await dana.submits(withdraw, reason="It was another patient's.")
    assert "Withdrawn." in dana.said
    assert "Treatment changes" not in dana.text
    assert "Withdrawn: medication started, sertraline 50 mg" in dana.text
    assert "It was another patient's." in dana.html.replace("&#39;", "'")
    assert "treatment_change.withdrawn" in await audited(console_deps, patient_id=patient_id)


async def test_another_colleagues_change_is_withdrawn_by_the_lead_alone(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    withdraw = await started(console_deps, harbor, patient_id)
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(f"/patients/{patient_id}")
        assert withdraw not in osei.html
        fields = osei.page.forms[0].fields
        await osei.posts(withdraw, [*(f for f in fields if f[0] == "_csrf"), ("reason", "Not mine")])
        assert osei.status == 403
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(f"/patients/{patient_id}")
        await lead.submits(withdraw, reason="Entered twice.")
        assert "Withdrawn: medication started" in lead.text
