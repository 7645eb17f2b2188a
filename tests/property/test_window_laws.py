"""Laws of zones, sending windows and validity."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging.schedule.staffed import (
    InvitationPolicy,
    good_invitation_moment,
    next_staffed,
    staffed_hours,
    staffed_spans,
)
from messaging.schedule.windows import (
    MIN_VALIDITY,
    Defer,
    SendingHours,
    later_opening,
    next_day_opening,
    next_opening,
    next_window,
    validity,
    window_at,
)
from messaging.schedule.zones import local_date, local_time, to_local, to_utc

ZONES = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "America/Havana",
    "Australia/Lord_Howe",
]
# Both changes of every zone lie in these years; half of the moments fall around a night of change.
NIGHTS = [date(2026, 3, 8), date(2026, 11, 1), date(2027, 3, 14), date(2027, 11, 7), date(2026, 10, 4)]

zones = st.sampled_from(ZONES)
days = st.one_of(st.sampled_from(NIGHTS), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
times = st.times().map(lambda t: t.replace(microsecond=0))
moments = st.builds(
    lambda day, seconds: datetime.combine(day, time(0), tzinfo=UTC) + timedelta(seconds=seconds),
    days,
    st.integers(-86400, 2 * 86400),
)
hours = st.builds(
    lambda opens, width: SendingHours(_clock(opens), _clock(min(opens + width, 21 * 60))),
    st.integers(8 * 60, 20 * 60),
    st.integers(60, 13 * 60),
)


def _clock(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


@given(days, times, zones)
def test_a_local_time_becomes_the_first_instant_that_shows_it_or_later(day, at, zone):
    moment = to_utc(day, at, zone)
    wall = datetime.combine(day, at)
    assert to_local(moment, zone).replace(tzinfo=None) >= wall
    earlier = to_local(moment - timedelta(seconds=1), zone).replace(tzinfo=None)
    assert earlier < wall


@given(days, times, times, zones)
def test_local_order_is_kept_on_one_date(day, one, other, zone):
    first, second = sorted((one, other))
    assert to_utc(day, first, zone) <= to_utc(day, second, zone)


@given(moments, zones)
def test_reading_an_instant_and_writing_it_back_never_moves_it_later(moment, zone):
    back = to_utc(local_date(moment, zone), local_time(moment, zone), zone)
    assert moment - timedelta(hours=1) <= back <= moment


@given(moments, zones, hours)
def test_a_moment_in_the_window_is_inside_on_the_patients_clock(now, zone, allowed):
    local = local_time(now, zone)
    assert (window_at(now, zone, allowed) is not None) == (allowed.opens <= local < allowed.closes)


@given(moments, zones, hours)
def test_the_next_opening_is_the_first_moment_of_a_window(now, zone, allowed):
    at = next_opening(now, zone, allowed)
    assert at is not None
    assert now <= at <= now + timedelta(hours=25)
    assert window_at(at, zone, allowed) is not None
    if at > now:
        assert window_at(at - timedelta(seconds=1), zone, allowed) is None


@given(moments, zones, hours)
def test_a_later_opening_lies_ahead_and_a_later_day_is_a_later_day(now, zone, allowed):
    later, next_day = later_opening(now, zone, allowed), next_day_opening(now, zone, allowed)
    assert later is not None
    assert next_day is not None
    assert now < later <= next_day
    assert local_date(next_day, zone) == local_date(now, zone) + timedelta(days=1)


@given(moments, st.lists(zones, min_size=1, max_size=4, unique=True), hours)
def test_with_candidate_zones_inside_means_inside_in_every_one(now, candidates, allowed):
    inside = window_at(now, tuple(candidates), allowed) is not None
    assert inside == all(window_at(now, zone, allowed) is not None for zone in candidates)
    window = next_window(now, tuple(candidates), allowed)
    if window is not None:
        assert window.closes_at > now
        assert all(window_at(window.opens_at, zone, allowed) is not None for zone in candidates)


spans = st.integers(-3600, 40 * 3600).map(lambda seconds: timedelta(seconds=seconds))


@given(moments, zones, hours, spans, st.one_of(st.none(), st.integers(-600, 1800)))
def test_a_text_never_waits_past_its_window_its_exchange_or_its_own_end(now, zone, allowed, left, live):
    window = window_at(now, zone, allowed)
    end = None if window is None else window.closes_at
    live_end = None if live is None else now + timedelta(seconds=live)
    found = validity(now, now + left, end, "A", live_end)
    if isinstance(found, Defer):
        return
    assert 60 <= found <= 4 * 3600
    gone = now + timedelta(seconds=found)
    assert gone <= now + left
    assert gone <= max(moment for moment in (end, live_end) if moment is not None)


@given(moments, zones, hours, spans)
def test_a_text_is_deferred_only_when_less_than_a_minute_is_left(now, zone, allowed, left):
    window = window_at(now, zone, allowed)
    if window is None or not isinstance(validity(now, now + left, window.closes_at, "A", None), Defer):
        return
    assert min(left, window.closes_at - now) < MIN_VALIDITY


@given(moments, spans)
def test_no_validity_is_one_the_provider_refuses(now, left):
    for class_ in ("A", "B", "C", "D"):
        found = validity(now, now + left, now + timedelta(hours=8), class_, None)
        assert isinstance(found, Defer) or 1 <= found <= 36_000


CLINIC = staffed_hours(
    "America/New_York",
    {day: ((time(8, 30), time(12)), (time(13), time(17))) for day in range(5)},
    frozenset({date(2026, 11, 26), date(2026, 12, 25)}),
)
NEAR = st.sampled_from(["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"])


@given(moments, NEAR, hours, st.integers(1, 5))
def test_a_good_invitation_is_good_by_every_rule_and_never_early(due, zone, allowed, least):
    policy = InvitationPolicy(min_left=timedelta(hours=least))
    at = good_invitation_moment(due, zone, allowed, CLINIC, policy)
    if at is None:
        return
    assert at >= due
    window = window_at(at, zone, allowed)
    assert window is not None
    assert window.closes_at - at >= MIN_VALIDITY
    today = staffed_spans(local_date(at, CLINIC.zone), CLINIC)
    left = sum((max(span.end - max(span.start, at), timedelta()) for span in today), timedelta())
    assert left >= policy.min_left
    assert local_date(at, CLINIC.zone).weekday() in policy.days
    opens = next_staffed(at, CLINIC)
    assert opens is not None
    assert opens - at <= policy.max_early
    assert good_invitation_moment(at, zone, allowed, CLINIC, policy) == at
