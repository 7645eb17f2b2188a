"""What a row says, or why it can't be used. Pure: facts about the clinic come as a `Book`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Literal, cast
from uuid import UUID

import msgspec

from kernel.errors import Problem
from registry.episodes.forms import CareConsentForm, ConsentMethod, EnrolmentForm, InitiatingVisit, TeamForm
from registry.imports.cells import Book, Cells, Judged, day_of, judged, on_file
from registry.imports.files import ColumnMapping, DateStyle, Row
from registry.measures.rules import ItemsForm, TotalForm
from registry.patients.forms import CoverageForm, PersonForm, PhoneForm, PreferencesForm, Sex
from registry.time_log.months import Month
from registry.working_time import noon

NEVER_BILLED: Final = "none"
REASON: Final = "Carried over from another registry."
UNKNOWN_WORDING: Final = "before-evenkeel"
_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)
_MONTH_TYPES: Final[Mapping[str, Literal["initial", "subsequent"]]] = {
    "initial": "initial",
    "99492": "initial",
    "subsequent": "subsequent",
    "99493": "subsequent",
}


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


def verdict(line: int, problems: Sequence[Problem], mapping: ColumnMapping) -> Verdict:
    return Verdict(line, tuple((mapping.columns.get(p.field, p.field), p.message) for p in problems))


def judge_patients(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[PatientRow]]:
    seen: dict[str, int] = {}
    return [judged(row, _patient, style, book, seen, lambda cells: cells.get("mrn", "")) for row in rows]


def judge_scores(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[ScoreRow]]:
    seen: dict[str, int] = {}
    return [judged(row, _score, style, book, seen, _score_key) for row in rows]


def judge_billed(rows: Sequence[Row], style: DateStyle, book: Book) -> list[Judged[BilledRow]]:
    seen: dict[str, int] = {}
    return [judged(row, _billed, style, book, seen, _billed_key) for row in rows]


def _score_key(cells: Mapping[str, str]) -> str:
    return f"{cells.get('mrn', '')} {cells.get('instrument', '').casefold()} {cells.get('taken_on', '')}"


def _billed_key(cells: Mapping[str, str]) -> str:
    return f"{cells.get('mrn', '')} {cells.get('month', '')}"


def _person_here(cells: Cells, field: str, book: Book) -> UUID:
    text = cells.needed(field)
    found = book.people.get(text.casefold())
    if text and found is None:
        known = text.casefold() in book.people
        cells.wrong(
            field, "names more than one person: write the e-mail" if known else "is nobody of this clinic"
        )
    return found or UUID(int=0)


def _patient(cells: Cells, book: Book) -> PatientRow:
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


def _last_billed(cells: Cells, book: Book, started: date | None) -> str | None:
    text = (cells.text("last_billed") or "").casefold()
    if text in ("", NEVER_BILLED):
        return text or None
    found = cells.month("last_billed", text, Month.of(book.today))
    if found is not None and started is not None and Month.parse(found) < Month.of(started):
        cells.wrong("last_billed", "is before the episode's start")
    return found


def _score(cells: Cells, book: Book) -> ScoreRow:
    patient_id = on_file(cells, book)
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


def _billed(cells: Cells, book: Book) -> BilledRow:
    patient_id = on_file(cells, book)
    text = cells.needed("month")
    if text and _MONTH.fullmatch(text) is None:
        day = day_of(text, cells.style)
        text = text if day is None else str(Month.of(day))
    month = cells.month("month", text, Month.of(book.today)) if text else None
    if (patient_id, month) in book.billed:
        cells.wrong("month", "is on file as billed already")
    said = cells.text("month_type")
    kind = None if said is None else _MONTH_TYPES.get(said.casefold())
    if said is not None and kind is None:
        cells.wrong("month_type", f"must be one of {', '.join(_MONTH_TYPES)}")
    return BilledRow(patient_id, month or "", kind)
