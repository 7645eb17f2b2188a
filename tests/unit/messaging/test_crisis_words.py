import hashlib
import time

import msgspec
import pytest

from messaging.conversation.crisis import crisis_list_version, crisis_words, signals_in
from messaging.conversation.normalise import see
from messaging.conversation.phrases import expand
from tests.support.scans import scan_crisis

LISTED = crisis_words()
LINES = [*LISTED.oneself, *LISTED.act_or_means, *LISTED.others]


@pytest.mark.parametrize("line", LINES)
def test_every_listed_phrase_is_a_hit_in_any_dress(line: str) -> None:
    for phrase in map(" ".join, expand(line)):
        for text in (
            phrase,
            phrase.upper(),
            f"well... {phrase}, I think",
            phrase.replace(" ", "  -  "),
            phrase.replace(" ", ""),
            f"I never said that I {phrase}",
            f"2 {phrase}",
        ):
            assert scan_crisis(text) is not None, text


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to kill myself",
        "I do not want to die",
        "never thought about suicide",
        "no quiero morir",
        "no voy a lastimarme",
    ],
)
def test_negation_never_clears_a_hit(text: str) -> None:
    assert scan_crisis(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "kill my self",
        "sui cide",
        "su1cide suicide",
        "SUICIDAL",
        "suicidio",
        "suiside",
        "sucide",
        "siucide",
        "kill mysef",
        "kiling myself",
        "overdoze",
        "self-harm",
        "I cannot go on",
        "I can not do this any more",
        "i wanna die",
        "do not want to live",
        "hacerme daño",
        "me tomé todas las pastillas",
        "quiero moriir",
        "kíll mysélf",
        "k\u0336i\u0336l\u0336l\u0336 myself",
        "kill\u200b my\u00adself",
        "ｋｉｌｌ ｍｙｓｅｌｆ",
    ],
)
def test_spacing_case_accents_and_a_small_slip_are_forgiven(text: str) -> None:
    assert scan_crisis(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "spend it all",
        "I want to diet",
        "homeless",
        "contarme",
        "portarme bien",
        "ahorrarme dinero",
        "putting myself first",
        "I keep changing myself",
        "willing myself to get up",
        "I take all my pills",
        "took the whole pill",
        "took all the bills",
        "don't want to exit",
        "hurt someone's feelings",
        "not safe",
        "I lost a lot of weight",
        "skill mys elf",
        "sucio",
        "suited",
        "quiero dormir",
        "no puedo masticar",
        "",
        "👍",
    ],
)
def test_everyday_words_are_no_hit(text: str) -> None:
    assert scan_crisis(text) is None


@pytest.mark.parametrize(
    ("text", "worry"),
    [
        ("hopeless", True),
        ("I feel hopless", True),
        ("there is no hope", True),
        ("I'm not safe", True),
        ("sin esperanza", True),
        ("homeless", False),
        ("hopeful", False),
        ("safe", False),
    ],
)
def test_worry_is_no_hit_but_is_seen(text: str, worry: bool) -> None:
    signals = signals_in(see(text))
    assert signals == (None, worry)


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ("i have a gun and want to end it", 3),
        ("I have a rope. I can't do this anymore", 3),
        ("going to kill myself with a knife", 3),
        ("saved up enough pills, want to die", 3),
        ("took all my pills, goodbye everyone", 3),
        ("I'm going to overdose", 3),
        ("gonna jump off the bridge, end it tonight", 3),
        ("tengo una pistola y quiero morir", 3),
        ("me voy a matar con un cuchillo", 3),
        ("i took all my pills", 2),
        ("I have a gun", 2),
        ("I want to die", 2),
        ("me tomé todas las pastillas", 2),
        ("sobredosis", 2),
        ("I want to end it all", 2),
    ],
)
def test_an_intent_with_a_means_is_the_highest_tier(text: str, tier: int) -> None:
    hit = scan_crisis(text)
    assert hit is not None
    assert hit.tier == tier


@pytest.mark.parametrize("text", ["a knife, going to end it", "tengo una soga, voy a acabar con todo"])
def test_an_intent_with_a_means_is_a_hit_without_any_listed_phrase(text: str) -> None:
    hit = scan_crisis(text)
    assert hit is not None
    assert (hit.tier, hit.entries) == (3, ())


@pytest.mark.parametrize(
    ("text", "toward_self", "toward_others"),
    [
        ("I want to die", True, False),
        ("I will kill him", False, True),
        ("voy a matar a alguien", False, True),
        ("kill them and then kill myself", True, True),
        ("I have a gun", True, False),
        ("I've got a gun and will hurt someone", False, True),
    ],
)
def test_threats_to_others_are_told_apart(text: str, toward_self: bool, toward_others: bool) -> None:
    hit = scan_crisis(text)
    assert hit is not None
    assert (hit.toward_self, hit.toward_others) == (toward_self, toward_others)


def test_a_hit_names_lines_of_the_list_and_not_the_patients_words() -> None:
    hit = scan_crisis("Ana here: I want to DIE, suicidal")
    assert hit is not None
    assert hit.entries == ("suicid...", "want to die")
    assert hit.list_version == crisis_list_version() == LISTED.version


def test_folding_a_contraction_hides_no_phrase() -> None:
    assert scan_crisis("I did what I can not safe tonight") is not None


@pytest.mark.parametrize(
    "text",
    [
        "\ud83d kill myself \udc00",
        "kill\x00myself",
        "kill myself" + "\u0301" * 1500,
        "x " * 700 + "kill myself",
        "\ud800want to die",
    ],
)
def test_hostile_text_neither_breaks_nor_hides(text: str) -> None:
    assert scan_crisis(text) is not None


def test_an_ordinary_text_is_scanned_in_a_millisecond() -> None:
    text = "2 because I can't sleep and my new pills make me dizzy in the morning, could you call me"
    scan_crisis(text)
    best = min(_seconds(text) for _ in range(50))
    assert best < 0.001


def _seconds(text: str) -> float:
    start = time.perf_counter()
    scan_crisis(text)
    return time.perf_counter() - start


def test_every_line_stands_in_one_part_only() -> None:
    lines = [*LINES, *LISTED.worry]
    assert len(lines) == len(set(lines))


def test_the_list_changes_only_with_its_version() -> None:
    digest = hashlib.sha256(msgspec.json.encode(LISTED)).hexdigest()[:16]
    assert {LISTED.version: digest} == {"2026.11-1": "41741a7707319ce0"}
