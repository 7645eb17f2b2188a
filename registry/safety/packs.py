"""Assessment packs: the questions of a structured assessment as data, what an answer suggests, and who may use them.

A pack is a JSON file. The one that is shipped has neutral questions of our own. Published instruments with a licence
of their own, such as the Columbia protocol, are imported by whoever holds the licence; their words are not shipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from kernel.errors import Invalid, Problem
from registry.safety.rules import RiskLevel, Tier
from registry.safety.wording import claims_freedom_from_risk

FORMAT: Final = "evenkeel.assessment-pack/1"
SHIPPED: Final = "structured"
ON_PAPER: Final = "cssrs"  # done on the clinic's own form: its findings and level are typed, not its items
MOST_FIELDS: Final = 60
MOST_CHOICES: Final = 20
LONGEST_LABEL: Final = 500
LONGEST_ANSWER: Final = 4_000
LARGEST_FILE: Final = 256 * 1024
LEVELS: Final[tuple[RiskLevel, ...]] = ("low", "moderate", "high")
_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,19}", re.ASCII)


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str
    label: str


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`choices` belongs to kind `choice` alone."""

    id: str
    label: str
    kind: Literal["choice", "text"] = "choice"
    choices: tuple[Choice, ...] = ()
    required: bool = True


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When each named field has one of the listed answers, the level is at least this, and the tier too."""

    level: RiskLevel
    tier: Tier
    when: dict[str, tuple[str, ...]]


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`licence` says by what right the words are used, `source` where they and the rules come from."""

    format: str
    id: str
    version: str
    title: str
    language: str
    licence: str
    source: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]


class Suggestion(msgspec.Struct, frozen=True):
    """What the answers come to by the pack's rules. Both are None when no rule speaks, which says nothing at all
    about the person."""

    level: RiskLevel | None
    tier: Tier | None


def read_pack(raw: bytes) -> Pack:
    """Raises Invalid with every problem, each named by its place in the file (`fields[2].id`)."""
    if len(raw) > LARGEST_FILE:
        raise Invalid.field("", f"is larger than {LARGEST_FILE // 1024} KB")
    try:
        pack = msgspec.json.decode(raw, type=Pack)
    except msgspec.MsgspecError as error:
        raise Invalid.field("", f"can't be read: {error}") from None
    problems = [*_head(pack), *_fields(pack), *_rules(pack)]
    if problems:
        raise Invalid(*problems)
    return pack


@cache
def shipped() -> Pack:
    """The neutral built-in questions."""
    return read_pack(resources.files("registry.safety").joinpath("structured.1.json").read_bytes())


def check_answers(pack: Pack, answers: Mapping[str, str]) -> tuple[Problem, ...]:
    """A problem for each answer that is missing, unknown or too long, at `answers.<field>`."""
    known = {field.id: field for field in pack.fields}
    found = [Problem(f"answers.{name}", "is not asked here") for name in answers if name not in known]
    for field in pack.fields:
        given = answers.get(field.id, "").strip()
        if not given:
            found += [Problem(f"answers.{field.id}", "is needed")] if field.required else []
        elif field.kind == "choice" and given not in {choice.value for choice in field.choices}:
            found.append(Problem(f"answers.{field.id}", "is not one of the choices"))
        elif len(given) > LONGEST_ANSWER:
            found.append(Problem(f"answers.{field.id}", f"is longer than {LONGEST_ANSWER} characters"))
    return tuple(found)


def suggest(pack: Pack, answers: Mapping[str, str]) -> Suggestion:
    """The highest level and tier of all rules that hold."""
    holding = [
        rule
        for rule in pack.rules
        if all(answers.get(name, "").strip() in wanted for name, wanted in rule.when.items())
    ]
    if not holding:
        return Suggestion(None, None)
    level = max((rule.level for rule in holding), key=LEVELS.index)
    return Suggestion(level, max(rule.tier for rule in holding))


def is_below(level: RiskLevel, suggested: RiskLevel | None) -> bool:
    return suggested is not None and LEVELS.index(level) < LEVELS.index(suggested)


def _head(pack: Pack) -> Iterator[Problem]:
    if pack.format != FORMAT:
        yield Problem("format", f"must be {FORMAT}")
    if not _ID.fullmatch(pack.id):
        yield Problem("id", "needs small letters, digits and _")
    if pack.id == ON_PAPER:
        yield Problem("id", f"{ON_PAPER} stands for an assessment on paper")
    if not _VERSION.fullmatch(pack.version):
        yield Problem("version", "needs letters, digits, . and -")
    for name in ("title", "language", "licence", "source"):
        yield from _text(name, getattr(pack, name))


def _fields(pack: Pack) -> Iterator[Problem]:
    if not 1 <= len(pack.fields) <= MOST_FIELDS:
        yield Problem("fields", f"needs 1 to {MOST_FIELDS}")
    seen: set[str] = set()
    for at, field in enumerate(pack.fields):
        place = f"fields[{at}]"
        if not _ID.fullmatch(field.id):
            yield Problem(f"{place}.id", "needs small letters, digits and _")
        if field.id in seen:
            yield Problem(f"{place}.id", "stands there twice")
        seen.add(field.id)
        yield from _text(f"{place}.label", field.label)
        yield from _choices(place, field)


def _choices(place: str, field: Field) -> Iterator[Problem]:
    if field.kind == "text":
        if field.choices:
            yield Problem(f"{place}.choices", "belongs to fields of kind choice alone")
        return
    if not 2 <= len(field.choices) <= MOST_CHOICES:
        yield Problem(f"{place}.choices", f"needs 2 to {MOST_CHOICES}")
    seen: set[str] = set()
    for at, choice in enumerate(field.choices):
        if not _ID.fullmatch(choice.value) or choice.value in seen:
            yield Problem(f"{place}.choices[{at}].value", "needs small letters, digits and _, each once")
        seen.add(choice.value)
        yield from _text(f"{place}.choices[{at}].label", choice.label)


def _rules(pack: Pack) -> Iterator[Problem]:
    if not pack.rules:
        yield Problem("rules", "needs at least one")
    values = {field.id: {choice.value for choice in field.choices} for field in pack.fields}
    for at, rule in enumerate(pack.rules):
        if not rule.when:
            yield Problem(f"rules[{at}].when", "needs at least one field")
        for name, wanted in rule.when.items():
            if name not in values:
                yield Problem(f"rules[{at}].when.{name}", "is no field of this pack")
            elif not wanted or not set(wanted) <= values[name]:
                yield Problem(f"rules[{at}].when.{name}", "names an answer that the field doesn't have")


def _text(place: str, text: str) -> Iterator[Problem]:
    if not text.strip() or len(text) > LONGEST_LABEL:
        yield Problem(place, f"needs 1 to {LONGEST_LABEL} characters")
    if claims_freedom_from_risk(text):
        yield Problem(place, "must not call anybody free of risk")
