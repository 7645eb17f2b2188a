"""The signed-in patient's pages, as a browser without scripts sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import msgspec
import pytest
from sqlalchemy import func, insert, select, update

from api.portal.copy import COPY
from api.portal.home.copy import WORDS
from api.wiring import Deps
from kernel.web import cookies
from messaging.delivery.tables import Outbox
from messaging.patient_access.tables import PatientSession
from registry.care_plans.tables import CarePlan
from registry.episodes.tables import Episode
from registry.organisation.patient_pages import PatientPages, set_patient_pages
from registry.organisation.tables import Sender
from registry.patients.tables import Patient, PatientPhone
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from registry.safety.tables import RiskEvent
from registry.worklist.tables import Task
from tests.support import app as support
from tests.support.builders import PatientRows
from tests.support.canary import Canary
from tests.support.clock import FakeClock
from tests.support.patients import confirmed, newest_code
from tests.support.programme import Programme, la
from tests.support.visitor import PageReader
from tests.unit.portal.test_copy import placeholders

SEATTLE = ZoneInfo("America/Los_Angeles")
ANA, BEN, SISTER = "+12065550123", "+12065550177", "+12065550188"
OWN_PAGES = ("/me", "/me/plan", "/me/answers", "/me/messages", "/me/wishes", "/me/number", "/me/number/code",
             "/me/texts", "/me/safety", "/me/people")  # fmt: skip


class Person:
    """A browser that keeps cookies, fills in a page's form and follows redirects of this site."""

    def __init__(self, client: httpx.AsyncClient, deps: Deps) -> None:
        self.client, self.deps = client, deps
        self.status, self.html, self.path = 0, "", ""

    @property
    def text(self) -> str:
        return PageReader(self.html).text

    async def opens(self, path: str) -> Person:
        return await self._follow(await self.client.get(path), path)

    async def posts(self, path: str, **fields: str) -> Person:
        hidden = PageReader(self.html).hidden
        return await self._follow(await self.client.post(path, data=hidden | fields), path)

    async def signs_in(self, phone: str = ANA) -> Person:
        await self.opens("/me/sign-in")
        await self.posts("/me/sign-in", phone=phone)
        assert self.path == "/me/sign-in/code"
        code = await newest_code(self.deps, phone)
        assert code is not None
        return await self.posts(self.path, code=f"{code[:3]} {code[3:]}")

    async def _follow(self, answer: httpx.Response, path: str) -> Person:
        while answer.status_code == 303 and answer.headers["location"].startswith("/"):
            path = answer.headers["location"]
            answer = await self.client.get(path)
        self.status, self.html, self.path = answer.status_code, answer.text, path
        return self


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def ana(deps: Deps) -> AsyncIterator[Person]:
    async with support.browser(deps) as opened:
        yield Person(opened, deps)


@pytest.fixture
async def programme(deps: Deps, clock: FakeClock) -> Programme:
    return await Programme.open(deps.system_db, clock)


async def invited(deps: Deps, programme: Programme, *instruments: str, **person: Any) -> PatientRows:
    tomorrow = (programme.clock.now().astimezone(SEATTLE) + timedelta(days=1)).date()
    person = {"phone": ANA} | person
    patient = await programme.enrols(first_on=tomorrow, instruments=instruments or ("phq9",), **person)
    await confirmed(deps, patient)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    await programme.sweep()
    await programme.all_accepted()
    return patient


async def scalar(deps: Deps, statement: Any) -> Any:
    async with deps.system_db.begin() as tx:
        return await tx.scalar(statement)


async def plans_contact(deps: Deps, patient: PatientRows, at: datetime) -> None:
    async with deps.system_db.begin() as tx:
        await tx.execute(
            update(Episode)
            .where(Episode.id == patient.episode_id)
            .values(next_contact_at=at, next_contact_mode="video",
                    next_contact_purpose_sealed=tx.vault.seal("dose of sertraline"))
        )  # fmt: skip


async def test_a_patient_signs_in_by_a_texted_code_and_out_again(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    assert (await ana.opens("/me")).path == "/me/sign-in"
    await ana.signs_in()
    assert (ana.path, ana.status) == ("/me", 200)
    assert "Your page" in ana.text
    await ana.posts("/me/sign-out")
    assert "You are signed out" in ana.text
    assert (await ana.opens("/me/plan")).path == "/me/sign-in"


async def test_the_page_says_the_same_for_every_number(deps: Deps, programme: Programme, ana: Person) -> None:
    await invited(deps, programme)
    pages = []
    for phone in (ANA, BEN):
        await ana.opens("/me/sign-in")
        pages.append((await ana.posts("/me/sign-in", phone=phone)).html)
        wrong = await ana.posts("/me/sign-in/code", code="000000x")
        assert wrong.status == 422
        pages.append(wrong.html)
    assert pages[:2] == pages[2:]
    assert await scalar(deps, select(func.count()).where(Outbox.kind == "passcode")) == 1


async def test_a_number_that_cannot_be_one_is_shown_again_with_its_reason(
    ana: Person, programme: Programme
) -> None:
    await ana.opens("/me/sign-in")
    await ana.posts("/me/sign-in", phone="206 555")
    assert (ana.status, 'value="206 555"' in ana.html) == (422, True)
    assert "Enter a mobile number" in ana.text


@pytest.mark.parametrize("language", ["en", "es"])
async def test_every_page_has_the_help_line_the_way_out_and_its_language(
    deps: Deps, programme: Programme, ana: Person, language: str
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    leave = COPY[language].leave  # type: ignore[index]
    for path in (*OWN_PAGES, "/me/sign-in", "/me/sign-in/code", "/me/nowhere"):
        await ana.opens(f"{path}?lang={language}")
        assert ana.status == (404 if path == "/me/nowhere" else 200), path
        page = PageReader(ana.html)
        assert page.language == language, path
        assert {"tel:988", "tel:911"} <= set(page.links), path
        assert leave in page.text, path
        assert ana.html.index("tel:988") < ana.html.index("<main"), path
        assert len(ana.html) < 24_000, path


async def test_questions_that_wait_are_answered_without_a_link(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    assert "0 of 9 answered" in ana.text
    action = ana.html.split('action="/me/check-ins/')[1].split('"')[0]
    await ana.posts(f"/me/check-ins/{action}")
    assert (ana.path, "Question 1 of 9" in ana.text) == ("/check-in/1", True)
    await ana.posts("/check-in/1", answer="2", go="next")
    assert "1 of 9 answered" in (await ana.opens("/me")).text


async def test_the_next_contact_goes_into_a_calendar_without_saying_what_about(
    deps: Deps, programme: Programme, ana: Person, clock: FakeClock
) -> None:
    patient = await invited(deps, programme)
    at = clock.now() + timedelta(days=2)
    await plans_contact(deps, patient, at)
    await ana.signs_in()
    assert "A video visit." in ana.text
    assert "sertraline" not in ana.html
    answer = await ana.client.get("/me/contact.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert event.decoded("dtstart") == at
    assert str(event["summary"]) == "Contact with Harbor Clinic"
    assert b"sertraline" not in answer.content
    again = await ana.client.get("/me/contact.ics")
    assert again.content == answer.content


async def test_goals_and_plan_are_those_the_patient_agreed_to(
    deps: Deps, programme: Programme, ana: Person, clock: FakeClock
) -> None:
    patient = await invited(deps, programme)
    async with deps.system_db.begin() as tx:
        for version, goal, agreed in ((1, "Walk with my dog", date(2026, 3, 1)), (2, "Not agreed yet", None)):
            content = f'{{"problem":"F33.1 severe","goals":["{goal}"],"rhythm":"Every two weeks"}}'
            await tx.execute(
                insert(CarePlan),
                {"id": tx.new_id(), "clinic_id": programme.clinic.id, "patient_id": patient.id,
                 "episode_id": patient.episode_id, "kind": "care", "version": version,
                 "content_sealed": tx.vault.seal(content), "agreed_on": agreed, "created_at": clock.now(),
                 "created_by_id": None, "signed_at": None, "signed_by_id": None, "sign_note_sealed": None},
            )  # fmt: skip
    await ana.signs_in()
    await ana.opens("/me/plan")
    assert "Walk with my dog" in ana.text
    assert "Questions about mood Every 14 days at 10:00 AM" in ana.text
    assert "F33.1" not in ana.html
    assert "Not agreed yet" not in ana.html


async def test_crisis_words_in_a_message_get_the_panel_on_the_very_answer(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/messages")
    await ana.posts("/me/messages", body="Can we talk on Friday?")
    assert "Your message was sent" in ana.text
    assert "Talk to someone now" not in ana.text
    await ana.posts("/me/messages", body="I want to die")
    assert "Talk to someone now" in ana.text
    assert await scalar(deps, select(func.count()).select_from(RiskEvent)) == 1
    assert await scalar(deps, select(func.count()).where(Task.kind == "inbound_text")) == 1
    await ana.posts("/me/messages", body=" ")
    assert (ana.status, "Write 1 to 2000" in ana.text) == (422, True)
    await ana.posts("/me/messages", body="<script>alert(1)</script>")
    assert "<script>alert(1)" not in ana.html


async def test_a_message_that_is_refused_shows_why_and_the_panel_where_it_is_called_for(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/messages")
    await ana.posts("/me/messages", body="I want to die " + "x" * 2000)
    assert (ana.status, "Write 1 to 2000" in ana.text, "Talk to someone now" in ana.text) == (422, True, True)
    async with deps.system_db.begin() as tx:
        await tx.execute(update(Sender).values(active=False))
    await ana.posts("/me/messages", body="See you on Friday")
    assert (ana.status, "could not take" in ana.text, "Talk to someone now" in ana.text) == (409, True, False)
    await ana.posts("/me/messages", body="I will kill myself")
    assert (ana.status, "Talk to someone now" in ana.text) == (409, True)
    assert await scalar(deps, select(func.count()).select_from(RiskEvent)) == 1


async def test_wishes_show_what_was_typed_beside_the_reason_and_save_what_fits(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/wishes")
    await ana.posts("/me/wishes", language="other", other_language="vi", channel="sms_link",
                    window_start="09:00", window_end="09:30")  # fmt: skip
    assert (ana.status, 'value="vi"' in ana.html, 'value="09:30"' in ana.html) == (422, True, True)
    assert "Choose both hours" in ana.text
    await ana.posts("/me/wishes", language="es", channel="portal", window_start="10:00", window_end="18:00")
    assert "Guardado." in ana.text
    row = await scalar(deps, select(Patient.channel).where(Patient.id == patient.id))
    assert row == "portal"


async def test_a_new_number_is_proven_on_the_page(deps: Deps, programme: Programme, ana: Person) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/number")
    await ana.posts("/me/number", phone=BEN)
    assert ana.path == "/me/number/code"
    await ana.posts("/me/number/code", code="000000x")
    assert ana.status == 422
    await ana.posts("/me/number/code", code=await newest_code(deps, BEN) or "", agrees="on")
    assert (ana.path, "ends in 77" in ana.text) == ("/me/texts", True)
    state = select(PatientPhone.state).where(
        PatientPhone.patient_id == patient.id, PatientPhone.replaced_at.is_(None)
    )
    assert await scalar(deps, state) == "verified"


async def test_texts_end_at_once_and_only_start_from_the_phone_opens_them(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/texts")
    await ana.posts("/me/texts", go="stop")
    assert "text START from your phone" in ana.text
    assert "opted_out" in await programme.tasks(patient)
    await ana.posts("/me/texts", go="agree")
    assert "text START from your phone" in ana.text


async def test_an_unsafe_phone_gets_nothing_more_and_the_browser_leaves(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in()
    await ana.opens("/me/safety")
    await ana.posts("/me/safety", go="word", code_word="bluebird")
    assert (ana.path, 'value="bluebird"' in ana.html) == ("/me/safety?saved=1", True)
    sealed = await scalar(deps, select(Patient.code_word_sealed).where(Patient.id == patient.id))
    assert deps.vault.open(sealed) == "bluebird"
    left = await ana.client.post("/me/safety", data=PageReader(ana.html).hidden | {"go": "unsafe"})
    assert left.headers["location"].startswith("https://www.weather.gov")
    assert (await ana.opens("/me")).path == "/me/sign-in"
    assert "shared_phone" in await programme.tasks(patient)


async def test_a_related_person_sees_their_parts_and_the_patient_ends_it(
    deps: Deps, programme: Programme, ana: Person, clock: FakeClock
) -> None:
    patient = await invited(deps, programme)
    form = RelatedPersonForm(
        "Rosa Vale", "sister", SISTER, "patient_agreed", ("contacts",), clock.now().date()
    )
    async with deps.system_db.begin() as tx:
        await related.add(tx, programme.clinic.actor("care_manager"), patient.id, form, now=clock.now())
    async with support.browser(deps) as other:
        rosa = await Person(other, deps).signs_in(SISTER)
        assert "Questions for you" not in rosa.text
        for path in OWN_PAGES[1:]:
            await rosa.opens(path)
            assert (rosa.status, "only for the patient" in rosa.text) == (403, True), path
            assert "tel:988" in rosa.html
        await ana.signs_in()
        await ana.opens("/me/people")
        assert "Rosa Vale, sister" in ana.text
        action = ana.html.split('action="/me/people/')[1].split('"')[0]
        await ana.posts(f"/me/people/{action}")
        assert "Rosa Vale" not in ana.text
        assert (await rosa.opens("/me")).path == "/me/sign-in"


async def test_past_answers_are_shown_only_where_the_clinic_shows_them(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    action = ana.html.split('action="/me/check-ins/')[1].split('"')[0]
    await ana.posts(f"/me/check-ins/{action}")
    for number in range(1, 10):
        await ana.posts(f"/check-in/{number}", answer="1" if number == 1 else "0", go="next")
    assert "does not show past answers" in (await ana.opens("/me/answers")).text
    async with deps.system_db.begin() as tx:
        lead, pages = programme.clinic.actor("clinic_lead"), PatientPages(shows_answers=True)
        await set_patient_pages(tx, lead, programme.clinic.id, pages, now=deps.clock.now())
    await ana.opens("/me/answers")
    assert "1 of 27" in ana.text
    assert "Several days" in ana.text


async def test_no_form_acts_without_its_token_or_for_another_site(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    paths = [*OWN_PAGES[3:], "/me/sign-out"]
    for path in paths:
        if path == "/me/people":
            continue
        for headers, token in (({}, "guessed"), ({"origin": "https://evil.example"}, "")):
            answer = await ana.client.post(path, data={"_csrf": token, "go": "stop"}, headers=headers)
            assert answer.status_code == 403, path
            assert "tel:988" in answer.text
    assert await scalar(deps, select(func.count()).where(PatientSession.ended_at.is_(None))) == 1


async def test_a_session_ends_after_twenty_idle_minutes_and_at_the_latest_after_twelve_hours(
    deps: Deps, programme: Programme, ana: Person, clock: FakeClock
) -> None:
    await invited(deps, programme)
    await ana.signs_in()
    clock.advance(minutes=19)
    assert (await ana.opens("/me")).path == "/me"
    clock.advance(minutes=20)
    assert (await ana.opens("/me")).path == "/me/sign-in"
    clock.advance(hours=1)
    await ana.signs_in()
    for _ in range(50):
        clock.advance(minutes=15)
        await ana.opens("/me")
    assert ana.path == "/me/sign-in"


async def test_no_name_number_or_message_reaches_the_log_or_an_address(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    with Canary() as canary:
        patient = await invited(deps, programme)
        await ana.signs_in()
        code = await newest_code(deps, ANA)
        secret = ana.client.cookies[cookies.name(deps.settings, cookies.PATIENT)]
        canary.watch_for("5550123", str(code), secret, "sleep is worse", str(patient.id))
        await ana.opens("/me/messages")
        await ana.posts("/me/messages", body="sleep is worse")
        for path in OWN_PAGES:
            await ana.opens(path)
            page = PageReader(ana.html)
            assert not [link for link in page.links if "555" in link and not link.startswith("tel:")], path
        canary.check()


async def test_too_many_codes_are_refused_on_a_page_with_the_help_line(
    deps: Deps, programme: Programme, ana: Person
) -> None:
    await invited(deps, programme)
    await ana.opens("/me/sign-in")
    for _ in range(5):
        await ana.posts("/me/sign-in", phone=ANA)
        assert ana.status == 200
    await ana.posts("/me/sign-in", phone=ANA)
    assert (ana.status, "Please wait a moment" in ana.text, "tel:988" in ana.html) == (429, True, True)


def test_both_languages_have_every_word() -> None:
    english, spanish = (msgspec.structs.asdict(WORDS[language]) for language in ("en", "es"))
    for name, text in english.items():
        assert placeholders(text) == placeholders(spanish[name]), name
        assert spanish[name].strip(), name
