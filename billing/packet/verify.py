"""Does a packet agree with itself? Derived and printed again from the packet alone: no database, network or clock.

Compared: the line, the time log and the derivation with those of the closed inputs; ids, kinds and days of consents,
scores, plans, contacts and reviews with the evidence of the close; the PDF, printed again by this version of the
program, byte for byte. Whoever rewrites all of it makes another packet that agrees with itself: only the SHA-256 of
the whole file, kept in the clinic's audit trail, tells that one from the packet that was taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from billing.close.rules import Frozen, encoded
from billing.packet import archive
from billing.packet.agreement import disagreements
from billing.packet.archive import Manifest
from billing.packet.contents import Record, derivation, time_log
from billing.packet.print import printed
from billing.rule_sets import RuleSet, shipped
from billing.statement.derivation import derive
from billing.statement.rules import lines_text
from kernel.errors import Invalid

T = TypeVar("T")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`true` when nothing differs; `held_against_hash` says whether a packet's hash kept outside was compared too:
    without it a packet only proves that it agrees with itself. `lines` is what the packet's own inputs come to, empty when they can't be read."""

    true: bool
    differences: tuple[str, ...]
    month: str = ""
    version: int = 0
    lines: str = ""
    minutes: int = 0
    rule_set: str = ""
    content_sha256: str = ""
    packet_sha256: str = ""
    held_against_hash: bool = False


def verify(
    content: bytes, *, expected_sha256: str | None = None, packet_sha256: str | None = None
) -> Verdict:
    """Never raises for what a file may hold: whatever it is, the verdict says what differs."""
    try:
        members = archive.read(content)
        manifest = _decoded(members[archive.MANIFEST], Manifest, archive.MANIFEST)
        frozen = _decoded(members[archive.CLOSED], Frozen, archive.CLOSED)
        record = _decoded(members[archive.RECORD], Record, archive.RECORD)
        rules = _decoded(members[archive.RULE_SET], RuleSet, archive.RULE_SET)
    except Invalid as error:
        return Verdict(true=False, differences=tuple(problem.message for problem in error.problems))
    whole = hashlib.sha256(content).hexdigest()
    found = [
        *_hash(whole, packet_sha256),
        *_bytes(content, members, frozen, manifest, expected_sha256),
        *_each(lambda: _row(frozen), "the row can't be derived"),
        *_each(lambda: _words(frozen, record), "the time log can't be derived"),
        *_each(lambda: disagreements(frozen.inputs, record), "the record can't be held against the close"),
        *_rules(frozen, rules, manifest),
        *_each(lambda: _pages(members, manifest, frozen, record), "the PDF can't be printed again"),
    ]
    row = frozen.row
    return Verdict(
        true=not found,
        differences=tuple(found),
        month=manifest.month,
        version=manifest.version,
        lines=_lines(frozen),
        minutes=row.minutes,
        rule_set=frozen.inputs.rule_set.rule_id,
        content_sha256=hashlib.sha256(members[archive.CLOSED]).hexdigest(),
        packet_sha256=whole,
        held_against_hash=packet_sha256 is not None,
    )


def _decoded(content: bytes, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Invalid.field("packet", f"{name} can't be read as a packet's") from None


def _bytes(
    content: bytes, members: dict[str, bytes], frozen: Frozen, manifest: Manifest, expected: str | None
) -> Iterator[str]:
    for line in archive.sums(members).decode().splitlines():
        if line not in members[archive.SUMS].decode("ascii", "replace").splitlines():
            yield f"{line[66:]} differs from its SHA-256"
    if archive.written(members) != content:
        yield "the archive differs from the one these members make"
    real = hashlib.sha256(members[archive.CLOSED]).hexdigest()
    if encoded(frozen).content != members[archive.CLOSED]:
        yield f"{archive.CLOSED} is not written as it was closed"
    if real != manifest.content_sha256:
        yield f"{archive.CLOSED} differs from the content hash of the close"
    if expected is not None and real != expected.strip().lower():
        yield "the content hash differs from the one given"


def _hash(whole: str, expected: str | None) -> Iterator[str]:
    if expected is not None and whole != expected.strip().lower():
        yield "the packet's SHA-256 differs from the one given"


def _pages(members: dict[str, bytes], manifest: Manifest, frozen: Frozen, record: Record) -> Iterator[str]:
    if members[archive.PDF] != printed(manifest, frozen, record):
        yield f"{archive.PDF} is not what this version of the program prints of the rest"
    if members[archive.README] != archive.README_TEXT.encode():
        yield f"{archive.README} is not the one that this version of the program writes"


def _row(frozen: Frozen) -> Iterator[str]:
    derived = derive(frozen.inputs).row
    for name in derived.__struct_fields__:
        was, now = getattr(frozen.row, name), getattr(derived, name)
        if was != now:
            yield f"row.{name}: closed as {_short(was)}, derived as {_short(now)}"


def _words(frozen: Frozen, record: Record) -> Iterator[str]:
    names = {entry.staff_id: "" for entry in frozen.inputs.entries}
    derived = time_log(frozen.inputs, names)
    told = tuple(msgspec.structs.replace(entry, staff="") for entry in record.time_log)
    if told != derived:
        yield f"{archive.RECORD}: the time log differs from the one derived"
    if record.derivation != derivation(frozen.inputs):
        yield f"{archive.RECORD}: the derivation differs from the one derived"


def _rules(frozen: Frozen, rules: RuleSet, manifest: Manifest) -> Iterator[str]:
    used = frozen.inputs.rule_set
    if rules != used:
        yield f"{archive.RULE_SET} is not the rule set of the row"
    known = shipped().get(used.rule_id)
    if known is not None and known != used:
        yield f"the rule set is not {used.rule_id} as it was shipped"
    if manifest.month != str(frozen.inputs.month):
        yield f"{archive.MANIFEST}: another month than the row's"


def _each(check: Callable[[], Iterator[str]], failed: str) -> list[str]:
    """A hostile packet may hold inputs that no clinic's record could."""
    try:
        return list(check())
    except (ValueError, KeyError, ArithmeticError, AttributeError, TypeError):
        return [failed]


def _lines(frozen: Frozen) -> str:
    try:
        row = derive(frozen.inputs).row
    except (ValueError, KeyError, ArithmeticError, AttributeError, TypeError):
        return ""
    return lines_text(row)


def _short(value: object) -> str:
    """Enough to see the difference; a person's data stays out of it."""
    if isinstance(value, int | str) or value is None:
        return repr(value)[:80]
    if isinstance(value, tuple) and all(hasattr(each, "code") for each in value):
        return "; ".join(f"{each.code} x{getattr(each, 'units', 1)}" for each in value) or "none"
    return "another value"
