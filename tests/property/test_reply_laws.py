"""Laws of understanding a text, for any text in any place."""

import string
import unicodedata
from itertools import chain

from hypothesis import assume, given
from hypothesis import strategies as st

from messaging.consent.words import without_politeness
from messaging.conversation.crisis import crisis_words
from messaging.conversation.meaning import PLACES
from messaging.conversation.normalise import normalise, words_of
from messaging.conversation.phrases import expand
from messaging.conversation.replies import Reply, default_labels, understand
from tests.support.scans import scan_crisis, scan_opt_out

LABELS = default_labels()
PLACE_NAMES = (*PLACES, "bulk4", "bulk9", "bulk16")
VOCABULARY = tuple(
    word
    for line in (
        "0 1 2 3 4 9 12 -1 two dos zero four stop please not no never several days day every nearly half",
        "the more than at all varios ningun dia casi todos los because porque or maybe answer is , . ? - /",
        "( ) = ok back yes help wrong number 👍 2️⃣ ② ² ½ ٢ ２ sorry thanks week skip texting me cant safe",
    )
    for word in line.split()
)
CRISIS = [
    " ".join(phrase)
    for line in chain(crisis_words().oneself, crisis_words().act_or_means, crisis_words().others)
    for phrase in expand(line)
]

any_text = st.text(st.characters(), max_size=200)  # lone surrogates and NUL included
replies = st.lists(st.sampled_from(VOCABULARY), max_size=10).flatmap(
    lambda words: st.sampled_from((" ", "", "\n")).map(lambda gap: gap.join(words))
)
texts = st.one_of(replies, any_text)
places = st.sampled_from(PLACE_NAMES)
languages = st.sampled_from(("en", "es"))


def reply_to(text: str, place: str, language: str = "en") -> Reply:
    return understand(text, context=place, language=language, labels=LABELS)


@given(texts, places, languages)
def test_no_text_raises_or_yields_a_value_outside_the_scale(text: str, place: str, language: str) -> None:
    reply = reply_to(text, place, language)
    assert reply.value in (None, 0, 1, 2, 3)
    assert reply.suggested in (None, 0, 1, 2, 3)
    assert set(reply.values) <= {0, 1, 2, 3}
    assert (reply.value is not None) == (reply.kind in ("answer", "late_answer", "already_done"))
    assert (reply.suggested is not None) == (reply.detail == "suggest")
    assert reply.notation.isascii()


@given(texts, places)
def test_no_digit_is_changed(text: str, place: str) -> None:
    reply = reply_to(text, place)
    digits = [char for char in normalise(text) if char in string.digits]
    if reply.value is not None and digits:
        assert digits == [str(reply.value)]
    if reply.values:
        assert digits == [str(value) for value in reply.values]


@given(texts, places)
def test_a_value_is_taken_only_while_a_question_is_open(text: str, place: str) -> None:
    reply = reply_to(text, place)
    if reply.kind in ("answer", "bulk"):
        assert place in ("item", "item9") or place.startswith("bulk")
    if reply.kind == "bulk":
        assert f"bulk{len(reply.values)}" == place


@given(texts)
def test_item_9_reads_a_value_as_any_item_or_not_at_all(text: str) -> None:
    ordinary, ninth = reply_to(text, "item"), reply_to(text, "item9")
    if ninth.kind == "answer":
        assert ordinary.value == ninth.value


@given(texts)
def test_item_9_answered_by_anything_but_zero_is_a_risk_event(text: str) -> None:
    reply = reply_to(text, "item9")
    positive = reply.kind == "answer" and reply.value != 0
    assert reply.risk == (positive or reply.kind in ("ask", "free_text", "stop?"))


@given(texts)
def test_a_crisis_or_an_opt_out_does_not_depend_on_the_place(text: str) -> None:
    found = {place: reply_to(text, place) for place in PLACE_NAMES}
    assert len({reply.kind == "crisis" for reply in found.values()}) == 1
    assert len({reply.also_stop or reply.kind == "stop" for reply in found.values()}) == 1


@given(any_text, st.sampled_from(CRISIS), any_text, places)
def test_a_text_that_contains_a_crisis_phrase_is_a_crisis(
    before: str, phrase: str, after: str, place: str
) -> None:
    reply = reply_to(f"{before} {phrase} {after}", place)
    assert "crisis" in reply.notation
    assert reply.crisis is not None


@given(texts, st.sampled_from(CRISIS))
def test_more_words_never_lower_a_crisis(text: str, phrase: str) -> None:
    alone, among = scan_crisis(phrase), scan_crisis(f"{text} {phrase}")
    assert alone is not None
    assert among is not None
    assert among.tier >= alone.tier


@given(st.sampled_from(("stop texting me", "unsubscribe", "leave me alone", "no me escriban")), any_text)
def test_an_opt_out_phrase_ends_texting_whatever_follows(phrase: str, after: str) -> None:
    assert scan_opt_out(f"{phrase} {after}") == "stop"
    assert "stop" in reply_to(f"{phrase} {after}", "item").notation


@given(texts)
def test_the_scans_agree_with_the_whole(text: str) -> None:
    reply = reply_to(text, "idle")
    opt_out, crisis = scan_opt_out(text), scan_crisis(text)
    assert reply.crisis == crisis
    if crisis is None and opt_out is not None:
        assert reply.kind == opt_out
    if crisis is None and opt_out is None:
        assert reply.kind not in ("stop", "stop?", "crisis")


@given(texts)
def test_the_same_text_always_means_the_same(text: str) -> None:
    assert reply_to(text, "item") == reply_to(text, "item", "es")


@given(any_text)
def test_a_normalised_text_has_no_case_accents_or_foreign_digits(text: str) -> None:
    levelled = normalise(text)
    assert levelled == " ".join(levelled.split())
    for char in levelled:
        assert unicodedata.decimal(char, None) is None or char in string.digits
        assert char.isascii() or unicodedata.category(char) != "Lu" or char.casefold() == char


@given(st.sampled_from(("2", "two", "several days", "back")), texts)
def test_more_words_leave_no_answer_as_it_was_but_politeness(answer: str, after: str) -> None:
    added = words_of(normalise(f" {after}"))
    assume(any(char.isalpha() for word in added for char in word))
    if reply_to(f"{answer} {after}", "item") == reply_to(answer, "item"):
        assert without_politeness(added) == ()
