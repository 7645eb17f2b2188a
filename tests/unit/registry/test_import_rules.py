"""What each cell of a file may say, and the reason at its column when it may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import pytest

from kernel.errors import Invalid
from registry.contacts.past import PastContact, note_of
from registry.imports.carried import Carried, carried, together
from registry.imports.cells import Book, Judged
from registry.imports.contact_rows import judge_contacts
from registry.imports.files import ColumnMapping, DateStyle, ImportKind, Row, read_file, rows_of
from registry.imports.lines import MAX_BYTES
from registry.imports.rules import judge_billed, judge_patients, judge_scores, verdict
from registry.time_log.months import Month

ANA, DANA, CASEY, PARKER = (UUID(int=number) for number in range(1, 5))
BOOK = Book(
    now=datetime(2026, 11, 20, 18, 0, tzinfo=UTC),
    today=date(2026, 11, 20),
    zone="America/Los_Angeles",
    people={
        "dana clark": DANA,
        "casey@harbor.example": CASEY,
        "casey moore": CASEY,
        "parker sung": PARKER,
        "sam lee": None,
    },
    patients={"A1": ANA},
    scored=frozenset({(ANA, "phq9", date(2026, 10, 1))}),
    billed=frozenset({(ANA, "2026-09")}),
    met={(ANA, "phone", "phone", date(2026, 10, 1)): frozenset({time(14, 30)})},
)
PATIENT = {
    "mrn": "B2",
    "family_name": "Alder",
    "given_name": "Robin",
    "birth_date": "1980-02-29",
    "clinician": "Dana Clark",
    "care_manager": "casey@harbor.example",
    "consultant": "Parker Sung",
    "condition": "F32.1",
    "payer": "Cascade Health Plan",
    "consent_on": "2026-03-02",
    "consent_by": "Casey Moore",
}
SCORE = {"mrn": "A1", "instrument": "PHQ-9", "taken_on": "2026-11-01", "total": "12"}
BILLED = {"mrn": "A1", "month": "2026-10"}
CONTACT = {"mrn": "A1", "on": "2026-11-05", "mode": "phone", "outcome": "reached", "by": "Casey Moore"}
ON_FILE = "has this contact on file already; write the time of day if it is another"
JUDGES: dict[ImportKind, Callable[[Sequence[Row], DateStyle, Book], list[Judged[Any]]]] = {
    "patients": judge_patients,
    "scores": judge_scores,
    "contacts": judge_contacts,
    "billed_months": judge_billed,
}
BASES: dict[ImportKind, dict[str, str]] = {
    "patients": PATIENT,
    "scores": SCORE,
    "contacts": CONTACT,
    "billed_months": BILLED,
}


def reasons(kind: ImportKind, *rows: dict[str, str], dates: str = "iso") -> list[tuple[tuple[str, str], ...]]:
    """Verdicts of rows that change some cells of an acceptable one; headings are the fields in capitals."""
    fields = sorted({field for row in rows for field in BASES[kind] | row})
    mapping = ColumnMapping("test", {field: field.upper() for field in fields}, dates)  # type: ignore[arg-type]
    lines = [",".join(field.upper() for field in fields)]
    lines += [",".join('"' + (BASES[kind] | row).get(field, "") + '"' for field in fields) for row in rows]
    found = rows_of(read_file("\r\n".join(lines).encode()), kind, mapping)
    judged = JUDGES[kind](found, mapping.dates, BOOK)
    return [verdict(each.line, each.problems, mapping).problems for each in judged]


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("patients", {}),
        ("patients", {"started_on": "2026-03-02", "last_billed": "2026-10", "phone": "206-555-0123"}),
        ("patients", {"last_billed": "none", "sex": "f", "visit_on": "2026-02-20", "visit_code": "99214"}),
        ("scores", {}),
        ("scores", {"item9": "1"}),
        ("scores", {"total": "", **{f"item_{n}": "1" for n in range(1, 10)}}),
        ("contacts", {}),
        (
            "contacts",
            {"time": "2:30 PM", "minutes": "25", "by": "Jane Former", "note": "Better.\nWalks daily."},
        ),
        ("contacts", {"on": "2026-10-01", "time": "9:05"}),
        ("contacts", {"mode": "No-show", "outcome": ""}),
        ("contacts", {"next_on": "2026-12-01", "next_time": "10:00"}),
        ("contacts", {"mode": "text", "next_on": "2026-11-12", "next_time": "10:00"}),
        ("contacts", {"next_purpose": "As needed: moved away"}),
        ("billed_months", {"month_type": "99492"}),
        ("billed_months", {"month": "2026-10-31"}),
    ],
)
def test_a_row_that_can_be_used_has_no_reason(kind: ImportKind, cells: dict[str, str]) -> None:
    assert reasons(kind, cells) == [()]


@pytest.mark.parametrize(
    ("kind", "cells", "column", "reason"),
    [
        ("patients", {"birth_date": "29/02/1980"}, "BIRTH_DATE", "is not a date such as 2026-11-05"),
        ("patients", {"birth_date": "1981-02-29"}, "BIRTH_DATE", "is not a date such as 2026-11-05"),
        ("patients", {"clinician": "Dr Nobody"}, "CLINICIAN", "is nobody of this clinic"),
        ("patients", {"consultant": "Sam Lee"}, "CONSULTANT", "names more than one person: write the e-mail"),
        ("patients", {"mrn": "A1"}, "MRN", "belongs to a patient who is on file here already"),
        ("patients", {"mrn": ""}, "MRN", "is empty"),
        ("patients", {"consent_on": ""}, "CONSENT_ON", "is empty"),
        ("patients", {"started_on": "2026-11-21"}, "STARTED_ON", "is in the future"),
        ("patients", {"last_billed": "October"}, "LAST_BILLED", "is not a month such as 2026-11"),
        (
            "patients",
            {"started_on": "2026-03-02", "last_billed": "2026-02"},
            "LAST_BILLED",
            "is before the episode's start",
        ),
        ("patients", {"sex": "female"}, "SEX", "must be one of F, M, U"),
        ("patients", {"family_name": "=HYPERLINK(1)"}, "FAMILY_NAME", "is a formula, not a value"),
        ("patients", {"family_name": "@SUM(A1)"}, "FAMILY_NAME", "is a formula, not a value"),
        ("patients", {"given_name": "Ro\u202ebin"}, "GIVEN_NAME", "holds characters that can't be seen"),
        ("patients", {"given_name": "Ro\x00bin"}, "GIVEN_NAME", "holds characters that can't be seen"),
        ("patients", {"given_name": "R" * 301}, "GIVEN_NAME", "is longer than 300 characters"),
        ("scores", {"mrn": "Z9"}, "MRN", "is the record number of nobody here: import the patients first"),
        ("scores", {"total": "twelve"}, "TOTAL", "is not a whole number"),
        ("scores", {"total": "-1"}, "TOTAL", "is not a whole number"),
        ("scores", {"total": ""}, "TOTAL", "is empty, and so are the items"),
        ("scores", {"total": "9", "item_1": "3"}, "TOTAL", "is not the sum of the items"),
        (
            "scores",
            {"taken_on": "2026-10-01"},
            "TAKEN_ON",
            "has a score of this patient on file already",
        ),
        ("contacts", {"mrn": "Z9"}, "MRN", "is the record number of nobody here: import the patients first"),
        ("contacts", {"on": ""}, "ON", "is empty"),
        ("contacts", {"on": "", "next_on": "2026-11-01", "next_time": "9:00"}, "ON", "is empty"),
        ("contacts", {"on": "2026-11-21"}, "ON", "is in the future"),
        ("contacts", {"on": "2016-11-05"}, "ON", "is more than ten years ago"),
        ("contacts", {"time": "14.30"}, "TIME", "is not a time of day such as 14:30 or 2:30 PM"),
        ("contacts", {"time": "13:30 PM"}, "TIME", "is not a time of day such as 14:30 or 2:30 PM"),
        ("contacts", {"on": "2026-10-01"}, "ON", ON_FILE),
        ("contacts", {"on": "2026-10-01", "time": "14:30"}, "ON", ON_FILE),
        ("contacts", {"outcome": ""}, "OUTCOME", "is empty"),
        ("contacts", {"mode": "attempt", "outcome": "voicemail"}, "channel", "is needed: how was it tried?"),
        (
            "contacts",
            {"mode": "attempt", "channel": "phone"},
            "OUTCOME",
            "for attempt must be one of: left_message, message_sent, no_answer, other_person, refused, wrong_number",
        ),
        ("contacts", {"by": ""}, "BY", "is empty"),
        ("contacts", {"by": "Sam Lee"}, "BY", "names more than one person: write the e-mail"),
        ("contacts", {"minutes": "481"}, "MINUTES", "is more than 480"),
        ("contacts", {"note": "=1+1"}, "NOTE", "is a formula, not a value"),
        ("contacts", {"note": "N" * 4001}, "NOTE", "is longer than 4000 characters"),
        ("contacts", {"next_on": "2026-12-01"}, "next_time", "is needed: at what time is the next contact?"),
        ("contacts", {"next_on": "2026-11-05", "next_time": "9:00"}, "NEXT_ON", "is not after the contact"),
        (
            "contacts",
            {"next_on": "2028-12-01", "next_time": "9:00"},
            "NEXT_ON",
            "is more than 400 days after the contact",
        ),
        (
            "contacts",
            {"mode": "text", "next_on": "2026-12-01", "next_time": "10:00"},
            "next_mode",
            "is needed: how will you speak?",
        ),
        ("billed_months", {"month": "2026-12"}, "MONTH", "is in the future"),
        ("billed_months", {"month": "2026-09"}, "MONTH", "is on file as billed already"),
        ("billed_months", {"month": "2026-13"}, "MONTH", "is not a month such as 2026-11"),
        (
            "billed_months",
            {"month_type": "first"},
            "MONTH_TYPE",
            "must be one of initial, 99492, subsequent, 99493",
        ),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_by_column_and_reason(
    kind: ImportKind, cells: dict[str, str], column: str, reason: str
) -> None:
    assert reasons(kind, cells) == [((column, reason),)]


def test_a_record_number_twice_in_a_file_is_named_with_the_earlier_line() -> None:
    assert reasons("patients", {}, {}, {"mrn": "B3"}) == [
        (),
        (("MRN", "is in line 2 of this file already"),),
        (),
    ]


def test_a_second_contact_of_a_day_needs_both_times() -> None:
    first, second = {"time": "9:00"}, {"time": "15:00"}
    twice = (("ON", "is in line 2 of this file already; write the times of day of both"),)
    assert reasons("contacts", first, second, {"mode": "video"}) == [(), (), ()]
    assert reasons("contacts", first, {}, first) == [(), twice, twice]


@pytest.mark.parametrize(
    ("cells", "kind", "outcome", "channel"),
    [
        ({"mode": "Telehealth"}, "video", "reached", "video"),
        ({"mode": "In-Person", "outcome": "cut short"}, "in_person", "cut_short", "in_person"),
        ({"mode": "phone", "outcome": "no answer"}, "attempt", "no_answer", "phone"),
        ({"mode": "sms", "outcome": "message sent"}, "attempt", "message_sent", "text"),
        ({"mode": "video", "outcome": "no show"}, "no_show", "did_not_come", "video"),
        (
            {"mode": "attempt", "outcome": "left_message", "channel": "letter"},
            "attempt",
            "left_message",
            "letter",
        ),
        ({"mode": "phone", "outcome": "other person"}, "phone", "other_person", "phone"),
    ],
)
def test_a_try_that_is_written_as_a_call_is_a_try(
    cells: dict[str, str], kind: str, outcome: str, channel: str
) -> None:
    past = past_contact(cells)
    assert (past.kind, past.outcome, past.channel) == (kind, outcome, channel)


def past_contact(cells: dict[str, str]) -> PastContact:
    [judged] = judge_contacts([Row(2, CONTACT | cells)], "iso", BOOK)
    assert judged.said is not None, judged.problems
    return judged.said.past


def test_a_day_without_its_time_is_its_noon_and_a_name_without_an_account_stays_in_the_note() -> None:
    known = past_contact({"time": "2:30 PM", "note": "Better.", "minutes": "0"})
    assert (known.staff_id, known.occurred_at, known.minutes) == (
        CASEY, datetime(2026, 11, 5, 22, 30, tzinfo=UTC), None,
    )  # fmt: skip
    assert note_of(known) == "Better.\n\nBrought in from another registry."
    gone = past_contact({"by": "Jane Former"})
    assert (gone.staff_id, gone.occurred_at) == (None, datetime(2026, 11, 5, 20, 0, tzinfo=UTC))
    assert note_of(gone) == (
        "Brought in from another registry. Contact of Jane Former. The time of day was not given."
    )
    assert past_contact({"on": "2026-11-20"}).occurred_at == BOOK.now


def test_dates_are_read_in_the_style_that_the_mapping_names() -> None:
    american = {"birth_date": "2/29/1980", "consent_on": "3/2/2026"}
    assert reasons("patients", american, dates="us") == [()]
    [found] = reasons("patients", {}, dates="us")
    assert {column for column, _ in found} == {"CONSENT_ON", "BIRTH_DATE"}


MONTHS = ColumnMapping("months", {"mrn": "Chart", "month": "Month"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column is headed as the mapping says for mrn"),
        (b"Chart,Month\n", "holds no row below the heading"),
        (b"Chart,Chart,Month\nA1,A1,2026-01\n", "more than one column is headed as the mapping says for mrn"),
        (b'Chart,Month\n"A1,2026-01\n', "can't be read as CSV"),
        (b"Chart,Month\nA1\xff,2026-01\n", "is not UTF-8: save it as CSV UTF-8"),
        (b"x" * (MAX_BYTES + 1), "is larger than 4 MB"),
        (b"Chart,Month\n" + b"A1,2026-01\n" * 5001, "holds more than 5000 rows"),
    ],
    ids=["empty", "heading alone", "heading twice", "open quote", "not utf-8", "too large", "too long"],
)
def test_a_file_that_cannot_be_read_whole_is_refused_whole(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        rows_of(read_file(content), "billed_months", MONTHS)
    assert reason in refused.value.problems[0].message


def test_semicolons_marks_and_empty_rows_of_a_spreadsheet_are_understood() -> None:
    content = "\ufeffMonth;Other; chart \r\n2026-01;x;A1\r\n;;\r\n".encode()
    assert [dict(row.cells) for row in rows_of(read_file(content), "billed_months", MONTHS)] == [
        {"mrn": "A1", "month": "2026-01"}
    ]


def test_the_name_of_a_mapping_can_be_read() -> None:
    with pytest.raises(Invalid) as refused:
        rows_of(read_file(b"a\n1\n"), "billed_months", ColumnMapping("old\x00", dict(MONTHS.columns)))
    assert [(p.field, p.message) for p in refused.value.problems] == [
        ("name", "holds characters that can't be seen")
    ]


def test_a_mapping_names_what_it_lacks_and_what_nobody_knows() -> None:
    with pytest.raises(Invalid) as refused:
        rows_of(read_file(b"a\n1\n"), "scores", ColumnMapping(" ", {"mrn": "a", "colour": "b"}))
    assert [problem.field for problem in refused.value.problems] == [
        "name",
        "columns.colour",
        "columns.instrument",
        "columns.taken_on",
        "columns.total",
    ]


MAY, OCTOBER = Month(2026, 5), Month(2026, 10)
START, BROUGHT = date(2026, 5, 4), date(2026, 11, 20)
FROM_MAY = tuple(Month(2026, month) for month in range(5, 11))


@pytest.mark.parametrize(
    ("started", "last", "billed", "expected"),
    [
        (START, "2026-10", {}, Carried(FROM_MAY, (MAY,))),
        (START, None, {}, Carried(unknown=True)),
        (None, "2026-10", {}, Carried((OCTOBER,), unknown=True)),
        (None, None, {}, Carried(unknown=True)),
        (START, "none", {}, Carried(unknown=True)),
        (date(2026, 11, 2), "none", {}, Carried()),
        (START, None, {OCTOBER: "initial"}, Carried((OCTOBER,), (OCTOBER,))),
        (START, "2026-10", {MAY: None}, Carried((MAY, OCTOBER))),
        (None, None, {MAY: "initial"}, Carried((MAY,), (MAY,), unknown=True)),
    ],
)
def test_without_a_start_and_a_last_billed_month_what_came_before_is_unknown(
    started: date | None, last: str | None, billed: dict[Month, str | None], expected: Carried
) -> None:
    assert carried(started, last, BROUGHT, billed) == expected


def test_what_is_unknown_of_one_episode_is_unknown_of_the_patient() -> None:
    assert together([]) == Carried()
    assert together([Carried((OCTOBER,)), Carried((MAY,), (MAY,), True)]) == Carried(
        (MAY, OCTOBER), (MAY,), True
    )
