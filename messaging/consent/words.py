"""Does a text take back the consent to be texted? Words only, read from opt_out_words.toml."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal, NamedTuple

import msgspec
from rapidfuzz.distance import DamerauLevenshtein

from messaging.conversation.normalise import Seen
from messaging.conversation.phrases import Phrases, expand

OptOut = Literal["stop", "stop?"]

_MIN_SPELLED: Final = 3  # letters in a spelled-out "s.t.o.p"


class OptOutWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped list; its notation is that of messaging/conversation/phrases.py."""

    version: str
    exact: tuple[str, ...]
    politeness: tuple[str, ...]
    stop_it: tuple[str, ...]
    leave_me: tuple[str, ...]
    unclear: tuple[str, ...]
    unable: tuple[str, ...]
    kept_on: tuple[str, ...]
    filler: tuple[str, ...]


class _Compiled(NamedTuple):
    exact: frozenset[tuple[str, ...]]
    politeness: Phrases
    stop_it: Phrases
    leave_me: Phrases
    unclear: frozenset[str]
    unable: frozenset[tuple[str, ...]]
    not_an_order: frozenset[tuple[str, ...]]
    filler: frozenset[str]


@cache
def opt_out_words() -> OptOutWords:
    content = (files("messaging.consent") / "opt_out_words.toml").read_bytes()
    return msgspec.toml.decode(content, type=OptOutWords)


@cache
def _compiled() -> _Compiled:
    listed = opt_out_words()
    unable = _sequences(listed.unable)
    return _Compiled(
        exact=_sequences(listed.exact),
        politeness=Phrases(listed.politeness),
        stop_it=Phrases(listed.stop_it),
        leave_me=Phrases(listed.leave_me),
        unclear=frozenset(listed.unclear),
        unable=unable,
        not_an_order=unable | _sequences(listed.kept_on),
        filler=frozenset(listed.filler),
    )


def _sequences(lines: Sequence[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(phrase for line in lines for phrase in expand(line))


def opt_out_in(seen: Seen) -> OptOut | None:
    listed = _compiled()
    core = _core(seen.words)
    if core in listed.exact or _spelled_out(core) in listed.exact:
        return "stop"
    if listed.leave_me.has(seen.folded) or _ordered_to_stop(seen.folded):
        return "stop"
    return "stop?" if _unclear(seen.folded, core) else None


def without_politeness(words: Sequence[str]) -> tuple[str, ...]:
    """The words left when please, thank you, por favor and their like are taken out."""
    polite = {
        position
        for found in _compiled().politeness.in_words(words)
        for position in range(found.start, found.stop)
    }
    return tuple(word for position, word in enumerate(words) if position not in polite)


def _core(words: Sequence[str]) -> tuple[str, ...]:
    """Without politeness, and "stop stop" or "opt out opt out" said once."""
    left = without_politeness(words)
    once = tuple(word for word, before in zip(left, ("", *left), strict=False) if word != before)
    pair = once[:2]
    return pair if len(once) > 2 and once == pair * (len(once) // 2) else once


def _spelled_out(core: tuple[str, ...]) -> tuple[str, ...]:
    """ "S.T.O.P." is four words of one letter."""
    spelled = len(core) >= _MIN_SPELLED and all(len(word) == 1 for word in core)
    return ("".join(core),) if spelled else ()


def _ordered_to_stop(folded: tuple[str, ...]) -> bool:
    listed = _compiled()
    return any(
        not _follows(folded, found.start, listed.not_an_order) for found in listed.stop_it.in_words(folded)
    )


def _unclear(folded: tuple[str, ...], core: tuple[str, ...]) -> bool:
    listed = _compiled()
    for position, word in enumerate(folded):
        if word in listed.unclear and not _follows(folded, position, listed.unable):
            return True
    # Exact everywhere else: a distance would make opt-outs of everyday words.
    return len(core) == 1 and len(core[0]) in (4, 5) and DamerauLevenshtein.distance(core[0], "stop") == 1


def _follows(words: tuple[str, ...], position: int, said: frozenset[tuple[str, ...]]) -> bool:
    """Whether the words just before `position`, fillers left out, are one of `said`."""
    filler = _compiled().filler
    while position > 0 and words[position - 1] in filler:
        position -= 1
    return any(words[max(0, position - len(phrase)) : position] == phrase for phrase in said)
