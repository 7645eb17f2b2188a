"""Rules, flags and steps of one patient, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from registry.access import CARE
from registry.flags.facts import Outcome, Result
from registry.flags.thresholds import Thresholds
from registry.flags.words import explain
from registry.stepped_care.queries import ProposalLine
from registry.stepped_care.service import BACK
from registry.treatment_changes.rules import Change
from registry.worklist.judging import Judged
from registry.worklist.queries import Line
from staff_console import formats, people
from staff_console.formstate import FormState
from staff_console.marks import Shape, Tone
from staff_console.pages import Visit
from staff_console.seen import sealed
from staff_console.steps.views import ChangeLine, RuleLine, StepLine, StepsPage

STATES: Final[dict[Outcome, tuple[str, Shape, Tone]]] = {
    "met": ("Met", "triangle", "warn"),
    "not_met": ("Not met", "check", "quiet"),
    "unknown": ("Can't be judged", "ring", "warn"),
    "not_applicable": ("Does not apply", "cross", "quiet"),
}
SOURCES: Final = {
    "contact": "said in a contact",
    "review": "from a case review",
    "elsewhere": "made elsewhere",
}
FLAGS: Final = {"safety": "Safety", "discuss": "Discuss at the next case review"}


def page(
    visit: Visit,
    name: tuple[str, str],
    judged: Judged,
    line: Line | None,
    proposals: Sequence[ProposalLine],
    changes: Sequence[Change],
    refused: FormState | None,
) -> StepsPage:
    lines = [_step(visit, proposal, refused) for proposal in proposals]
    last = _last_phase(proposals, "" if line is None else line.status)
    if visit.actor.has(*CARE):
        lines = [msgspec.structs.replace(one, may_take_back=one.id == last) for one in lines]
    home = people.patient_href(judged.patient_id)
    return StepsPage(
        patient=people.name(*name),
        patient_href=home,
        day=formats.day(judged.day),
        as_of=visit.at(visit.now),
        flags=() if line is None else people.flags(visit, line),
        rules=tuple(_rule(result, judged.numbers) for result in judged.results),
        open=tuple(one for one in lines if one.state == "open"),
        past=tuple(one for one in lines if one.state != "open"),
        changes=tuple(_change(change) for change in reversed(changes)),
        flags_action=f"{home}/flags",
        flags_form=refused if refused is not None and refused.id == "flags" else flags_form(judged),
        may_decide=visit.actor.has(*CARE),
        may_mark=visit.actor.has(*CARE, "consultant") and line is not None,
    )


def flags_form(judged: Judged) -> FormState:
    flags = {"safety": judged.safety_flag, "discuss": judged.discuss_flag}
    return sealed(FormState("flags", {name: ("yes",) if on else () for name, on in flags.items()}))


def _last_phase(proposals: Sequence[ProposalLine], status: str) -> str:
    """The id of the step that led into the present phase; empty when something else did."""
    taken = [one for one in proposals if one.state == "accepted" and one.kind in BACK]
    newest = max(taken, key=lambda one: one.decided_at or one.proposed_at, default=None)
    return str(newest.id) if newest is not None and BACK[newest.kind][0] == status else ""


def _input(value: object) -> str:
    """A day as everywhere on the page; rules keep it as ISO."""
    if value is None:
        return "none"
    try:
        return formats.day(date.fromisoformat(str(value))).text
    except ValueError:
        return str(value)


def _rule(result: Result, numbers: Thresholds) -> RuleLine:
    word, shape, tone = STATES[result.outcome]
    return RuleLine(
        id=result.rule,
        version=result.version,
        state=word,
        shape=shape,
        tone=tone,
        sentence=result.sentence,
        rule=explain(result.rule, numbers),
        inputs=tuple((key.replace("_", " "), _input(value)) for key, value in result.inputs.items()),
    )


def _step(visit: Visit, found: ProposalLine, refused: FormState | None) -> StepLine:
    form_id = f"step-{found.id}"
    form = refused if refused is not None and refused.id == form_id else FormState(form_id)
    return StepLine(
        id=str(found.id),
        title=found.label,
        sentence=found.sentence,
        rule=f"{found.rule}, version {found.rule_version}",
        from_on=formats.day(found.from_on),
        due_on=formats.day(found.due_on),
        late=found.state == "open" and _past(found.due_on, visit.today),
        state=found.state,
        decided=_decided(visit, found),
        form=form,
        review_at=None if found.review_at is None else visit.at(found.review_at),
    )


def _past(due: date, today: date) -> bool:
    return due < today


def _decided(visit: Visit, found: ProposalLine) -> str:
    if found.decided_at is None:
        return ""
    when = visit.at(found.decided_at).day.text
    if found.state == "settled":
        return f"Settled {when}: it came about, or no longer holds."
    reason = f": {found.reason}" if found.reason else "."
    return f"{found.state.capitalize()} {when} by {found.decided_by or 'another system'}{reason}"


def _change(change: Change) -> ChangeLine:
    who = f"{SOURCES[change.source]}, recorded by {change.recorded_by or 'another system'}"
    return ChangeLine(change.number, formats.day(change.on), f"{change.label}: {change.what}", who)
