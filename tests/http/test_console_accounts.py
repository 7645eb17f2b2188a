"""An administrator makes accounts, changes roles, lets people in again, opens a clinic; a biller chooses payers' rules."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update

from api.wiring import Deps
from kernel.audit import Role
from kernel.web.tables import WebSession
from registry.handover.administration import ELSEWHERE
from registry.organisation.tables import ApiToken, Staff, StaffRole
from registry.organisation.tables import Clinic as ClinicTable
from registry.time_log.tables import RunningTimer
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import Colleague
from tests.support.console import answers, audited, count, enrols, signed_in

NEW = {"name": "Nadia Reyes", "email": "Nadia@Harbor.example", "password": "lamps along the pier"}
ACCOUNTS = "/setup/accounts"


async def staff_id_of(deps: Deps, email: str) -> UUID | None:
    async with deps.system_db.begin() as tx:
        return await tx.scalar(select(Staff.id).where(Staff.email == email))


async def roles_of(deps: Deps, staff_id: UUID | None) -> set[str]:
    async with deps.system_db.begin() as tx:
        return {
            row.role for row in await tx.all(select(StaffRole.role).where(StaffRole.staff_id == staff_id))
        }


async def test_an_account_is_made_with_roles_and_a_first_password_or_not_at_all(
    harbor: Clinic, console_deps: Deps
) -> None:
    before = await count(console_deps, Staff)
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens("/setup")
        assert ACCOUNTS in ada.links("Accounts and roles")
        await ada.opens(ACCOUNTS)
        for wrong, says in (
            ({"email": "nadia"}, "Work e-mail is not an e-mail address."),
            ({"roles": []}, "Roles: at least one role is needed."),
            (
                {"roles": ["administrator", "clinician"]},
                "Roles: an administrator has no clinical role; use a second",
            ),
            ({"password": "short"}, "First password"),
            ({"email": "consultant@harbor.example"}, "Email: another account has it."),
        ):
            await ada.opens(ACCOUNTS)
            await ada.submits(ACCOUNTS, **(NEW | {"roles": ["care_manager"]} | wrong))
            assert ada.status in (409, 422) and any(error.startswith(says) for error in ada.errors), (
                ada.errors
            )
            assert 'value="Nadia Reyes"' in ada.html and "lamps along" not in ada.html
        assert await count(console_deps, Staff) == before
        await ada.submits(ACCOUNTS, **(NEW | {"roles": ["care_manager", "biller"]}))
        assert "Account made." in ada.said
    made = await staff_id_of(console_deps, "nadia@harbor.example")
    assert await roles_of(console_deps, made) == {"care_manager", "biller"}
    done = await audited(console_deps, actor_id=harbor.staff["administrator"])
    assert {"staff.created", "role.granted", "password.set"} <= set(done)
    async with console_deps.system_db.begin() as tx:
        sealed = await tx.scalar(select(Staff.password_hash).where(Staff.id == made))
    assert console_deps.passwords.verify(sealed, NEW["password"])


async def test_a_colleagues_running_timer_is_settled_on_their_page(
    harbor: Clinic, console_deps: Deps, dana: Colleague
) -> None:
    manager, now = harbor.staff["care_manager"], console_deps.clock.now()
    patient = await enrols(dana, harbor)
    async with console_deps.system_db.begin() as tx:
        values = {
            "id": tx.new_id(), "clinic_id": harbor.id, "patient_id": patient, "staff_id": manager,
            "activity": "care_plan", "started_at": now - timedelta(minutes=25), "seen_at": now, "added_seconds": 0,
        }  # fmt: skip
        await tx.execute(insert(RunningTimer), values)
    async with signed_in(console_deps, harbor, "clinic_lead") as june:
        await june.opens(f"/setup/people/{manager}")
        assert "25 minutes by then" in june.text
        await june.submits(f"/setup/people/{manager}/timer", decision="discard")
        assert june.errors == ["The reason is needed to discard a timer."]
        await june.submits(f"/setup/people/{manager}/timer", decision="discard", reason="left_running")
        assert "The timer is settled." in june.said
        assert "Their running timer" not in june.text


async def test_a_handover_offers_those_who_may_take_it_and_says_where_nobody_may(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient = await enrols(dana, harbor)
    await answers(console_deps, harbor, patient, (1, 1, 1, 1, 1, 1, 1, 1, 1), console_deps.clock.now().date())
    page = f"/setup/people/{harbor.staff['care_manager']}"
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens(page)
        assert "1 open safety event " in lead.text and "1 patient as care manager" in lead.text
        offered = dict(re.findall(r'<option value="([^"]+)">([^<]+)</option>', lead.html))
        for role in ("biller", "administrator"):
            assert str(harbor.staff[role]) not in offered  # type: ignore[index]
        clinician = offered[str(harbor.staff["clinician"])]
        assert "only open safety events" in clinician and "as care manager" not in clinician
        assert "Nobody else here has the role for it: give it first." in lead.text
        ticked = {value for name, value in lead.form(f"{page}/handover").fields if name == "duties"}
        assert "events" in ticked and "care_manager" not in ticked
        await lead.submits(f"{page}/handover", to_id=harbor.staff["clinician"], note="Call her on Monday.")
        assert lead.errors == [] and "1 open safety event " not in lead.text, lead.errors


async def test_roles_change_and_a_last_clinical_role_waits_for_the_handover(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await enrols(dana, harbor)
    page = f"{ACCOUNTS}/{harbor.staff['care_manager']}"
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(page)
        await ada.submits(f"{page}/roles", roles=["biller"])
        assert ada.status == 409 and ada.errors[0].startswith("Hand over first: "), ada.errors
        await ada.submits(f"{page}/roles", roles=["care_manager", "clinic_lead"])
        assert "Roles saved." in ada.said
        own = f"{ACCOUNTS}/{harbor.staff['administrator']}"
        await ada.opens(own)
        assert f"{own}/password" not in ada.html
        await ada.submits(f"{own}/roles", roles=["biller"])
        assert ada.errors == ["Another administrator takes this role from you."]
        assert (await ada.opens(f"{ACCOUNTS}/{uuid4()}")).status == 404
    assert await roles_of(console_deps, harbor.staff["care_manager"]) == {"care_manager", "clinic_lead"}


async def test_details_are_changed_and_a_new_phone_is_confirmed_before_alerts_count_on_it(
    harbor: Clinic, console_deps: Deps
) -> None:
    lead = harbor.staff["clinic_lead"]
    page = f"{ACCOUNTS}/{lead}"
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(page)
        assert f"{page}/phone" not in ada.html
        await ada.submits(f"{page}/details", name="Lee Otieno", email="lee@", phone="12")
        assert {error.split(" is ")[0] for error in ada.errors} >= {"Work e-mail"}
        assert 'value="Lee Otieno"' in ada.html
        await ada.submits(f"{page}/details", name="Lee Otieno", email="biller@harbor.example", phone="")
        assert (ada.status, ada.errors) == (409, ["Email: another account has it."])
        await ada.submits(
            f"{page}/details", name="Lee Otieno", email="Lee@harbor.example", phone="206-555-0177"
        )
        assert "Details saved." in ada.said
        await ada.submits(f"{page}/details")
        assert "Nothing to save: this is what is on record." in ada.said
        await ada.submits(f"{page}/phone")
        assert ada.status == 422
        await ada.submits(f"{page}/phone", confirm="yes")
        assert "Phone confirmed." in ada.said and f"{page}/phone" not in ada.html
        await ada.submits(f"{page}/details", phone="206-555-0178")
        assert f"{page}/phone" in ada.html
        seen = ada.form(f"{page}/phone").filled({"confirm": "yes"})
        await ada.submits(f"{page}/details", phone="206-555-0179")
        await ada.posts(f"{page}/phone", seen)
        assert (ada.status, ada.errors) == (409, ["The phone was changed meanwhile; call the new number."])
    assert await staff_id_of(console_deps, "lee@harbor.example") == lead
    done = await audited(console_deps, actor_id=harbor.staff["administrator"])
    assert {"staff.changed", "staff.phone_verified"} <= set(done)


async def test_a_closed_accounts_sessions_end_at_once_and_stay_ended(
    harbor: Clinic, console_deps: Deps
) -> None:
    biller = harbor.staff["biller"]
    async with (
        signed_in(console_deps, harbor, "biller") as tom,
        signed_in(console_deps, harbor, "administrator") as ada,
    ):
        await tom.opens("/billing")
        await ada.opens(f"/setup/people/{biller}")
        await ada.submits(f"/setup/people/{biller}/deactivate", confirm="yes")
        assert "closed" in ada.said
        assert (await tom.opens("/billing")).path == "/sign-in"
        await ada.opens(f"{ACCOUNTS}/{biller}")
        await ada.submits(f"{ACCOUNTS}/{biller}/enable")
        assert (await tom.opens("/billing")).path == "/sign-in"


async def test_what_was_lost_is_reset_and_ends_every_session(harbor: Clinic, console_deps: Deps) -> None:
    consultant = harbor.staff["consultant"]
    page = f"{ACCOUNTS}/{consultant}"
    live = (WebSession.staff_id == consultant, WebSession.ended_at.is_(None))
    async with console_deps.system_db.begin() as tx:
        confirmed = {"totp_confirmed_at": console_deps.clock.now(), "totp_sealed": tx.vault.seal("ABC")}
        await tx.execute(update(Staff).where(Staff.id == consultant).values(**confirmed))
    async with (
        signed_in(console_deps, harbor, "consultant"),
        signed_in(console_deps, harbor, "administrator") as ada,
    ):
        assert await count(console_deps, WebSession, *live) == 1
        await ada.opens(page)
        await ada.submits(f"{page}/password", password="short")
        assert ada.status == 422 and await count(console_deps, WebSession, *live) == 1
        await ada.submits(f"{page}/password", password="gulls over the breakwater")
        assert "Password reset." in ada.said
        assert await count(console_deps, WebSession, *live) == 0
        await ada.submits(f"{page}/second-factor")
        assert ada.status == 422
        await ada.submits(f"{page}/second-factor", confirm="yes")
        assert "Second factor removed." in ada.said
        assert f"{page}/second-factor" not in ada.html
    done = await audited(console_deps, actor_id=harbor.staff["administrator"])
    assert {"password.set", "totp.removed"} <= set(done)


async def test_nobody_resets_a_person_who_also_works_in_a_clinic_they_dont_administer(
    harbor: Clinic, console_deps: Deps
) -> None:
    consultant = harbor.staff["consultant"]
    async with console_deps.system_db.begin() as tx:
        found = await tx.first(select(ClinicTable.__table__))
        assert found is not None
        row = dict(found._mapping)
        await tx.execute(insert(ClinicTable), row | {"id": tx.new_id(), "slug": "elsewhere"})
        other = await tx.scalar(select(ClinicTable.id).where(ClinicTable.slug == "elsewhere"))
        await tx.execute(
            insert(StaffRole), {"staff_id": consultant, "clinic_id": other, "role": "consultant"}
        )
    page = f"{ACCOUNTS}/{consultant}"
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(page)
        await ada.submits(f"{page}/password", password="gulls over the breakwater")
        assert (ada.status, ada.errors[0].lower()) == (409, f"{ELSEWHERE}.".lower())


async def test_a_closed_account_opens_again(harbor: Clinic, console_deps: Deps) -> None:
    biller = harbor.staff["biller"]
    async with console_deps.system_db.begin() as tx:
        await tx.execute(update(Staff).where(Staff.id == biller).values(disabled_at=console_deps.clock.now()))
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(f"{ACCOUNTS}/{biller}")
        assert f"{ACCOUNTS}/{biller}/roles" not in ada.html
        await ada.submits(f"{ACCOUNTS}/{biller}/enable")
        assert "The account is open again." in ada.said


async def test_a_key_is_seen_with_its_last_use_and_revoked(harbor: Clinic, console_deps: Deps) -> None:
    other = await found_clinic(console_deps, "inland", "+12065550101")
    async with console_deps.system_db.begin() as tx:
        wanted = select(ApiToken.id, ApiToken.clinic_id).where(ApiToken.role == "biller")
        ids = {row.clinic_id: row.id for row in await tx.all(wanted)}
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(ACCOUNTS)
        await ada.opens(ada.links("Keys of the JSON API")[0])
        assert ada.text.count("Revoke") == 6 and "never" in ada.text and "evk_" not in ada.html
        mine = f"/setup/keys/{ids[harbor.id]}/revoke"
        await ada.submits(mine)
        assert "Key revoked." in ada.said and "revoked" in ada.text and mine not in ada.html
        token = dict(ada.form("/sign-out").fields)["_csrf"]
        await ada.posts(f"/setup/keys/{ids[other.id]}/revoke", [("_csrf", token)])
        assert ada.status == 404
        refused = await ada.client.get("/api/v1/clinics", headers=harbor.headers("biller"))
        assert refused.status_code == 401
        assert (await ada.client.get("/api/v1/clinics", headers=other.headers("biller"))).status_code == 200


CLINIC = {
    "name": "Ridge Clinic", "slug": "ridge", "zone": "America/Denver", "text_name": "Ridge Clinic",
    "support_phone": "206-555-0160", "hours_text": "Mon-Fri 9-5",
}  # fmt: skip


async def test_an_administrator_opens_a_clinic_enters_it_and_admits_a_colleague(
    harbor: Clinic, console_deps: Deps
) -> None:
    before = await count(console_deps, ClinicTable)
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens("/setup/clinics")
        await ada.submits("/setup/clinics", **(CLINIC | {"zone": "Denver", "slug": "Ridge!"}))
        assert ada.errors == [
            "Short name needs small letters, digits and -.",
            "Time zone is not an IANA time zone such as America/Chicago.",
        ] or set(ada.errors) >= {"Short name needs small letters, digits and -."}
        assert 'value="Ridge Clinic"' in ada.html and await count(console_deps, ClinicTable) == before
        await ada.submits("/setup/clinics", **CLINIC)
        assert "Clinic made." in ada.said and ada.text.count("you work here") == 2
        await ada.submits("/setup/clinics", **CLINIC)
        assert ada.errors == ["Slug: another clinic has it."]
        async with console_deps.system_db.begin() as tx:
            ridge = await tx.scalar(select(ClinicTable.id).where(ClinicTable.slug == "ridge"))
        await ada.opens("/account")
        await ada.submits("/clinics", clinic_id=str(ridge))
        await ada.opens("/setup")
        assert "Setup of Ridge Clinic" in ada.text and "Simulation" in ada.text
        await ada.opens(ACCOUNTS)
        assert "clinician@harbor.example" not in ada.text
        await ada.submits(f"{ACCOUNTS}/admit", email="nobody@harbor.example", roles=["clinician"])
        assert ada.errors == ["This address has no account yet."]
        await ada.submits(f"{ACCOUNTS}/admit", email="Clinician@harbor.example", roles=["clinician"])
        assert "clinician@harbor.example" in ada.text
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens(f"{ACCOUNTS}/{harbor.staff['clinician']}")
        assert ada.status == 200  # the colleague still works in Harbor too


@pytest.mark.parametrize("role", ["biller", "administrator"])
async def test_a_payers_rule_set_is_chosen_and_taken_away(
    dana: Colleague, harbor: Clinic, console_deps: Deps, role: Role
) -> None:
    await enrols(dana, harbor)
    path = "/billing/payers"
    async with signed_in(console_deps, harbor, role) as tom:
        await tom.opens(path)
        assert "Cascade Health Plan" in tom.text
        token = dict(tom.form(f"{path}/default").filled({}))["_csrf"]
        await tom.posts(path, [("_csrf", token), ("payer", "Cascade Health Plan"), ("rule_set", "mine")])
        assert tom.errors == ["The rule set is not one of the rule sets."]
        form = next(form for form in tom.page.forms if form.action == path and "rule_set" in form.names)
        await tom.posts(path, form.filled({"payer": "Cascade Health Plan", "rule_set": "full_threshold"}))
        assert "Payers saved." in tom.said and "Take away" in tom.text
        await tom.submits(f"{path}/default", rule_set="nc_medicaid")
        assert await settings_of(console_deps, harbor) == {
            "rule_set": "nc_medicaid", "payer_rule_sets": {"Cascade Health Plan": "full_threshold"},
        }  # fmt: skip
        away = next(form for form in tom.page.forms if form.action == path and "rule_set" not in form.names)
        await tom.posts(path, away.filled({}))
        assert await settings_of(console_deps, harbor) == {"rule_set": "nc_medicaid", "payer_rule_sets": {}}
    assert "payers.changed" in await audited(console_deps, actor_id=harbor.staff[role])


async def test_the_months_page_works_with_the_payers_rule_set(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(
        f"/patients/{patient_id}/time", on="2026-03-02", at="08:00", minutes="12", activity="care_plan"
    )
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens("/billing/payers")
        form = next(form for form in tom.page.forms if form.action == "/billing/payers")
        await tom.posts(
            "/billing/payers", form.filled({"payer": "Cascade Health Plan", "rule_set": "full_threshold"})
        )
        await tom.opens("/billing/2026-03")
        assert "full_threshold@1" in tom.text


async def settings_of(deps: Deps, clinic: Clinic) -> dict[str, object]:
    async with deps.system_db.begin() as tx:
        found = await tx.scalar(select(ClinicTable.settings).where(ClinicTable.id == clinic.id))
    return {name: found[name] for name in ("rule_set", "payer_rule_sets") if name in found}


async def test_a_lead_tries_a_rule_set_of_the_clinics_own_and_brings_it_in(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=60)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/time", minutes="40", activity="patient_contact")
    path = "/billing/rule-sets"
    async with signed_in(console_deps, harbor, "clinic_lead") as ada:
        await ada.opens(f"{path}?from=full_threshold@1")
        begun = json.loads(dict(ada.form(path).filled({}))["document"])
        assert begun["time_rule"] == "full_threshold"
        wrong = json.dumps(begun | {"source": " ", "g2214_min": 80})
        await ada.posts(path, ada.form(path).filled({"document": wrong}))
        [error] = ada.errors
        assert (
            "id is a shipped rule set's" in error and "source is needed" in error and "g2214_min is" in error
        )
        assert dict(ada.form(path).filled({}))["document"] == wrong
        own = json.dumps(begun | {"id": "own_cascade", "title": "Cascade", "payer": None})
        fields = ada.form(path).filled({"document": own, "payers": "Cascade Health Plan\n"})
        await ada.posts(f"{path}/try", fields)
        assert ada.errors == []
        assert "1 of 1 patient-months would come under it; lines, minutes or status change in 1." in ada.text
        assert "99492x1, 40 min" in ada.text and "G2214x1, 40 min" in ada.text
        await ada.posts(path, fields)
        assert "Rule set kept." in ada.said
        assert ada.links("Begin from it")[0] == f"{path}?from=own_cascade%401#write"
        assert (await ada.client.get(f"{path}/own_cascade@1.json")).json()["title"] == "Cascade"
        assert (await ada.client.get(f"{path}/own_cascade@1.xml")).status_code == 404
        await ada.opens("/billing/payers")
        assert "Cascade" in ada.text and "Rule sets" in ada.text
        await ada.opens("/billing/2026-03")
        assert "own_cascade@1" in ada.text
    assert {"rule_set.tried", "rule_set.brought_in"} <= set(
        await audited(console_deps, actor_id=harbor.staff["clinic_lead"])
    )
