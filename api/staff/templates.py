"""What a clinic's notes start with, and its rule about giving up on a patient who is not reached."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath

from api.staff.calls import READ, ROOT, WRITE, Call, Items, within
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CLINICAL
from registry.contacts import templates
from registry.contacts.forms import ContactKind
from registry.contacts.templates import Template
from registry.disengagement import service as disengagement
from registry.disengagement.rules import Policy

TEMPLATES: Final = f"{ROOT}/note-templates"
RULE: Final = f"{ROOT}/closing-rule"
_BODY: Final = [
    Example(summary="A call", value={"body": "Since the last contact:\nAgreed plan:\n", "version": 0})
]
_RULE: Final = [
    Example(
        summary="Three tries by two ways over three weeks",
        value={"attempts": 3, "channels": 2, "days": 21, "lead_approves": True},
    )
]


class TemplateForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`version` is the one that was looked at; 0 is the one that ships."""

    body: str
    version: int


class ClosingRule(Policy, frozen=True, forbid_unknown_fields=True):
    """A patient is proposed for closing after `attempts` tries by `channels` ways over `days` days. `lead_approves`: only
    a clinic lead or a clinician closes."""


@get(TEMPLATES, opt=access.token(*CLINICAL), tags=["clinic"], summary="What notes start with", **READ)
async def note_templates(request: WebRequest, deps: NamedDependency[Deps]) -> Items[Template]:
    """One for each kind of contact."""

    async def body(call: Call) -> Items[Template]:
        return Items(tuple((await templates.templates(call.tx, call.actor)).values()))

    return await within(request, deps, body)


@put(
    f"{TEMPLATES}/{{kind:str}}", opt=access.token("clinic_lead"), tags=["clinic"],
    summary="Change what notes start with", **WRITE,
)  # fmt: skip
async def set_template(
    request: WebRequest,
    deps: NamedDependency[Deps],
    kind: FromPath[ContactKind],
    data: Annotated[TemplateForm, BodyKwarg(examples=_BODY)],
) -> Template:
    """As a new version; notes that were written stay as they are."""

    async def body(call: Call) -> Template:
        await templates.set_template(call.tx, call.actor, kind, data.body, data.version, now=call.now)
        return (await templates.templates(call.tx, call.actor))[kind]

    return await within(request, deps, body)


async def _rule(call: Call) -> ClosingRule:
    return ClosingRule(**msgspec.structs.asdict(await disengagement.policy(call.tx, call.actor)))


@get(RULE, opt=access.token(*CLINICAL), tags=["clinic"], summary="The rule about giving up", **READ)
async def closing_rule(request: WebRequest, deps: NamedDependency[Deps]) -> ClosingRule:
    """It proposes; a person decides, see a patient's closing."""
    return await within(request, deps, _rule)


@put(
    RULE, opt=access.token("clinic_lead"), tags=["clinic"], summary="Change the rule about giving up", **WRITE
)
async def set_closing_rule(
    request: WebRequest,
    deps: NamedDependency[Deps],
    data: Annotated[ClosingRule, BodyKwarg(examples=_RULE)],
) -> ClosingRule:
    """All of it: a number that is left out goes back to its default."""

    async def body(call: Call) -> ClosingRule:
        await disengagement.set_policy(call.tx, call.actor, data, now=call.now)
        return await _rule(call)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (note_templates, set_template, closing_rule, set_closing_rule)
