"""A clinic's own rule sets: what there is, trying a document on two months, bringing it in."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta

from billing.own_rules import service
from billing.own_rules.rules import LONGEST_DOCUMENT
from billing.own_rules.service import RULE_KEEPERS, Known
from billing.own_rules.trial import MonthTrial, RuleSetOutcome, Trial, trial
from kernel.errors import DomainError, Invalid, NotFound, Problem
from kernel.web import access, forms
from kernel.web.context import WebRequest
from staff_console.billing.views import RuleSetLine, RuleSetsPage, TrialMonth, TrialRow
from staff_console.deps import ConsoleDeps
from staff_console.formats import month_text
from staff_console.formstate import FormState, filled
from staff_console.pages import View, Visit, query, read_again, said, show, submit, within
from staff_console.refusals import typed

Console = NamedDependency[ConsoleDeps]
STAFF: Final = access.staff(*RULE_KEEPERS)
PATH: Final = "/billing/rule-sets"
LABELS: Final = {"document": "The rule set", "payers": "Payers"}


class Asked(msgspec.Struct, frozen=True):
    """`from_` is the rule id of the version from which the document begins."""

    from_: str | None = msgspec.field(default=None, name="from")


class RuleSetForm(msgspec.Struct, frozen=True):
    """`payers`: one a line, as coverages name them."""

    document: Annotated[str, Meta(max_length=LONGEST_DOCUMENT)]
    payers: str = ""

    @property
    def assigned_to(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self.payers.splitlines() if line.strip())


@get(PATH, opt=STAFF)
async def rule_sets_page(request: WebRequest, console: Console) -> Response[str]:
    asked = query(request, Asked)

    async def read(visit: Visit) -> View:
        begun = await service.document(visit.tx, visit.actor, asked.from_) if asked.from_ else ""
        return await _page(visit, filled("rules", document=begun))

    return await show(request, console, read)


@get(f"{PATH}/{{rule_id:str}}", opt=STAFF)
async def rule_set_file(request: WebRequest, console: Console, rule_id: FromPath[str]) -> Response[bytes]:
    """`own_payer@1.json`: the version in full, as a packet carries it."""
    name, dot, suffix = rule_id.rpartition(".")
    if (dot, suffix) != (".", "json"):
        raise NotFound("a file of that name")

    async def read(visit: Visit) -> str:
        return await service.document(visit.tx, visit.actor, name)

    text = await within(request, console, read)
    disposition = f'attachment; filename="{name}.json"'
    return Response(
        text.encode(), media_type="application/json", headers={"content-disposition": disposition}
    )


@post(f"{PATH}/try", opt=STAFF)
async def try_out(request: WebRequest, console: Console) -> Response[str]:
    """Keeps nothing, so it answers with the page itself."""

    async def read(visit: Visit) -> View:
        try:
            form = await forms.read(request, RuleSetForm)
            tried = await trial(visit.tx, visit.actor, form.document, form.assigned_to, now=visit.now)
        except Invalid as error:
            return await _refused(visit, error)
        return await _page(visit, typed("rules", await forms.pairs(request)), tried)

    return await show(request, console, read)


@post(PATH, opt=STAFF)
async def bring_in(request: WebRequest, console: Console) -> Response[Any]:
    async def do(visit: Visit) -> str:
        form = await forms.read(request, RuleSetForm)
        await service.bring_in(visit.tx, visit.actor, form.document, form.assigned_to, now=visit.now)
        return said(PATH, "rule_set_kept")

    return await submit(request, console, do, _refused)


async def _refused(visit: Visit, error: DomainError) -> View:
    """A problem with a field of the document stands at the document, with the field's own name."""
    if isinstance(error, Invalid):
        inside = [each for each in error.problems if each.field not in LABELS]
        words = "; ".join(f"{each.field} {each.message}" for each in inside)
        outside = [each for each in error.problems if each.field in LABELS]
        named = [Problem("document", f"can't be used: {words}")] if inside else []
        error = Invalid(*named, *outside)
    return await _page(visit, await read_again(visit, "rules", error, LABELS, {"payer": "payers"}))


async def _page(visit: Visit, form: FormState, tried: Trial | None = None) -> View:
    known = await service.known(visit.tx, visit.actor)
    page = RuleSetsPage(
        form=form,
        own=tuple(_line(visit, each) for each in known if each.brought_in_at is not None),
        shipped=tuple(_line(visit, each) for each in known if each.brought_in_at is None),
        tried="" if tried is None else f"{tried.rule_set.title} ({tried.rule_set.rule_id})",
        months=() if tried is None else tuple(_month(each) for each in tried.months),
    )
    return View("billing/rule_sets.html", page, "billing")


def _line(visit: Visit, known: Known) -> RuleSetLine:
    rules = known.rule_set
    ends = "" if rules.effective_to is None else f" to {rules.effective_to}"
    return RuleSetLine(
        rule_id=rules.rule_id,
        title=rules.title,
        payer=", ".join(part for part in (rules.payer, rules.plan) if part),
        holds=f"from {rules.effective_from}{ends}",
        source=rules.source.strip(),
        by=f"{known.brought_in_by or rules.author}",
        at=None if known.brought_in_at is None else visit.at(known.brought_in_at),
        sha256=known.sha256,
    )


def _month(month: MonthTrial) -> TrialMonth:
    return TrialMonth(
        month=month_text(str(month.month)),
        closed=month.closed,
        reached=f"{month.reached} of {month.patient_months} patient-months would come under it; "
        f"lines, minutes or status change in {month.changed}.",
        rows=tuple(
            TrialRow(
                each.name,
                f"/billing/{month.month}/people/{each.patient_id}",
                _words(each.before),
                _words(each.after),
            )
            for each in month.changes
        ),
        unnamed=month.changed - len(month.changes),
    )


def _words(outcome: RuleSetOutcome) -> str:
    return f"{outcome.lines}, {outcome.minutes} min, {outcome.status} ({outcome.rule_id})"


ROUTES: Final = [rule_sets_page, rule_set_file, try_out, bring_in]
