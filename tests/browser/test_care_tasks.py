"""Enrolling, recording a contact and closing a patient nobody reaches, in Chromium by mouse and by keyboard; axe on
each page of the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from api.wiring import Deps
from registry.contacts.tables import Contact
from registry.disengagement.tables import ClosingDecision
from registry.episodes.tables import Episode
from registry.patients.tables import Patient
from registry.time_log.tables import TimeEntry
from tests.browser.test_console import FLAGS, context_of, findings
from tests.browser.test_screens import CHROMIUM, SIDEWAYS, SMALL
from tests.support import databases
from tests.support.app import found_clinic
from tests.support.colleague import give_passwords
from tests.support.console import count, enrols, signed_in
from tests.support.served import Served, served

pytestmark = pytest.mark.browser
PLAN = {"problem": "Low mood", "goals": "Walk to school", "rhythm": "Every two weeks"}
SISTER = {
    "name": "Rosa Vale",
    "relation": "sister",
    "phone": "206-555-0188",
    "agreed_how": "verbal",
    "scope": "plan",
}
SAFETY = {"signs": "I stop eating", "by_myself": "Walk", "helpers": "Luis", "professionals": "988"}


async def four_patients(deps: Deps) -> dict[str, Any]:
    """Two for contacts, two to be closed, each with a plan, a contact and a try."""
    clinic = await found_clinic(deps)
    await give_passwords(clinic)
    people: dict[str, Any] = {}
    async with signed_in(deps, clinic) as dana:
        for at, given in enumerate(("Maren", "Tobias", "Josiah", "Ines")):
            people[given.lower()] = await enrols(
                dana,
                clinic,
                family_name=f"Alder{given}",
                given_name=given,
                mrn=f"4011{at}",
                phone=f"206-555-012{at}",
            )
        maren = people["maren"]
        for kind, fields in (("care", PLAN), ("safety", SAFETY)):
            await dana.opens(f"/patients/{maren}/plans/{kind}")
            await dana.submits(f"/patients/{maren}/plans/{kind}", **fields)
        path = f"/patients/{maren}/contact"
        await dana.opens(path)
        await dana.submits(path, note="First call.", minutes="5", next_on="2026-03-12")
        people["contact"] = dana.path.split("/")[-1].split("?")[0]
        await dana.opens(f"/patients/{maren}/people")
        await dana.submits(f"/patients/{maren}/people", **SISTER)
    return {"clinic": clinic, **people}


@pytest.fixture(scope="module")
def site(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("care") / "care.db")
    with served(url, four_patients) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def dana(browser: Browser, site: Served) -> Iterator[Page]:
    with context_of(browser, site) as context:
        yield context.new_page()


@pytest.fixture
def lead(browser: Browser, site: Served) -> Iterator[Page]:
    with context_of(browser, site, "clinic_lead") as context:
        yield context.new_page()


PAGES = {
    "contact": "/patients/{maren}/contact",
    "copy": "/patients/{maren}/contacts/{contact}",
    "amending": "/patients/{maren}/contacts/{contact}/amend",
    "details": "/patients/{maren}/details",
    "number": "/patients/{maren}/phone",
    "people who help": "/patients/{maren}/people",
    "care plan": "/patients/{maren}/plans/care",
    "safety plan": "/patients/{maren}/plans/safety",
    "patient's copy": "/patients/{maren}/plans/safety/handout",
    "call and ask": "/patients/{maren}/scores?source=phone",
    "status": "/patients/{maren}/status",
    "closing": "/patients/{maren}/closing",
    "expectations": "/patients/{maren}/expectations",
    "enrol": "/enrol",
    "templates": "/setup/note-templates",
    "handovers": "/handovers",
    "person": "/setup/people/{dana}",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_axe_finding_and_fits_a_phone(browser: Browser, site: Served, name: str) -> None:
    address = PAGES[name].format(**site.extra, dana=site.extra["clinic"].staff["care_manager"])
    role = "clinic_lead" if address.startswith(("/setup", "/handovers")) else "care_manager"
    with context_of(browser, site, role, bypass_csp=True) as context:
        tab = context.new_page()
        answer = tab.goto(site.url + address)
        assert answer is not None
        assert answer.status == 200
        assert findings(tab) == []
        tab.set_viewport_size({"width": 320, "height": 800})
        tab.goto(site.url + address)
        assert tab.evaluate(SIDEWAYS) <= 0
        assert tab.evaluate(SMALL) == []


def test_a_contact_is_recorded_in_one_form_by_mouse(dana: Page, site: Served) -> None:
    before = site.run(count(site.deps, Contact))
    dana.goto(f"{site.url}/patients/{site.extra['maren']}")
    dana.click("text=Record a contact")
    dana.fill("#contact-note", "Sleeps better, walked twice.")
    dana.fill("#contact-minutes", "4")
    dana.select_option("#contact-adherence", "as_prescribed")
    dana.fill("#contact-next_on", "2026-03-17")
    dana.fill("#contact-next_purpose", "How the new dose is going")
    dana.check("#contact-discuss")
    dana.click("text=Save contact")
    dana.wait_for_selector("#flashes >> text=Contact saved.")
    assert "Sleeps better, walked twice." in dana.input_value("#copy-text")
    dana.click("button:has-text('Filed in EHR')")
    dana.wait_for_selector("#flashes >> text=Ticked as filed")
    dana.click("text=Back to the patient")
    assert "17-Mar-2026" in dana.inner_text("section:has(#next)")
    assert "Discuss at review" in dana.inner_text("section:has(#next)")
    assert site.run(count(site.deps, Contact)) == before + 1


def test_a_contact_is_recorded_in_one_form_by_keyboard(dana: Page, site: Served) -> None:
    before = site.run(count(site.deps, TimeEntry))
    dana.goto(f"{site.url}/patients/{site.extra['tobias']}")
    dana.keyboard.press("c")
    dana.keyboard.press("n")
    dana.wait_for_url("**/contact")
    types(dana, "#contact-minutes", "3")
    types(dana, "#contact-note", "By keyboard alone.")
    types(dana, "#contact-next_on", "03182026")
    types(dana, "#contact-next_purpose", "Sleep")
    tab_to(dana, "text=Save contact")
    dana.keyboard.press("Enter")
    dana.wait_for_selector("#flashes >> text=Contact saved.")
    tab_to(dana, "button:has-text('Filed in EHR')")
    dana.keyboard.press("Enter")
    dana.wait_for_selector("#flashes >> text=Ticked as filed")
    assert site.run(count(site.deps, TimeEntry)) == before + 1


ENROL = {
    "family_name": "Brannock",
    "given_name": "Lea",
    "birth_date": "1990-05-17",
    "mrn": "50001",
    "referred_by": "Dr. Osei",
    "referral_reason": "Worries all day",
    "target_condition": "F41.1",
    "consent_by": "Dana Whitlock",
    "consent_at": "09:50",
    "phone": "206-555-0177",
    "next_on": "2026-03-16",
    "payer": "Self-pay",
    "coverage_from": "2026-01-01",
    "minutes": "25",
    "began_at": "09:30",
}
TEAM = ("treating_clinician_id", "care_manager_id", "consultant_id")


def test_a_patient_is_enrolled_by_mouse(dana: Page, site: Served) -> None:
    dana.goto(f"{site.url}/enrol")
    for name, value in ENROL.items():
        dana.fill(f"#enrol-{name}", value)
    for name in TEAM:
        dana.select_option(f"#enrol-{name}", index=1)
    dana.select_option("#enrol-consent_method", "verbal")
    dana.select_option("#enrol-bipolar", "considered")
    dana.fill("#enrol-goals", "Sleep through the night")
    for box in ("seen_within_year", "eligible", "risk_asked"):
        dana.check(f"#enrol-{box}")
    assert dana.locator("#part-consent input:checked, #part-contact input:checked").count() == 0
    for answer in ("Nobody who may not know", "Links and reminders", "Text with a link"):
        dana.click(f"#part-contact label:text-is('{answer}')")
    dana.select_option("#enrol-second_channel", "phone")
    dana.click("main button:has-text('Enrol')")
    dana.wait_for_selector("#flashes >> text=Enrolled.")
    assert "BRANNOCK, Lea" in dana.inner_text("h1")
    assert "5 min counted" in dana.inner_text("main")
    dana.click("text=Care plan")
    assert dana.input_value("#plan-goals") == "Sleep through the night"


def test_a_patient_is_enrolled_by_keyboard(dana: Page, site: Served) -> None:
    before = site.run(count(site.deps, Patient))
    dana.goto(f"{site.url}/enrol")
    other = ENROL | {"family_name": "Ekwueme", "given_name": "Noor", "mrn": "50002", "phone": "206-555-0178"}
    for name in ("family_name", "given_name"):
        types(dana, f"#enrol-{name}", other[name])
    types(dana, "#enrol-birth_date", "05171990")
    types(dana, "#enrol-mrn", other["mrn"])
    for name in ("referred_by", "referral_reason", "target_condition"):
        types(dana, f"#enrol-{name}", other[name])
    for box in ("seen_within_year", "eligible", "risk_asked"):
        tab_to(dana, f"#enrol-{box}")
        dana.keyboard.press("Space")
    for name in TEAM:
        tab_to(dana, f"#enrol-{name}")
        if not dana.input_value(f"#enrol-{name}"):
            dana.keyboard.press("ArrowDown")
    tab_to(dana, "#enrol-consent_method")
    dana.keyboard.type("Verb")
    types(dana, "#enrol-consent_at", "0950AM")
    types(dana, "#enrol-phone", other["phone"])
    for choice in ("phone_private", "texting", "channel"):
        tab_to(dana, f"#enrol-{choice}")
        dana.keyboard.press("ArrowDown" if choice == "texting" else "Space")
    tab_to(dana, "#enrol-second_channel")
    dana.keyboard.type("Phone")
    types(dana, "#enrol-next_on", "03162026")
    types(dana, "#enrol-payer", other["payer"])
    types(dana, "#enrol-coverage_from", "01012026")
    tab_to(dana, "main button:has-text('Enrol')")
    dana.keyboard.press("Enter")
    dana.wait_for_selector("#flashes >> text=Enrolled.")
    assert site.run(count(site.deps, Patient)) == before + 1


def test_a_patient_nobody_reaches_is_closed_by_mouse(lead: Page, site: Served) -> None:
    lead.goto(f"{site.url}/patients/{site.extra['josiah']}")
    lead.click("text=Change the status")
    lead.click("text=The patient is not reached: decide whether to close")
    lead.check("#closing-decision")
    lead.fill("#closing-note", "Three tries by two ways, letter sent.")
    lead.fill("#closing-told_clinician_on", "2026-03-02")
    lead.click("text=Save decision")
    lead.wait_for_selector("#flashes >> text=Closed.")
    assert "Way back: " in lead.input_value("#copy-text")
    closed = site.run(count(site.deps, Episode, Episode.status == "inactive_disengaged"))
    assert closed == 1


def test_a_patient_nobody_reaches_is_closed_by_keyboard(lead: Page, site: Served) -> None:
    before = site.run(count(site.deps, ClosingDecision))
    lead.goto(f"{site.url}/patients/{site.extra['ines']}/closing")
    types(lead, "#closing-note", "Three tries by two ways.")
    types(lead, "#closing-told_clinician_on", "03022026")
    tab_to(lead, "text=Save decision")
    lead.keyboard.press("Enter")
    lead.wait_for_selector("#flashes >> text=Closed.")
    assert site.run(count(site.deps, ClosingDecision)) == before + 1


def tab_to(page: Page, selector: str) -> None:
    target = page.locator(selector).first
    for _ in range(130):
        if target.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} can't be reached by Tab")


def types(page: Page, selector: str, text: str) -> None:
    """In place of what stands there."""
    tab_to(page, selector)
    if page.locator(selector).get_attribute("type") not in ("date", "time"):
        page.keyboard.press("Control+A")
    page.keyboard.type(text)
