"""Laws of occurrences, ladders and catching up."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from messaging.schedule.catch_up import SPREAD, Due, catch_up, stable_fraction
from messaging.schedule.ladder import (
    INVITED_LADDER,
    STARTED_LADDER,
    Finish,
    Remind,
    next_step,
    pulled_forward,
)
from messaging.schedule.reminders import contact_reminders
from messaging.schedule.rules import (
    Occurrence,
    PlanLine,
    Scheduled,
    instruments_due,
    next_occurrence,
    not_after,
    replan,
)
from messaging.schedule.windows import SendingHours, window_at
from messaging.schedule.zones import local_date, to_utc

DAY = SendingHours()
ZONES = ["America/New_York", "America/Phoenix", "America/Los_Angeles", "Pacific/Honolulu", "America/Havana"]
INSTRUMENTS = ["phq9", "gad7", "phq2"]

zones = st.sampled_from(ZONES)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
clock = st.integers(0, 24 * 60 - 1).map(lambda minutes: time(minutes // 60, minutes % 60))
moments = st.builds(
    lambda day, seconds: datetime.combine(day, time(0), tzinfo=UTC) + timedelta(seconds=seconds),
    days,
    st.integers(0, 86399),
)
plans = st.lists(
    st.builds(PlanLine, st.sampled_from(INSTRUMENTS), st.integers(7, 40), days),
    min_size=1,
    max_size=3,
    unique_by=lambda line: line.instrument,
).map(tuple)


@given(plans, days, zones, clock)
def test_walking_a_plan_gives_each_local_date_once_and_each_instrument_not_within_a_week(
    plan, after, zone, at
):
    seen: list[Occurrence] = []
    for _ in range(12):
        found = next_occurrence(plan, after, zone, at=at)
        assert found is not None
        seen.append(found)
        after = found.local_due_date
    dates = [found.local_due_date for found in seen]
    assert dates == sorted(set(dates))
    assert [found.due_at for found in seen] == sorted({found.due_at for found in seen})
    for line in plan:
        asked = [found.local_due_date for found in seen if line.instrument in found.instruments]
        assert all((later - earlier).days == line.every_days for earlier, later in pairwise(asked))


@given(plans, days, zones)
def test_an_occurrence_is_the_first_date_on_which_anything_is_due(plan, after, zone):
    found = next_occurrence(plan, after, zone)
    assert found is not None
    assert found.local_due_date > after
    assert found.instruments == instruments_due(plan, found.local_due_date)
    between = (found.local_due_date - after).days
    assert not any(instruments_due(plan, after + timedelta(days=n)) for n in range(1, min(between, 50)))


@given(plans, days, zones, st.dictionaries(st.sampled_from(INSTRUMENTS), days))
def test_no_instrument_is_asked_within_a_week_of_its_last_asking(plan, after, zone, last):
    found = next_occurrence(plan, after, zone, last_asked=last)
    assert found is not None
    for name in found.instruments:
        assert name not in last or (found.local_due_date - last[name]).days >= 7


def on_file(day: date, zone: str, invited: bool) -> Scheduled:
    return Scheduled(Occurrence(day, time(10), zone, to_utc(day, time(10), zone), ("phq9",)), invited)


rows = st.lists(st.tuples(days, st.booleans()), max_size=6, unique_by=lambda item: item[0])


@given(rows, plans, moments, zones)
def test_an_edited_plan_never_asks_for_a_settled_or_past_date(filed, plan, now, zone):
    before = tuple(on_file(day, zone, invited) for day, invited in filed)
    change = replan(before, plan, now, zone)
    settled = {row.occurrence.local_due_date for row in before if row.invited or row.occurrence.due_at <= now}
    ahead = {row.occurrence.local_due_date for row in before} - settled
    kept = [found.local_due_date for found in change.keep]
    added = [] if change.add is None else [change.add.local_due_date]
    assert kept or added
    assert len(set(kept + added)) == len(kept + added)
    assert settled.isdisjoint(kept + added)
    assert change.add is None or change.add.due_at > now
    assert sorted([*kept, *change.withdraw]) == sorted(ahead)


@given(rows, plans, moments, zones)
def test_editing_twice_is_editing_once(filed, plan, now, zone):
    before = tuple(on_file(day, zone, invited) for day, invited in filed)
    first = replan(before, plan, now, zone)
    kept = [row for row in before if row.occurrence.local_due_date not in first.withdraw]
    settled = [row for row in kept if row.invited or row.occurrence.due_at <= now]
    new = [first.add] if first.add is not None else []
    again = replan((*settled, *(Scheduled(found, False) for found in (*first.keep, *new))), plan, now, zone)
    assert again.withdraw == ()
    assert again.add is None


@given(moments, zones)
def test_an_invitation_is_late_after_a_night_and_before_forty_hours(at, zone):
    if window_at(at, zone, DAY) is None:
        return
    assert timedelta(hours=23) <= not_after(at, zone, DAY) - at <= timedelta(hours=40)


@given(moments, zones, st.sampled_from([INVITED_LADDER, STARTED_LADDER]), st.integers(0, 40 * 3600))
def test_a_ladder_climbed_to_its_end_texts_once_a_local_day_inside_the_window(start, zone, ladder, delay):
    last, done, sent = start, 0, [local_date(start, zone)]
    for _ in range(len(ladder.steps) + 1):
        step = next_step(ladder, start, done, last, zone, DAY)
        if isinstance(step, Finish):
            break
        assert isinstance(step, Remind)
        assert window_at(step.at, zone, DAY) is not None
        assert start < step.at < step.not_after
        assert step.number > done
        last, done = step.at + timedelta(seconds=delay) * (done == 0), step.number
        sent.append(local_date(step.at, zone))
    assert isinstance(step, Finish)
    assert step.at == start + ladder.last_after
    assert len(set(sent)) == len(sent)


@given(moments, moments, zones)
def test_pulling_forward_never_delays_and_keeps_two_hours(reminder_at, failed_at, zone):
    at = pulled_forward(reminder_at, failed_at, zone, DAY)
    assert at <= reminder_at
    assert at == reminder_at or (
        at >= failed_at + timedelta(hours=2) and window_at(at, zone, DAY) is not None
    )


@given(moments, st.integers(-3 * 86400, 0), zones)
def test_contact_reminders_come_before_the_contact_and_inside_the_window(contact, ahead, zone):
    now = contact + timedelta(seconds=ahead)
    for reminder in contact_reminders(contact, zone, DAY, now):
        assert now < reminder.at < reminder.not_after <= contact - timedelta(minutes=30)
        assert window_at(reminder.at, zone, DAY) is not None
        days_before = (local_date(contact, zone) - local_date(reminder.at, zone)).days
        assert days_before == (1 if reminder.kind == "day_before" else 0)


@given(
    rows, moments, zones, st.one_of(st.none(), st.integers(0, 10 * 86400)), st.text(min_size=1, max_size=8)
)
def test_after_any_pause_at_most_one_prompt_in_time_and_nothing_lost(filed, now, zone, down_for, key):
    items = tuple(
        Due(day, at, not_after(at, zone, DAY))
        for day, _ in filed
        if (at := to_utc(day, time(10), zone)) <= now
    )
    down = None if down_for is None else now - timedelta(seconds=down_for)
    found = catch_up(items, now, zone, DAY, patient_key=key, down_since=down)
    closed = [missed.local_due_date for missed in found.missed]
    prompted = [] if found.prompt is None else [found.prompt.local_due_date]
    assert sorted(closed + prompted) == sorted(item.local_due_date for item in items)
    if found.prompt is not None:
        assert found.prompt.local_due_date == max(item.local_due_date for item in items)
        assert found.prompt.at >= now
        assert window_at(found.prompt.at, zone, DAY) is not None
        item = next(item for item in items if item.local_due_date == found.prompt.local_due_date)
        assert found.prompt.at < item.not_after
        assert catch_up(items, now, zone, DAY, patient_key=key, down_since=down) == found
    assert all(missed.state == "missed" for missed in found.missed) or down is not None


@given(st.text())
def test_a_spread_stays_inside_its_hour(key):
    assert 0 <= stable_fraction(key) < 1
    assert SPREAD * stable_fraction(key) < SPREAD
