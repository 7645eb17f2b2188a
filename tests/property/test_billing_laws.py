"""Laws of the lines, the month type and the CSV."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from billing.export.csv import guarded, written
from billing.month_types import History, month_type
from billing.rule_sets import shipped
from billing.rules import MonthType, lines_for, minutes_needed
from registry.time_log.months import Month
from registry.time_log.rules import Count, Entry, Window, count

ZONE = ZoneInfo("America/New_York")
MIDPOINT = shipped()["cpt_midpoint@1"]
kinds = st.sampled_from(get_args(MonthType))
minutes = st.integers(0, 600)
rule_sets = st.builds(
    lambda time_rule, enabled, g2214_min, units, truncate, min_99484: msgspec.structs.replace(
        MIDPOINT,
        time_rule=time_rule,
        g2214_enabled=enabled,
        g2214_min=g2214_min,
        max_99494_units=units,
        truncate_99494=truncate,
        min_99484=min_99484,
    ),
    st.sampled_from(["cpt_midpoint", "full_threshold"]),
    st.booleans(),
    st.sampled_from([16, 30]),
    st.integers(0, 5),
    st.booleans(),
    st.sampled_from([11, 20]),
)


def rank(kind, total, rule_set) -> tuple[int, int]:
    """Nothing, then the shorter month, then the month, then its additional units."""
    units = {line.code: line.units for line in lines_for(kind, total, rule_set).lines}
    main = sum(2 for code in ("99492", "99493", "99484") if code in units) + ("G2214" in units)
    return main, units.get("99494", 0)


@given(kinds, minutes, minutes, rule_sets)
def test_more_minutes_never_give_less(kind, one, other, rule_set):
    low, high = sorted((one, other))
    assert rank(kind, low, rule_set) <= rank(kind, high, rule_set)


@given(kinds, minutes, rule_sets)
def test_a_month_has_at_most_one_main_line_and_no_orphan(kind, total, rule_set):
    lines = lines_for(kind, total, rule_set).lines
    codes = [line.code for line in lines]
    assert len(codes) == len(set(codes))
    assert sum(code in ("99492", "99493", "99484", "G2214") for code in codes) == (1 if codes else 0)
    assert "99494" not in codes or codes[0] in ("99492", "99493")
    assert all(line.units >= 1 for line in lines)


@given(kinds, minutes, rule_sets)
def test_the_next_change_is_where_it_is_said_to_be_and_not_before(kind, total, rule_set):
    result = lines_for(kind, total, rule_set)
    if result.next_at is None:
        assert all(lines_for(kind, more, rule_set).lines == result.lines for more in range(total, 1000, 7))
        return
    assert result.next_at == total + result.minutes_to_next
    assert all(lines_for(kind, at, rule_set).lines == result.lines for at in range(total, result.next_at))
    assert result.next_line in lines_for(kind, result.next_at, rule_set).text.split(";")


@given(minutes)
def test_the_midpoint_rule_is_half_an_hour_ahead_of_or_level_with_whole_units(total):
    whole = shipped()["full_threshold@1"]
    for kind in get_args(MonthType):
        assert rank(kind, total, MIDPOINT) >= rank(kind, total, whole)


@given(st.sampled_from(["initial", "subsequent"]), minutes)
def test_the_published_bands_are_the_algorithm(kind, total):
    """The table as payers print it, half hour by half hour, against the arithmetic."""
    base, top = (36, 85) if kind == "initial" else (31, 75)
    code = "99492" if kind == "initial" else "99493"
    text = "none" if total < 16 else "G2214x1"
    if total >= base:
        units = next(number for number in range(30) if total <= top + 30 * number)
        text = f"{code}x1" + (f";99494x{units}" if units else "")
    assert lines_for(kind, total, MIDPOINT).text == text
    assert minutes_needed(kind, code, MIDPOINT) == base


months = st.integers(0, 30).map(lambda offset: Month(2025, 1).plus(offset))


@given(months, st.lists(months, max_size=12), st.permutations(range(12)))
def test_only_a_long_gap_begins_a_new_episode(month, served, order):
    shuffled = [served[place] for place in order if place < len(served)]
    history = History(episode_started_on=date(2025, 1, 1), service_months=tuple(served))
    decided = month_type(month, history, MIDPOINT)
    again = month_type(month, msgspec.structs.replace(history, service_months=tuple(shuffled)), MIDPOINT)
    assert decided == again
    earlier = [other for other in served if other < month]
    idle_half_year = all(month.plus(-back) not in earlier for back in range(1, 7))
    assert (decided.kind == "initial") == (not earlier or idle_half_year)
    assert decided.episode_month_index >= 1


text = st.text(st.sampled_from("=+-@\t\r\n\0;,\"' aé＝|%\ufeff1"), max_size=8) | st.text(max_size=12)


@given(
    st.lists(st.lists(text, min_size=2, max_size=2), min_size=1, max_size=4),
    st.sampled_from(["spreadsheet", "machine"]),
)
def test_csv_reads_back_what_was_written(rows, profile):
    wanted = [[guarded(cell) if profile == "spreadsheet" else cell for cell in row] for row in rows]
    assert list(csv.reader(io.StringIO(written(rows, profile), newline=""), strict=True)) == wanted


@given(text)
def test_a_guard_only_adds_apostrophes_and_leaves_no_formula_behind_any_separator(cell):
    safe = guarded(cell)
    assert safe.replace("'", "") == cell.replace("'", "")
    for separator in ",;\t\r\n\0":
        for part in safe.split(separator):
            assert part.lstrip(' "\ufeff\t\r\n\0;,')[:1] not in set("=+-@＝|%")


work = st.lists(
    st.tuples(
        st.integers(0, 27 * 24 * 60), st.integers(1, 90), st.sampled_from(["patient_contact", "case_review", "clerical"]),
        st.sampled_from(["care_manager", "clinician", "consultant"]),
    ),
    max_size=12,
)  # fmt: skip


def logged(found: list[tuple[int, int, str, str]], prefix: str) -> list[Entry]:
    start, _ = Month(2026, 11).bounds(ZONE)
    return [
        Entry(
            id=f"{prefix}{n:02d}", patient_id="p", staff_id=role, role=role, activity=activity,
            started_at=start + timedelta(minutes=at), seconds=minutes * 60, created_at=start,
        )
        for n, (at, minutes, activity, role) in enumerate(found)
    ]  # fmt: skip


@given(work, work, kinds, rule_sets)
def test_adding_time_never_removes_a_line_and_what_does_not_count_has_its_reason(
    before, more, kind, rule_set
):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    window = Window(consent_at=since, enrolled_at=since)

    def month(entries: list[Entry]) -> Count:
        return count(entries, window, rule_set.counting, Month(2026, 11), ZONE)

    fewer, all_of_it = logged(before, "a"), [*logged(before, "a"), *logged(more, "b")]
    one, other = month(fewer), month(all_of_it)
    assert other.counted_seconds >= one.counted_seconds
    assert sum(part.seconds for part in other.slices if not part.counted) == sum(
        other.excluded_by_reason.values()
    )
    order = ["G2214", "99484", "99492", "99493"]

    def standing(result: Count) -> tuple[int, int]:
        lines = lines_for(kind, result.minutes, rule_set).lines
        main = max((order.index(line.code) + 1 for line in lines if line.code in order), default=0)
        return main, sum(line.units for line in lines if line.code == "99494")

    assert standing(other) >= standing(one)
