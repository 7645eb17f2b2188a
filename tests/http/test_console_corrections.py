"""What a person corrects on a patient's pages: treatment, details, number, who may act for them, a saved contact."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from api.wiring import Deps
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm
from tests.support.app import Clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import actor, audited, enrols, signed_in, texts

NEXT = {"next_on": "2026-03-16", "next_at": "10:30", "next_mode": "video", "next_purpose": "The new dose"}


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


async def test_details_are_changed_in_one_form_and_the_timeline_tells_who_did(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/details"
    await dana.opens(path)
    assert dict(dana.form(path).fields)["family_name"] == "Aldercott"
    moved = {"line1": "12 Larch St", "city": "Denver", "state": "CO", "postal_code": "80202"}
    hers = {"emergency_name": "Rosa Vale", "emergency_relation": "sister", "emergency_phone": "206-555-0188"}
    wishes = {"zone": "America/Denver", "window_start": "17:00", "window_end": "20:00", "channel": "phone"}
    await dana.submits(
        path, family_name="Aldercott-Vale", sex="F", second_channel="", **moved, **hers, **wishes
    )
    assert "Details saved." in dana.said, dana.errors
    assert "ALDERCOTT-VALE, Maren" in dana.text
    assert "Rosa Vale, sister, +12065550188" in dana.text
    assert "Details changed" in dana.text
    assert "address, how check-ins are answered, emergency contact" in dana.text
    await dana.opens(path)
    kept = dict(dana.form(path).fields)
    assert {name: kept[name] for name in moved | wishes} == moved | wishes
    assert "patient.changed" in await audited(console_deps, patient_id=patient_id)


async def test_refused_details_stand_at_their_fields_with_what_was_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await enrols(dana, harbor, family_name="Hill", mrn="TAKEN-1", phone="206-555-0101")
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/details"
    await dana.opens(path)
    await dana.submits(path, family_name="123", birth_date="", channel="sms_items", window_start="17:00")
    assert (dana.status, dana.errors) == (
        422,
        [
            "Family name has no letter.",
            "Date of birth can't be removed.",
            "Not after is needed with the other end of the window.",
            "Agreement to texts must allow them, with the acknowledgement, for questions by text.",
        ],
    )
    assert dict(dana.form(path).fields)["family_name"] == "123"
    await dana.submits(
        path, family_name="Aldercott", birth_date="1984-04-09", city="Denver", window_end="19:00"
    )
    assert dana.errors == [
        "Street is needed with the rest of the address.",
        "State is needed with the rest of the address.",
        "ZIP code is needed with the rest of the address.",
    ]
    await dana.submits(path, city="", mrn="TAKEN-1", texting="items_by_sms")
    assert (dana.status, dana.errors) == (409, ["MRN is another patient's record number."])
    await dana.submits(path, mrn="40117")
    assert "Details saved." in dana.said


async def test_of_two_who_edit_at_once_the_second_sees_what_the_first_wrote(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/details"
    await dana.opens(path)
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        await osei.submits(path, given_name="Marion")
        assert "Details saved." in osei.said
    await dana.submits(path, mrn="40118")
    assert dana.status == 409
    assert "On record now: Given name: Marion; MRN: 40117" in dana.errors[0]
    assert dict(dana.form(path).fields)["mrn"] == "40118"
    await dana.submits(path, given_name="Marion")
    assert "Details saved." in dana.said
    assert "ALDERCOTT, Marion" in dana.text
    before = await audited(console_deps, action="patient.changed")
    await dana.opens(path)
    version = dict(dana.form(path).fields)["version"]
    await dana.submits(path)
    assert "Nothing to save: this is what is on record." in dana.said
    assert await audited(console_deps, action="patient.changed") == before
    assert dict((await dana.opens(path)).form(path).fields)["version"] == version


async def test_an_agreement_ticked_for_a_number_that_changed_meanwhile_is_not_carried_to_the_new_one(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/details"
    await dana.opens(path)
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(f"/patients/{patient_id}/phone")
        await osei.submits(f"/patients/{patient_id}/phone", phone="206-555-0177", otherwise="phone")
        assert "Number saved." in osei.said
    await dana.submits(path, texting="link_only", mrn="40118")
    assert dana.status == 409
    assert "The agreement to texts is chosen again" in dana.errors[0]
    await dana.submits(path, channel="phone", second_channel="")
    assert "Details saved." in dana.said, dana.errors
    assert "for an earlier number" in dana.text


async def test_a_new_number_needs_its_own_agreement_or_another_way(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/phone"
    await dana.opens(path)
    await dana.submits(path, phone="206-555-0177")
    assert (dana.status, dana.errors) == (422, ["Agreement to texts is needed for channel sms_link."])
    assert dict(dana.form(path).fields)["phone"] == "206-555-0177"
    await dana.submits(path, otherwise="phone")
    assert "Number saved." in dana.said
    await dana.opens(path)
    await dana.submits(path)
    assert "Nothing to save: this is what is on record." in dana.said
    assert len(await audited(console_deps, action="phone.changed")) == 1
    assert "No agreement to texts" in dana.text
    assert "for an earlier number" in dana.text
    assert "Number changed" in dana.text
    await dana.opens(f"/patients/{patient_id}/details")
    assert dict(dana.form(f"/patients/{patient_id}/details").fields)["channel"] == "phone"
    await dana.submits(f"/patients/{patient_id}/details", channel="sms_link", texting="link_only")
    assert "Answers by" in dana.text
    assert "No agreement to texts" not in dana.text


async def test_a_number_that_another_patient_has_is_refused_or_marked_as_shared(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await enrols(dana, harbor, family_name="Hill", mrn="M-1", phone="206-555-0101")
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/phone"
    await dana.opens(path)
    await dana.submits(path, phone="206-555-0101", texting="link_only")
    assert dana.status == 409
    assert dana.errors == [
        "Mobile phone is another patient's number: tick that others answer it, if both use it."
    ]
    await dana.submits(path, phone_shared="on")
    assert "Number saved." in dana.said
    assert await audited(console_deps, action="phone.marked_shared") == ["phone.marked_shared"]


async def test_a_stop_belongs_to_a_number_so_a_new_one_is_open_again(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await texts(console_deps, harbor, "STOP")
    await dana.opens("/registry")
    assert "opted out" in dana.text.lower()
    path = f"/patients/{patient_id}/phone"
    await dana.opens(path)
    await dana.submits(path, phone="206-555-0177", texting="link_only")
    assert "Opted out of texts" not in dana.text
    await dana.opens(path)
    await dana.submits(path, phone="206-555-0123", texting="link_only")
    assert "Opted out of texts" in dana.text


async def test_a_contact_is_amended_with_a_reason_and_both_versions_stay(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=13)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    await dana.submits(path, note="Takes 100 mg.", minutes="12", **NEXT)
    contact = dana.path.split("?")[0]
    await dana.submits(f"/patients/{patient_id}/filed")
    await dana.opens(contact)
    assert "Filed in the EHR" in dana.text
    await dana.opens(dana.links("Amend this contact")[0])
    assert "Minutes are corrected" in dana.text
    await dana.submits(f"{contact}/amend", note="Takes 50 mg.", side_effects="troubling", reason=" ")
    assert (dana.status, dana.errors) == (422, ["The reason is needed."])
    await dana.submits(f"{contact}/amend", reason="Wrong dose written down.")
    assert dana.errors == ["Which side effects is needed: which?"]
    await dana.submits(f"{contact}/amend", side_effects="", reason="Wrong dose written down.")
    assert "Amended." in dana.said
    assert "Takes 50 mg." in dana.html
    assert "Takes 100 mg." in dana.html
    assert "Minutes: 12" in dana.html
    assert "Wrong dose written down." in dana.text
    assert "since it was filed in the EHR" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    assert "Changed since filed" in dana.text
    await dana.opens(contact)
    await dana.submits(f"/patients/{patient_id}/filed")
    assert "since it was filed" not in dana.text


async def test_a_stale_amendment_keeps_what_was_typed_and_a_colleague_may_not_amend(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    clock.advance(minutes=13)
    path = f"/patients/{patient_id}/contact"
    await dana.opens(path)
    await dana.submits(path, note="Takes 100 mg.", minutes="12", **NEXT)
    contact = dana.path.split("?")[0]
    await dana.opens(f"{contact}/amend")
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(f"{contact}/amend")
        await lead.submits(
            f"{contact}/amend", note="Takes 75 mg.", outcome="cut_short", reason="Asked again."
        )
        assert "Amended." in lead.said
    await dana.submits(f"{contact}/amend", note="Takes 50 mg.", reason="Wrong dose.")
    assert dana.status == 409
    assert "It says now: Outcome: Spoke, cut short; The note: Takes 75 mg." in dana.text
    assert dict(dana.form(f"{contact}/amend").fields)["note"] == "Takes 50 mg."
    await dana.submits(f"{contact}/amend")
    assert "Version 2" in dana.text
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(contact)
        assert "Amend this contact" not in osei.text
        await osei.opens(f"{contact}/amend")
        assert osei.status == 403


SISTER = {
    "name": "Rosa Vale",
    "relation": "sister",
    "phone": "206-555-0188",
    "agreed_how": "verbal",
    "scope": ["contacts", "messages"],
    "valid_to": "2026-06-30",
}


async def test_a_person_who_helps_is_added_changed_and_ended_with_the_permission_on_record(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    path = f"/patients/{patient_id}/people"
    await dana.opens(path)
    await dana.submits(path, **(SISTER | {"scope": [], "phone": "12", "valid_to": "2026-01-01"}))
    assert dana.status == 422
    assert [error.split(" ")[0] for error in dana.errors] == ["Their", "What", "Last"]
    assert dict(dana.form(path).fields)["name"] == "Rosa Vale"
    await dana.submits(path, **SISTER)
    assert "They sign in with their own number" in dana.said
    assert "The patient agreed: by phone or in the room, 02-Mar-2026." in dana.text
    assert "In force" in dana.text
    change = next(form.action for form in dana.page.forms if form.action.startswith(f"{path}/"))
    async with signed_in(console_deps, harbor, "clinician") as osei:
        await osei.opens(path)
        await dana.submits(change, scope=["contacts"], valid_to="2026-12-31")
        assert "Changed." in dana.said
        assert "until 31-Dec-2026" in dana.text
        assert "Changed 02-Mar-2026" in dana.text
        await osei.submits(change, relation="older sister")
        assert osei.status == 409
        assert dict(osei.form(path).fields)["relation"] == "older sister"
    end = next(form.action for form in dana.page.forms if form.action.endswith("/end"))
    await dana.submits(end)
    assert "Ended 02-Mar-2026 by the clinic" in dana.text
    await dana.opens(f"/patients/{patient_id}")
    for title in ("Helper added", "Helper changed", "Helper ended"):
        assert title in dana.text
