"""What every answer has, whoever asks: headers, problem details, no trace of a person in logs or measurements."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest
import structlog
from openapi_spec_validator import validate

from api.app import create_app
from api.wiring import Deps
from kernel.audit import system
from kernel.web.headers import CSP
from registry.organisation import tokens
from tests.support.app import Clinic, browser, test_deps
from tests.support.clock import FakeClock

NOBODY = "019a0000-0000-7000-8000-00000000ffff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/live", 200),
        ("/schema", 200),
        ("/static/console/console.css", 200),
        ("/static/console/nothing.css", 404),
        ("/nowhere", 404),
        ("/c/not-a-token", 404),
        ("/api/v1/patients", 401),
        ("/api/v1/nowhere", 404),
    ],
)
async def test_every_answer_has_the_security_headers(
    web: httpx.AsyncClient, clinic: Clinic, path: str, status: int
) -> None:
    answer = await web.get(path)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-request-id"]
    if not path.startswith("/static/"):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_failure_of_ours_has_the_headers_and_tells_nothing(
    deps: Deps, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: FakeClock) -> None:
        raise ZeroDivisionError("Maren Aldercott +12065550123")

    monkeypatch.setattr(FakeClock, "now", fails)
    async with browser(deps) as web:
        answer = await web.get("/api/v1/patients", headers=clinic.headers())
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CSP
    assert answer.json()["code"] == "internal"
    assert "Maren" not in answer.text


async def test_static_files_may_be_kept_for_a_day(web: httpx.AsyncClient) -> None:
    answer = await web.get("/static/console/console.css")
    assert answer.headers["cache-control"] == "max-age=86400, public"


async def test_a_file_outside_the_static_folders_is_never_served(web: httpx.AsyncClient) -> None:
    for path in ("/static/console/../views.py", "/static/console/%2e%2e/shell.py", "/static/api/../app.py"):
        assert (await web.get(path)).status_code in (404, 400), path


async def test_a_programs_error_is_problem_json_and_a_persons_a_page(web: httpx.AsyncClient) -> None:
    assert (await web.get("/api/v1/nowhere")).headers["content-type"] == "application/problem+json"
    assert (await web.get("/metrics")).status_code == 401
    assert "text/html" in (await web.get("/nowhere")).headers["content-type"]


async def test_a_patients_error_page_has_the_crisis_line(web: httpx.AsyncClient, clinic: Clinic) -> None:
    assert "988" in (await web.get("/c/not-a-token")).text


async def test_a_key_that_ended_or_was_revoked_is_refused_at_once(
    web: httpx.AsyncClient, clinic: Clinic, clock: FakeClock
) -> None:
    db = clinic.deps.system_db
    async with db.begin() as tx:
        short = await tokens.issue_token(
            tx, system(clinic.id), clinic.id, "short", "clinician",
            expires_at=clock.now() + timedelta(hours=1), new_token=clinic.deps.new_token, now=clock.now(),
        )  # fmt: skip
    headers = {"authorization": f"Bearer {short.token}"}
    assert (await web.get("/api/v1/clinics", headers=headers)).status_code == 200
    clock.advance(hours=1)
    assert (await web.get("/api/v1/clinics", headers=headers)).status_code == 401
    assert (await web.get("/api/v1/clinics", headers=clinic.headers())).status_code == 200


async def test_cookies_mean_nothing_to_the_api(web: httpx.AsyncClient, clinic: Clinic) -> None:
    web.cookies.set("evenkeel", "anything")
    assert (await web.get("/api/v1/clinics")).status_code == 401
    assert (await web.get("/api/v1/clinics", headers=clinic.headers())).status_code == 200


async def test_a_request_leaves_one_line_with_the_route_and_never_the_address(
    web: httpx.AsyncClient, clinic: Clinic
) -> None:
    with structlog.testing.capture_logs() as lines:
        await web.get(f"/api/v1/patients/{NOBODY}?secret=Aldercott", headers=clinic.headers())
        await web.get("/c/secret-token-of-a-link")
        await web.get("/Aldercott/Maren")
    requests = [line for line in lines if line["event"] == "http.request"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/api/v1/patients/{patient_id}", 404),
        ("/c/{token}", 404),
        ("unmatched", 404),
    ]
    text = json.dumps(lines, default=str)
    assert not any(secret in text for secret in (NOBODY, "Aldercott", "secret-token"))


async def test_measurements_hold_templates_only(web: httpx.AsyncClient, clinic: Clinic) -> None:
    await web.get(f"/api/v1/patients/{NOBODY}", headers=clinic.headers())
    await web.get("/c/secret-token-of-a-link")
    text = (await web.get("/metrics", headers=clinic.headers("administrator"))).text
    assert 'route="/api/v1/patients/{patient_id}"' in text
    assert "evenkeel_outbox_rows" in text
    assert NOBODY not in text
    assert "secret-token" not in text


async def test_two_applications_in_one_process_measure_apart(deps: Deps, clinic: Clinic) -> None:
    async with browser(deps, create_app(deps)) as one, browser(deps, create_app(deps)) as other:
        await one.get("/health/live")
        text = (await other.get("/metrics", headers=clinic.headers("administrator"))).text
    assert 'route="/health/live"' not in text


async def test_readiness_names_the_part_that_fails(web: httpx.AsyncClient, clinic: Clinic) -> None:
    answer = await web.get("/health/ready")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert (parts["database"]["ok"], parts["schema"]["ok"], parts["worker"]["ok"]) == (True, True, False)
    assert "dispatch" in parts["worker"]["detail"]


async def test_a_lost_database_is_a_503_and_the_process_lives(clock: FakeClock) -> None:
    async with (
        test_deps("postgresql+asyncpg://evenkeel@127.0.0.1:1/gone", clock) as deps,
        browser(deps) as web,
    ):
        ready = await web.get("/health/ready")
        assert (ready.status_code, list(ready.json()["parts"])) == (503, ["database"])
        assert "127.0.0.1" not in ready.text
        assert (await web.get("/health/live")).status_code == 200
        answer = await web.get("/api/v1/patients", headers={"authorization": "Bearer evk_any"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_the_description_is_valid_and_public_pages_stand_in_none_of_it(web: httpx.AsyncClient) -> None:
    description = (await web.get("/schema/openapi.json")).json()
    validate(description)
    assert all(path.startswith(("/api/v1/", "/patient/v1/")) for path in description["paths"])
    post = description["paths"]["/api/v1/patients"]["post"]
    assert {"201", "400", "401", "403", "404", "409", "422", "503"} == set(post["responses"])
    assert post["requestBody"]["content"]["application/json"]["schema"]["examples"]
    assert {"name": "Idempotency-Key", "in": "header"}.items() <= {
        key: value for p in post["parameters"] if p["name"] == "Idempotency-Key" for key, value in p.items()
    }.items()


async def test_the_reading_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(
    web: httpx.AsyncClient,
) -> None:
    page = (await web.get("/schema")).text
    assert "http" not in page.replace("http-equiv", "")
    for path in (
        "/static/api/vendor/swagger-ui.css",
        "/static/api/vendor/swagger-ui-bundle.js",
        "/static/api/schema.js",
    ):
        assert path in page
        assert (await web.get(path)).status_code == 200
