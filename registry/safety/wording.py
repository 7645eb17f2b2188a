"""What no text, screen, field or export may say: that somebody is free of risk.

Seven of ten people who died by suicide had answered 0 to item 9 the last time (Louzon et al. 2016, doi:10.1176/
appi.ps.201500149): an answer of 0 is an answer, never a verdict.
"""

from __future__ import annotations

import re
from typing import Final

_VERDICTS: Final = (
    r"no\s+(?:known\s+|current\s+|apparent\s+|immediate\s+|acute\s+|suicid\w*\s+|safety\s+)?risks?\b(?!\s+(?:events?|signals?|items?))",
    r"without\s+(?:any\s+)?(?:suicid\w*\s+)?risk\b(?!\s+events?)",
    r"not\s+(?:currently\s+)?(?:at\s+risk|suicidal)\b",
    r"zero[\s-]+risk\b",
    r"risk[\s-]*free\b",
    r"risk\s*[:=]\s*(?:none|no|0)\b",
    r"(?:patient|person|client|she|he|they|you)\s+(?:is|are)\s+(?:now\s+|entirely\s+|completely\s+)?safe\b(?!\s+to\b)",
    r"out\s+of\s+danger\b",
    r"low[\s-]+to[\s-]+no[\s-]+risk\b",
    r"sin\s+riesgo\b",
    r"ning[uú]n\s+riesgo\b",
    r"fuera\s+de\s+peligro\b",
)
_DENIED: Final = re.compile(
    r"\b(?:never|nothing|not\s+mean|doesn't\s+mean)\b[^.]{0,60}$", re.IGNORECASE | re.DOTALL
)
_VERDICT: Final = re.compile("|".join(_VERDICTS), re.IGNORECASE)


def claims_freedom_from_risk(text: str) -> bool:
    return verdict_in(text) is not None


def verdict_in(text: str) -> str | None:
    """The words that say it; None when none do, or a sentence only says that they are never said."""
    for found in _VERDICT.finditer(text):
        if _DENIED.search(text[: found.start()]) is None:
            return found.group()
    return None
