"""One scan of one text, where the application looks once and asks several questions."""

from __future__ import annotations

from messaging.consent.words import OptOut, opt_out_in
from messaging.conversation.crisis import CrisisHit, signals_in
from messaging.conversation.normalise import see
from messaging.delivery.segments import is_gsm7


def scan_opt_out(text: str) -> OptOut | None:
    return opt_out_in(see(text))


def scan_crisis(text: str) -> CrisisHit | None:
    return signals_in(see(text)).crisis


def not_gsm7(text: str) -> tuple[str, ...]:
    """The characters that force UCS-2, each once, in order of appearance."""
    return tuple(dict.fromkeys(char for char in text if not is_gsm7(char)))
