"""The registry's orders and pages, tasks, the billing month, set-up, and what each role may open."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select, update

from api.wiring import Deps
from kernel.audit import AuditEvent, Role, system
from kernel.web.access import Access
from kernel.web.csrf import SAFE
from registry.organisation import accounts
from registry.organisation.tables import Clinic as ClinicTable
from registry.patients.tables import Patient
from registry.stepped_care.tables import StepProposal
from registry.treatment_changes import service as treatment_changes
from registry.treatment_changes.rules import ChangeForm
from registry.worklist import service as worklist
from registry.worklist.tables import Task
from staff_console.routes import ROUTES
from tests.support.app import ROLES, Clinic, found_clinic
from tests.support.clock import FakeClock
from tests.support.colleague import Colleague
from tests.support.console import LOW, actor, answers, audited, count, enrols, signed_in, texts


async def many(dana: Colleague, harbor: Clinic, how_many: int) -> list[UUID]:
    return [
        await enrols(dana, harbor, family_name=f"Person{n:02d}", mrn=f"M{n:03d}", phone=f"206-555-01{n:02d}")
        for n in range(how_many)
    ]


def names(dana: Colleague) -> list[str]:
    return re.findall(r'class="ek-name"[^>]*>([^<]+)<', dana.html)


class Statements:
    """Counts statements of the web's database, transactions left out."""

    def __init__(self, deps: Deps) -> None:
        self.seen: list[str] = []
        self.engine = deps.db.engine.sync_engine

    def __enter__(self) -> Statements:
        event.listen(self.engine, "before_cursor_execute", self._saw)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._saw)

    def _saw(self, _c: Any, _k: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "COMMIT")):
            self.seen.append(statement)


async def test_the_registry_takes_at_most_eight_statements_however_many_lines(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await many(dana, harbor, 3)
    for path in ("/registry", "/registry?caseload=clinic&flag=not_improving&sort=-phq9"):
        with Statements(console_deps) as counted:
            await dana.opens(path)
        assert dana.status == 200
        assert len(counted.seen) <= 8, counted.seen


async def test_pages_of_the_registry_follow_each_other_without_gap_or_repeat(
    dana: Colleague, harbor: Clinic, console_deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staff_console.registry.controller.CASELOAD", 3)
    await many(dana, harbor, 7)
    seen = []
    await dana.opens("/registry?sort=patient")
    while True:
        seen += names(dana)
        following = re.search(r'rel="next" href="([^"]+)"', dana.html)
        if following is None:
            break
        await dana.opens(following[1].replace("&amp;", "&"))
    assert seen == [f"PERSON{n:02d}, Maren" for n in range(7)]
    assert 'rel="prev"' in dana.html


async def test_a_sorted_column_says_so_and_turns_round(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    first, second, _ = await many(dana, harbor, 3)
    await answers(console_deps, harbor, first, LOW, date(2026, 3, 2))
    await answers(console_deps, harbor, second, (3,) * 5 + (0,) * 4, date(2026, 3, 2))
    await dana.opens("/registry")
    assert dana.html.count('aria-sort="ascending"') == 1
    await dana.opens(dana.links("PHQ-9")[0].replace("&amp;", "&"))
    assert names(dana) == ["PERSON00, Maren", "PERSON01, Maren", "PERSON02, Maren"]
    assert 'ek-col-phq9" aria-sort="ascending"' in dana.html
    await dana.opens(dana.links("PHQ-9")[0].replace("&amp;", "&"))
    assert names(dana) == ["PERSON01, Maren", "PERSON00, Maren", "PERSON02, Maren"]
    assert 'ek-col-phq9" aria-sort="descending"' in dana.html


async def test_the_filter_form_narrows_by_get_and_not_improving_tells_its_rule(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id, _ = await many(dana, harbor, 2)
    await answers(console_deps, harbor, patient_id, LOW, date(2026, 3, 2))
    clock.advance(weeks=8)
    await answers(console_deps, harbor, patient_id, (2, 2, 2, 2, 2, 1, 0, 0, 0), date(2026, 4, 27))
    async with signed_in(console_deps, harbor) as dana:
        await dana.opens("/registry")
        await dana.submits("/registry", flag="not_improving")
        assert names(dana) == ["PERSON00, Maren"]
        assert "R-STALL-B: 56 days or more in care, and the last score is neither below 10" in dana.text
        assert "PHQ-9 went from 13 to 11 in 8 weeks: neither below 10 nor halved" in dana.html
        await dana.opens("/registry?flag=overdue")
        assert len(names(dana)) == 2
        assert "days late" in dana.text


async def test_tabs_keep_the_caseload_and_the_contacts_of_today_are_one_of_them(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    first, _ = await many(dana, harbor, 2)
    await dana.opens(f"/patients/{first}")
    await dana.submits(f"/patients/{first}/next-contact", on="2026-03-02", at="17:30", mode="phone")
    await dana.opens("/registry?due=today")
    assert names(dana) == ["PERSON00, Maren"]
    await dana.opens("/registry?due=week&status=active")
    assert names(dana) == ["PERSON00, Maren"]
    await dana.opens("/registry")
    assert dana.links("Contacts today") == ["/registry?due=today&amp;sort=next_action"]
    assert dana.links("Overdue") == ["/registry?flag=overdue"]
    clock.advance(weeks=4)
    async with signed_in(console_deps, harbor) as dana:
        await dana.opens("/registry?caseload=clinic")
        assert dana.links("Overdue") == ["/registry?caseload=clinic&amp;flag=overdue"]
        assert "Overdue 2" in dana.text
        assert (await dana.opens("/registry?due=never")).status == 404


async def test_a_task_is_taken_and_done_with_what_came_of_it(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await texts(console_deps, harbor, "is this still the doctors office", phone="+12065550177")
    await dana.opens("/tasks")
    assert "is this still the doctors office" in dana.text
    assert "From 206-555-0177." in dana.text
    take = next(form.action for form in dana.page.forms if form.action.endswith("/take"))
    await dana.submits(take)
    assert "The task is yours." in dana.said
    done = take.replace("/take", "/done")
    await dana.submits(done)
    assert dana.status == 422
    assert "What came of it is needed." in dana.text
    await dana.submits(done, outcome="called")
    assert "Task done." in dana.said
    await dana.opens("/tasks?view=done")
    assert "Called" in dana.text
    assert "task.closed" in await audited(console_deps)


async def test_a_task_that_somebody_else_has_done_says_so(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await texts(console_deps, harbor, "hello?", phone="+12065550177")
    await dana.opens("/tasks")
    done = next(form.action for form in dana.page.forms if form.action.endswith("/done"))
    fields = dana.form(done).filled({"outcome": "called"})
    await dana.posts(done, fields)
    await dana.posts(done, fields)
    assert dana.status == 409
    assert "The task is done already." in dana.text


async def test_the_biller_sees_minutes_codes_and_reasons_and_takes_the_file(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=120)
    for at, activity in (("10:10", "patient_contact"), ("10:30", "care_plan")):
        await dana.opens(f"/patients/{patient_id}")
        await dana.submits(f"/patients/{patient_id}/time", at=at, minutes="30", activity=activity)
    async with signed_in(console_deps, harbor, "biller") as tom:
        await tom.opens("/billing")
        assert tom.path == "/billing/2026-03"
        assert "ALDERCOTT, Maren" in tom.text
        assert "50 min: 99492" in tom.text
        assert "10 min not counted: Another entry already counts this time." in tom.text
        assert "Consent to collaborative care" in tom.text
        assert "The month is not over" in tom.text
        assert f"/patients/{patient_id}" not in tom.html
        answer = await tom.client.get(tom.links("CSV")[0])
        assert (
            answer.headers["content-disposition"] == 'attachment; filename="evenkeel-2026-03.spreadsheet.csv"'
        )
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["family_name"] for row in rows] == ["Aldercott"]
    done = await audited(console_deps, actor_id=harbor.staff["biller"])
    assert {"statement.read", "statement.exported"} <= set(done)


async def test_patients_near_a_line_are_named_while_the_month_lasts(dana: Colleague, harbor: Clinic) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.works_for(minutes=60)
    await dana.opens(f"/patients/{patient_id}")
    await dana.submits(f"/patients/{patient_id}/time", minutes="30", activity="patient_contact")
    await dana.opens("/billing")
    assert "ALDERCOTT, Maren: 30 minutes, next line at 36" in dana.text
    await dana.opens("/billing/2026-02")
    assert "No time logged in February 2026" in dana.text
    assert (await dana.opens("/billing/2026-13")).status == 404


async def test_setup_lists_what_is_missing_and_goes_live_when_nothing_is(
    harbor: Clinic, console_deps: Deps, dana: Colleague
) -> None:
    async with signed_in(console_deps, harbor, "administrator") as ada:
        await ada.opens("/setup")
        assert "Public address" in ada.text
        assert "Needs a version that was approved, signed and put into force." in ada.text
        assert ada.links("Sign it and put it into force") == ["/safety/protocol"]
        assert ada.links("Start a drill, or see how the last ones went") == ["/safety/drills"]
        assert "/setup/go-live" not in [form.action for form in ada.page.forms]
        await ada.submits("/setup/clinic", text_name="Harbor Mental Health")
        assert ada.errors == ["Name in texts must not name a speciality or condition."]
        await ada.submits("/setup/clinic", text_name="Harbor Clinic", item9_channel="sms")
        assert "Clinic details saved." in ada.said
        assert "Is needed before item 9 is asked by text." in ada.text
        await ada.submits("/setup/policy")
        assert "Signed 02-Mar-2026." in ada.text
        await ada.submits("/setup/responsible", staff_id=str(harbor.staff["clinic_lead"]))
        assert "Saved whom alerts reach." in ada.said
        assert "Needs a verified phone and a working account" in ada.text
        await ada.submits("/setup/senders", number="12")
        assert ada.status == 422
        await ada.submits("/setup/senders", number="206-555-0102")
        assert "206-555-0102" in ada.text
        await ada.submits("/setup/outreach", hours_1="12", call_after_hours="96")
        assert ada.errors == ["Reminder 1 is less than 24 hours after the invitation."]
        await ada.submits("/setup/outreach", hours_1="48", hours_2="", call_after_hours="72")
        assert "Follow-up changed." in ada.said
        assert dict(ada.form("/setup/outreach").fields)["hours_1"] == "48"


async def test_a_clinic_with_everything_goes_live_from_its_page(harbor: Clinic, console_deps: Deps) -> None:
    async with console_deps.system_db.begin() as tx:
        lead = harbor.staff["clinic_lead"]
        form = accounts.StaffForm("June Abbot", "clinic_lead@harbor.example", phone="+12065550190")
        await accounts.change_staff(tx, system(None, "test"), lead, form, now=console_deps.clock.now())
        await accounts.confirm_phone(tx, system(None, "test"), lead, now=console_deps.clock.now())
    async with signed_in(console_deps, harbor, "clinic_lead") as june:
        await june.opens("/setup")
        await june.submits("/setup/responsible", staff_id=str(lead))
        token = dict(june.form("/sign-out").fields)["_csrf"]
        await june.posts("/setup/go-live", [("_csrf", token), ("confirm", "yes")])
        assert june.status == 422  # the address of this test server is not https
        async with console_deps.system_db.begin() as tx:
            assert await tx.scalar(select(ClinicTable.texting_mode)) == "simulation"


async def test_a_live_clinic_stops_texting_from_its_page(harbor: Clinic, console_deps: Deps) -> None:
    async with console_deps.system_db.begin() as tx:
        await tx.execute(update(ClinicTable).values(texting_mode="live"))
    async with signed_in(console_deps, harbor, "clinic_lead") as june:
        await june.opens("/setup")
        await june.submits("/setup/stop-texting")
        assert june.status == 422 and "Live" in june.text
        await june.submits("/setup/stop-texting", confirm="yes")
        assert "Texting has stopped." in june.said and "Simulation" in june.text
    assert "clinic.stopped_texting" in await audited(console_deps, actor_id=harbor.staff["clinic_lead"])


async def test_empty_pages_say_so(dana: Colleague, harbor: Clinic) -> None:
    for path, words in {
        "/today": "Nothing to acknowledge",
        "/registry": "No patient matches",
        "/safety": "No open safety event",
        "/tasks": "All clear",
        "/time": "No time this month",
        "/billing/2026-03": "No time logged in March 2026",
    }.items():
        await dana.opens(path)
        assert words in dana.text, path


async def test_the_navigation_shows_only_what_opens(harbor: Clinic, console_deps: Deps) -> None:
    for role in ROLES:
        async with signed_in(console_deps, harbor, role) as person:
            await person.opens("/")
            assert person.status == 200, (role, person.path)
            shown = re.findall(r'<li><a href="(/[a-z]+)" data-keys', person.html)
            assert shown
            for path in shown:
                assert (await person.opens(path)).status == 200, (role, path)
            assert ("/search" in person.html) == (role not in ("biller", "administrator"))


def routes() -> list[tuple[str, str, Access]]:
    """(method, path, declared access) of every console route."""
    found = []
    for handler in ROUTES:
        access = handler.opt["access"]
        for path in handler.paths:
            for method in handler.http_methods:
                if method in ("GET", "POST"):
                    found.append((str(method), re.sub(r"\{(\w+):\w+\}", r"{\1}", path), access))
    return found


def filled(path: str) -> str:
    """Ids that exist nowhere, and values that routes can read."""
    known = {"month": "2026-03", "version": "1"}
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], str(uuid4())), path)


CLOSED = [
    (method, path, access) for method, path, access in routes() if access.kind == "staff" and access.roles
]


def test_every_console_route_declares_who_may_call_it() -> None:
    assert len(routes()) > 40
    assert {access.kind for _, _, access in routes()} == {"public", "half_signed_in", "staff"}
    public = {path for _, path, access in routes() if access.kind == "public"}
    assert public == {"/sign-in"}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_that_may_not_is_refused_changes_nothing_and_leaves_one_row(
    harbor: Clinic, console_deps: Deps, role: Role
) -> None:
    async with signed_in(console_deps, harbor, role) as person:
        await person.opens("/account")
        token = dict(person.form("/sign-out").fields)["_csrf"]
        for method, path, access in CLOSED:
            if role in access.roles:
                continue
            before = len(await audited(console_deps))
            answer = await person.client.request(
                method, filled(path), data={"_csrf": token} if method not in SAFE else None
            )
            assert answer.status_code == 403, (role, method, path)
            rows = (await audited(console_deps))[before:]
            assert rows == ["access.denied"], (role, method, path)
    assert await count(console_deps, Patient) == 0
    assert await count(console_deps, Task) == 0


async def test_a_role_that_may_is_let_in_everywhere_it_is_declared(
    harbor: Clinic, console_deps: Deps
) -> None:
    for role in ROLES:
        async with signed_in(console_deps, harbor, role) as person:
            for method, path, access in CLOSED:
                if role in access.roles and method == "GET":
                    answer = await person.client.get(filled(path))
                    assert answer.status_code in (200, 303, 404), (role, path)


async def test_without_a_session_every_page_leads_to_sign_in(console_deps: Deps, dana: Colleague) -> None:
    dana.client.cookies.clear()
    for method, path, access in routes():
        if access.kind == "public":
            continue
        answer = await dana.client.request(method, filled(path))
        assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), (method, path)


async def test_every_post_without_its_token_is_refused(harbor: Clinic, console_deps: Deps) -> None:
    for role in ROLES:
        async with signed_in(console_deps, harbor, role) as person:
            for method, path, access in routes():
                if method == "POST" and access.kind == "staff" and (not access.roles or role in access.roles):
                    assert (await person.client.post(filled(path), data={})).status_code == 403, (role, path)


async def test_another_clinics_ids_are_not_found_and_nothing_is_changed(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    lakeside = await found_clinic(console_deps, "lakeside", "+12065550101")
    patient_id = await enrols(dana, harbor)
    await dana.submits(
        f"/patients/{patient_id}/time", on="2026-03-02", at="09:00", minutes="5", activity="care_plan"
    )
    await answers(console_deps, harbor, patient_id, (1,) * 9, date(2026, 3, 2))
    async with console_deps.system_db.begin() as tx:
        task_id = await worklist.open_task(
            tx, clinic_id=harbor.id, patient_id=patient_id, episode_id=None, kind="inbound_text", dedupe_key="x",
            now=console_deps.clock.now(),
        )  # fmt: skip
    await dana.opens("/safety")
    event_id = next(href for href in re.findall(r'href="/safety/([0-9a-f-]+)"', dana.html))
    await dana.opens("/time")
    entry_id = dana.links("Correct")[0].split("/")[2]
    await dana.opens("/registry")
    await dana.submits("/registry/views", name="Late ones")
    view_id = next(iter(re.findall(r"/registry/views/([0-9a-f-]+)/delete", dana.html)))
    casey = await actor(console_deps, harbor)
    async with console_deps.system_db.begin() as tx:
        change = ChangeForm(date(2026, 3, 2), "dose_changed", "sertraline 100 mg")
        await treatment_changes.record_change(tx, casey, patient_id, change, now=console_deps.clock.now())
        proposal_id = await tx.scalar(select(StepProposal.id).limit(1))
    ids = {
        "patient_id": str(patient_id),
        "event_id": event_id,
        "task_id": str(task_id),
        "entry_id": entry_id,
        "view_id": view_id,
        "proposal_id": str(proposal_id),
    }
    before = await snapshot(console_deps, harbor)
    tries = 0
    for role in ROLES:
        async with signed_in(console_deps, lakeside, role) as stranger:
            await stranger.opens("/account")
            token = dict(stranger.form("/sign-out").fields)["_csrf"]
            for method, path, access in CLOSED:
                asked = set(re.findall(r"\{(\w+)\}", path)) - {"month"}
                if role not in access.roles or not asked or not asked <= ids.keys():
                    continue
                target = re.sub(
                    r"\{(\w+)\}",
                    lambda found: ids.get(found[1], str(uuid4())),
                    path.replace("{month}", "2026-03"),
                )
                answer = await stranger.client.request(method, target, data={**VALID, "_csrf": token})
                assert answer.status_code == 404, (role, method, path, answer.status_code)
                tries += 1
    assert await snapshot(console_deps, harbor) == before
    noted = (await snapshot(console_deps, lakeside))["access.not_found"]
    assert noted == tries > 100, "each try leaves its row"


VALID = {
    "body": "Hello", "on": "2026-03-02", "at": "09:00", "minutes": "5", "activity": "care_plan", "reason": "why",
    "version": "1", "mode": "phone", "every_days": "0", "outcome": "called", "channel": "phone", "tool": "cssrs",
    "level": "low", "findings": "x", "disposition": "drill", "note": "x", "confirm": "yes", "kind": "contact",
    "ref_id": "019a0000-0000-7000-8000-00000000ffff", "filed": "yes", "payer": "x", "valid_from": "2026-01-01",
}  # fmt: skip


async def snapshot(deps: Deps, clinic: Clinic) -> dict[str, int]:
    """How many rows each action of the clinic has left."""
    async with deps.system_db.begin() as tx:
        rows = await tx.all(select(AuditEvent.action).where(AuditEvent.clinic_id == clinic.id))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.action] = counts.get(row.action, 0) + 1
    return counts


async def test_a_view_of_ones_own_is_saved_named_and_deleted(dana: Colleague, harbor: Clinic) -> None:
    await many(dana, harbor, 1)
    await dana.opens("/registry?caseload=clinic&flag=new")
    await dana.submits("/registry/views", name="New here")
    assert "View saved under your name." in dana.text
    assert dana.links("New here") == ["/registry?caseload=clinic&amp;flag=new"]
    await dana.submits("/registry/views", name="New here")
    assert dana.status == 409
    assert "A view of this name exists already" in dana.text
    await dana.opens("/registry")
    action = next(form.action for form in dana.page.forms if form.action.endswith("/delete"))
    await dana.submits(action)
    assert dana.links("New here") == []


async def test_the_registry_as_a_file_runs_nothing_and_leaves_a_row(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    await enrols(dana, harbor, family_name="=HYPERLINK(1)")
    answer = await dana.client.get("/registry/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="registry-')
    assert "'=HYPERLINK(1)" in answer.text
    assert ",=HYPERLINK" not in answer.text
    assert (await snapshot(console_deps, harbor))["registry.exported"] == 1
    await dana.opens("/registry/print")
    assert dana.status == 200
    assert "Print it with the browser" in dana.text


async def test_flags_rules_and_steps_are_on_one_page(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    patient_id = await enrols(dana, harbor)
    await dana.opens(f"/patients/{patient_id}/rules")
    assert "R-NOSCORE" in dana.text
    assert "Can't be judged" in dana.text
    await dana.submits(f"/patients/{patient_id}/flags", safety=["yes"], discuss=None)
    assert "Flags saved." in dana.text
    await dana.opens("/registry?flag=safety")
    assert len(names(dana)) == 1
    who = await actor(console_deps, harbor)
    async with console_deps.system_db.begin() as tx:
        change = ChangeForm(date(2026, 3, 2), "medication_started", "sertraline 50 mg")
        await treatment_changes.record_change(tx, who, patient_id, change, now=clock.now())
    await dana.opens(f"/patients/{patient_id}/rules")
    decline = next(form.action for form in dana.page.forms if form.action.endswith("/decline"))
    await dana.submits(decline, reason="   ")
    assert dana.status == 422
    await dana.opens(f"/patients/{patient_id}/rules")
    await dana.submits(decline, reason="Seen in the clinic on Friday")
    assert "Step declined." in dana.text
    assert "Seen in the clinic on Friday" in dana.html
    accept = next(form.action for form in dana.page.forms if form.action.endswith("/accept"))
    await dana.submits(accept)
    assert dana.status in (200, 409)


async def test_the_months_figures_are_shown_and_signed_once(
    dana: Colleague, harbor: Clinic, console_deps: Deps, clock: FakeClock
) -> None:
    await many(dana, harbor, 2)
    await dana.opens("/quality/2026-03")
    assert "The month can be signed when it is over." in dana.text
    assert "value set: Hospice" in dana.text
    clock.advance(weeks=5)
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/quality/2026-03")
        assert "PERSON00, Maren" in lead.text
        await lead.submits("/quality/2026-03/sign", note="")
        assert lead.status == 422
        await lead.opens("/quality/2026-03")
        await lead.submits("/quality/2026-03/sign", note="Two patients were not reached: call them.")
        assert "Month signed." in lead.text
        assert "This month is signed." in lead.text
        assert (await lead.client.get("/quality/2026-13")).status_code == 404


async def test_cover_is_arranged_on_today_and_a_wrong_date_keeps_what_was_typed(
    dana: Colleague, harbor: Clinic, console_deps: Deps
) -> None:
    who = {"absent_id": str(harbor.staff["clinic_lead"]), "covering_id": str(harbor.staff["care_manager"])}
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/today")
        await lead.submits("/cover", **who, from_on="2026-03-05", until_on="2026-03-04")
        assert lead.status == 422
        assert "The last day is before the first day." in lead.text
        assert "2026-03-05" in lead.html
        await lead.submits("/cover", **who, from_on="2026-03-02", until_on="2026-03-04")
        assert "Cover arranged." in lead.text or "holds none of the absent colleague" in lead.text


async def test_the_lead_sets_numbers_hours_and_a_pilot_and_each_refusal_stands_at_its_field(
    harbor: Clinic, console_deps: Deps
) -> None:
    async with signed_in(console_deps, harbor, "clinic_lead") as lead:
        await lead.opens("/setup/numbers")
        await lead.submits("/setup/numbers", new_days="99")
        assert lead.status == 422
        assert "New for must be 1 to 60 days." in lead.text
        await lead.opens("/setup/numbers")
        await lead.submits("/setup/numbers")
        assert "Nothing to save: this is what is on record." in lead.said
        await lead.submits("/setup/numbers", new_days="21")
        assert "Enrolled 21 days ago or less" in lead.text
        await lead.opens("/setup/calendar")
        await lead.submits("/setup/calendar", monday="9 to 5")
        assert lead.status == 422
        assert "Monday is written like 09:00-12:00" in lead.text
        await lead.opens("/setup/calendar")
        await lead.submits("/setup/calendar", monday="9:00-12:00, 13:00-17:00", saturday="")
        assert 'value="09:00-12:00, 13:00-17:00"' in lead.html
        await lead.submits("/setup/closed-days", on="2026-12-25", name="Christmas Day")
        assert "25-Dec-2026" in lead.text
        await lead.opens("/setup/launch")
        await lead.submits("/setup/launch/downtime")
        assert "Ticked." in lead.text
        await lead.submits("/setup/pilot", steps="15, 5")
        assert lead.status == 422
        await lead.opens("/setup/launch")
        await lead.submits("/setup/pilot", steps="5, 15")
        assert "0 of 5 places taken" in lead.text
        assert (await lead.client.get("/setup/exit-export")).headers["content-type"] == "application/zip"
    async with signed_in(console_deps, harbor, "administrator") as other:
        await other.opens("/setup/numbers")
        assert "The clinic lead decides them." in other.text
        assert (await other.client.get("/setup/exit-export")).status_code == 403
    async with signed_in(console_deps, harbor) as casey:
        await casey.opens("/downtime")
        assert "Nobody is in care yet" in casey.text
