"""START, HELP, "wrong number" and the fixed words: what a text asks of us rather than answers."""

from typing import Final

from messaging.conversation.lexicon import CommandWords, command_words
from messaging.conversation.meaning import Command, Context, Reply
from messaging.conversation.normalise import Seen

_ONLY_WHILE_OPEN: Final[Command] = "later"


def request_in(seen: Seen, where: Context) -> Reply | None:
    """In this order: opt-in, help, wrong number, who is this. HELP may be a cry for help: a person looks."""
    listed = command_words()
    if seen.words in listed.start:
        return Reply("start")
    if where.place == "optin" and seen.words in listed.yes:
        return Reply("start")
    if where.place == "optin" and seen.words in listed.no:
        return Reply("decline")
    if listed.plea.has(seen.words):
        return Reply("help", review=True)
    if seen.words in listed.help:
        return Reply("help", review=where.check_in_open)
    if seen.words in listed.info:
        return Reply("help")
    return _about_the_number(seen, listed)


def _about_the_number(seen: Seen, listed: CommandWords) -> Reply | None:
    if seen.words in listed.wrong or listed.wrong_number.has(seen.words):
        return Reply("wrong_number")
    if seen.words in listed.who_whole or listed.who.has(seen.words):
        return Reply("who")
    return None


def command_in(seen: Seen, where: Context) -> Reply | None:
    """The whole text is the word. Skipping item 9 is an answer a person must see."""
    name = command_words().commands.get(seen.words)
    if name is None:
        return None
    if name == "ok" and where.place != "confirm_bulk":
        return None
    if name == _ONLY_WHILE_OPEN and not where.check_in_open:
        return None
    return Reply("command", detail=name, review=name == "skip" and where.place == "item9")
