"""The parse table: what a text says to an open question on the 0-3 scale.

Rows are tried in order and the first that fits decides. A value is taken only when the whole text fits its
row; anything else asks again. Never a similarity score: "not several days" resembles "several days" at 95 of
100 (rapidfuzz 3.14 WRatio), so only a bounded edit distance with guards forgives a slip, and none on item 9.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rapidfuzz.distance import DamerauLevenshtein

from messaging.conversation.lexicon import AnswerWords, Label, Labels
from messaging.conversation.meaning import Context, Detail, Reply
from messaging.conversation.normalise import EDGES, Seen

_HIGHEST: Final = 3
_FEWEST_AT_ONCE: Final = 4  # values in one text that make it a bulk reply
_ITEM_9: Final = 9
_NO_DIGIT: Final = 10  # stands for a number of two digits or more among single values
_LONG: Final = 5  # more words than this are a message, not an answer
_SHORT_LABEL: Final = 8  # letters; a label this short forgives one slip, a longer one two
_READ_BY_A_PERSON: Final = 3  # words of an unclear text

_DIGITS: Final = re.compile("[0-9]+")
_SEVERAL: Final = re.compile("[0-9][0-9 ,;]*")
_SIGNED: Final = re.compile("[-+−–—] ?[0-9]+")
_STARTS_WITH_NUMBER: Final = re.compile("([-+−–—] ?)?([0-9]+)")
# Between a digit and a label: "1 - several days", "several days (1)". No "?", no "/".
_LABEL_SIGNS: Final = frozenset(EDGES + "-−–—")
_PREFIX_SIGNS: Final = " :#="


class Question(NamedTuple):
    """A text and the question it answers."""

    seen: Seen
    where: Context
    labels: Labels
    words: AnswerWords


def read_answer(question: Question) -> Reply:
    rows = ROWS if question.where.highest == _HIGHEST else OTHER_SCALE
    for row in rows:
        reply = row(question)
        if reply is not None:
            return reply
    raise AssertionError("the last row fits every text")


def _ask(detail: Detail) -> Reply:
    return Reply("ask", detail=detail)


def _digit_value(text: str) -> int | None:
    """0 to 3 for a text that is just that digit."""
    return int(text) if len(text) == 1 and text in "0123" else None


def _one_value(text: str, words: AnswerWords) -> int | None:
    digit = _digit_value(text)
    return words.numbers.get(text) if digit is None else digit


def _nothing_to_read(question: Question) -> Reply | None:
    return None if question.seen.words else _ask("unclear")


def many_values(question: Question) -> Reply | None:
    """Only digits and separators, four values or more. A last value of 1 or more is a positive item 9 when the values
    are nine or as many as are open up to item 9.

    The risk mark doesn't depend on whether bulk answers are allowed here: the patient has said it. For it, two or
    three values count as well, set apart: "12" tells of days sooner than of two items.
    """
    stripped = question.seen.stripped
    values = _values_of(stripped)
    risk = len(values) in (_ITEM_9, question.where.to_item9) and values[-1] >= 1
    if len(values) < _FEWEST_AT_ONCE:
        apart = len(values) > 1 and _DIGITS.fullmatch(stripped) is None
        return Reply("ask", detail="ambiguous", risk=True) if risk and apart else None
    if len(values) != question.where.remaining or _NO_DIGIT in values:
        return Reply("ask", detail="one_at_a_time", risk=risk)
    if max(values) > _HIGHEST:
        return Reply("ask", detail="range", risk=risk)
    return Reply("bulk", values=values, risk=risk)


def _values_of(stripped: str) -> tuple[int, ...]:
    """Run together, each digit is a value: int("012103100") would be 12103100."""
    if _SEVERAL.fullmatch(stripped) is None:
        return ()
    runs = _DIGITS.findall(stripped)
    texts = list(runs[0]) if len(runs) == 1 else runs
    return tuple(int(text) if len(text) == 1 else _NO_DIGIT for text in texts)


def _digit(question: Question) -> Reply | None:
    value = _digit_value(question.seen.stripped)
    return None if value is None else Reply("answer", value=value)


def _number_word(question: Question) -> Reply | None:
    value = question.words.numbers.get(question.seen.stripped)
    return None if value is None else Reply("answer", value=value)


def _other_number(question: Question) -> Reply | None:
    stripped = question.seen.stripped
    if _DIGITS.fullmatch(stripped) or _SIGNED.fullmatch(stripped) or stripped in question.words.out_of_range:
        return _ask("range")
    return None


def _synonym(question: Question) -> Reply | None:
    value = question.words.synonyms.get(question.seen.stripped)
    return None if value is None else Reply("answer", value=value, echo=True)


def _look_alike(question: Question) -> Reply | None:
    value = question.words.look_alikes.get(question.seen.stripped)
    return None if value is None else Reply("ask", detail="suggest", suggested=value)


def _prefixed(question: Question) -> Reply | None:
    """ "answer: 2", "option #2", "la respuesta" not: the text begins with the prefix."""
    stripped = question.seen.stripped
    words = question.seen.words
    if words[0] not in question.words.prefixes or not stripped.startswith(words[0]):
        return None
    rest = stripped.removeprefix(words[0])
    if not rest or rest[0] not in _PREFIX_SIGNS:
        return None
    rest = rest.strip(_PREFIX_SIGNS)
    first, _, after = rest.partition(" ")
    linked = first.rstrip(_PREFIX_SIGNS) in question.words.links
    value = _one_value(after.strip(_PREFIX_SIGNS) if linked else rest, question.words)
    return None if value is None else Reply("answer", value=value, echo=True)


def _label(question: Question) -> Reply | None:
    value = question.labels.exact(question.seen.words)
    return None if value is None else Reply("answer", value=value)


def _digit_and_label(question: Question) -> Reply | None:
    words = question.seen.words
    if not all(char.isalnum() or char in _LABEL_SIGNS for char in question.seen.stripped):
        return None
    for digit, rest in ((words[0], words[1:]), (words[-1], words[:-1])):
        said, written = _digit_value(digit), question.labels.exact(rest)
        if said is not None and written is not None:
            return Reply("answer", value=said) if said == written else _ask("ambiguous")
    return None


def _misspelt_label(question: Question) -> Reply | None:
    words = question.seen.words
    if question.where.place in ("item9", "item9_elsewhere") or any(
        char.isdecimal() for word in words for char in word
    ):
        return None
    near = {label.value for label in question.labels.all if _nearly(words, label, question.words.negation)}
    return Reply("answer", value=near.pop(), echo=True) if len(near) == 1 else None


def _nearly(words: Sequence[str], label: Label, negation: frozenset[str]) -> bool:
    """One slip, or two in a label of more than eight letters; no more words, and no negation added."""
    if len(words) > len(label.words):
        return False
    if sum(word in negation for word in words) > sum(word in negation for word in label.words):
        return False
    key = "".join(words)
    # "noseveral days": a negation that lost its space is two slips of the pen and the opposite meaning.
    if any(key.startswith(word) and not label.key.startswith(word) for word in negation):
        return False
    allowed = 1 if len(label.key) <= _SHORT_LABEL else 2
    return DamerauLevenshtein.distance(key, label.key, score_cutoff=allowed) <= allowed


def _starts_out_of_range(question: Question) -> Reply | None:
    """A number other than a single 0-3, then more: never its first digit."""
    start = _STARTS_WITH_NUMBER.match(question.seen.stripped)
    if start is None:
        return None
    plain = start[1] is None and _digit_value(start[2]) is not None
    return None if plain else _ask("range")


def _digit_and_politeness(question: Question) -> Reply | None:
    first, *rest = question.seen.words
    value = _digit_value(first)
    polite = rest and all(word in question.words.politeness for word in rest)
    if value is None or not polite or "?" in question.seen.stripped or not _set_apart(question):
        return None
    return Reply("answer", value=value)


def _digit_and_note(question: Question) -> Reply | None:
    first, *rest = question.seen.words
    value = _digit_value(first)
    if value is None or not _set_apart(question) or not _is_note(rest, question):
        return None
    return Reply("answer", value=value, note=True, note_text=_after_number(question.seen.raw))


def _set_apart(question: Question) -> bool:
    """The text starts with the digit, then a space, punctuation or an emoji, and nothing that doubts it."""
    stripped = question.seen.stripped
    tail = stripped[1:]
    if _digit_value(stripped[0]) is None or not question.words.doubt_signs.isdisjoint(tail):
        return False
    if len(question.seen.words) > 1:
        return _plain(tail[0])
    return all(_plain(char) for char in tail)


def _plain(char: str) -> bool:
    return char in EDGES or unicodedata.category(char) == "So"


def _is_note(rest: Sequence[str], question: Question) -> bool:
    words = question.words
    if any(char.isdecimal() for word in rest for char in word) or question.labels.phrases.has(rest):
        return False
    values = words.numbers.keys() | words.high_numbers | words.synonyms.keys() - words.negation
    if not (values | words.doubt).isdisjoint(rest) or _counts_days(rest, words):
        return False
    return _begins_with_reason(rest, words) or words.negation.isdisjoint(rest)


def _counts_days(rest: Sequence[str], words: AnswerWords) -> bool:
    """ "2 days", "2 of the days": a count, not an answer."""
    return rest[:1] != [] and (rest[0] in words.units or not words.counted.isdisjoint(rest[:3]))


def _begins_with_reason(rest: Sequence[str], words: AnswerWords) -> bool:
    return any(found.start == 0 for found in words.reason.in_words(rest))


def _after_number(raw: str) -> str:
    """The raw text behind its first digit, with what belongs to that digit (keycap, accents) left out."""
    start = next(place for place, char in enumerate(raw) if _shows_digit(char)) + 1
    while start < len(raw) and (unicodedata.category(raw[start])[0] == "M" or raw[start] in "\u200d\ufeff"):
        start += 1
    printable = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in raw[start:])
    return " ".join(printable.split()).lstrip(EDGES + "-–—")


def _shows_digit(char: str) -> bool:
    compatible = unicodedata.normalize("NFKC", char)
    return any(unicodedata.decimal(part, None) is not None for part in compatible)


def _starts_with_digit(question: Question) -> Reply | None:
    """ "2 or 3", "1.5", "2b", and "2-3", "2/3", "1⁄2", "2?", whose sign ties the digit to the rest."""
    return _ask("ambiguous") if _digit_value(question.seen.stripped[0]) is not None else None


def _calls_a_person(question: Question) -> Reply | None:
    return Reply("free_text") if question.words.calls_a_person.has(question.seen.folded) else None


def _starts_with_number_word(question: Question) -> Reply | None:
    first = question.seen.words[0]
    known = first in question.words.numbers or first in question.words.high_numbers
    return _ask("ambiguous") if known and len(question.seen.words) > 1 else None


def _message(question: Question) -> Reply | None:
    return Reply("free_text") if len(question.seen.words) > _LONG else None


def _values_among_words(question: Question) -> Reply | None:
    values = sum(_one_value(word, question.words) is not None for word in question.seen.words)
    if not values:
        return None
    return _ask("ambiguous" if values < _FEWEST_AT_ONCE else "one_at_a_time")


def unclear(question: Question) -> Reply:
    """Three words or more, one of them outside the vocabulary of answers: a person reads it the same day."""
    words = question.seen.words
    known = (
        question.labels.words
        | question.words.numbers.keys()
        | question.words.high_numbers
        | question.words.negation
        | question.words.politeness
    )
    strange = len(words) >= _READ_BY_A_PERSON and any(
        word not in known and not word.isdecimal() for word in words
    )
    return Reply("ask", detail="unclear", review=strange)


# The order is the meaning: "nunca" is a synonym before it is a label, "2 thanks" polite before a note.
ROWS: Final[tuple[Callable[[Question], Reply | None], ...]] = (
    _nothing_to_read,
    many_values,
    _digit,
    _number_word,
    _other_number,
    _synonym,
    _look_alike,
    _prefixed,
    _label,
    _digit_and_label,
    _misspelt_label,
    _starts_out_of_range,
    _digit_and_politeness,
    _digit_and_note,
    _starts_with_digit,
    _calls_a_person,
    _starts_with_number_word,
    _message,
    _values_among_words,
    unclear,
)


def _scale_value(text: str, question: Question) -> int | None:
    """A digit or number word that the open item offers."""
    value = int(text) if len(text) == 1 and text in "0123456789" else question.words.numbers.get(text)
    return None if value is None or value > question.where.highest else value


def _scale_digit(question: Question) -> Reply | None:
    value = _scale_value(question.seen.stripped, question)
    return None if value is None else Reply("answer", value=value)


def _scale_digit_and_politeness(question: Question) -> Reply | None:
    first, *rest = question.seen.words
    value = _scale_value(first, question)
    polite = rest and all(word in question.words.politeness for word in rest)
    if value is None or not polite or not question.words.doubt_signs.isdisjoint(question.seen.stripped):
        return None
    return Reply("answer", value=value)


def _scale_number(question: Question) -> Reply | None:
    """A number that is not offered, or one with more behind it."""
    stripped, words = question.seen.stripped, question.words
    whole = _DIGITS.fullmatch(stripped) or _SIGNED.fullmatch(stripped)
    if whole or stripped in words.out_of_range or stripped in words.numbers:
        return _ask("range")
    return _ask("ambiguous") if stripped[0] in "0123456789" else None


# Of an instrument that a clinic added and whose answers are not 0 to 3: stricter, and without the synonyms and notes
# that belong to that scale.
OTHER_SCALE: Final[tuple[Callable[[Question], Reply | None], ...]] = (
    _nothing_to_read,
    many_values,
    _scale_digit,
    _label,
    _scale_digit_and_politeness,
    _misspelt_label,
    _scale_number,
    _calls_a_person,
    _starts_with_number_word,
    _message,
    _values_among_words,
    unclear,
)
