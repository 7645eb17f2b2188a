"""The safety pages on the phone of the person on call: in Chromium, 320 pixels wide, over the real application."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import select, update

from api.wiring import Deps
from registry.organisation.tables import Staff
from registry.safety.tables import RiskAction, RiskEvent
from tests.browser.test_console import FLAGS, context_of, findings
from tests.browser.test_screens import CHROMIUM, SIDEWAYS, SMALL
from tests.http.test_console_safety import DANGER
from tests.support import databases
from tests.support.app import Clinic, found_clinic
from tests.support.colleague import give_passwords
from tests.support.console import answers, count, enrols, signed_in
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
POLICY, ON_CALL, DRILLS = "/safety/protocol", "/safety/on-call", "/safety/drills"


async def an_evening(deps: Deps) -> dict[str, Any]:
    """An event that waits, a policy in draft that one has signed, shifts, and a drill that runs."""
    clinic = await found_clinic(deps)
    await give_passwords(clinic)
    await phones(deps, clinic)
    async with signed_in(deps, clinic) as dana:
        patient_id = await enrols(dana, clinic)
        await answers(deps, clinic, patient_id, DANGER, date(2026, 3, 2))
        await dana.opens(DRILLS)
        await dana.submits(DRILLS)
    async with signed_in(deps, clinic, "clinic_lead") as lee:
        await lee.opens(POLICY)
        await lee.submits(f"{POLICY}/drafts")
        draft = lee.path.removesuffix("/edit")
        await lee.submits(draft, others_note="The lead decides whom to tell.")
        await lee.submits(f"{draft}/trained", confirm="yes")
        await lee.opens(ON_CALL)
        await lee.submits(
            f"{ON_CALL}/shifts", staff_id=clinic.staff["clinic_lead"], on="2026-03-02", start="17:00", end="08:00",
            days="7", weeks="2",
        )  # fmt: skip
        assert "Added." in lee.said, lee.errors
    async with deps.system_db.begin() as tx:
        event_id = await tx.scalar(select(RiskEvent.id).where(RiskEvent.is_drill.is_(False)))
    return {"clinic": clinic, "draft": draft, "call": f"/safety/{event_id}/call"}


async def phones(deps: Deps, clinic: Clinic) -> None:
    """Everybody's is verified, which being on call asks for."""
    async with deps.system_db.begin() as tx:
        for number, staff_id in enumerate(clinic.staff.values()):
            phone = f"+1206555015{number}"
            await tx.execute(
                update(Staff)
                .where(Staff.id == staff_id)
                .values(
                    phone_sealed=tx.vault.seal(phone),
                    phone_key=tx.vault.lookup(phone),
                    phone_verified_at=deps.clock.now(),
                )
            )


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("phone") / "phone.db")
    with served(url, an_evening) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def test_each_safety_page_passes_on_a_narrow_phone(browser: Browser, site: Served) -> None:
    """As the lead, who has every control of them."""
    paths = (site.extra["call"], DRILLS, POLICY, site.extra["draft"], f"{site.extra['draft']}/edit", ON_CALL)
    with context_of(browser, site, "clinic_lead", bypass_csp=True) as context:
        page = context.new_page()
        page.set_viewport_size({"width": 320, "height": 640})
        for path in paths:
            answer = page.goto(site.url + path)
            assert answer is not None and answer.status == 200, path
            assert page.evaluate(SIDEWAYS) <= 0, path
            assert page.evaluate(SMALL) == [], path
            assert findings(page) == [], path


def test_without_scripts_the_call_page_takes_the_event_and_records_the_try(
    browser: Browser, site: Served
) -> None:
    with context_of(browser, site, java_script_enabled=False) as context:
        page = context.new_page()
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(site.url + site.extra["call"])
        assert page.evaluate(SIDEWAYS) <= 0
        assert page.locator("a[href='tel:+12065550123']").first.is_visible()
        page.get_by_role("button", name="Acknowledge, I have it").click()
        page.get_by_label("Where the patient is now").fill("At home, with her sister")
        page.get_by_role("button", name="Save").click()
        assert page.get_by_text("At home, with her sister").first.is_visible()
        page.get_by_label("How").select_option("phone")
        page.get_by_label("Outcome").select_option("reached")
        with page.expect_navigation():
            page.get_by_role("button", name="Record attempt").click()
        assert page.evaluate(SIDEWAYS) <= 0
        assert page.evaluate(SMALL) == []
    kinds = [
        site.run(count(site.deps, RiskAction, RiskAction.kind == kind))
        for kind in ("acknowledged", "whereabouts", "attempt")
    ]
    assert kinds == [1, 1, 1]
