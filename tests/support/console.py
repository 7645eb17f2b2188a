"""Clinics with signed-in people for tests of the console, and what the database says afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from api.wiring import Deps
from kernel.audit import Actor, AuditEvent, Role
from kernel.web import sessions
from messaging.conversation.inbound import Inbound
from messaging.conversation.service import receive
from registry.measures import service as measures
from registry.measures.rules import ItemsForm
from registry.organisation import queries
from tests.support import app as support
from tests.support.app import Clinic
from tests.support.colleague import Colleague

COOKIE = "evenkeel"
CALM = (1, 1, 1, 1, 1, 1, 0, 0, 0)
LOW = (2, 2, 2, 2, 2, 2, 1, 0, 0)


@asynccontextmanager
async def signed_in(
    deps: Deps, clinic: Clinic, role: Role = "care_manager", app: Any = None
) -> AsyncIterator[Colleague]:
    """A browser with a session of its own, without going through the sign-in pages (they have their own tests)."""
    secret = deps.new_token()
    async with deps.system_db.begin() as tx:
        await sessions.start(
            tx,
            clinic.staff[role],
            clinic.id,
            "full",
            secret=secret,
            csrf=deps.new_token(),
            now=deps.clock.now(),
        )
    async with support.browser(deps, app) as client:
        client.cookies.set(COOKIE, secret, domain="testserver.local")
        yield Colleague(client, deps)


async def actor(deps: Deps, clinic: Clinic, role: Role = "care_manager") -> Actor:
    async with deps.system_db.begin() as tx:
        found = await queries.actor_for(tx, clinic.staff[role], clinic.id)
    assert found is not None
    return found


ENROLMENT: dict[str, Any] = {
    "family_name": "Aldercott",
    "given_name": "Maren",
    "birth_date": "1984-04-09",
    "mrn": "40117",
    "referred_by": "Dr. Osei",
    "referral_reason": "Low mood since spring",
    "target_condition": "F33.1",
    "initiating_visit_on": "2026-02-20",
    "initiating_visit_code": "99214",
    "eligible": "yes",
    "risk_asked": "yes",
    "consent_method": "verbal",
    "consent_at": "10:00",
    "phone": "206-555-0123",
    "phone_private": "yes",
    "texting": "link_only",
    "channel": "sms_link",
    "second_channel": "phone",
    "next_on": "2026-03-09",
    "next_at": "14:00",
    "next_purpose": "How the first week went",
    "payer": "Cascade Health Plan",
    "coverage_from": "2026-01-01",
}


def team(clinic: Clinic) -> dict[str, str]:
    return {
        "treating_clinician_id": str(clinic.staff["clinician"]),
        "care_manager_id": str(clinic.staff["care_manager"]),
        "consultant_id": str(clinic.staff["consultant"]),
    }


async def enrols(dana: Colleague, clinic: Clinic, **changes: Any) -> UUID:
    """Through the page's own form."""
    await dana.opens("/enrol")
    await dana.submits("/enrol", **(ENROLMENT | team(clinic) | changes))
    assert dana.status == 200, dana.errors
    assert dana.path.startswith("/patients/"), (dana.path, dana.errors)
    return UUID(dana.path.split("/")[2].split("?")[0])


async def answers(
    deps: Deps, clinic: Clinic, patient_id: UUID, values: tuple[int, ...], on: date, instrument: str = "phq9"
) -> None:
    """A form filled in on paper and entered by the care manager."""
    form = ItemsForm(patient_id, instrument, dict(enumerate(values, 1)), on, "paper")
    who = await actor(deps, clinic)
    async with deps.system_db.begin() as tx:
        await measures.enter_items(tx, who, form, now=deps.clock.now(), alerts=deps.alerts)


async def texts(deps: Deps, clinic: Clinic, body: str, phone: str = "+12065550123") -> None:
    """A text that reaches the clinic's number."""
    async with deps.system_db.begin() as tx:
        sender = (await queries.senders(tx, clinic.id))[0]
        await receive(
            tx,
            Inbound(
                provider_sid=f"SM{deps.new_id().hex}",
                clinic_id=clinic.id,
                sender_id=sender.id,
                from_=phone,
                to=sender.number,
                body=body,
                media_count=0,
                received_at=deps.clock.now(),
                via="simulator",
            ),
            now=deps.clock.now(),
            ports=deps.conversation,
        )


async def count(deps: Deps, table: Any, *where: Any) -> int:
    async with deps.system_db.begin() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(*where)))


async def audited(deps: Deps, **where: Any) -> list[str]:
    """Actions of the audit log, oldest first."""
    wheres = [getattr(AuditEvent, name) == value for name, value in where.items()]
    async with deps.system_db.begin() as tx:
        rows = await tx.all(select(AuditEvent.action).where(*wheres).order_by(AuditEvent.seq))
    return [row.action for row in rows]
