"""The crisis scan: an extra route to a person. It runs on every text, in every state, and never raises."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Final, Literal, NamedTuple

import msgspec
from rapidfuzz.distance import DamerauLevenshtein

from messaging.conversation.normalise import Seen
from messaging.conversation.phrases import Phrases

_FORGIVEN: Final = 5  # letters a listed word needs before one slip in it is forgiven
_KEY: Final = 3  # letters of the shortest entry


class CrisisWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped list; words/crisis.toml says what each part is for."""

    version: str
    oneself: tuple[str, ...]
    beginnings: tuple[str, ...]
    act_or_means: tuple[str, ...]
    others: tuple[str, ...]
    worry: tuple[str, ...]
    intent: tuple[str, ...]
    means: tuple[str, ...]
    exceptions: tuple[str, ...]


class CrisisHit(msgspec.Struct, frozen=True):
    """What the scan saw. `tier` is a floor: a rule or a person may raise it, nothing here lowers it.

    2: crisis words. 3: a stated intent together with a means, the analogue of C-SSRS questions 4 and 5.
    `entries` are lines of our list, never the patient's words.
    """

    list_version: str
    tier: Literal[2, 3]
    toward_self: bool
    toward_others: bool
    entries: tuple[str, ...]


class _Lines:
    """One part of the list, searched with spacing and small slips forgiven."""

    def __init__(self, lines: Sequence[str], exceptions: frozenset[str]) -> None:
        self._phrases = Phrases(lines)
        self._exceptions = exceptions
        self._words = {word for phrase in self._phrases.expanded for word in phrase}
        self._by_length: dict[int, list[str]] = {}
        for word in self._words:
            if len(word) >= _FORGIVEN:
                self._by_length.setdefault(len(word), []).append(word)
        self._squeezed: dict[str, list[tuple[str, str]]] = {}
        for phrase, line in self._phrases.expanded.items():
            run = "".join(phrase)
            self._squeezed.setdefault(run[:_KEY], []).append((run, line))

    def found(self, words: Sequence[str]) -> Iterator[str]:
        for hit in self._phrases.search([self._readings(word) for word in words]):
            yield hit.line
        yield from self._found_squeezed(words)

    def _readings(self, word: str) -> tuple[str, ...]:
        if word in self._words or word in self._exceptions:
            return (word,)
        near = range(len(word) - 1, len(word) + 2)
        return tuple(
            listed for size in near for listed in self._by_length.get(size, ()) if _one_slip(word, listed)
        )

    def _found_squeezed(self, words: Sequence[str]) -> Iterator[str]:
        """ "kill my self", "sui cide": the text without its spaces; a hit begins and ends where a word does."""
        run = "".join(words)
        ends = {end: position for position, end in enumerate(accumulate(len(word) for word in words))}
        begin = 0
        for position, word in enumerate(words):
            for listed, line in self._squeezed.get(run[begin : begin + _KEY], ()):
                last = ends.get(begin + len(listed))
                if last is None or not run.startswith(listed, begin):
                    continue
                if self._exceptions.isdisjoint(words[position : last + 1]):
                    yield line
            begin += len(word)


class _Compiled(NamedTuple):
    version: str
    lines: _Lines  # of all four parts, so that a text is read once
    oneself: frozenset[str]
    act_or_means: frozenset[str]
    others: frozenset[str]
    worry: frozenset[str]
    intent: Phrases
    means: Phrases
    beginnings: tuple[str, ...]
    exceptions: frozenset[str]


@cache
def crisis_words() -> CrisisWords:
    content = (files("messaging.conversation") / "words" / "crisis.toml").read_bytes()
    return msgspec.toml.decode(content, type=CrisisWords)


def crisis_list_version() -> str:
    return crisis_words().version


@cache
def _compiled() -> _Compiled:
    listed = crisis_words()
    exceptions = frozenset(listed.exceptions)
    searched = listed.oneself + listed.act_or_means + listed.others + listed.worry
    return _Compiled(
        version=listed.version,
        lines=_Lines(searched, exceptions),
        oneself=frozenset(listed.oneself),
        act_or_means=frozenset(listed.act_or_means),
        others=frozenset(listed.others),
        worry=frozenset(listed.worry),
        intent=Phrases(listed.intent),
        means=Phrases(listed.means),
        beginnings=listed.beginnings,
        exceptions=exceptions,
    )


class Signals(NamedTuple):
    """`worry`: words that are no crisis hit by themselves, yet a person reads them the same day."""

    crisis: CrisisHit | None
    worry: bool


def signals_in(seen: Seen) -> Signals:
    listed = _compiled()
    # Unfolded as well: in "what i can: not safe tonight" folding would eat the "not".
    spoken = (seen.folded,) if seen.folded == seen.words else (seen.folded, seen.words)
    lines = tuple(dict.fromkeys(line for words in spoken for line in listed.lines.found(words)))
    begun = _begun(seen.words)
    oneself = bool(begun) or not listed.oneself.isdisjoint(lines)
    others = not listed.others.isdisjoint(lines)
    at_hand = not listed.act_or_means.isdisjoint(lines)
    planned = (oneself or others or any(listed.intent.has(words) for words in spoken)) and (
        at_hand or any(listed.means.has(words) for words in spoken)
    )
    worry = not listed.worry.isdisjoint(lines)
    if not (oneself or others or at_hand or planned):
        return Signals(None, worry)
    hit = CrisisHit(
        list_version=listed.version,
        tier=3 if planned else 2,
        toward_self=oneself or not others,
        toward_others=others,
        entries=begun + tuple(line for line in lines if line not in listed.worry),
    )
    return Signals(hit, worry)


def _begun(words: Sequence[str]) -> tuple[str, ...]:
    listed = _compiled()
    run = "".join(words)
    begin = 0
    hits = []
    for word in words:
        for beginning in listed.beginnings:
            if run.startswith(beginning, begin) or _nearly_begins(word, beginning, listed.exceptions):
                hits.append(f"{beginning}...")
        begin += len(word)
    return tuple(dict.fromkeys(hits))


def _nearly_begins(word: str, beginning: str, exceptions: frozenset[str]) -> bool:
    size = len(beginning)
    if len(word) < size - 1 or word in exceptions:
        return False
    if DamerauLevenshtein.distance(word[:size], beginning, score_cutoff=2) > 2:
        return False  # spares nearly every word the three comparisons below
    return any(_one_slip(word[:length], beginning) for length in (size - 1, size, size + 1))


def _one_slip(word: str, listed: str) -> bool:
    return DamerauLevenshtein.distance(word, listed, score_cutoff=1) <= 1
