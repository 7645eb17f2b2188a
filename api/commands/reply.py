"""`evenkeel reply`: what a text means where a conversation stands, and a clinic's own examples checked."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.commands.output import FOUND_SOMETHING, answer, json_option, refuse
from messaging.conversation.cases import LANGUAGES, InvalidCases, Mismatch, check_cases
from messaging.conversation.meaning import Reply, UnknownContext
from messaging.conversation.replies import PARSER_VERSION, default_labels, understand


class Understood(msgspec.Struct, frozen=True):
    """`notation` is the whole meaning on one line; the other fields are its parts."""

    notation: str
    kind: str
    value: int | None
    values: tuple[int, ...]
    suggested: int | None
    detail: str
    echo: bool
    note: bool
    risk: bool
    review: bool
    also_stop: bool
    language: str
    context: str
    parser_version: str


class Checked(msgspec.Struct, frozen=True):
    agrees: bool
    mismatches: list[Mismatch]


# Texts such as "-1" and "--" are data: an unknown option counts as the text.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("text", required=False)
@click.option("--language", default="en", show_default=True, help="The patient's language: en or es.")
@click.option(
    "--context",
    default="item",
    show_default=True,
    help="item, item9, item9_elsewhere, bulk9 (any number), confirm_bulk, optin, idle, expired, completed "
    "or opted_out.",
)
@click.option("--check", type=click.Path(path_type=Path), help="CSV of text,language,context,expected.")
@json_option
def command(text: str | None, language: str, context: str, check: Path | None, as_json: bool) -> None:
    """Say what TEXT means, as in answer:2 or ask:unclear. With --check, compare a file of examples."""
    if check is not None:
        if text is not None:
            refuse("give either TEXT or --check FILE")
        _check(check, as_json)
    elif text is None:
        refuse("TEXT is missing; or give --check FILE")
    else:
        _explain(text, language, context, as_json)


def _explain(text: str, language: str, context: str, as_json: bool) -> None:
    if language not in LANGUAGES:
        refuse(f"--language: must be one of {', '.join(LANGUAGES)}")
    try:
        reply = understand(text, context=context, language=language, labels=default_labels())
    except UnknownContext as error:
        refuse(f"--context: {error}")
    answer(_parts(reply, language, context), [reply.notation], as_json=as_json)


def _parts(reply: Reply, language: str, context: str) -> Understood:
    return Understood(
        notation=reply.notation,
        kind=reply.kind,
        value=reply.value,
        values=reply.values,
        suggested=reply.suggested,
        detail=reply.detail,
        echo=reply.echo,
        note=reply.note,
        risk=reply.risk,
        review=reply.review,
        also_stop=reply.also_stop,
        language=language,
        context=context,
        parser_version=PARSER_VERSION,
    )


def _check(path: Path, as_json: bool) -> None:
    try:
        found = check_cases(path)
    except InvalidCases as error:
        refuse(f"{path}: {error}")
    except OSError as error:
        refuse(f"{path}: can't be read ({error.strerror})")
    lines = [f"line {m.line}: {m.context}: expected {m.expected}, got {m.got}" for m in found]
    answer(Checked(not found, found), lines or ["every row agrees"], as_json=as_json)
    if found:
        raise SystemExit(FOUND_SOMETHING)
