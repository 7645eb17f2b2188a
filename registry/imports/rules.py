"""What a row says, or why it can't be used. Pure: facts about the clinic come as a `Book`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Generic, Literal, TypeVar, cast
from uuid import UUID

import msgspec

from kernel.errors import Invalid, Problem
from registry.episodes.forms import CareConsentForm, ConsentMethod, EnrolmentForm, InitiatingVisit, TeamForm
from registry.imports.files import LONGEST_CELL, ColumnMapping, DateStyle, Row
from registry.measures.rules import ItemsForm, TotalForm
from registry.patients.forms import CoverageForm, PersonForm, PhoneForm, PreferencesForm, Sex
from registry.time_log.months import Month
from registry.working_time import noon

T = TypeVar("T")
NEVER_BILLED: Final = "none"
REASON: Final = "Carried over from another registry."
UNKNOWN_WORDING: Final = "before-evenkeel"
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_US: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,3}", re.ASCII)
_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)
_MONTH_TYPES: Final[Mapping[str, Literal["initial", "subsequent"]]] = {
    "initial": "initial",
    "99492": "initial",
    "subsequent": "subsequent",
    "99493": "subsequent",
}


class Book(msgspec.Struct, frozen=True):
    """What is known here. `people`: e-mail or name in small letters -> id, None where two share the name. `patients`:
    record number -> patient; `scored` and `billed`: what is on file already."""

    now: datetime
    today: date
    zone: str
    people: Mapping[str, UUID | None]
    patients: Mapping[str, UUID]
    scored: frozenset[tuple[UUID, str, date]] = frozenset()
    billed: frozenset[tuple[UUID, str]] = frozenset()


class PatientRow(msgspec.Struct, frozen=True):
    form: EnrolmentForm
    started_on: date | None
    last_billed: str | None


class ScoreRow(msgspec.Struct, frozen=True):
    form: ItemsForm | TotalForm


class BilledRow(msgspec.Struct, frozen=True):
    patient_id: UUID
    month: str
    month_type: Literal["initial", "subsequent"] | None


class Verdict(msgspec.Struct, frozen=True):
    """`problems` as (heading of the column, reason), none when the row is filed. Cells are never repeated."""

    line: int
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def usable(self) -> bool:
        return not self.problems


class Judged(msgspec.Struct, Generic[T], frozen=True):
    """`said` None when the row can't be used."""

    line: int
    said: T | None
    problems: tuple[Problem, ...]


def verdict(line: int, problems: Sequence[Problem], mapping: ColumnMapping) -> Verdict:
    return Verdict(line, tuple((mapping.columns.get(p.field, p.field), p.message) for p in problems))


def judge_patients(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[PatientRow]]:
    seen: dict[str, int] = {}
    return [_judged(row, _patient, style, book, seen, lambda cells: cells.get("mrn", "")) for row in rows]


def judge_scores(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[ScoreRow]]:
    seen: dict[str, int] = {}
    return [_judged(row, _score, style, book, seen, _score_key) for row in rows]


def judge_billed(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[BilledRow]]:
    seen: dict[str, int] = {}
    return [_judged(row, _billed, style, book, seen, _billed_key) for row in rows]


def _score_key(cells: Mapping[str, str]) -> str:
    return f"{cells.get('mrn', '')} {cells.get('instrument', '').casefold()} {cells.get('taken_on', '')}"


def _billed_key(cells: Mapping[str, str]) -> str:
    return f"{cells.get('mrn', '')} {cells.get('month', '')}"


class _Cells:
    """One row's cells, read with every problem noted at its field."""

    def __init__(self, row: Row, style: DateStyle) -> None:
        self.cells = row.cells
        self.style = style
        self.problems: list[Problem] = []
        for field, cell in row.cells.items():
            if (wrong := _hostile(cell)) is not None:
                self.wrong(field, wrong)

    def wrong(self, field: str, message: str) -> None:
        if not any(problem.field == field for problem in self.problems):
            self.problems.append(Problem(field, message))

    def text(self, field: str) -> str | None:
        return self.cells.get(field) or None

    def needed(self, field: str) -> str:
        found = self.text(field)
        if found is None:
            self.wrong(field, "is empty")
        return found or ""

    def day(self, field: str, *, needed: bool = False) -> date | None:
        text = self.needed(field) if needed else self.text(field)
        if not text:
            return None
        found = _day(text, self.style)
        if found is None:
            self.wrong(field, f"is not a date such as {'2026-11-05' if self.style == 'iso' else '11/5/2026'}")
        return found

    def number(self, field: str) -> int | None:
        text = self.text(field)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) is None:
            self.wrong(field, "is not a whole number")
            return None
        return int(text)

    def one_of(self, field: str, otherwise: str, *known: str) -> str:
        text = (self.text(field) or otherwise).casefold()
        for each in known:
            if each.casefold() == text:
                return each
        self.wrong(field, f"must be one of {', '.join(known)}")
        return otherwise

    def month(self, field: str, text: str, latest: Month) -> str | None:
        try:
            month = Month.parse(text)
        except Invalid:
            self.wrong(field, "is not a month such as 2026-11")
            return None
        if month > latest:
            self.wrong(field, "is in the future")
        return str(month)


def _hostile(cell: str) -> str | None:
    if len(cell) > LONGEST_CELL:
        return f"is longer than {LONGEST_CELL} characters"
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Cf", "Co") for sign in cell):
        return "holds characters that can't be seen"
    return "is a formula, not a value" if cell[:1] in ("=", "@") else None


def _day(text: str, style: DateStyle) -> date | None:
    found = (_ISO if style == "iso" else _US).fullmatch(text)
    if found is None:
        return None
    first, second, third = (int(part) for part in found.groups())
    try:
        return date(first, second, third) if style == "iso" else date(third, first, second)
    except ValueError:
        return None


def _judged(
    row: Row,
    parse: Callable[[_Cells, Book], T],
    style: DateStyle,
    book: Book,
    seen: dict[str, int],
    key_of: Callable[[Mapping[str, str]], str],
) -> Judged[T]:
    cells = _Cells(row, style)
    key = key_of(row.cells)
    if key.strip() and key in seen:
        cells.wrong("mrn", f"is in line {seen[key]} of this file already")
    seen.setdefault(key, row.line)
    said = parse(cells, book)
    return Judged(row.line, None if cells.problems else said, tuple(cells.problems))


def _person_here(cells: _Cells, field: str, book: Book) -> UUID:
    text = cells.needed(field)
    found = book.people.get(text.casefold())
    if text and found is None:
        known = text.casefold() in book.people
        cells.wrong(
            field, "names more than one person: write the e-mail" if known else "is nobody of this clinic"
        )
    return found or UUID(int=0)


def _patient(cells: _Cells, book: Book) -> PatientRow:
    mrn = cells.needed("mrn")
    if mrn in book.patients:
        cells.wrong("mrn", "belongs to a patient who is on file here already")
    started = cells.day("started_on")
    if started is not None and started > book.today:
        cells.wrong("started_on", "is in the future")
    agreed = cells.day("consent_on", needed=True) or book.today
    if agreed > book.today:
        cells.wrong("consent_on", "is in the future")
    phone = cells.text("phone")
    visit = cells.day("visit_on")
    since = started or agreed
    form = EnrolmentForm(
        person=PersonForm(
            family_name=cells.needed("family_name"),
            given_name=cells.needed("given_name"),
            birth_date=cells.day("birth_date", needed=True),
            mrn=mrn,
            sex=cast(Sex, cells.one_of("sex", "U", "F", "M", "U")) if cells.text("sex") else None,
        ),
        # Whatever was agreed elsewhere, nobody is texted before the consent is recorded here.
        preferences=PreferencesForm(
            language=cells.text("language") or "en",
            zone=cells.text("zone") or book.zone,
            channel="none" if phone is None else "phone",
        ),
        team=TeamForm(
            treating_clinician_id=_person_here(cells, "clinician", book),
            care_manager_id=_person_here(cells, "care_manager", book),
            consultant_id=_person_here(cells, "consultant", book),
        ),
        target_condition=cells.needed("condition"),
        care_consent=CareConsentForm(
            method=cast(
                ConsentMethod, cells.one_of("consent_method", "verbal", "verbal", "written", "portal")
            ),
            given_at=min(noon(agreed, book.zone), book.now),
            recorded_by=cells.needed("consent_by"),
            wording_version=cells.text("consent_wording") or UNKNOWN_WORDING,
        ),
        coverage=(
            CoverageForm(
                payer=cells.needed("payer"),
                valid_from=cells.day("payer_from") or since,
                plan=cells.text("plan"),
                member_id=cells.text("member_id"),
            ),
        ),
        phone=None if phone is None else PhoneForm(phone, safe_to_text=False),
        initiating_visit=None if visit is None else InitiatingVisit(visit, cells.text("visit_code")),
        referred_by=cells.text("referred_by") or cells.text("clinician") or "",
        referral_reason=REASON,
    )
    return PatientRow(form, started, _last_billed(cells, book, started))


def _last_billed(cells: _Cells, book: Book, started: date | None) -> str | None:
    text = (cells.text("last_billed") or "").casefold()
    if text in ("", NEVER_BILLED):
        return text or None
    found = cells.month("last_billed", text, Month.of(book.today))
    if found is not None and started is not None and Month.parse(found) < Month.of(started):
        cells.wrong("last_billed", "is before the episode's start")
    return found


def _on_file(cells: _Cells, book: Book) -> UUID:
    mrn = cells.needed("mrn")
    found = book.patients.get(mrn)
    if mrn and found is None:
        cells.wrong("mrn", "is the record number of nobody here: import the patients first")
    return found or UUID(int=0)


def _score(cells: _Cells, book: Book) -> ScoreRow:
    patient_id = _on_file(cells, book)
    instrument = cells.needed("instrument").casefold().replace("-", "")
    taken = cells.day("taken_on", needed=True) or book.today
    if (patient_id, instrument, taken) in book.scored:
        cells.wrong("taken_on", "has a score of this patient on file already")
    language = cells.text("language") or "en"
    total, item9 = cells.number("total"), cells.number("item9")
    given = {number: cells.number(f"item_{number}") for number in range(1, 21)}
    answers = {number: value for number, value in given.items() if value is not None}
    form: ItemsForm | TotalForm
    if answers:
        if total is not None and total != sum(answers.values()):
            cells.wrong("total", "is not the sum of the items")
        if item9 is not None and item9 != answers.get(9):
            cells.wrong("item9", "differs from the ninth item")
        form = ItemsForm(patient_id, instrument, dict(answers), taken, "ehr", language)
    else:
        if total is None:
            cells.wrong("total", "is empty, and so are the items")
        form = TotalForm(patient_id, instrument, total or 0, taken, "ehr", language, item9)
    return ScoreRow(form)


def _billed(cells: _Cells, book: Book) -> BilledRow:
    patient_id = _on_file(cells, book)
    text = cells.needed("month")
    if text and _MONTH.fullmatch(text) is None:
        day = _day(text, cells.style)
        text = text if day is None else str(Month.of(day))
    month = cells.month("month", text, Month.of(book.today)) if text else None
    if (patient_id, month) in book.billed:
        cells.wrong("month", "is on file as billed already")
    said = cells.text("month_type")
    kind = None if said is None else _MONTH_TYPES.get(said.casefold())
    if said is not None and kind is None:
        cells.wrong("month_type", f"must be one of {', '.join(_MONTH_TYPES)}")
    return BilledRow(patient_id, month or "", kind)
