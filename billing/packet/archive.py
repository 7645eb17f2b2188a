"""A packet's outer shape: a ZIP of known members, stored and not compressed, with SHA-256 sums.

The same members give the same bytes on every machine, so one changed byte anywhere is found by writing the archive
again. Reading trusts nothing: names, sizes and counts are checked before a byte is unpacked, and nothing is ever
written to a disk.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from kernel.errors import Invalid

MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
CLOSED: Final = "closed.json"
RECORD: Final = "record.json"
RULE_SET: Final = "rule_set.json"
PDF: Final = "packet.pdf"
README: Final = "README.txt"
ORDER: Final = (README, PDF, CLOSED, RECORD, RULE_SET, MANIFEST, SUMS)
LARGEST_MEMBER: Final = 10 * 1024 * 1024
LARGEST_PACKET: Final = 25 * 1024 * 1024
README_TEXT: Final = """An audit packet for one patient and one calendar month.

closed.json    the month as it was closed: every input, and the line that came of it
record.json    consent with its words, scores, plans and their differences, contacts, reviews, the time log, the
               derivation in words
rule_set.json  the rule set of the line
packet.pdf     the same for reading
SHA256SUMS     a sum for every file

`evenkeel billing verify PACKET` derives the line again from closed.json, prints the PDF again, and says whether all of
it agrees with itself. That nobody wrote the whole packet anew, only a hash kept outside it can show: the packet's
SHA-256 on the patient's billing page of the month, given as --packet-hash.
It holds health information: keep it where the record is kept. It is not a claim.
"""
_NOWHEN: Final = (1980, 1, 1, 0, 0, 0)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's head needs besides the record. `content_sha256` is the closed patient-month's, `month_sha256` the whole version's, as the clinic's own
    system and the month's summary show them."""

    clinic: str
    month: str
    version: int
    closed_at: datetime
    closed_by: str
    content_sha256: str
    month_sha256: str
    made_at: datetime
    format: int = 1


def written(members: Mapping[str, bytes]) -> bytes:
    """`members` holds all but the sums."""
    whole = dict(members)
    whole[SUMS] = sums(members)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in ORDER:
            info = zipfile.ZipInfo(name, _NOWHEN)
            info.create_system = 3  # the same on every machine
            info.external_attr = 0o600 << 16
            archive.writestr(info, whole[name])
    return target.getvalue()


def sums(members: Mapping[str, bytes]) -> bytes:
    names = [name for name in ORDER if name != SUMS]
    return "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in names).encode()


def read(content: bytes) -> dict[str, bytes]:
    """Every member by name. Raises Invalid when it is no packet: too large, not a ZIP, members that are unknown,
    missing, repeated, compressed, encrypted, or larger than a packet's."""
    if len(content) > LARGEST_PACKET:
        raise _no_packet("is larger than a packet can be")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check(archive.infolist())
            return {info.filename: archive.read(info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError, NotImplementedError):
        raise _no_packet("is not a readable ZIP archive, or a part of it was changed") from None


def _check(members: list[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in members]
    if len(names) != len(set(names)):
        raise _no_packet("holds a member twice")
    if set(names) - set(ORDER):
        raise _no_packet("holds a member that no packet has")
    if set(ORDER) - set(names):
        raise _no_packet(f"lacks {', '.join(sorted(set(ORDER) - set(names)))}")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in members):
        raise _no_packet("holds a compressed or encrypted member")
    if any(info.file_size > LARGEST_MEMBER or info.file_size != info.compress_size for info in members):
        raise _no_packet("holds a member larger than a packet's")


def _no_packet(words: str) -> Invalid:
    return Invalid.field("packet", words)
