"""The real application on a test's own database, with a clock that stands still and a provider that keeps a list.

Requests go through ASGI in the test's own event loop; no server, no worker loop.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec

from api.app import create_app
from api.webhooks.signature import SignatureCheck
from api.wiring import Deps
from kernel import log
from kernel.audit import Role, system
from kernel.ids import new_code, new_id, new_token
from kernel.queue import Silent
from kernel.settings import Settings
from messaging.conversation.service import Ports
from messaging.delivery.dispatch import no_probe
from messaging.delivery.outcomes import Accepted, Outcome
from messaging.escalation.service import ALERTS
from messaging.gateways.sms import FoundText, Listing, OutgoingText
from messaging.notices.service import NOTICES
from messaging.schedule.outreach import Schedule
from registry.organisation import accounts, service, tokens
from registry.organisation.passwords import Cost, Passwords
from registry.organisation.rules import ClinicForm, StaffForm
from tests.support import databases
from tests.support.clock import FakeClock

PUBLIC_URL = "http://testserver.local"
AUTH_TOKEN = "test-auth-token-of-32-characters"
ACCOUNT_SID = "AC" + "0" * 32
CHEAP = Passwords(Cost(time_cost=1, memory_kib=8, parallelism=1))


class ScriptedGateway:
    """Accepts every text, or answers with the next outcome a test has put into `outcomes`."""

    def __init__(self) -> None:
        self.sent: list[OutgoingText] = []
        self.outcomes: list[Outcome] = []

    async def send(self, text: OutgoingText) -> Outcome:
        self.sent.append(text)
        return self.outcomes.pop(0) if self.outcomes else Accepted(f"SM{len(self.sent):032d}", "queued")

    async def list_to(self, number: str) -> Listing:
        return Listing(200)

    async def list_inbound(self, our_number: str, since: datetime) -> Listing:
        return Listing(200)

    async def fetch(self, sid: str) -> FoundText | None:
        return None

    async def close(self) -> None:
        return None


class ListedMail:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        self.sent.append((to, body))
        return Accepted(f"mail-{message_id}", "sent")

    async def answers(self) -> bool:
        return True


def settings(url: str, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "mode": "test",
        "database_url": url,
        "public_url": PUBLIC_URL,
        "encryption_keys": (databases.TEST_KEY,),
        "lookup_key": databases.LOOKUP_KEY,
        "twilio_auth_tokens": (AUTH_TOKEN,),
        "twilio_account_sid": ACCOUNT_SID,
    }
    return Settings(**(values | changes))


@asynccontextmanager
async def test_deps(url: str, clock: FakeClock, **changes: Any) -> AsyncIterator[Deps]:
    log.configure()  # the library's default prints local variables
    system_db = databases.open_database(url)
    db = system_db if url.startswith("sqlite") else databases.open_database(url, "app")
    config = settings(url, **changes)
    try:
        yield Deps(
            settings=config,
            clock=clock,
            vault=databases.test_vault(),
            db=db,
            system_db=system_db,
            gateway=ScriptedGateway(),
            mailer=ListedMail(),
            doorbell=Silent(),
            bells=None,
            redis=None,
            signature=SignatureCheck(config.twilio_auth_tokens, config.public_url),
            passwords=CHEAP,
            alerts=ALERTS,
            outreach=Schedule(),
            notices=NOTICES,
            conversation=Ports(public_url=config.public_url, new_token=new_token),
            new_id=new_id,
            new_token=new_token,
            new_code=new_code,
            chance=random.Random(7).random,
            probe=no_probe,
        )
    finally:
        await system_db.close()
        if db is not system_db:
            await db.close()


test_deps.__test__ = False  # type: ignore[attr-defined]


def browser(deps: Deps, app: Any | None = None) -> httpx.AsyncClient:
    """Keeps cookies, follows no redirect by itself."""
    transport = httpx.ASGITransport(app=app or create_app(deps), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=deps.public_url)


class Clinic(msgspec.Struct, frozen=True):
    """A clinic with one person in each role, and what it takes to act as them."""

    deps: Deps
    id: UUID
    slug: str
    staff: Mapping[Role, UUID]
    tokens: Mapping[Role, str]

    def headers(self, role: Role = "care_manager", **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[role]}"} | more

    def enrolment(self, **changes: Any) -> dict[str, Any]:
        """The JSON body of an enrolment that has everything; names are invented."""
        body: dict[str, Any] = {
            "person": {
                "family_name": "Aldercott",
                "given_name": "Maren",
                "birth_date": "1987-04-12",
                "mrn": "T-1001",
            },
            "phone": {"phone": "+12065550123"},
            "preferences": {"language": "en", "zone": "America/Los_Angeles", "channel": "sms_link"},
            "team": {
                "treating_clinician_id": str(self.staff["clinician"]),
                "care_manager_id": str(self.staff["care_manager"]),
                "consultant_id": str(self.staff["consultant"]),
            },
            "target_condition": "F33.1",
            "care_consent": {
                "method": "verbal",
                "given_at": "2026-03-01T17:00:00Z",
                "recorded_by": "Dana Whitlock",
                "wording_version": "care-consent@1",
            },
            "texting_consent": {
                "basis": "consent",
                "content_level": "link_only",
                "method": "verbal",
                "wording_version": "texting-consent@1",
                "language": "en",
            },
            "coverage": [{"payer": "Cascade Health Plan", "valid_from": "2026-01-01"}],
            "initiating_visit": {"on": "2026-02-20", "code": "99214"},
            "referred_by": "Dr. Osei",
            "referral_reason": "Low mood since spring",
        }
        return body | changes


ROLES: tuple[Role, ...] = (
    "care_manager", "clinician", "consultant", "clinic_lead", "biller", "administrator",
)  # fmt: skip


async def found_clinic(deps: Deps, slug: str = "harbor", number: str = "+12065550100") -> Clinic:
    """The organisation is made with the first clinic."""
    now, operator = deps.clock.now(), system(None, "test")
    async with deps.system_db.begin() as tx:
        if slug == "harbor":
            await service.create_organisation(tx, operator, "Harbor Health", "standard", now=now)
        form = ClinicForm(
            slug=slug,
            name=f"{slug.title()} Street Family Medicine",
            text_name="Harbor Clinic",
            zone="America/Los_Angeles",
            support_phone="+12065550199",
            hours_text="Mon-Fri 9-5",
            privacy_url="https://harbor.example/privacy",
        )
        clinic_id = await service.create_clinic(tx, operator, form, now=now)
        await service.add_sender(tx, operator, clinic_id, number, now=now)
        staff: dict[Role, UUID] = {}
        keys: dict[Role, str] = {}
        for role in ROLES:
            person = StaffForm(f"{role.replace('_', ' ').title()} {slug}", f"{role}@{slug}.example")
            staff[role] = await accounts.create_staff(tx, operator, person, now=now)
            await accounts.grant_role(tx, operator, staff[role], clinic_id, role, now=now)
            key = await tokens.issue_token(
                tx, operator, clinic_id, role, role, expires_at=None, new_token=deps.new_token, now=now
            )
            keys[role] = key.token
        await service.set_default_responsible(tx, operator, clinic_id, staff["care_manager"], now=now)
    return Clinic(deps, clinic_id, slug, staff, keys)
