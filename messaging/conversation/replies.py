"""One inbound text, understood. Pure: the same text in the same place always means the same."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from messaging.consent.words import opt_out_in
from messaging.conversation.answers import Question, many_values, read_answer, unclear
from messaging.conversation.commands import command_in, request_in
from messaging.conversation.crisis import signals_in
from messaging.conversation.lexicon import Labels, answer_words
from messaging.conversation.meaning import Context, Kind, Reply, UnknownContext, parse_context
from messaging.conversation.normalise import see
from questionnaires.catalog import answer_labels

__all__ = [
    "PARSER_VERSION",
    "Context",
    "Kind",
    "Reply",
    "UnknownContext",
    "default_labels",
    "parse_context",
    "understand",
]

# Stored with every inbound text. Raise it when a rule or a word list changes what a text means.
PARSER_VERSION: Final = "2026.11-3"


def default_labels() -> dict[int, tuple[str, ...]]:
    """The answer labels of every shipped instrument and language, by value."""
    return answer_labels()


def understand(
    text: str, *, context: str | Context, language: str, labels: Mapping[int, Iterable[str]]
) -> Reply:
    """What a text means where the conversation stands.

    In this order: opt-out, crisis, requests (START, HELP, wrong number), commands, an answer to the open
    question, free text. The crisis scan runs on every text. `labels`: the accepted answer labels by value,
    all languages together. `language` is the patient's; words of both are always accepted, so it changes
    nothing: a Spanish speaker may answer "two", and a shared phone has two first languages.

    Never raises because of the text. Raises UnknownContext, and ValueError for labels outside 0 to 9.
    """
    where = parse_context(context) if isinstance(context, str) else context
    question = Question(see(text), where, _labels(_frozen(labels)), answer_words())
    signals = signals_in(question.seen)
    opt_out = opt_out_in(question.seen)
    if signals.crisis is not None:
        return Reply("crisis", also_stop=opt_out == "stop", crisis=signals.crisis)
    if opt_out is not None:
        reply = Reply(opt_out)
    else:
        reply = request_in(question.seen, where) or command_in(question.seen, where) or _answer(question)
    worried = signals.worry and question.labels.exact(question.seen.words) is None
    return _marked(reply, where, worried)


def _answer(question: Question) -> Reply:
    match question.where.place:
        case "item" | "item9" | "bulk":
            return read_answer(question)
        case "confirm_bulk":
            return _not_confirmed(question)
        case "expired":
            return _too_late(read_answer(question), "late_answer")
        case "completed":
            return _too_late(read_answer(question), "already_done")
        case "item9_elsewhere":
            return _not_asked_here(read_answer(question))
        case "idle" | "optin" | "opted_out":
            return Reply("free_text")


def _not_confirmed(question: Question) -> Reply:
    """Nothing is filed without OK. A second list may still hold a positive item 9."""
    again = unclear(question)
    many = many_values(question)
    distress = question.words.distress.has(question.seen.folded)
    return msgspec.structs.replace(
        again, risk=many is not None and many.risk, review=again.review or distress
    )


def _too_late(reply: Reply, kind: Kind) -> Reply:
    """Never filed, so only a plain value is named; everything else is for a person to read."""
    if reply.kind == "answer":
        return msgspec.structs.replace(reply, kind=kind)
    return Reply("free_text", risk=reply.risk)


def _not_asked_here(reply: Reply) -> Reply:
    """Item 9 is not asked by text here, yet a number may be meant for it. One that is plain is heard as it is; one that
    can't be read is a signal too; anything else is an ordinary message."""
    if reply.kind == "answer":
        return msgspec.structs.replace(reply, kind="late_answer", risk=reply.value != 0)
    holds_a_value = reply.kind == "ask" and reply.detail != "unclear"
    return Reply("free_text", risk=reply.risk or holds_a_value)


def _marked(reply: Reply, where: Context, worried: bool) -> Reply:
    """On item 9 a reply that is no plain 0 is a risk event, not a parsing problem."""
    at_risk = reply.risk or (where.place == "item9" and _risky_on_item_9(reply))
    read_anyway = reply.kind == "ask" and at_risk
    review = worried or (reply.review and not read_anyway)
    return msgspec.structs.replace(reply, risk=at_risk, review=review)


def _risky_on_item_9(reply: Reply) -> bool:
    match reply.kind:
        case "answer":
            return reply.value != 0
        case "ask" | "free_text" | "stop?":
            return True
        case _:
            return False


def _frozen(labels: Mapping[int, Iterable[str]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return tuple((value, tuple(texts)) for value, texts in labels.items())


@lru_cache(maxsize=16)
def _labels(labels: tuple[tuple[int, tuple[str, ...]], ...]) -> Labels:
    return Labels(dict(labels))
