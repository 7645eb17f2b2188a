"""Whatever the console does the JSON API does, or this page says why only a person can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from litestar.handlers import HTTPRouteHandler

from staff_console.routes import ROUTES as CONSOLE
from tests.support.api_shapes import routes

PAGE: Final = (Path(__file__).resolve().parent.parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
ROOT: Final = "/api/v1"
PATIENT: Final = "/patients/{patient_id}"
EVENT: Final = "/risk-events/{event_id}"
REVIEW: Final = "/case-reviews/{review_id}"
ADVICE: Final = "/recommendations/{recommendation_id}"
MONTH: Final = "/billing/months/{month}"
ACCOUNT: Final = "/accounts/{staff_id}"

EQUAL: Final = {
    "/cover": "POST /cover",
    "/cover/{cover_id}/end": "POST /cover/{cover_id}/end",
    f"{PATIENT}/flags": f"POST {PATIENT}/flags",
    "/steps/{proposal_id}/accept": "POST /steps/{proposal_id}/accept",
    "/steps/{proposal_id}/take-back": "POST /steps/{proposal_id}/take-back",
    "/steps/{proposal_id}/decline": "POST /steps/{proposal_id}/decline",
    "/search": "POST /patients/search",
    f"{PATIENT}/texts": f"POST {PATIENT}/messages",
    f"{PATIENT}/time": f"POST {PATIENT}/time",
    f"{PATIENT}/next-contact": f"PUT {PATIENT}/next-contact",
    f"{PATIENT}/check-ins": f"PUT {PATIENT}/plan",
    f"{PATIENT}/discuss": f"POST {PATIENT}/flags",
    f"{PATIENT}/treatment-changes/{{change_id}}/withdraw": (
        f"POST {PATIENT}/treatment-changes/{{change_id}}/withdrawal"
    ),
    f"{PATIENT}/texting/stop": f"POST {PATIENT}/texting-stops",
    f"{PATIENT}/phone/confirm": f"POST {PATIENT}/phone/confirmations",
    f"{PATIENT}/email": f"PUT {PATIENT}/email",
    f"{PATIENT}/email/withdraw": f"POST {PATIENT}/email/withdraw",
    f"{PATIENT}/details": f"PUT {PATIENT}/details",
    f"{PATIENT}/phone": f"PUT {PATIENT}/phone",
    f"{PATIENT}/contact": f"POST {PATIENT}/contacts",
    f"{PATIENT}/contact/template": "GET /note-templates",
    f"{PATIENT}/contacts/{{contact_id}}/amend": f"POST {PATIENT}/contacts/{{contact_id}}/amendments",
    "/billing/{month}/copies/{patient_id}/{ref_id}": f"POST {PATIENT}/filed",
    f"{PATIENT}/filed": f"POST {PATIENT}/filed",
    "/setup/note-templates/{kind}": "PUT /note-templates/{kind}",
    "/setup/closing-rule": "PUT /closing-rule",
    f"{PATIENT}/intake": f"POST {PATIENT}/intake",
    f"{PATIENT}/plans/{{kind}}": f"POST {PATIENT}/care-plans",
    f"{PATIENT}/people": f"POST {PATIENT}/related-people",
    f"{PATIENT}/people/{{person_id}}": f"PUT {PATIENT}/related-people/{{person_id}}",
    f"{PATIENT}/people/{{person_id}}/end": f"POST {PATIENT}/related-people/{{person_id}}/revocations",
    f"{PATIENT}/scores": f"POST {PATIENT}/measures/items",
    f"{PATIENT}/status": f"POST {PATIENT}/status",
    f"{PATIENT}/status/undo-death": f"POST {PATIENT}/deceased/undo",
    f"{PATIENT}/closing": f"POST {PATIENT}/closing",
    "/referrals": "POST /referrals",
    "/enrol": "POST /patients",
    "/enrol/{patient_id}": "POST /patients",
    "/safety/{event_id}/attempts": f"POST {EVENT}/attempts",
    "/safety/{event_id}/assessment": f"POST {EVENT}/assessments",
    "/safety/{event_id}/steps": f"POST {EVENT}/steps",
    "/safety/{event_id}/notes": f"POST {EVENT}/notes",
    "/safety/{event_id}/where": f"POST {EVENT}/notes",
    "/safety/{event_id}/call": f"POST {EVENT}/attempts",
    "/safety/drills": "POST /drills",
    "/safety/drills/schedule": "PUT /drills/schedule",
    "/safety/protocol/drafts": "POST /safety-policy/drafts",
    "/safety/protocol/{protocol_id}": "PUT /safety-policy/versions/{protocol_id}",
    "/safety/protocol/{protocol_id}/activate": "POST /safety-policy/versions/{protocol_id}/activate",
    "/safety/on-call/shifts": "POST /on-call/shifts",
    "/safety/on-call/shifts/{shift_id}/remove": "POST /on-call/shifts/{shift_id}/remove",
    "/safety/on-call/cover": "POST /on-call/shifts/{shift_id}/cover",
    "/safety/on-call/swap": "POST /on-call/shifts/{shift_id}/swap",
    "/review": "POST /case-reviews",
    "/review/wording": "PUT /advice-wording",
    "/review/{review_id}/open": f"POST {REVIEW}/open",
    "/review/{review_id}/cancel": f"POST {REVIEW}/cancel",
    "/review/{review_id}/add": f"POST {REVIEW}/items",
    "/review/{review_id}/close": f"POST {REVIEW}/close",
    "/review/items/{item_id}/discuss": "POST /case-reviews/items/{item_id}/discussion",
    "/review/items/{item_id}/pass": "POST /case-reviews/items/{item_id}/pass",
    "/review/items/{item_id}/recommend": f"POST {PATIENT}/recommendations",
    "/approvals/{approval_id}/decide": f"POST {ADVICE}/decision",
    "/approvals/{approval_id}/order": f"POST {ADVICE}/order",
    "/approvals/{approval_id}/told": f"POST {ADVICE}/told",
    "/approvals/{approval_id}/taking": f"POST {ADVICE}/taking",
    "/approvals/{approval_id}/withdraw": f"POST {ADVICE}/withdraw",
    f"{PATIENT}/recommend": f"POST {PATIENT}/recommendations",
    f"{PATIENT}/referrals": f"POST {PATIENT}/referrals",
    f"{PATIENT}/referrals/{{referral_id}}": "POST /referrals/{referral_id}/steps",
    "/tasks/{task_id}/done": "POST /tasks/{task_id}/close",
    "/time/{entry_id}": "POST /time-entries/{entry_id}/corrections",
    "/time/{entry_id}/void": "POST /time-entries/{entry_id}/void",
    "/time/{entry_id}/undo": "POST /time-entries/{entry_id}/void",
    "/billing/{month}/close": f"POST {MONTH}/close",
    "/billing/{month}/correct": f"POST {MONTH}/correction",
    "/billing/{month}/adjust": f"POST {MONTH}/adjustment",
    "/billing/{month}/close-again": f"POST {MONTH}/close-again",
    "/billing/{month}/claims": f"POST {MONTH}/claims",
    "/billing/setup": "PUT /billing/identity",
    "/billing/payers": "PUT /billing/payers",
    "/billing/payers/default": "PUT /billing/payers/default",
    "/billing/rule-sets": "POST /billing/rule-sets",
    "/billing/rule-sets/try": "POST /billing/rule-sets/trial",
    "/billing/money/fees": "PUT /billing/fees",
    "/billing/money/denials": "POST /billing/denials",
    "/billing/money/denials/{denial_id}": "POST /billing/denials/{denial_id}/outcome",
    "/billing/money/staffing": "PUT /billing/staffing",
    "/billing/money/shadow": f"POST {MONTH}/shadow",
    "/billing/{month}/people/{patient_id}/decisions": f"POST {PATIENT}/billing/decisions",
    "/billing/{month}/people/{patient_id}/withdraw/{decision_id}": (
        "POST /billing/decisions/{decision_id}/withdraw"
    ),
    f"{PATIENT}/coverage": f"POST {PATIENT}/coverage",
    f"{PATIENT}/coverage/{{coverage_id}}": f"PUT {PATIENT}/coverage/{{coverage_id}}",
    "/setup/responsible": "PUT /clinic/responsible",
    "/setup/clinic": "PUT /clinic",
    "/setup/calendar": "PUT /clinic",
    "/setup/closed-days": "POST /clinic/closed-days",
    "/setup/outreach": "PUT /outreach-ladder",
    "/setup/senders": "POST /clinic/senders",
    "/setup/go-live": "POST /clinic/go-live",
    "/setup/stop-texting": "POST /clinic/stop-texting",
    "/setup/numbers": "POST /thresholds",
    "/setup/imports/check": "POST /imports/check",
    "/setup/imports": "POST /imports",
    "/setup/accounts": "POST /accounts",
    "/setup/accounts/admit": "POST /accounts/admissions",
    "/setup/accounts/{staff_id}/details": f"PUT {ACCOUNT}",
    "/setup/accounts/{staff_id}/phone": f"POST {ACCOUNT}/phone/confirmations",
    "/setup/accounts/{staff_id}/roles": f"PUT {ACCOUNT}/roles",
    "/setup/accounts/{staff_id}/enable": f"POST {ACCOUNT}/enable",
    "/setup/keys/{key_id}/revoke": "POST /keys/{key_id}/revoke",
    "/setup/people/{staff_id}/handover": f"POST {ACCOUNT}/handovers",
    "/setup/people/{staff_id}/timer": f"POST {ACCOUNT}/timer",
    "/setup/people/{staff_id}/deactivate": f"POST {ACCOUNT}/deactivate",
}


def commands() -> Iterator[str]:
    """Paths of the console's POST routes, without the types of their parameters."""
    for handler in CONSOLE:
        assert isinstance(handler, HTTPRouteHandler)
        if "POST" in handler.http_methods:
            yield from (re.sub(r":(uuid|str)", "", path) for path in handler.paths)


def of_a_person() -> set[str]:
    """The first column of the page's table: commands that have no call, each with its reason."""
    part = PAGE.split("## What only a person does")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in part.splitlines() if line.startswith("| `")]
    assert all(len(reason.strip()) > 15 for _, reason in rows)
    return {path for paths, _ in rows for path in re.findall(r"`([^`]+)`", paths)}


@pytest.mark.parametrize("path", sorted(commands()))
def test_every_command_of_the_console_has_a_call_or_a_reason(path: str) -> None:
    assert (path in EQUAL) != (path in of_a_person())


def test_nothing_is_listed_that_is_not_there() -> None:
    calls = {route.name.replace(ROOT, "") for route in routes()}
    known = set(commands())
    assert set(EQUAL.values()) <= calls
    assert set(EQUAL) <= known and of_a_person() <= known
