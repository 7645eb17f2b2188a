"""The patients' mobile API over the real application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from sqlalchemy import func, select, text, update

from api.wiring import Deps
from kernel.audit import AuditEvent
from messaging.conversation import thread
from messaging.delivery.tables import Outbox
from messaging.patient_access.tables import CodeRequest, PatientSession
from messaging.schedule.tables import CheckIn
from registry.measures.tables import Answer, MeasureResult
from registry.organisation.patient_pages import PatientPages, set_patient_pages
from registry.organisation.tables import Sender
from registry.patients.tables import Patient, PatientPhone
from registry.related_people import service as related
from registry.related_people.rules import RelatedPersonForm
from registry.safety.tables import RiskEvent, RiskSignal
from registry.worklist.tables import Task
from tests.support import app as support
from tests.support.alerts import NotedAlerts
from tests.support.builders import PatientRows
from tests.support.clock import FakeClock
from tests.support.patients import PatientApp, confirmed, newest_code, phq9
from tests.support.programme import Programme, la

SEATTLE = ZoneInfo("America/Los_Angeles")
ANA, BEN, SISTER = "+12065550123", "+12065550177", "+12065550188"
CALM = (1, 1, 0, 2, 0, 1, 0, 0, 0)


@pytest.fixture
async def deps(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Deps]:
    async with support.test_deps(sqlite_url, clock) as made:
        yield made


@pytest.fixture
async def client(deps: Deps) -> AsyncIterator[httpx.AsyncClient]:
    async with support.browser(deps) as opened:
        yield opened


@pytest.fixture
async def programme(deps: Deps, clock: FakeClock) -> Programme:
    return await Programme.open(deps.system_db, clock)


@pytest.fixture
def ana(client: httpx.AsyncClient, deps: Deps) -> PatientApp:
    return PatientApp(client, deps)


async def invited(deps: Deps, programme: Programme, *instruments: str, **person: Any) -> PatientRows:
    tomorrow = (programme.clock.now().astimezone(SEATTLE) + timedelta(days=1)).date()
    person = {"phone": ANA} | person
    patient = await programme.enrols(first_on=tomorrow, instruments=instruments or ("phq9",), **person)
    await confirmed(deps, patient)
    programme.clock.set(la(tomorrow.month, tomorrow.day, 10, 1))
    await programme.sweep()
    await programme.all_accepted()
    return patient


async def count(deps: Deps, table: Any, *where: Any) -> int:
    async with deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(*where)))


async def due(app: PatientApp) -> str:
    (one,) = (await app.gets("/check-ins"))["items"]
    return str(one["id"])


async def test_a_patient_signs_in_answers_item_by_item_and_finishes_the_check_in(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    form = await ana.gets(f"/check-ins/{check_in}")
    assert [len(part["items"]) for part in form["parts"]] == [10]
    for item, value in enumerate(CALM, start=1):
        answer = await ana.answers(check_in, ("phq9", item, value))
        assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "check_in_id": check_in, "state": "completed", "saved": 1, "late": 0, "crisis": False,
    }  # fmt: skip
    async with deps.system_db.begin() as tx:
        row: Any = await tx.first(select(MeasureResult.total, MeasureResult.item9, MeasureResult.channel))
    assert tuple(row) == (5, "0", "api")
    assert (await ana.gets("/check-ins"))["items"] == []


async def test_a_whole_form_given_offline_keeps_its_own_times(
    deps: Deps, programme: Programme, ana: PatientApp, clock: FakeClock
) -> None:
    await invited(deps, programme)
    offered = clock.now()
    clock.advance(hours=6)
    await ana.signs_in(ANA)
    given = offered + timedelta(hours=1)
    body = {
        "answers": [
            {"instrument_id": "phq9", "item": item, "value": value, "answered_at": given.isoformat()}
            for item, value in enumerate(CALM, start=1)
        ]
    }
    answer = await ana.call("POST", f"/check-ins/{await due(ana)}/answers", body)
    assert (answer.status_code, answer.json()["state"]) == (200, "completed")
    async with deps.system_db.begin() as tx:
        rows = await tx.all(select(Answer.answered_at, Answer.received_at))
    assert {(row.answered_at, row.received_at) for row in rows} == {(given, clock.now())}


async def test_a_key_files_once_and_another_body_with_it_is_refused(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    key = {"idempotency-key": "first"}
    first = await ana.answers(check_in, *phq9(*CALM), **key)
    again = await ana.answers(check_in, *phq9(*CALM), **key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    other = await ana.answers(check_in, *phq9(3), **key)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert await count(deps, MeasureResult) == 1


async def test_item_nine_is_heard_from_a_partial_answer_a_late_one_and_a_refused_body(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    refused = await ana.answers(check_in, ("phq9", 9, 2), ("phq9", 44, 1))
    assert (refused.status_code, refused.json()["crisis"]) == (422, True)
    assert [e["field"] for e in refused.json()["errors"]] == ["answers[1].item"]
    assert (await count(deps, RiskEvent), await count(deps, Answer)) == (1, 0)
    partial = await ana.answers(check_in, ("phq9", 9, 1))
    assert (partial.json()["crisis"], partial.json()["state"]) == (True, "open")
    done = await ana.answers(check_in, *phq9(*CALM[:8]))
    assert done.json()["state"] == "completed"
    late = await ana.answers(check_in, ("phq9", 9, 3))
    assert late.json() | {"check_in_id": ""} == {
        "check_in_id": "", "state": "completed", "saved": 0, "late": 1, "crisis": True,
    }  # fmt: skip
    assert await count(deps, Task, Task.kind == "late_answer") == 1
    assert await count(deps, Answer, Answer.item_no == 9, Answer.value == 3) == 0


async def waiting_for_locks(deps: Deps, wanted: int) -> None:
    """Until as many calls stand still before a lock; on PostgreSQL."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(200):
        async with deps.system_db.begin() as tx:
            if int(await tx.scalar(waiting)) >= wanted:
                return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def test_of_two_bodies_at_once_under_one_key_the_refused_one_is_heard(
    postgres_url: str, clock: FakeClock
) -> None:
    async with support.test_deps(postgres_url, clock) as deps, support.browser(deps) as client:
        await invited(deps, await Programme.open(deps.system_db, clock))
        ana = await PatientApp(client, deps).signs_in(ANA)
        check_in = await due(ana)
        key = {"idempotency-key": "twice"}
        async with deps.system_db.begin() as tx:
            await tx.first(select(CheckIn.id).where(CheckIn.id == UUID(check_in)).with_for_update())
            calm = asyncio.create_task(ana.answers(check_in, ("phq9", 1, 1), **key))
            await waiting_for_locks(deps, 1)
            alarming = asyncio.create_task(ana.answers(check_in, ("phq9", 9, 3), **key))
            await waiting_for_locks(deps, 2)
        first, second = await calm, await alarming
        assert (first.status_code, second.status_code) == (200, 422), second.text
        assert (second.json()["errors"][0]["field"], second.json()["crisis"]) == ("Idempotency-Key", True)
        assert (await count(deps, RiskEvent), await count(deps, RiskSignal)) == (1, 1)


async def test_an_alarming_answer_is_heard_whatever_its_refusal(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    async with deps.system_db.begin() as tx:
        await tx.execute(update(CheckIn).where(CheckIn.id == UUID(check_in)).values(state="scheduled"))
    early = await ana.answers(check_in, ("phq9", 9, 2))
    assert (early.status_code, early.json()["code"], early.json()["crisis"]) == (409, "not_open_yet", True)
    assert await count(deps, RiskEvent) == 1


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"instrument_id": "gad7", "item": 1, "value": 1}, "answers[0].instrument_id"),
        ({"instrument_id": "phq9", "item": 1, "value": 4}, "answers[0].value"),
        ({"instrument_id": "phq9", "item": 0, "value": 1}, "answers[0].item"),
        ({"instrument_id": "phq9", "item": 1, "value": 1, "answered_at": "2020-01-01T00:00:00Z"}, "answers[0].answered_at"),
        ({"instrument_id": "phq9", "item": 1, "value": 1, "answered_at": "2090-01-01T00:00:00Z"}, "answers[0].answered_at"),
    ],
)  # fmt: skip
async def test_what_cannot_be_filed_is_named_and_nothing_is_saved(
    deps: Deps, programme: Programme, ana: PatientApp, answer: dict[str, Any], field: str
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    body = {"answers": [answer, {"instrument_id": "phq9", "item": 2, "value": 1}]}
    refused = await ana.call("POST", f"/check-ins/{await due(ana)}/answers", body)
    assert refused.status_code == 422
    assert [e["field"] for e in refused.json()["errors"]] == [field]
    assert await count(deps, Answer) == 0


async def test_every_number_gets_the_same_answer_and_only_a_known_one_a_text(
    deps: Deps, programme: Programme, client: httpx.AsyncClient
) -> None:
    await invited(deps, programme)
    answers = [await client.post("/patient/v1/codes", json={"phone": p}) for p in (ANA, BEN)]
    shapes = [
        (a.status_code, sorted(a.json()), len(a.json()["request"]), a.json()["expires_at"]) for a in answers
    ]
    assert shapes[0] == shapes[1]
    assert await count(deps, Outbox, Outbox.kind == "passcode") == 1
    assert await newest_code(deps, BEN) is None
    assert await count(deps, CodeRequest) == 2


async def test_codes_are_few_an_hour_for_known_and_unknown_numbers(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    await invited(deps, programme)
    for phone in (ANA, BEN):
        codes = [
            (await client.post("/patient/v1/codes", json={"phone": phone})).status_code for _ in range(7)
        ]
        assert codes == [202] * 5 + [429] * 2
    clock.advance(hours=1, minutes=1)
    assert (await client.post("/patient/v1/codes", json={"phone": ANA})).status_code == 202


async def test_a_refresh_token_is_used_once_and_a_second_use_ends_the_device(
    deps: Deps, programme: Programme, ana: PatientApp, client: httpx.AsyncClient, clock: FakeClock
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    first = ana.tokens
    clock.advance(minutes=16)
    assert (await ana.call("GET", "/me")).json()["code"] == "token_invalid"
    renewed = await client.post(
        "/patient/v1/sessions/refresh", json={"refresh_token": first["refresh_token"]}
    )
    assert renewed.status_code == 200
    ana.tokens = renewed.json()
    assert (await ana.gets("/me"))["own"] is True
    stolen = await client.post("/patient/v1/sessions/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_reused")
    assert (await ana.call("GET", "/me")).status_code == 401
    newest = await client.post(
        "/patient/v1/sessions/refresh", json={"refresh_token": ana.tokens["refresh_token"]}
    )
    assert (newest.status_code, newest.json()["code"]) == (401, "refresh_refused")
    async with deps.system_db.begin() as tx:
        assert await tx.scalar(select(PatientSession.end_reason)) == "refresh_reused"


async def test_a_device_is_seen_and_ended_from_another(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA, "Phone")
    tablet = await PatientApp(client, deps).signs_in(ANA, "Tablet")
    listed = (await ana.gets("/devices"))["items"]
    assert [(d["name"], d["current"]) for d in listed] == [("Tablet", False), ("Phone", True)]
    push = {"platform": "fcm", "token": "t" * 40}
    assert (await tablet.call("PUT", "/devices/current/push-token", push)).status_code == 204
    assert (await ana.call("DELETE", f"/devices/{listed[0]['id']}")).status_code == 204
    assert (await tablet.call("GET", "/me")).status_code == 401
    async with deps.system_db.begin() as tx:
        assert await tx.scalar(select(func.count(PatientSession.push_sealed))) == 0
    assert (await ana.call("DELETE", f"/devices/{UUID(int=5)}")).status_code == 404


async def test_a_message_reaches_the_same_thread_and_task_as_a_text_and_its_crisis_words_are_heard(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in(ANA)
    sent = await ana.call(
        "POST", "/messages", {"body": "Could we talk on Thursday?"}, **{"idempotency-key": "m1"}
    )
    again = await ana.call(
        "POST", "/messages", {"body": "Could we talk on Thursday?"}, **{"idempotency-key": "m1"}
    )
    assert (sent.status_code, sent.json()) == (201, again.json())
    assert sent.json()["crisis"] is False
    assert await programme.tasks(patient) == ["inbound_text"]
    alarm = await ana.call("POST", "/messages", {"body": "I want to die"})
    assert alarm.json()["crisis"] is True
    assert await count(deps, RiskEvent) == 1
    async with deps.system_db.begin() as tx:
        seen = await thread.messages(
            tx, programme.clinic.actor("care_manager"), patient.id, now=deps.clock.now()
        )
    incoming = [line.body for line in seen.lines if line.direction == "in"]
    assert incoming == ["Could we talk on Thursday?", "I want to die"]
    assert all("code" not in line.body for line in seen.lines), "staff must not read a code to sign in with"
    assert [line["body"] for line in (await ana.gets("/messages"))["items"]] == incoming


async def test_crisis_words_in_a_message_that_is_refused_are_heard_all_the_same(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in(ANA)
    long = await ana.call("POST", "/messages", {"body": "I want to die " + "x" * 2000})
    assert (long.status_code, long.json()["crisis"]) == (422, True)
    assert sorted(await programme.tasks(patient)) == ["inbound_text", "safety_event"]
    await ana.call("POST", "/messages", {"body": "See you"}, **{"idempotency-key": "m1"})
    other = await ana.call("POST", "/messages", {"body": "I will kill myself"}, **{"idempotency-key": "m1"})
    assert (other.status_code, other.json()["code"], other.json()["crisis"]) == (409, "key_reused", True)
    calm = await ana.call("POST", "/messages", {"body": "x" * 2001})
    assert (calm.status_code, "crisis" in calm.json()) == (422, False)
    async with deps.system_db.begin() as tx:
        await tx.execute(update(Sender).values(active=False))
    nowhere = await ana.call("POST", "/messages", {"body": "I want to die"})
    assert (nowhere.status_code, nowhere.json()["crisis"]) == (409, True)
    assert (await count(deps, RiskEvent), await count(deps, RiskSignal)) == (1, 3)


async def test_the_first_alert_of_the_app_is_the_one_that_is_wired_in(
    deps: Deps, programme: Programme
) -> None:
    noted = NotedAlerts()
    wired = msgspec.structs.replace(deps, alerts=noted)
    await invited(deps, programme)
    async with support.browser(wired) as client:
        ana = await PatientApp(client, wired).signs_in(ANA)
        await ana.answers(await due(ana), ("phq9", 9, 2))
        assert len(noted.events) == 1
        await ana.call("POST", "/messages", {"body": "I will kill him"})
        assert len(set(noted.events)) == 2


async def test_end_of_texts_in_a_message_is_an_end_of_texts(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in(ANA)
    await ana.call("POST", "/messages", {"body": "please stop texting me"})
    assert (await ana.gets("/preferences"))["stopped"] is True
    assert "opted_out" in await programme.tasks(patient)
    refused = await ana.call("POST", "/texting/agreements")
    assert (refused.status_code, refused.json()["code"]) == (409, "number_stopped")


async def test_a_new_number_is_proven_before_it_counts_and_ends_other_devices(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in(ANA)
    tablet = await PatientApp(client, deps).signs_in(ANA, "Tablet")
    asked = await ana.call("POST", "/number/codes", {"phone": BEN})
    body = {"request": asked.json()["request"], "code": "000000x", "agrees_to_texts": True}
    wrong = await ana.call("PUT", "/number", body)
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "code")
    code = await newest_code(deps, BEN)
    changed = await ana.call("PUT", "/number", body | {"code": code})
    assert (changed.status_code, changed.json()["phone_ends"], changed.json()["texting"]) == (
        200,
        "77",
        "link_only",
    )
    assert (await tablet.call("GET", "/me")).status_code == 401
    assert (await ana.call("GET", "/me")).status_code == 200
    async with deps.system_db.begin() as tx:
        row: Any = await tx.first(
            select(PatientPhone.state, PatientPhone.phone_key).where(
                PatientPhone.patient_id == patient.id, PatientPhone.replaced_at.is_(None)
            )
        )
        assert (row.state, row.phone_key) == ("verified", tx.vault.lookup(BEN))


async def test_wishes_name_each_problem_and_a_language_without_a_form_means_phone_and_interpreter(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    refused = await ana.call("PUT", "/preferences", {"language": "vi", "channel": "sms_link"})
    assert (refused.status_code, [e["field"] for e in refused.json()["errors"]]) == (422, ["channel"])
    kept = await ana.call("PUT", "/preferences", {"language": "vi", "channel": "phone"})
    assert (kept.status_code, kept.json()["interpreter"]) == (200, True)


async def test_a_number_that_is_not_safe_any_more_ends_the_session(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    body = {"code_word": "bluebird", "safe_to_text": False}
    assert (await ana.call("PUT", "/safety", body)).status_code == 204
    assert (await ana.call("GET", "/me")).status_code == 401
    await ana.asks(ANA)
    assert await count(deps, Outbox, Outbox.kind == "passcode") == 1


async def test_a_related_person_sees_what_was_agreed_and_nothing_more_and_not_after_the_end(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, ana: PatientApp, clock: FakeClock
) -> None:
    patient = await invited(deps, programme)
    form = RelatedPersonForm(
        "Rosa Vale", "sister", SISTER, "patient_agreed", ("contacts", "messages"), clock.now().date()
    )
    async with deps.system_db.begin() as tx:
        person_id = await related.add(
            tx, programme.clinic.actor("care_manager"), patient.id, form, now=clock.now()
        )
    sister = await PatientApp(client, deps).signs_in(SISTER)
    assert (await sister.gets("/me"))["scope"] == ["contacts", "messages"]
    assert (await sister.gets("/check-ins"))["items"] == []
    assert (await sister.call("GET", "/contacts")).status_code == 200
    assert (await sister.call("POST", "/messages", {"body": "She sleeps badly"})).status_code == 201
    for path in ("/plan", "/messages", "/preferences", "/related-people"):
        assert (await sister.call("GET", path)).status_code == 403, path
    await ana.signs_in(ANA)
    (line,) = (await ana.gets("/related-people"))["items"]
    assert (line["id"], line["name"]) == (str(person_id), "Rosa Vale")
    assert "[Rosa Vale, sister]" in (await ana.gets("/messages"))["items"][-1]["body"]
    assert (await ana.call("DELETE", f"/related-people/{person_id}")).status_code == 204
    assert (await sister.call("GET", "/me")).status_code == 401


@pytest.mark.parametrize("meanwhile", ["marked_shared", "of_another_patient", "of_a_related_person", "died"])
async def test_a_session_ends_when_its_number_is_somebody_elses_too_or_the_patient_has_died(
    deps: Deps, programme: Programme, ana: PatientApp, meanwhile: str
) -> None:
    patient = await invited(deps, programme)
    other = await programme.enrols(first_on=programme.clock.now().date() + timedelta(days=3), phone=BEN)
    await ana.signs_in(ANA)
    assert (await ana.call("GET", "/me")).status_code == 200
    async with deps.system_db.begin() as tx:
        match meanwhile:
            case "marked_shared":
                mine = PatientPhone.id == patient.phone_id
                await tx.execute(update(PatientPhone).where(mine).values(shared=True))
            case "of_another_patient":
                values = {"phone_key": tx.vault.lookup(ANA), "state": "verified", "shared": True}
                await tx.execute(
                    update(PatientPhone).where(PatientPhone.id == other.phone_id).values(**values)
                )
            case "of_a_related_person":
                form = RelatedPersonForm(
                    name="Ana Vale", relation="friend", phone=ANA, basis="patient_agreed", scope=("contacts",),
                    valid_from=deps.clock.now().date(),
                )  # fmt: skip
                lead = programme.clinic.actor("care_manager")
                await related.add(tx, lead, other.id, form, now=deps.clock.now())
            case _:
                died = {"deceased_on": deps.clock.now().date()}
                await tx.execute(update(Patient).where(Patient.id == patient.id).values(**died))
    assert (await ana.call("GET", "/me")).status_code == 401
    body = {"refresh_token": ana.tokens["refresh_token"]}
    assert (await ana.client.post("/patient/v1/sessions/refresh", json=body)).status_code == 401


async def test_past_results_are_shown_only_where_the_clinic_shows_them(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    await ana.answers(await due(ana), *phq9(*CALM))
    assert (await ana.gets("/results"))["items"] == []
    async with deps.system_db.begin() as tx:
        pages = PatientPages(shows_answers=True)
        await set_patient_pages(
            tx, programme.clinic.actor("clinic_lead"), programme.clinic.id, pages, now=deps.clock.now()
        )
    (shown,) = (await ana.gets("/results"))["items"]
    assert (shown["total"], shown["highest"], shown["answers"]["4"]) == (5, 27, 2)


async def test_an_unchanged_answer_is_not_sent_again(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    first = await ana.call("GET", "/plan")
    same = await ana.call("GET", "/plan", **{"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert (await ana.call("GET", "/plan", **{"if-none-match": '"old"'})).status_code == 200


async def test_another_patient_finds_nothing(
    deps: Deps, programme: Programme, client: httpx.AsyncClient, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    await invited(deps, programme, phone=BEN)
    ben = await PatientApp(client, deps).signs_in(BEN)
    assert (await ben.call("GET", f"/check-ins/{check_in}")).status_code == 404
    assert (await ben.answers(check_in, ("phq9", 9, 3))).status_code == 404
    assert await count(deps, RiskEvent) == 0


async def test_a_number_of_two_patients_signs_in_nobody(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    async with deps.system_db.begin() as tx:
        await tx.execute(update(PatientPhone).where(PatientPhone.id == patient.phone_id).values(shared=True))
    await ana.asks(ANA)
    assert await count(deps, Outbox, Outbox.kind == "passcode") == 0


async def test_every_read_and_change_leaves_its_line_in_the_patients_name(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    patient = await invited(deps, programme)
    await ana.signs_in(ANA)
    for path in ("/contacts", "/plan", "/messages", "/preferences"):
        await ana.gets(path)
    async with deps.system_db.begin() as tx:
        rows = await tx.all(
            select(AuditEvent.action).where(
                AuditEvent.actor_kind == "patient", AuditEvent.actor_id == patient.id
            )
        )
    wanted = {
        "code.accepted",
        "session.started",
        "contact.read",
        "plan.read",
        "thread.read",
        "preferences.read",
    }
    assert wanted <= {row.action for row in rows}


async def test_a_check_in_that_ended_takes_no_answer_and_says_so(
    deps: Deps, programme: Programme, ana: PatientApp
) -> None:
    await invited(deps, programme)
    await ana.signs_in(ANA)
    check_in = await due(ana)
    async with deps.system_db.begin() as tx:
        await tx.execute(update(CheckIn).where(CheckIn.id == UUID(check_in)).values(state="missed"))
    answer = await ana.answers(check_in, *phq9(1, 1))
    assert (answer.json()["state"], answer.json()["saved"], answer.json()["late"]) == ("closed", 0, 2)
