"""Lists of phrases written in a small notation, and the search for them in a text's words.

The notation, one phrase family a line:

    a|b          either word                 [a|b]   may be left out
    text(s)      the word, also with ending  $       the end of the text (only as the last word)
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from messaging.conversation.normalise import fold, normalise

END: Final = "$"


class Found(NamedTuple):
    line: str  # the line of the list, as written there
    start: int  # index of the first word
    stop: int  # index after the last word


class _Node:
    __slots__ = ("children", "line")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.line: str | None = None


class Phrases:
    """Phrases found word by word; a position may offer several readings of its word (typos)."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._root = _Node()
        self.expanded: dict[tuple[str, ...], str] = {}
        for line in lines:
            for phrase in expand(line):
                self._add(phrase, line)

    def _add(self, phrase: tuple[str, ...], line: str) -> None:
        self.expanded.setdefault(phrase, line)
        node = self._root
        for word in phrase:
            node = node.children.setdefault(word, _Node())
        node.line = node.line or line

    def search(self, readings: Sequence[Collection[str]]) -> Iterator[Found]:
        for start in range(len(readings)):
            level = [self._root]
            for stop in range(start, len(readings)):
                level = [
                    node.children[word] for node in level for word in readings[stop] if word in node.children
                ]
                if not level:
                    break
                for node in level:
                    if node.line is not None:
                        yield Found(node.line, start, stop + 1)

    def in_words(self, words: Sequence[str]) -> Iterator[Found]:
        return self.search([(word,) for word in (*words, END)])

    def has(self, words: Sequence[str]) -> bool:
        return next(self.in_words(words), None) is not None


def expand(line: str) -> list[tuple[str, ...]]:
    """All phrases a line stands for, normalised and with contractions folded.

    Raises ValueError naming the line when a bracket is not closed or a choice is empty.
    """
    phrases = []
    for chosen in product(*(_choices(token, line) for token in _tokens(line))):
        words = [word for word in chosen if word]
        if not words:
            raise ValueError(f"phrase list: {line!r} would match nothing")
        phrases.append(fold(words))
    return phrases


def _tokens(line: str) -> list[str]:
    if line.count("[") != line.count("]") or line.count("(") != line.count(")"):
        raise ValueError(f"phrase list: a bracket is not closed in {line!r}")
    return line.split()


def _choices(token: str, line: str) -> list[str]:
    optional = token.startswith("[") and token.endswith("]")
    words: list[str] = []
    for choice in (token[1:-1] if optional else token).split("|"):
        stem, _, ending = choice.removesuffix(")").partition("(")
        if not stem:
            raise ValueError(f"phrase list: an empty choice in {line!r}")
        words.append(normalise(stem))
        if ending:
            words.append(normalise(stem + ending))
    return ["", *words] if optional else words
