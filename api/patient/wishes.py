"""How the signed-in patient wants to be reached, what is safe, and who may help."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath
from litestar.response import Response

from api.patient import examples
from api.patient.calls import READ, ROOT, WRITE, Call, tagged, within
from api.patient.signing_in import CodeAsked, CodeForm
from api.staff.calls import Items
from api.wiring import Deps
from kernel.errors import Invalid
from kernel.web import access
from kernel.web.context import WebRequest
from messaging.patient_access import changes, codes, messages, own
from messaging.patient_access.own import Preferences
from registry.patients import own as own_record
from registry.patients.own import OwnWishes
from registry.phones import BadNumber, e164
from registry.related_people import service as related
from registry.related_people.service import RelatedPersonLine


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
        await changes.change_wishes(call.tx, call.who, data, now=call.now, outreach=deps.outreach)
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
            await changes.unsafe_to_text(call.tx, who, now=call.now)

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
        await changes.agree_to_texts(call.tx, call.who, now=call.now)

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
        await changes.change_number(
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
    preferences, change_preferences, change_safety, stop_texts, agree_to_texts, ask_new_number, change_number,
    related_people, revoke_related,
)  # fmt: skip
