"""Which consent a month rests on, when several were given and some were taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from billing.rule_sets import ConsentMethod
from billing.statement.consents import ConsentRow, consent_for
from registry.time_log.months import Month

ZONE = ZoneInfo("America/Los_Angeles")
MARCH = Month(2026, 3)
ANY, WRITTEN = ("verbal", "written", "portal"), ("written",)


def rows(story: str) -> list[ConsentRow]:
    """`01-05 verbal` is given that day of 2026, `03-04 withdrawn` taken back."""
    found = []
    for number, part in enumerate(filter(None, story.split(", "))):
        day, what = part.split()
        at = datetime.fromisoformat(f"2026-{day}T18:00").replace(tzinfo=UTC)
        gone = what == "withdrawn"
        found.append(
            ConsentRow(
                id=str(number), kind="withdrawn" if gone else "given", method=cast(ConsentMethod, "verbal" if gone else what),
                given_at=at, recorded_by="Casey Moore",
            )
        )  # fmt: skip
    return found


STORIES = [
    ("", ANY, None, None),
    ("03-03 verbal", ANY, "0", None),
    ("01-05 verbal, 02-10 written", ANY, "0", None),
    ("01-05 verbal, 02-10 written", WRITTEN, "1", None),
    ("01-05 verbal, 03-31 written", WRITTEN, "1", None),
    ("01-05 verbal, 04-02 written", WRITTEN, "0", None),  # fails: the written one came after the month
    ("01-05 verbal, 02-10 portal", WRITTEN, "0", None),
    ("01-05 written, 02-10 withdrawn", ANY, "0", "2026-02-10"),
    ("01-05 written, 03-10 withdrawn", ANY, "0", "2026-03-10"),
    ("01-05 written, 02-10 withdrawn, 02-20 verbal", ANY, "2", None),
    (
        "01-05 written, 02-10 withdrawn, 02-20 verbal",
        WRITTEN,
        "2",
        None,
    ),  # fails: the written one was taken back
    ("01-05 verbal, 02-10 withdrawn, 03-20 written", WRITTEN, "2", None),
    ("01-05 verbal, 03-10 withdrawn, 03-20 written", ANY, "0", "2026-03-10"),
    ("01-05 verbal, 03-10 withdrawn, 03-20 written", WRITTEN, "2", None),
    ("01-05 verbal, 02-10 withdrawn, 04-20 written", ANY, "0", "2026-02-10"),
    ("01-05 verbal, 01-06 withdrawn, 01-20 written, 02-01 withdrawn", ANY, "2", "2026-02-01"),
    ("04-02 verbal, 05-02 written", ANY, "0", None),
]


@pytest.mark.parametrize(("story", "methods", "chosen", "withdrawn"), STORIES)
def test_any_consent_that_stood_in_the_month_counts(
    story: str, methods: tuple[str, ...], chosen: str | None, withdrawn: str | None
) -> None:
    given = rows(story)
    found = consent_for(given[::-1], MARCH, methods, ZONE)
    assert (None if found is None else found.id) == chosen
    assert (
        None if found is None or found.withdrawn_on is None else found.withdrawn_on.isoformat()
    ) == withdrawn


def test_days_are_the_clinics_and_a_consent_beside_a_withdrawal_stands() -> None:
    at = datetime(2026, 4, 1, 3, tzinfo=UTC)  # still 31 March in Seattle
    last = ConsentRow(id="b", kind="given", method="written", given_at=at, recorded_by="Casey Moore")
    gone = ConsentRow(id="a", kind="withdrawn", method="verbal", given_at=at, recorded_by="Casey Moore")
    found = consent_for([last, gone], MARCH, ANY, ZONE)
    assert found is not None
    assert (found.id, found.given_on, found.withdrawn_on) == ("b", MARCH.last_day, None)
    early = ConsentRow(
        id="c", kind="given", method="verbal", given_at=at - timedelta(days=40), recorded_by="Casey Moore"
    )
    assert consent_for([early, gone, last], MARCH, WRITTEN, ZONE) == found
