"""No text, screen, field, export or page of ours calls a person free of risk."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.safety.wording import claims_freedom_from_risk, verdict_in
from tests.support.api_shapes import keys, structs
from tests.support.clinical_screens import CLINICAL_SCREENS
from tests.support.screens import environment

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = ("api", "billing", "kernel", "messaging", "questionnaires", "registry", "staff_console")
COPY = (".html", ".toml", ".txt", ".md", ".css", ".js", ".csv")
# What these say is that such words are never said, or what a patient writes; none is shown about a person.
ABOUT_THE_RULE = {
    "registry/safety/wording.py",
    "messaging/conversation/lexicon.py",
}


def files(*suffixes: str) -> Iterator[Path]:
    for room in (*ROOMS, "docs"):
        for path in sorted((ROOT / room).rglob("*")):
            ours = "vendor" not in path.parts and str(path.relative_to(ROOT)) not in ABOUT_THE_RULE
            if path.suffix in suffixes and ours:
                yield path
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md") if ".md" in suffixes)


@pytest.mark.parametrize(
    "text",
    [
        "No suicide risk", "no current risk", "Without risk", "not at risk", "Patient is not suicidal", "zero risk",
        "risk-free", "Risk: none", "She is safe now", "is out of danger", "low to no risk", "sin riesgo",
        "ningún riesgo",
    ],
)  # fmt: skip
def test_words_that_give_a_verdict_are_known(text: str) -> None:
    assert claims_freedom_from_risk(text)


@pytest.mark.parametrize(
    "text",
    [
        "Item 9 answered 0", "No open safety event", "No risk event waits", "Safe to text", "is safe to text",
        "Risk level: low", "never says that a patient is free of risk", "Not reported", "At risk since Monday",
    ],
)  # fmt: skip
def test_words_that_state_facts_are_not_taken_for_a_verdict(text: str) -> None:
    assert not claims_freedom_from_risk(text)


def test_no_copy_template_document_or_table_gives_a_verdict() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{number}": said
        for path in files(*COPY)
        for number, line in enumerate(_paragraphs(path), 1)
        if (said := verdict_in(line)) is not None
    }
    assert found == {}


def test_no_text_in_the_code_gives_a_verdict() -> None:
    found = {}
    for path in files(".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said = verdict_in(node.value)
                if said is not None:
                    found[f"{path.relative_to(ROOT)}:{node.lineno}"] = said
    assert found == {}


def test_no_instrument_and_no_pack_gives_a_verdict() -> None:
    for path in files(".json"):
        said = verdict_in(json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False))
        assert said is None, (path.name, said)


def test_no_field_of_the_api_is_a_verdict() -> None:
    names = {key for struct in structs().values() for key in keys(struct)}
    assert {
        name for name in names if re.search(r"no_risk|is_safe|not_at_risk|risk_free|cleared", name)
    } == set()


@pytest.mark.parametrize("screen", sorted(CLINICAL_SCREENS))
def test_no_rendered_page_gives_a_verdict(screen: str) -> None:
    template, shell, page = CLINICAL_SCREENS[screen]
    assert verdict_in(re.sub(r"<[^>]+>", " ", _rendered(template, shell, page))) is None


def _rendered(template: str, shell: object, page: object) -> str:
    return environment().get_template(template).render(shell=shell, page=page, csrf_token="t")


def _paragraphs(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n\n")
