"""A refused form shown again: what was typed, and each problem at its field in words that name the field."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.errors import DomainError, Invalid, Problem
from kernel.web.forms import Pairs
from staff_console.formstate import FormState

UNSEEN = frozenset({"_csrf", "_once"})


def typed(form_id: str, fields: Pairs) -> FormState:
    """The values as they came, nothing wrong yet."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        if name not in UNSEEN:
            values[name] = (*values.get(name, ()), value)
    return FormState(form_id, values)


def refused(
    form_id: str,
    fields: Pairs,
    error: DomainError,
    labels: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
) -> FormState:
    """`labels` names each field of the form in the order of the page; `renamed` leads from the record's field names
    to the form's. A problem with any other field, and a conflict, stands above the form."""
    shown = typed(form_id, fields)
    if not isinstance(error, Invalid):
        return FormState(form_id, shown.values, problem=sentence("", error.message))
    found: dict[str, str] = {}
    others: list[str] = []
    for problem in error.problems:
        name = _named(problem, renamed or {})
        if name in labels:
            found.setdefault(name, sentence(labels[name], problem.message))
        else:
            others.append(sentence(problem.field.replace("_", " "), problem.message))
    errors = {name: found[name] for name in labels if name in found}
    return FormState(form_id, shown.values, errors, " ".join(dict.fromkeys(others)))


def _named(problem: Problem, renamed: Mapping[str, str]) -> str:
    return renamed.get(problem.field, problem.field)


def sentence(label: str, message: str) -> str:
    """What is wrong, as a sentence that begins with the name of the field."""
    text = f"{label} {message}".strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")
