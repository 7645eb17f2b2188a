"""The body of a turn's text: approved lines, then the registered item with its answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from messaging.conversation.copy import Rendered, join, placeholders, render
from messaging.conversation.decision import Line, Say
from messaging.conversation.script import Item, Script

LINK = "link"


def needs_link(say: Say, script: Script) -> bool:
    return any(LINK in placeholders(line.key, script.language) for line in say.lines)


def compose(say: Say, script: Script, link: str | None = None) -> Rendered:
    """Raises ValueError when a line needs a value nobody has, KeyError for a line that does not exist."""
    known = _known(script, say.ask, link)
    parts = [_line(line, script, known) for line in say.lines]
    if say.ask is not None and not say.short:
        item = script.items[say.ask]
        if _needs_stem(say, script):
            parts.append(render("new_part", script.language, stem=item.stem))
        parts.append(_question(item, script, known))
    if not parts:
        raise ValueError("a text without words")
    return join(parts)


def _known(script: Script, at: int | None, link: str | None) -> Mapping[str, str]:
    done = sum(item.answered for item in script.items)
    known = {"name": script.name, "phone": script.phone, "hours": script.hours,
             "done": str(done), "total": str(len(script.items))}  # fmt: skip
    if at is not None:
        known["number"] = str(at + 1)
        known["highest"] = str(script.items[at].highest)
    if link is not None:
        known[LINK] = link
    return known


def _line(line: Line, script: Script, known: Mapping[str, str]) -> Rendered:
    values = {**known, **dict(line.values)}
    wanted = placeholders(line.key, script.language)
    return render(line.key, script.language, **{k: v for k, v in values.items() if k in wanted})


def _question(item: Item, script: Script, known: Mapping[str, str]) -> Rendered:
    choices = "\n".join(f"{value} = {label}" for value, label in item.labels)
    return render(
        "question",
        script.language,
        number=known["number"],
        total=known["total"],
        item=item.text,
        choices=choices,
    )


def _needs_stem(say: Say, script: Script) -> bool:
    """The first item of a questionnaire, and any item asked again on a later day."""
    if say.ask is None or any(line.key == "first_question" for line in say.lines):
        return False
    run = script.items[say.ask].run
    first = next(index for index, item in enumerate(script.items) if item.run == run)
    return say.ask == first or say.kind in ("reminder", "invitation")
