"""Time that moves only when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from registry import zones


class FakeClock:
    """Starts on Monday 2 March 2026, 10:00 in Seattle."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        self._now += timedelta(**by)
        return self._now

    def set(self, moment: datetime) -> None:
        if moment < self._now:
            raise AssertionError("a test clock never runs backwards")
        self._now = moment

    def to_local(self, wall: str, zone: str) -> datetime:
        """Forward to the next time this wall clock shows in the zone, e.g. to_local("09:00", "America/Chicago")."""
        hour, minute = (int(part) for part in wall.split(":"))
        local = self._now.astimezone(zones.zone(zone))
        target = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        while target.astimezone(UTC) <= self._now:
            target = (target + timedelta(days=1)).replace(tzinfo=zones.zone(zone))
        self._now = target.astimezone(UTC)
        return self._now
