import pytest

from messaging.delivery.segments import GSM7_BASIC, Segments, is_gsm7, segments
from tests.support.scans import not_gsm7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("gsm7", 0, 0)),
        ("Hi", Segments("gsm7", 2, 1)),
        ("a" * 160, Segments("gsm7", 160, 1)),
        ("a" * 161, Segments("gsm7", 161, 2)),
        ("a" * 306, Segments("gsm7", 306, 2)),
        ("a" * 307, Segments("gsm7", 307, 3)),
        ("a" * 459, Segments("gsm7", 459, 3)),
        # extension characters cost two
        ("€" * 80, Segments("gsm7", 160, 1)),
        ("€" * 80 + "a", Segments("gsm7", 161, 2)),
        ("[1]", Segments("gsm7", 5, 1)),
        # and are never split: 76 of them fill 152 of 153 septets
        ("€" * 153, Segments("gsm7", 306, 3)),
        ("€" * 152, Segments("gsm7", 304, 2)),
        ("a" * 152 + "€" + "a" * 152, Segments("gsm7", 306, 3)),
        # one character outside the alphabet makes the whole text UCS-2
        ("á" + "a" * 69, Segments("ucs2", 70, 1)),
        ("á" + "a" * 70, Segments("ucs2", 71, 2)),
        ("á" * 134, Segments("ucs2", 134, 2)),
        ("á" * 135, Segments("ucs2", 135, 3)),
        # UTF-16 units: most emoji cost two and are never split
        ("😢", Segments("ucs2", 2, 1)),
        ("😢" * 35, Segments("ucs2", 70, 1)),
        ("😢" * 36, Segments("ucs2", 72, 2)),
        ("😢" * 67, Segments("ucs2", 134, 3)),
        ("2️⃣", Segments("ucs2", 3, 1)),
        # in UCS-2 the extension characters cost one
        ("á€", Segments("ucs2", 2, 1)),
    ],
)
def test_encoding_units_and_segments(text, expected):
    assert segments(text) == expected


@pytest.mark.parametrize(
    ("length", "char", "count"), [(304, "a", 2), (305, "a", 3), (132, "á", 2), (133, "á", 3)]
)
def test_toll_free_parts_are_one_unit_shorter(length, char, count):
    assert segments(char * length, "toll_free").count == count


@pytest.mark.parametrize(
    "text", ["é É ñ Ñ ü Ü ¿ ¡ à è ì ò ù", "@£$¥Δ_ΦΓΛΩΠΨΣΘΞ", "^{}\\[~]|€\f", "line\r\nline", "¤§ß"]
)
def test_gsm_characters(text):
    assert is_gsm7(text)
    assert not_gsm7(text) == ()


@pytest.mark.parametrize(
    "char", ["á", "í", "ó", "ú", "Á", "Í", "Ó", "Ú", "’", "“", "–", "…", "\u00a0", "ç", "`", "\t"]
)
def test_characters_that_double_the_price(char):
    assert not is_gsm7(f"a{char}b")
    assert not_gsm7(f"a{char}b{char}") == (char,)


def test_the_alphabet_has_128_places_less_the_escape():
    assert len(GSM7_BASIC) == 127
