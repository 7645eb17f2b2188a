"""What the signed-in person reads and does: check-ins, contacts, plan, results, messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response
from sqlalchemy.exc import IntegrityError

from api.patient import examples
from api.patient.calls import READ, ROOT, WRITE, Call, tagged, within
from api.staff.calls import Items, Key
from api.wiring import Deps
from kernel.errors import Invalid
from kernel.web import access, errors, idempotency
from kernel.web.context import WebRequest
from messaging.patient_access import answers, check_ins, messages, own
from messaging.patient_access.answers import GivenAnswer, Submission
from messaging.patient_access.check_ins import CheckInForm
from messaging.patient_access.messages import Line, Written
from messaging.patient_access.own import Contact, DueCheckIn, PastResult, PatientPlan
from messaging.patient_access.sessions import SignedIn
from registry.organisation import queries as organisation

T = TypeVar("T")


class AnswersForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answers: tuple[GivenAnswer, ...]


class MessageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: str


class HelpLines(msgspec.Struct, frozen=True):
    """To be shown on every screen. The clinic reads messages in `hours`, not around the clock."""

    emergency: str
    crisis_line: str
    clinic_name: str
    clinic_phone: str
    hours: str


@get(f"{ROOT}/help", opt=access.DEVICE, tags=["care"], summary="Help lines", **READ)
async def help_lines(request: WebRequest, deps: NamedDependency[Deps]) -> Response[HelpLines]:
    async def body(call: Call) -> HelpLines:
        clinic = await organisation.clinic(call.tx, call.who.clinic_id)
        return HelpLines("911", "988", clinic.text_name, clinic.support_phone, clinic.hours_text)

    return tagged(request, await within(request, deps, body))


@get(f"{ROOT}/check-ins", opt=access.DEVICE, tags=["answers"], summary="Check-ins that wait", **READ)
async def due(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Items[DueCheckIn]]:
    async def body(call: Call) -> Items[DueCheckIn]:
        return Items(await own.due_check_ins(call.tx, call.who, now=call.now))

    return tagged(request, await within(request, deps, body))


@get(
    f"{ROOT}/check-ins/{{check_in_id:uuid}}",
    opt=access.DEVICE,
    tags=["answers"],
    summary="The questions",
    **READ,
)
async def check_in(
    request: WebRequest, deps: NamedDependency[Deps], check_in_id: FromPath[UUID]
) -> Response[CheckInForm]:
    """In the person's language, and which of them have an answer from any channel."""

    async def body(call: Call) -> CheckInForm:
        return await check_ins.form(call.tx, call.who, check_in_id, now=call.now)

    return tagged(request, await within(request, deps, body))


@post(
    f"{ROOT}/check-ins/{{check_in_id:uuid}}/answers",
    opt=access.DEVICE,
    status_code=200,
    tags=["answers"],
    summary="Answer one question, or all",
    **WRITE,
)
async def submit(
    request: WebRequest,
    deps: NamedDependency[Deps],
    check_in_id: FromPath[UUID],
    data: Annotated[AnswersForm, BodyKwarg(examples=examples.ANSWERS)],
    idempotency_key: Key = None,
) -> Response[Submission]:
    """All is filed or nothing. An error says `crisis: true` when the body held an answer that calls for the help lines:
    the care team was told of it although nothing was filed."""
    body_hash = idempotency.body_hash(await request.body())

    async def body(call: Call) -> Submission:
        known = await check_ins.recall(call.tx, call.who, idempotency_key, f"{check_in_id} {body_hash}")
        if known is not None:
            return known
        filed = await answers.submit(
            call.tx, call.who, check_in_id, data.answers, now=call.now, alerts=deps.alerts
        )
        await check_ins.remember(
            call.tx, call.who, idempotency_key, f"{check_in_id} {body_hash}", filed, now=call.now
        )
        return filed

    try:
        return Response(await _within_or_again(request, deps, body))
    except Exception as refused:  # whatever it was, an answer that alarms must reach somebody
        return await _refused(request, deps, check_in_id, data, refused)


async def _within_or_again(request: WebRequest, deps: Deps, body: Callable[[Call], Awaitable[T]]) -> T:
    try:
        return await within(request, deps, body)
    except IntegrityError:
        return await within(request, deps, body)  # the other of two at once has filed it by now


async def _refused(
    request: WebRequest, deps: Deps, check_in_id: UUID, data: AnswersForm, refused: Exception
) -> Response[Any]:
    """Past the limit of calls too: nobody is to be silent about what alarms."""
    who: SignedIn = request.state.patient
    crisis = await deps.db.run(
        lambda tx: answers.hear_unsaved(
            tx, who, check_in_id, data.answers, now=deps.clock.now(), alerts=deps.alerts
        ),
        who.clinic_id,
    )
    return _told(request, refused, crisis=crisis)


def _told(request: WebRequest, refused: Exception, *, crisis: bool) -> Response[Any]:
    answer: Response[Any] = errors.handle(request, refused)
    if crisis:
        answer.content["crisis"] = True
    return answer


@get(f"{ROOT}/contacts", opt=access.DEVICE, tags=["care"], summary="The next contact", **READ)
async def contacts(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Items[Contact]]:
    """None or one."""

    async def body(call: Call) -> Items[Contact]:
        found = await own.next_contact(call.tx, call.who, now=call.now)
        return Items(() if found is None else (found,))

    return tagged(request, await within(request, deps, body))


@get(f"{ROOT}/plan", opt=access.DEVICE, tags=["care"], summary="Goals and plan", **READ)
async def plan(request: WebRequest, deps: NamedDependency[Deps]) -> Response[PatientPlan]:
    async def body(call: Call) -> PatientPlan:
        return await own.plan(call.tx, call.who, now=call.now)

    return tagged(request, await within(request, deps, body))


@get(f"{ROOT}/results", opt=access.DEVICE, tags=["care"], summary="Past scores and answers", **READ)
async def results(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Items[PastResult]]:
    """Empty where the clinic does not show them."""

    async def body(call: Call) -> Items[PastResult]:
        return Items(await own.results(call.tx, call.who, now=call.now) or ())

    return tagged(request, await within(request, deps, body))


@get(f"{ROOT}/messages", opt=access.DEVICE, tags=["care"], summary="Messages with the care team", **READ)
async def read_messages(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Items[Line]]:
    """The newest fifty, oldest first."""

    async def body(call: Call) -> Items[Line]:
        return Items(await messages.thread(call.tx, call.who, now=call.now))

    return tagged(request, await within(request, deps, body))


@post(f"{ROOT}/messages", opt=access.DEVICE, tags=["care"], summary="Write to the care team", **WRITE)
async def write_message(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[MessageForm, BodyKwarg(examples=examples.MESSAGE)],
    idempotency_key: Key = None,
) -> Response[Written]:
    """A person reads it the same working day. `crisis`: show the help lines now. At most twenty a day, crisis words
    not counted. An error says `crisis: true` when the body held such words: the care team was told of them although
    no message was kept."""

    async def body(call: Call) -> Written:
        _check_key(idempotency_key)
        return await messages.write(
            call.tx, call.who, data.body, key=idempotency_key, now=call.now, alerts=deps.alerts
        )

    try:
        return Response(await _within_or_again(request, deps, body))
    except Exception as refused:  # whatever it was, crisis words must reach somebody
        return await _heard(request, deps, data, refused)


def _check_key(key: str | None) -> None:
    if key is not None and not 1 <= len(key) <= idempotency.MAX_LENGTH:
        raise Invalid.field("Idempotency-Key", f"needs 1 to {idempotency.MAX_LENGTH} characters")


async def _heard(request: WebRequest, deps: Deps, data: MessageForm, refused: Exception) -> Response[Any]:
    who: SignedIn = request.state.patient
    crisis = await deps.db.run(
        lambda tx: messages.hear_refused(tx, who, data.body, now=deps.clock.now(), alerts=deps.alerts),
        who.clinic_id,
    )
    return _told(request, refused, crisis=crisis)


ROUTES: tuple[Any, ...] = (
    help_lines, due, check_in, submit, contacts, plan, results, read_messages, write_message,
)  # fmt: skip
