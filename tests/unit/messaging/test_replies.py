"""What each text means, row by row. The bulk of the literals is tests/data/reply_cases.csv."""

import csv
import unicodedata
from pathlib import Path

import msgspec
import pytest

from messaging.conversation.cases import InvalidCases, Mismatch, check_cases
from messaging.conversation.lexicon import Labels
from messaging.conversation.meaning import Context, Reply
from messaging.conversation.normalise import fold, normalise, words_of
from messaging.conversation.phrases import Phrases, expand
from messaging.conversation.replies import (
    PARSER_VERSION,
    UnknownContext,
    default_labels,
    parse_context,
    understand,
)

CASES_FILE = Path(__file__).parents[2] / "data" / "reply_cases.csv"
LABELS = {
    0: ("Not at all", "Ningún día", "Nunca"),
    1: ("Several days", "Varios días"),
    2: ("More than half the days", "Más de la mitad de los días"),
    3: ("Nearly every day", "Casi todos los días"),
}

with CASES_FILE.open(encoding="utf-8", newline="") as file:
    CASES = [tuple(row.values()) for row in csv.DictReader(file)]


def meaning(text: str, context: str = "item", language: str = "en") -> str:
    return understand(text, context=context, language=language, labels=LABELS).notation


def reply_to(text: str, context: str = "item") -> Reply:
    return understand(text, context=context, language="en", labels=LABELS)


@pytest.mark.parametrize(("text", "language", "context", "expected"), CASES)
def test_every_case_of_the_file_means_what_it_says(
    text: str, language: str, context: str, expected: str
) -> None:
    assert meaning(text, context, language) == expected


def test_no_case_is_written_twice() -> None:
    keys = [case[:3] for case in CASES]
    assert len(keys) == len(set(keys)) > 500


def _full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if char in "0123456789" else char for char in text)


def _arabic_digits(text: str) -> str:
    return "".join(chr(0x0660 + int(char)) if char in "0123456789" else char for char in text)


VARIANTS = {
    "upper case": str.upper,
    "lower case": str.lower,
    "decomposed accents": lambda text: unicodedata.normalize("NFD", text),
    "accents left out": lambda text: "".join(
        char for char in unicodedata.normalize("NFD", text) if not 0x300 <= ord(char) <= 0x303
    ),
    "spaces around": lambda text: f"\n  {text} \t",
    "full stop": lambda text: f"{text}.",
    "exclamation": lambda text: f"{text}!!",
    "quoted": lambda text: f'"{text}"',
    "full-width digits": _full_width,
    "Arabic digits": _arabic_digits,
    "zero-width joiners": lambda text: "\u200b" + text + "\ufeff",
    "curly apostrophes": lambda text: text.replace("'", "’"),
    "emphasis": lambda text: f"*{text}*",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_case_accents_edges_and_digit_shapes_change_nothing(variant: str) -> None:
    changed = [
        (text, meaning(VARIANTS[variant](text), context, language), expected)
        for text, language, context, expected in CASES
        if meaning(VARIANTS[variant](text), context, language) != expected
    ]
    assert changed == []


def test_the_note_is_the_patients_own_words() -> None:
    assert reply_to("2 because I can't sleep").note_text == "because I can't sleep"
    assert reply_to("3, porque no duermo, señora").note_text == "porque no duermo, señora"
    assert reply_to("2️⃣ - BAD sleep").note_text == "BAD sleep"
    assert reply_to("(1) tired 😢").note_text == "tired 😢"


def test_a_note_can_be_stored_as_utf_8() -> None:
    note = reply_to("2 tired \ud83d\x00 today").note_text
    assert note == "tired today"
    assert note.encode() == b"tired today"


def test_a_suggestion_is_no_value() -> None:
    assert msgspec.structs.asdict(reply_to("too")) | {"kind": "ask", "suggested": 2, "value": None} == (
        msgspec.structs.asdict(reply_to("too"))
    )


@pytest.mark.parametrize(
    ("text", "to_item9", "expected"),
    [
        ("0 0 0 0 0 0 3", 7, "ask:one_at_a_time+risk"),
        ("0,0,0,1", 4, "ask:one_at_a_time+risk"),
        ("0003", 4, "ask:one_at_a_time+risk"),
        ("0 0 0 0 0 0 7", 7, "ask:one_at_a_time+risk"),
        ("0 0 0 0 0 0 0", 7, "ask:one_at_a_time"),
        ("0 0 0 0 0 3", 7, "ask:one_at_a_time"),
        ("0 0 0 0 0 0 3", None, "ask:one_at_a_time"),
        ("0 0 0 0 0 0 0 0 3", None, "ask:one_at_a_time+risk"),
        ("0 0 2", 3, "ask:ambiguous+risk"),
        ("0 3", 2, "ask:ambiguous+risk"),
        ("0 0", 2, "ask:ambiguous"),
        ("0 3", 3, "ask:ambiguous"),
        ("12", 2, "ask:range"),  # days, more likely than two answers
    ],
)
def test_a_row_of_values_that_ends_in_a_positive_item_9_is_a_signal(
    text: str, to_item9: int | None, expected: str
) -> None:
    where = Context("item", to_item9=to_item9)
    assert understand(text, context=where, language="en", labels=LABELS).notation == expected


def test_a_second_list_after_the_read_back_may_end_in_a_positive_item_9() -> None:
    where = Context("confirm_bulk", to_item9=5)
    reply = understand("0 0 0 0 2", context=where, language="en", labels=LABELS)
    assert reply.notation == "ask:unclear+risk"


def test_several_values_are_answers_only_where_the_clinic_allows_them() -> None:
    where = Context("bulk", 8, to_item9=9)
    allowed = understand("0 0 0 0 0 0 0 1", context=where, language="en", labels=LABELS)
    assert allowed.notation == "bulk:0,0,0,0,0,0,0,1"
    ninth = understand("0 0 0 0 0 0 0 0 1", context=where, language="en", labels=LABELS)
    assert ninth.notation == "ask:one_at_a_time+risk"


def test_a_late_value_is_named_with_its_words() -> None:
    late = reply_to("2 because I can't sleep", "expired")
    assert (late.kind, late.value, late.note_text) == ("late_answer", 2, "because I can't sleep")
    assert reply_to("tres", "completed").value == 3


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("uno", 1), ("2", 2), ("nearly every day", 3)])
def test_an_answer_carries_its_value(text: str, value: int) -> None:
    assert reply_to(text).value == value


def test_a_bulk_reply_carries_its_values_in_order() -> None:
    assert reply_to("012103102", "bulk9").values == (0, 1, 2, 1, 0, 3, 1, 0, 2)


@pytest.mark.parametrize(
    "text", ["1", "2", "3", "4", "2 or 3", "👍", "", "o", "0 1 2 1", "most days", "hi you"]
)
def test_whatever_is_no_plain_zero_on_item_9_is_a_risk_event(text: str) -> None:
    assert reply_to(text, "item9").risk
    assert not reply_to(text, "item").risk


@pytest.mark.parametrize("text", ["sevral days", "not at al", "ningn dia", "nuca"])
def test_no_slip_is_forgiven_on_item_9(text: str) -> None:
    assert reply_to(text, "item").kind == "answer"
    assert meaning(text, "item9") == "ask:unclear+risk"


def test_risk_and_review_are_not_both_asked_of_an_unclear_answer() -> None:
    assert meaning("I feel so bad", "item") == "ask:unclear+review"
    assert meaning("I feel so bad", "item9") == "ask:unclear+risk"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("２", "2"),
        ("②", "2"),
        ("²", "2"),
        ("₂", "2"),
        ("𝟐", "2"),
        ("2️⃣", "2"),
        ("٢", "2"),
        ("२", "2"),
        ("½", "1⁄2"),
        ("CAN’T", "cant"),
        ("can´t", "cant"),
        ("Ñandú", "nandu"),
        ("a\u00ad\u200bb", "ab"),
        ("👍🏽", "👍"),
        (" a\t\n b\u00a0c ", "a b c"),
        ("≠2", "=\u03382"),
        ("2\u0336", "2\u0336"),
        ("s\u0336t\u0336o\u0336p\u0336", "stop"),
        ("\ud83d", "\ud83d"),
    ],
)
def test_normalising(raw: str, expected: str) -> None:
    assert normalise(raw) == expected


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words_of(normalise("S.T.O.P. — opt-out, 2nd ❷ día_uno")) == (
        *("s", "t", "o", "p"),
        *("opt", "out", "2nd", "dia", "uno"),
    )


def test_contractions_fold() -> None:
    assert fold(("i", "can", "not", "go")) == fold(("i", "cannot", "go")) == ("i", "cant", "go")
    assert fold(("wanna", "die")) == ("want", "to", "die")
    assert fold(("do", "not")) == fold(("don", "t")) == ("dont",)
    assert fold(("i", "can")) == ("i", "can")


def test_the_phrase_notation_expands() -> None:
    assert expand("stop|quit [all] text(s)") == [
        ("stop", "text"),
        ("stop", "texts"),
        ("stop", "all", "text"),
        ("stop", "all", "texts"),
        ("quit", "text"),
        ("quit", "texts"),
        ("quit", "all", "text"),
        ("quit", "all", "texts"),
    ]
    assert expand("hacerme daño") == [("hacerme", "dano")]


def test_a_phrase_may_need_the_end_of_the_text() -> None:
    phrases = Phrases(["dont text $"])
    assert phrases.has(("i", "dont", "text"))
    assert not phrases.has(("dont", "text", "daily"))


@pytest.mark.parametrize("line", ["stop [all texts", "stop|", "[all]", "a(b"])
def test_a_broken_phrase_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="phrase list"):
        expand(line)


def test_contexts_have_names() -> None:
    assert parse_context("bulk9") == Context("bulk", 9)
    assert parse_context("bulk16") == Context("bulk", 16)
    assert parse_context("confirm_bulk") == Context("confirm_bulk")


@pytest.mark.parametrize("name", ["", "bulk", "bulk0", "bulkN", "bulk-3", "bulk100", "ITEM", "item10"])
def test_an_unknown_context_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownContext, match=f"context '{name}' is none of"):
        understand("2", context=name, language="en", labels=LABELS)


def test_labels_outside_the_scale_are_refused() -> None:
    with pytest.raises(ValueError, match="10 is no answer"):
        understand("2", context="item", language="en", labels={10: ("Always",)})
    with pytest.raises(ValueError, match="a label of 1 has no letter"):
        understand("2", context="item", language="en", labels={1: ("...",)})


def test_a_label_of_two_values_says_nothing() -> None:
    labels = {0: ("Rarely",), 1: ("Rarely", "Some")}
    assert understand("rarely", context="item", language="en", labels=labels).notation == "ask:unclear"
    assert understand("some", context="item", language="en", labels=labels).notation == "answer:1"
    assert Labels(labels).exact(("rarely",)) is None


def test_the_shipped_labels_are_those_the_cases_were_written_for() -> None:
    assert {value: set(texts) for value, texts in default_labels().items()} == {
        value: set(texts) for value, texts in LABELS.items()
    }


def test_versions_are_named() -> None:
    assert PARSER_VERSION


def test_the_shipped_cases_agree_with_the_parser() -> None:
    assert check_cases(CASES_FILE) == []


def test_a_differing_case_is_reported_by_line_without_its_text(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(
        '\ufefftext,language,context,expected\n2,en,item,answer:2\n"a\nb",en,item,answer:1\n\n3,es,item9,answer:3\n',
        encoding="utf-8",
    )
    assert check_cases(file) == [
        Mismatch(line=3, context="item", expected="answer:1", got="ask:unclear"),
        Mismatch(line=6, context="item9", expected="answer:3", got="answer:3+risk"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1, column 1: the header says '' where 'text' belongs"),
        (
            b"text,lang,context,expected\n",
            "line 1, column 2: the header says 'lang' where 'language' belongs",
        ),
        (b"text,language,context,expected,x\n", "line 1, column 5: there are only 4 columns"),
        (
            b"text,language,context,expected\n2,en,bulk,x\n",
            "line 2, column context: context 'bulk' is none of",
        ),
        (b"text,language,context,expected\n2,fr,item,x\n", "line 2, column language: 'fr' is none of en, es"),
        (b"text,language,context,expected\n2,en,item\n", "line 2, column expected: missing"),
        (b"text,language,context,expected\n2,en,item,\n", "line 2, column expected: empty"),
        (b"text,language,context,expected\n1,2,en,item,x\n", "line 2: 5 cells"),
        (b'text,language,context,expected\n"1,en,item,x\n', "line 2: not a CSV row"),
        (b"text,language,context,expected\n\xff,en,item,x\n", "line 2: the file is not UTF-8"),
    ],
)
def test_a_file_that_is_no_case_file_is_refused_with_line_and_column(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "cases.csv"
    file.write_bytes(content)
    with pytest.raises(InvalidCases) as refused:
        check_cases(file)
    assert str(refused.value).startswith(message)
