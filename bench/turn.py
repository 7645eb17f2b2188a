"""The statements of one inbound turn, recorded once from the application, and how to fill them for another person."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import event

from api.app import create_app
from api.wiring import Deps
from bench.load import sid_of, signed
from bench.world import CHECK_IN, EPISODE, OUTBOX, PATIENT, PHONE, RUN, THREAD, World, id_of

KINDS = {
    "patient": PATIENT, "phone": PHONE, "episode": EPISODE, "check_in": CHECK_IN, "run": RUN, "thread": THREAD,
    "outbox": OUTBOX,
}  # fmt: skip


class Fill(msgspec.Struct, frozen=True):
    """One parameter. `how`: const, fact (of the person), fresh (a new id), moment (seconds from now), sid, or text
    (with facts in braces)."""

    how: str
    value: Any


class Statement(msgspec.Struct, frozen=True):
    sql: str
    fills: tuple[Fill, ...]


Turn = tuple[Statement, ...]


class Frozen:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


async def record(deps: Deps, world: World, numbers: Sequence[str], now: datetime) -> Turn:
    """Lets the first people answer through the real application, in this process, and gives the last one's turn: by
    then everything is known that a process finds out once."""
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, tuple(parameters)))

    app = create_app(msgspec.structs.replace(deps, clock=Frozen(now)))
    transport = httpx.ASGITransport(app=app)
    engine = deps.system_db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with httpx.AsyncClient(transport=transport, base_url=deps.public_url) as client:
        for n, number in enumerate(numbers):
            seen.clear()
            path, headers, body = signed(number, world.clinic.sender_number, sid_of(n))
            answer = await client.post(path, headers=headers, content=body)
            if answer.status_code != 204:
                raise RuntimeError(f"the recorded turn was answered {answer.status_code}")
    event.remove(engine, "before_cursor_execute", note)
    facts: dict[Any, str] = {id_of(kind, n): name for name, kind in KINDS.items()}
    facts[deps.vault.lookup(number)] = "phone_key"
    facts |= dict.fromkeys((world.clinic.id, world.clinic.sender_id), "")
    return as_turn(seen, facts, sid_of(n), now)


def as_turn(
    seen: Sequence[tuple[str, tuple[Any, ...]]], facts: Mapping[Any, str], sid: str, now: datetime
) -> Turn:
    """What was sent for one person, with that person's values named so that another's can take their place."""
    fresh: dict[UUID, int] = {}
    return tuple(
        Statement(sql, tuple(_fill(value, facts, fresh, sid, now) for value in values))
        for sql, values in seen
    )


def _fill(value: Any, facts: Mapping[Any, str], fresh: dict[UUID, int], sid: str, now: datetime) -> Fill:
    if isinstance(value, UUID | str) and value in facts:
        return Fill("fact", facts[value]) if facts[value] else Fill("const", value)
    if value == sid:
        return Fill("sid", None)
    if isinstance(value, datetime):
        return Fill("moment", value - now)
    if isinstance(value, UUID):
        return Fill("fresh", fresh.setdefault(value, len(fresh)))
    if isinstance(value, str):
        return _text(value, facts, fresh)
    return Fill("const", value)


def _text(value: str, facts: Mapping[Any, str], fresh: Mapping[UUID, int]) -> Fill:
    pattern = value.replace("{", "{{").replace("}", "}}")
    for known, name in facts.items():
        pattern = pattern.replace(str(known), f"{{{name}}}") if name else pattern
    for known, index in fresh.items():
        pattern = pattern.replace(str(known), f"{{fresh{index}}}")
    return Fill("const", value) if pattern.format_map(_Same()) == value else Fill("text", pattern)


class _Same(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def values_for(
    statement: Statement, known: Mapping[str, Any], new_id: Callable[[int], UUID], now: datetime
) -> list[Any]:
    """Parameters of a statement for the person that `known` describes."""
    values = []
    for fill in statement.fills:
        match fill.how:
            case "fact":
                values.append(known[fill.value])
            case "sid":
                values.append(known["sid"])
            case "moment":
                values.append(now + fill.value)
            case "fresh":
                values.append(new_id(fill.value))
            case "text":
                values.append(fill.value.format_map(known))
            case _:
                values.append(fill.value)
    return values


def save(turn: Turn, path: Path) -> None:
    plain = [(s.sql, [(fill.how, fill.value) for fill in s.fills]) for s in turn]
    path.write_bytes(pickle.dumps(plain))


def load(path: Path) -> Turn:
    plain: list[tuple[str, list[tuple[str, Any]]]] = pickle.loads(path.read_bytes())
    return tuple(Statement(sql, tuple(Fill(how, value) for how, value in fills)) for sql, fills in plain)
