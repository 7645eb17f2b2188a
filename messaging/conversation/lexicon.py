"""The shipped word lists of answers and commands, read once and compiled for searching."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple, TypeVar

import msgspec

from messaging.consent.words import opt_out_words
from messaging.conversation.meaning import Command
from messaging.conversation.normalise import see, words_of
from messaging.conversation.phrases import Phrases, expand

_HIGHEST_LABEL: Final = 9  # one digit

T = TypeVar("T")


class _OutOfRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: tuple[str, ...]
    numbers: tuple[str, ...]


class _Prefixes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: tuple[str, ...]
    links: tuple[str, ...]


class _Lists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    negation: tuple[str, ...]
    doubt: tuple[str, ...]
    doubt_signs: str
    reason: tuple[str, ...]
    units: tuple[str, ...]
    counted: tuple[str, ...]
    distress: tuple[str, ...]
    errand: tuple[str, ...]


class _AnswerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    numbers: dict[str, int]
    out_of_range: _OutOfRange
    synonyms: dict[str, int]
    look_alikes: dict[str, int]
    prefixes: _Prefixes
    lists: _Lists


class _Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    help: tuple[str, ...]
    info: tuple[str, ...]
    wrong_number: tuple[str, ...]
    who: tuple[str, ...]


class _Anywhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plea: tuple[str, ...]
    wrong_number: tuple[str, ...]
    who: tuple[str, ...]


class _CommandFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    commands: dict[Command, tuple[str, ...]]
    whole: _Whole
    anywhere: _Anywhere


class AnswerWords(NamedTuple):
    numbers: Mapping[str, int]  # number words of an answer
    high_numbers: frozenset[str]  # number words of no answer
    out_of_range: frozenset[str]  # as a whole text
    synonyms: Mapping[str, int]
    look_alikes: Mapping[str, int]
    prefixes: frozenset[str]
    links: frozenset[str]
    negation: frozenset[str]
    doubt: frozenset[str]
    doubt_signs: frozenset[str]
    reason: Phrases
    units: frozenset[str]
    counted: frozenset[str]
    calls_a_person: Phrases  # distress and errands
    distress: Phrases
    politeness: frozenset[str]


Words = frozenset[tuple[str, ...]]


class CommandWords(NamedTuple):
    commands: Mapping[tuple[str, ...], Command]
    start: Words
    yes: Words
    no: Words
    help: Words
    info: Words
    wrong: Words
    who_whole: Words
    plea: Phrases
    wrong_number: Phrases
    who: Phrases


@cache
def answer_words() -> AnswerWords:
    listed = _read("answers.toml", _AnswerFile)
    lists = listed.lists
    return AnswerWords(
        numbers=listed.numbers,
        high_numbers=frozenset(listed.out_of_range.numbers),
        out_of_range=frozenset(listed.out_of_range.numbers + listed.out_of_range.words),
        synonyms=listed.synonyms,
        look_alikes=listed.look_alikes,
        prefixes=frozenset(listed.prefixes.words),
        links=frozenset(listed.prefixes.links),
        negation=frozenset(lists.negation),
        doubt=_single_words(lists.doubt),
        doubt_signs=frozenset(lists.doubt_signs),
        reason=Phrases(lists.reason),
        units=_single_words(lists.units),
        counted=frozenset(lists.counted),
        calls_a_person=Phrases(lists.distress + lists.errand),
        distress=Phrases(lists.distress),
        politeness=_single_words(opt_out_words().politeness),
    )


@cache
def command_words() -> CommandWords:
    listed = _read("commands.toml", _CommandFile)
    whole, anywhere = listed.whole, listed.anywhere
    return CommandWords(
        commands={see(phrase).words: name for name, phrases in listed.commands.items() for phrase in phrases},
        start=_whole(whole.start),
        yes=_whole(whole.yes),
        no=_whole(whole.no),
        help=_whole(whole.help),
        info=_whole(whole.info),
        wrong=_whole(whole.wrong_number),
        who_whole=_whole(whole.who),
        plea=Phrases(anywhere.plea),
        wrong_number=Phrases(anywhere.wrong_number),
        who=Phrases(anywhere.who),
    )


def _read(name: str, shape: type[T]) -> T:
    content = (files("messaging.conversation") / "words" / name).read_bytes()
    return msgspec.toml.decode(content, type=shape)


def _single_words(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(word for line in lines for phrase in expand(line) for word in phrase)


def _whole(lines: Iterable[str]) -> Words:
    return frozenset(words_of(line) for line in lines)


class Label(NamedTuple):
    value: int
    key: str  # letters and digits only: "severaldays"
    words: tuple[str, ...]


class Labels:
    """The accepted answer labels of every language."""

    def __init__(self, labels: Mapping[int, Iterable[str]]) -> None:
        """Raises ValueError for a value that is no answer or a label without a letter."""
        self.all: tuple[Label, ...] = tuple(
            _label(value, text) for value, texts in labels.items() for text in texts
        )
        self._exact: dict[str, int | None] = {}
        for label in self.all:
            # A label that two values share says nothing.
            same = self._exact.get(label.key, label.value) == label.value
            self._exact[label.key] = label.value if same else None
        self.words = frozenset(word for label in self.all for word in label.words)
        self.phrases = Phrases(" ".join(label.words) for label in self.all)

    def exact(self, words: Iterable[str]) -> int | None:
        """The value whose label these words are, ignoring spaces: "nearly everyday"."""
        return self._exact.get("".join(words))


def _label(value: int, text: str) -> Label:
    words = see(text).words
    if not 0 <= value <= _HIGHEST_LABEL:
        raise ValueError(f"labels: {value} is no answer; answers are 0 to {_HIGHEST_LABEL}")
    if not words:
        raise ValueError(f"labels: a label of {value} has no letter or digit")
    return Label(value, "".join(words), words)
