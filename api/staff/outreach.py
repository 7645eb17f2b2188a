"""How check-ins without answer are followed up: the clinic's ladder, a patient's e-mail address, what was tried."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath

from api.staff import examples
from api.staff.calls import PAGE, READ, ROOT, WRITE, Call, Items, Limit, within
from api.wiring import Deps
from kernel.errors import NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.consent import emails
from messaging.consent.emails import EmailFacts, EmailForm
from messaging.schedule import attempts
from messaging.schedule.attempts import OutreachAttempt
from registry.access import CARE, CLINICAL
from registry.organisation import ladder, queries
from registry.organisation.ladder import OutreachLadder

LADDER = f"{ROOT}/outreach-ladder"
EMAIL = f"{ROOT}/patients/{{patient_id:uuid}}/email"


async def _ladder(call: Call) -> OutreachLadder:
    clinic = await queries.clinic(call.tx, call.clinic_id)
    return ladder.outreach_ladder(clinic.settings)


@get(LADDER, opt=access.token(), tags=["outreach"], summary="The clinic's outreach ladder", **READ)
async def read_ladder(request: WebRequest, deps: NamedDependency[Deps]) -> OutreachLadder:
    """When an unanswered check-in is reminded of, on which channel, and when a person calls."""
    return await within(request, deps, _ladder)


@put(
    LADDER,
    opt=access.token("administrator", "clinic_lead"),
    tags=["outreach"],
    summary="Change the outreach ladder",
    **WRITE,
)
async def change_ladder(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[OutreachLadder, BodyKwarg(examples=examples.LADDER)],
) -> OutreachLadder:
    """Holds for the next step of every open check-in."""

    async def body(call: Call) -> OutreachLadder:
        await ladder.set_ladder(call.tx, call.actor, call.clinic_id, data, now=call.now)
        return await _ladder(call)

    return await within(request, deps, body)


@get(
    f"{ROOT}/patients/{{patient_id:uuid}}/outreach",
    opt=access.token(*CLINICAL),
    tags=["outreach"],
    summary="What was tried",
    **READ,
)
async def tried(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID], limit: Limit = PAGE
) -> Items[OutreachAttempt]:
    """Newest first: invitations, reminders and calls about check-ins, each with what is known of its outcome."""

    async def body(call: Call) -> Items[OutreachAttempt]:
        return Items(
            await attempts.outreach_attempts(call.tx, call.actor, patient_id, now=call.now, limit=limit)
        )

    return await within(request, deps, body)


async def _email(call: Call, patient_id: UUID) -> EmailFacts:
    found = await emails.current(call.tx, call.actor, patient_id, now=call.now)
    if found is None:
        raise NotFound("e-mail address")
    return found


@get(EMAIL, opt=access.token(*CLINICAL), tags=["outreach"], summary="A patient's e-mail address", **READ)
async def read_email(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> EmailFacts:
    """What was agreed to last. A 404 when no address was ever recorded."""
    return await within(request, deps, lambda call: _email(call, patient_id))


@put(EMAIL, opt=access.token(*CARE), tags=["outreach"], summary="Record an e-mail address", **WRITE)
async def record_email(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[EmailForm, BodyKwarg(examples=examples.EMAIL)],
) -> EmailFacts:
    """The patient agreed to get links there. It is used where e-mail is the patient's second channel."""

    async def body(call: Call) -> EmailFacts:
        await emails.record(call.tx, call.actor, patient_id, data, now=call.now)
        return await _email(call, patient_id)

    return await within(request, deps, body)


@post(
    f"{EMAIL}/withdraw",
    opt=access.token(*CARE),
    tags=["outreach"],
    summary="No more e-mails",
    status_code=200,
    **WRITE,
)
async def withdraw_email(
    request: WebRequest, deps: NamedDependency[Deps], patient_id: FromPath[UUID]
) -> EmailFacts:
    """Takes effect at once, also for e-mails that wait to leave."""

    async def body(call: Call) -> EmailFacts:
        await emails.withdraw(call.tx, call.actor, patient_id, now=call.now)
        return await _email(call, patient_id)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (read_ladder, change_ladder, tried, read_email, record_email, withdraw_email)
