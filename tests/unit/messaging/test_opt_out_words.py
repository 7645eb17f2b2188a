import hashlib

import msgspec
import pytest

from messaging.consent.words import opt_out_words, without_politeness
from tests.support.scans import scan_opt_out

# 47 CFR 64.1200(a)(10): these always count.
FCC = ("stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe")
# Default opt-out keywords of Twilio's Advanced Opt-Out.
TWILIO = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT")
SPANISH = ("alto", "parar", "pare", "para", "paren", "baja", "cancelar", "no mas", "no más")


FRAMES = (
    "{}",
    "{}.",
    "{}!!!",
    "({})",
    '"{}"',
    "¡{}!",
    "  {}\n",
    "-{}-",
    "please {}",
    "{}, please",
    "{} pls",
    "Ok {} now. Thank you",
    "{} por favor",
    "{} ahora, gracias",
    "{} {}",
    "{} 🙏🏽",
)


@pytest.mark.parametrize("word", [*FCC, *TWILIO, *SPANISH, "stop all", "opt-out"])
def test_a_word_that_always_counts_ends_texting_in_any_dress(word: str) -> None:
    for spelled in (word.lower(), word.upper(), word.title()):
        for frame in FRAMES:
            text = frame.replace("{}", spelled)
            assert scan_opt_out(text) == "stop", text


@pytest.mark.parametrize(
    "text",
    [
        "stop all of the texts",
        "please quit messaging",
        "cease contacting us",
        "Stop. Texting. Me.",
        "you people stop spamming",
        "stop getting these messages",
        "quit receiving any texts",
        "do not txt me",
        "don't send these",
        "don’t contact us again",
        "I said do not message",
        "never contact me",
        "no more messages",
        "Leave me alone",
        "can you remove me",
        "take my number off your list",
        "how do I unsubscribe?",
        "want to opt me out",
        "I am opting out",
        "I withdraw my consent",
        "I need these texts to stop",
        "why won't you stop texting me",
        "No me escribas más",
        "no me envíe mensajes",
        "ya no quiero más mensajes, no quiero recibir más mensajes",
        "quiero darme de baja",
        "Quítenme de la lista",
        "deje de mandarme mensajes",
        "paren de molestar",
    ],
)
def test_a_phrase_a_reasonable_person_understands_ends_texting(text: str) -> None:
    assert scan_opt_out(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "STOP this terrible bill",
        "stpo",
        "sotp",
        "stoop",
        "when will it stop",
        "stop it",
        "don't stop texting me",
        "please dont stop sending",
        "revoke my driving licence",
    ],
)
def test_unclear_wording_asks_once(text: str) -> None:
    assert scan_opt_out(text) == "stop?"


@pytest.mark.parametrize(
    "text",
    [
        "I can't stop texting him",
        "I cannot stop texting",
        "I can not stop messaging her",
        "i cant even stop",
        "couldn't stop",
        "she won't stop contacting me",
        "I can't seem to stop eating",
        "no puedo stop",
        "cancel my appointment",
        "when does it end",
        "the end",
        "unstop",
        "stp please",
        "start",
        "top",
        "nonstop noise",
        "ok thanks",
        "",
        "👍",
        "no",
        "mas",
        "es para mi mama",
        "I can't quit smoking",
    ],
)
def test_everyday_words_are_no_opt_out(text: str) -> None:
    assert scan_opt_out(text) is None


def test_politeness_is_taken_out_anywhere() -> None:
    assert without_politeness(("ok", "thank", "you", "stop", "por", "favor", "now")) == ("stop",)
    assert without_politeness(("thank", "stop")) == ("thank", "stop")


@pytest.mark.parametrize(
    "text",
    ["\ud83d\ude00", "stop\x00", "\u0301" * 1600, "stop " * 320, "🙏" * 1600, "\ud800" * 1600, "ﷺ" * 1600],
)
def test_no_text_can_break_the_scan(text: str) -> None:
    assert scan_opt_out(text) in ("stop", "stop?", None)


def test_the_list_changes_only_with_its_version() -> None:
    listed = opt_out_words()
    digest = hashlib.sha256(msgspec.json.encode(listed)).hexdigest()[:16]
    assert {listed.version: digest} == {"2026.11-1": "be171210178c4f50"}
