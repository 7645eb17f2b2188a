"""Tools of assessment as forms, and what was found with them as cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kernel.web.forms import Pairs
from registry.safety.packs import ON_PAPER, Field, Pack
from registry.safety.queries import AssessmentLine
from staff_console.formstate import Choice
from staff_console.pages import Visit
from staff_console.safety.forms import ANSWER, LEVELS
from staff_console.safety.views import AssessmentCard, Fact, Tool, ToolField

PAPER_TITLE: Final = "C-SSRS on the clinic's own form"


def tools(packs: Sequence[Pack]) -> tuple[Tool, ...]:
    """The built-in questions first, paper last."""
    known = tuple(Tool(pack.id, pack.title, tuple(_field(field) for field in pack.fields)) for pack in packs)
    return (*known, Tool(ON_PAPER, PAPER_TITLE, ()))


def answers(fields: Pairs, tool: str, packs: Iterable[Pack]) -> dict[str, str]:
    """What was typed for the chosen tool; another tool's fields on the same page are left alone."""
    asked = {field.id for pack in packs if pack.id == tool for field in pack.fields}
    given = {name.removeprefix(ANSWER): value.strip() for name, value in fields if name.startswith(ANSWER)}
    return {name: value for name, value in given.items() if name in asked and value}


def cards(visit: Visit, found: Iterable[AssessmentLine], packs: Sequence[Pack]) -> tuple[AssessmentCard, ...]:
    known = {pack.id: pack for pack in packs}
    return tuple(_card(visit, line, known.get(line.tool)) for line in found)


def title(tool: str, version: str, packs: Mapping[str, Pack]) -> str:
    if tool == ON_PAPER:
        return PAPER_TITLE
    pack = packs.get(tool)
    return f"{tool if pack is None else pack.title}, version {version}"


def _field(field: Field) -> ToolField:
    choices = tuple(Choice(choice.value, choice.label) for choice in field.choices)
    return ToolField(f"{ANSWER}{field.id}", field.label, field.kind, choices, field.required)


def _card(visit: Visit, line: AssessmentLine, pack: Pack | None) -> AssessmentCard:
    same = pack if pack is not None and pack.version == line.tool_version else None
    return AssessmentCard(
        at=visit.at(line.at),
        by=line.by_name,
        tool=title(line.tool, line.tool_version, {} if pack is None else {pack.id: pack}),
        level=LEVELS[line.level],
        suggested="" if line.suggested is None else LEVELS[line.suggested],
        level_reason=line.level_reason or "",
        mitigation=line.mitigation or "",
        answers=tuple(_answered(line.answers, same)),
    )


def _answered(answers: Mapping[str, str], pack: Pack | None) -> Iterable[Fact]:
    fields = {} if pack is None else {field.id: field for field in pack.fields}
    for name, value in answers.items():
        field = fields.get(name)
        labels = {} if field is None else {choice.value: choice.label for choice in field.choices}
        yield Fact(name if field is None else field.label, labels.get(value, value))
