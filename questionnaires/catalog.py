"""Instruments by id, language and version: those that ship, one content file each, and those a clinic added.

What was added lives in the database (`registry.instruments`); a process gets to know it before it is first used there
(`know`) and never forgets it, since a version is never changed.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from questionnaires.additions import check_addition
from questionnaires.instrument import Band, Choice, Instrument, Item, check

INSTRUMENT_IDS: Final = ("phq9", "gad7", "phq2", "gad2")

_ADDED: Final[dict[tuple[str, str, str], Instrument]] = {}
_FOLDER: Final = Path(__file__).parent / "instruments"
_FILE_NAME: Final = re.compile(r"([a-z0-9]+)\.([a-z]{2}(?:-[A-Z]{2})?)\.([1-9][0-9]*)\.json")


class UnknownInstrument(LookupError):
    """No such instrument, language or version; the message names what was asked for and what exists."""


class InvalidContent(ValueError):
    """A content file that must not be used; `problems` lists all that is wrong with it."""

    def __init__(self, file_name: str, problems: list[str]) -> None:
        super().__init__(f"{file_name}: {'; '.join(problems)}")
        self.problems = problems


class _ItemEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int
    text: str
    scored: bool
    risk: bool
    answer_list: str
    code: str | None = None
    other_codes: tuple[str, ...] = ()


class _ContentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer list is written once and named by its items, so that two items can't differ by a slip."""

    id: str
    version: str
    language: str
    title: str
    stem: str
    answer_lists: dict[str, tuple[Choice, ...]]
    items: tuple[_ItemEntry, ...]
    bands: tuple[Band, ...]
    max_total: int
    proration_min_answered: int | None
    panel_code: str | None
    total_code: str | None
    credit: str
    source: str
    validation: str
    awaits_confirmation: bool


def load(instrument_id: str, language: str, version: str | None = None) -> Instrument:
    """The newest version, or exactly the one named.

    Raises UnknownInstrument when nothing matches and InvalidContent when a shipped file is damaged.
    """
    known = versions(instrument_id, language)
    wanted = known[-1] if version is None else version
    if wanted not in known:
        raise UnknownInstrument(
            f"{instrument_id} in {language!r} has no version {wanted!r}; there is {', '.join(known)}"
        )
    added = _ADDED.get((instrument_id, language, wanted))
    return added or _read(f"{instrument_id}.{language}.{wanted}.json")


def know(instruments: Iterable[Instrument]) -> None:
    """Makes instruments that were added usable in this process. Raises ValueError for the id of a shipped one."""
    for instrument in instruments:
        if instrument.id in INSTRUMENT_IDS:
            raise ValueError(f"{instrument.id} ships with Evenkeel and can't be replaced")
        _ADDED[instrument.id, instrument.language, instrument.version] = instrument


def is_shipped(instrument_id: str) -> bool:
    return instrument_id in INSTRUMENT_IDS


def languages(instrument_id: str) -> tuple[str, ...]:
    """In alphabetical order. Raises UnknownInstrument."""
    found = tuple(sorted({language for id_, language, _ in _known() if id_ == instrument_id}))
    if not found:
        raise UnknownInstrument(
            f"there is no instrument {instrument_id!r}; there is {', '.join(INSTRUMENT_IDS)}"
        )
    return found


def versions(instrument_id: str, language: str) -> tuple[str, ...]:
    """From the oldest to the newest. Raises UnknownInstrument."""
    spoken = languages(instrument_id)
    if language not in spoken:
        raise UnknownInstrument(
            f"{instrument_id} is not available in {language!r}; there is {', '.join(spoken)}"
        )
    found = [version for id_, lang, version in _known() if (id_, lang) == (instrument_id, language)]
    return tuple(sorted(found, key=int))


def shipped() -> tuple[Instrument, ...]:
    """Every shipped instrument in every language and version, in catalogue order."""
    return tuple(
        load(instrument_id, language, version)
        for instrument_id in INSTRUMENT_IDS
        for language in languages(instrument_id)
        for version in versions(instrument_id, language)
    )


def answer_labels() -> dict[int, tuple[str, ...]]:
    """Every printed label of each score, over all scored items and languages that ship.

    A reply may be written in either language whatever the patient's own, so the languages are merged.
    Labels are as printed (case and accents kept), each once, in catalogue order.
    """
    return dict(_labels())


@cache
def _labels() -> tuple[tuple[int, tuple[str, ...]], ...]:
    labels: dict[int, dict[str, None]] = {}
    for instrument in shipped():
        for item in instrument.scored_items:
            for choice in item.choices:
                labels.setdefault(choice.value, {})[choice.label] = None
    return tuple((value, tuple(labels[value])) for value in sorted(labels))


@cache
def _shipped() -> tuple[tuple[str, str, str], ...]:
    """(id, language, version) of each file; what is not listed here is never opened by name."""
    return tuple(_named(path.name) for path in sorted(_FOLDER.glob("*.json")))


def _known() -> tuple[tuple[str, str, str], ...]:
    return (*_shipped(), *_ADDED)


def _named(file_name: str) -> tuple[str, str, str]:
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        raise InvalidContent(file_name, ["content files are named <id>.<language>.<version>.json"])
    return match[1], match[2], match[3]


@cache
def _read(file_name: str) -> Instrument:
    return parse(file_name, (_FOLDER / file_name).read_bytes())


def parse(file_name: str, raw: bytes) -> Instrument:
    """A content file named `<id>.<language>.<version>.json`. Raises InvalidContent."""
    instrument = _decoded(file_name, raw)
    problems = check(instrument)
    if _named(file_name) != (instrument.id, instrument.language, instrument.version):
        problems.append("the file is not named after its id, language and version")
    if problems:
        raise InvalidContent(file_name, problems)
    return instrument


def parse_addition(raw: bytes, name: str = "instrument") -> Instrument:
    """An instrument that a clinic adds, whatever its file is called. Raises InvalidContent with all that is wrong."""
    instrument = _decoded(name, raw)
    problems = [*check(instrument), *check_addition(instrument, INSTRUMENT_IDS)]
    if problems:
        raise InvalidContent(name, problems)
    return instrument


def _decoded(file_name: str, raw: bytes) -> Instrument:
    try:
        content = msgspec.json.decode(raw, type=_ContentFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidContent(file_name, [str(error)]) from error
    unlisted = [
        f"item {i.number} names an unknown answer list"
        for i in content.items
        if i.answer_list not in content.answer_lists
    ]
    if unlisted:
        raise InvalidContent(file_name, unlisted)
    return _instrument(content)


def _instrument(content: _ContentFile) -> Instrument:
    fields = msgspec.structs.asdict(content)
    lists = fields.pop("answer_lists")
    fields["items"] = tuple(
        Item(**msgspec.structs.asdict(entry), choices=lists[entry.answer_list]) for entry in content.items
    )
    return Instrument(**fields)
