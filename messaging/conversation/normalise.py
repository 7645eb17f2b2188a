"""One spelling for every way a phone can write the same thing. For matching only: the raw text is kept."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

# Phones write an apostrophe in a dozen ways. U+00B4 must go before NFKC, which turns it into a space.
_APOSTROPHES: Final = "'`´ʹʻʼʽˈ‘’‛′＇"
_INVISIBLE: Final = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x061C, 0x061C),
    (0x180E, 0x180E),
    (0x200B, 0x200F),  # zero width, left-to-right and right-to-left marks
    (0x202A, 0x202E),  # bidi embeddings
    (0x2060, 0x206F),  # word joiner, bidi isolates
    (0x20E3, 0x20E3),  # keycap
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),
    (0x1F3FB, 0x1F3FF),  # skin tones
    (0xE0000, 0xE01EF),  # tags, more variation selectors
)
_DROPPED: Final[dict[int, None]] = dict.fromkeys(
    [ord(mark) for mark in _APOSTROPHES]
    + [code for first, last in _INVISIBLE for code in range(first, last + 1)]
)
# A stroke through a sign changes what it says: "≠" is "=" and U+0338. Through a letter it is decoration.
_STROKES: Final = frozenset("\u0335\u0336\u0337\u0338")

# Leading and trailing characters that say nothing about an answer; "+ - / ? %" do.
EDGES: Final = ' .,;:!*"()[]#=“”„«»¡'

_ASCII_WORD: Final = re.compile("[a-z0-9]+")
_PAIRS: Final = {
    ("can", "not"): "cant",
    ("can", "t"): "cant",
    ("could", "not"): "couldnt",
    ("did", "not"): "didnt",
    ("do", "not"): "dont",
    ("don", "t"): "dont",
    ("will", "not"): "wont",
    ("won", "t"): "wont",
}
_SHORT_FORMS: Final = {"cannot": ("cant",), "gonna": ("going", "to"), "wanna": ("want", "to")}


class Seen(NamedTuple):
    """A text as every step reads it."""

    raw: str
    text: str  # normalised
    stripped: str  # without the edges
    words: tuple[str, ...]  # maximal runs of letters and digits
    folded: tuple[str, ...]  # words with contractions folded: cannot, can not -> cant


def see(raw: str) -> Seen:
    text = normalise(raw)
    words = words_of(text)
    return Seen(raw, text, text.strip(EDGES), words, fold(words))


def normalise(raw: str) -> str:
    """Compatibility forms, case, accents, apostrophes and invisible characters levelled; any digit as 0-9.

    "２", "②", "²", "2️⃣" and "٢" become "2"; "½" becomes "1⁄2", which is two values. Spaces, tabs and line
    breaks become single spaces. Never raises, also not on lone surrogates.
    """
    if raw.isascii():
        levelled = raw.lower().replace("'", "").replace("`", "")
    else:
        compatible = unicodedata.normalize("NFKC", raw.translate(_DROPPED))
        folded = compatible.translate(_DROPPED).casefold()
        levelled = _without_marks(unicodedata.normalize("NFD", folded))
    return " ".join(levelled.split())


def _without_marks(decomposed: str) -> str:
    kept: list[str] = []
    for char in decomposed:
        if char.isascii():
            kept.append(char)
        elif unicodedata.category(char).startswith("M"):
            if char in _STROKES and not (kept and kept[-1].isalpha()):
                kept.append(char)
        else:
            digit = unicodedata.decimal(char, None)
            kept.append(char if digit is None else str(digit))
    return "".join(kept)


def words_of(text: str) -> tuple[str, ...]:
    """Words of a normalised text: maximal runs of letters and digits, so punctuation never matters."""
    if text.isascii():
        return tuple(_ASCII_WORD.findall(text))
    spaced = "".join(char if char.isalpha() or char.isdecimal() else " " for char in text)
    return tuple(spaced.split())


def fold(words: Sequence[str]) -> tuple[str, ...]:
    """can not, cannot and "can t" -> cant; do not -> dont; wanna -> want to; and their like."""
    folded: list[str] = []
    position = 0
    while position < len(words):
        pair = _PAIRS.get((words[position], words[position + 1])) if position + 1 < len(words) else None
        if pair is not None:
            folded.append(pair)
            position += 2
            continue
        folded.extend(_SHORT_FORMS.get(words[position], (words[position],)))
        position += 1
    return tuple(folded)
