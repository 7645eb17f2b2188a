"""What the signed-in person reads and does: check-ins, contacts, plan, results, messages, wishes, who may help."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response
from sqlalchemy.exc import IntegrityError

from api.patient import examples
from api.patient.calls import READ, ROOT, WRITE, Call, tagged, within
from api.patient.signing_in import CodeAsked, CodeForm
from api.staff.calls import Items, Key
from api.wiring import Deps
from kernel.errors import Invalid
from kernel.web import access, errors, idempotency
from kernel.web.context import WebRequest
from messaging.patient_access import answers, check_ins, codes, messages, own
from messaging.patient_access.answers import GivenAnswer, Submission
from messaging.patient_access.check_ins import CheckInForm
from messaging.patient_access.messages import Line, Written
from messaging.patient_access.own import Contact, DueCheckIn, PastResult, PatientPlan, Preferences
from registry.organisation import queries as organisation
from registry.patients import own as own_record
from registry.patients.own import OwnWishes
from registry.phones import BadNumber, e164
from registry.related_people import service as related
from registry.related_people.service import RelatedPersonLine


class AnswersForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answers: tuple[GivenAnswer, ...]


class MessageForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: str


class NewNumberForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`agrees_to_texts`: to texts on the new number, in the words of `agreement` in the preferences."""

    request: str
    code: str
    agrees_to_texts: bool


class SafetyForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`code_word`: said first by whoever calls from the clinic; null for none. `safe_to_text` false ends texts and this
    sign-in, since somebody else reads along."""

    code_word: str | None = None
    safe_to_text: bool = True


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
    """All is filed or nothing. A 422 says `crisis: true` when the body held an answer that calls for the help lines: the
    care team was told of it although nothing was filed."""
    body_hash = idempotency.body_hash(await request.body())

    async def body(call: Call) -> Submission:
        known = await check_ins.recall(call.tx, call.who, idempotency_key, f"{check_in_id} {body_hash}")
        if known is not None:
            return known
        filed = await answers.submit(call.tx, call.who, check_in_id, data.answers, now=call.now)
        await check_ins.remember(
            call.tx, call.who, idempotency_key, f"{check_in_id} {body_hash}", filed, now=call.now
        )
        return filed

    try:
        return Response(await within(request, deps, body))
    except IntegrityError:
        if idempotency_key is None:
            raise
        return Response(await within(request, deps, body))  # the other of two at once has filed it by now
    except Invalid as refused:
        return await _refused(request, deps, check_in_id, data, refused)


async def _refused(
    request: WebRequest, deps: Deps, check_in_id: UUID, data: AnswersForm, refused: Invalid
) -> Response[Any]:
    async def body(call: Call) -> bool:
        return await answers.hear_unsaved(call.tx, call.who, check_in_id, data.answers, now=call.now)

    crisis = await within(request, deps, body)
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
) -> Written:
    """A person reads it the same working day. `crisis`: show the help lines now. At most twenty a day."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= idempotency.MAX_LENGTH:
        raise Invalid.field("Idempotency-Key", f"needs 1 to {idempotency.MAX_LENGTH} characters")

    async def body(call: Call) -> Written:
        return await messages.write(call.tx, call.who, data.body, key=idempotency_key, now=call.now)

    return await within(request, deps, body)


@get(f"{ROOT}/preferences", opt=access.DEVICE, tags=["wishes"], summary="How to reach the patient", **READ)
async def preferences(request: WebRequest, deps: NamedDependency[Deps]) -> Response[Preferences]:
    async def body(call: Call) -> Preferences:
        return await own.preferences(call.tx, call.who, now=call.now)

    return tagged(request, await within(request, deps, body))


@put(f"{ROOT}/preferences", opt=access.DEVICE, tags=["wishes"], summary="Change how to be reached", **WRITE)
async def change_preferences(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[OwnWishes, BodyKwarg(examples=examples.PREFERENCES)],
) -> Preferences:
    """All four are replaced. A language without an approved questionnaire needs channel `phone`."""

    async def body(call: Call) -> Preferences:
        await own.change_wishes(call.tx, call.who, data, now=call.now, outreach=deps.outreach)
        return await own.preferences(call.tx, call.who, now=call.now)

    return await within(request, deps, body)


@put(
    f"{ROOT}/safety",
    opt=access.DEVICE,
    status_code=204,
    tags=["wishes"],
    summary="Code word; whether texts are safe",
    **WRITE,
)
async def change_safety(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[SafetyForm, BodyKwarg(examples=examples.SAFETY)],
) -> None:
    async def body(call: Call) -> None:
        who = call.who
        own.require_own(who)
        await own_record.set_code_word(call.tx, who.actor, who.patient_id, data.code_word, now=call.now)
        if not data.safe_to_text:
            await own.unsafe_to_text(call.tx, who, now=call.now)

    await within(request, deps, body)


@post(
    f"{ROOT}/texting/stops",
    opt=access.DEVICE,
    status_code=204,
    tags=["wishes"],
    summary="End all texts",
    **WRITE,
)
async def stop_texts(request: WebRequest, deps: NamedDependency[Deps]) -> None:
    """The same as texting STOP, so codes to sign in end with it too."""

    async def body(call: Call) -> None:
        await messages.stop_texts(call.tx, call.who, now=call.now)

    await within(request, deps, body)


@post(
    f"{ROOT}/texting/agreements",
    opt=access.DEVICE,
    status_code=204,
    tags=["wishes"],
    summary="Agree to texts",
    **WRITE,
)
async def agree_to_texts(request: WebRequest, deps: NamedDependency[Deps]) -> None:
    """To links and reminders. After a STOP only a text START from the number itself opens it again."""

    async def body(call: Call) -> None:
        await own.agree_to_texts(call.tx, call.who, now=call.now)

    await within(request, deps, body)


@post(
    f"{ROOT}/number/codes",
    opt=access.DEVICE,
    status_code=202,
    tags=["wishes"],
    summary="A code to a new number",
    **WRITE,
)
async def ask_new_number(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[CodeForm, BodyKwarg(examples=examples.NUMBER)],
) -> CodeAsked:
    try:
        number = e164(data.phone)
    except BadNumber as bad:
        raise Invalid.field("phone", str(bad)) from None
    secret = deps.new_token()

    async def body(call: Call) -> codes.Asked:
        own.require_own(call.who)
        return await codes.ask_for_new_number(
            call.tx, call.who.account, number, secret=secret, new_code=deps.new_code, now=call.now
        )

    asked = await within(request, deps, body)
    return CodeAsked(asked.secret, asked.expires_at)


@put(f"{ROOT}/number", opt=access.DEVICE, tags=["wishes"], summary="Change to the proven number", **WRITE)
async def change_number(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[NewNumberForm, BodyKwarg(examples=examples.NEW_NUMBER)],
) -> Preferences:
    """Every other device is signed out."""

    async def body(call: Call) -> Preferences | None:
        proven = await codes.prove_new_number(
            call.tx, call.who.account, data.request, data.code.strip(), now=call.now
        )
        if proven is None:
            return None
        await own.change_number(
            call.tx, call.who, proven, agrees=data.agrees_to_texts, now=call.now, outreach=deps.outreach
        )
        return await own.preferences(call.tx, call.who, now=call.now)

    changed = await within(request, deps, body)
    if changed is None:
        raise Invalid.field("code", "is wrong, used or expired")
    return changed


@get(
    f"{ROOT}/related-people",
    opt=access.DEVICE,
    tags=["wishes"],
    summary="Who may act for the patient",
    **READ,
)
async def related_people(
    request: WebRequest, deps: NamedDependency[Deps]
) -> Response[Items[RelatedPersonLine]]:
    async def body(call: Call) -> Items[RelatedPersonLine]:
        own.require_own(call.who)
        return Items(await related.related_people(call.tx, call.who.actor, call.who.patient_id, now=call.now))

    return tagged(request, await within(request, deps, body))


@delete(
    f"{ROOT}/related-people/{{person_id:uuid}}",
    opt=access.DEVICE,
    tags=["wishes"],
    summary="End what a person may do",
    **WRITE,
)
async def revoke_related(request: WebRequest, deps: NamedDependency[Deps], person_id: FromPath[UUID]) -> None:
    """At once. What the law gives, only the clinic ends."""

    async def body(call: Call) -> None:
        own.require_own(call.who)
        await related.revoke(call.tx, call.who.actor, call.who.patient_id, person_id, now=call.now)

    await within(request, deps, body)


ROUTES: tuple[Any, ...] = (
    help_lines, due, check_in, submit, contacts, plan, results, read_messages, write_message, preferences,
    change_preferences, change_safety, stop_texts, agree_to_texts, ask_new_number, change_number, related_people,
    revoke_related,
)  # fmt: skip
