"""What must hold so that no risk event is ever silent, and when somebody outside is told that it doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

Check = Literal["events", "alerts", "sweeps", "on_call", "texts", "mail", "canary", "auditor"]

LATE: Final = timedelta(seconds=60)  # for an event's next action and for an alert that should have left
BEATS: Final = timedelta(seconds=90)  # for each sweep whose own rhythm is quicker than half of it
SILENT: Final = timedelta(seconds=90)  # for the auditor, as the watchdog sees it
FAILING: Final = timedelta(seconds=30)  # how long the auditor may report a failure before the watchdog writes
AUDIT_EVERY: Final = timedelta(seconds=30)  # so that a stop of any part is told outside within three minutes
AGAIN: Final = timedelta(minutes=10)
CANARY_EVERY: Final = timedelta(minutes=15)
CANARY_LATE: Final = timedelta(minutes=20)

WORDS: Final[Mapping[Check, str]] = {
    "events": "a risk event has no next action in time",
    "alerts": "an alert or a safety reply has not left within a minute",
    "sweeps": "a part of the worker stands still",
    "on_call": "a clinic has nobody who would be alerted now",
    "texts": "the text provider can't be reached or refuses us",
    "mail": "the mail relay can't be reached",
    "canary": "the canary did not arrive",
    "auditor": "the auditor breaks off with an error",
}


class Facts(msgspec.Struct, frozen=True):
    """Counts of what is wrong now. `canary_at`: when the last canary arrived on every channel that it uses; `canary`:
    whether one is wanted at all."""

    late_events: int
    late_alerts: int
    silent_sweeps: int
    uncovered_clinics: int
    texts_answer: bool
    mail_answers: bool
    canary: bool
    canary_at: datetime | None
    running_since: datetime


def failures(facts: Facts, now: datetime) -> tuple[Check, ...]:
    """Checks that don't hold, in a fixed order. All must hold for the ping to leave."""
    wrong: dict[Check, bool] = {
        "events": facts.late_events > 0,
        "alerts": facts.late_alerts > 0,
        "sweeps": facts.silent_sweeps > 0,
        "on_call": facts.uncovered_clinics > 0,
        "texts": not facts.texts_answer,
        "mail": not facts.mail_answers,
        "canary": facts.canary and now - (facts.canary_at or facts.running_since) > CANARY_LATE,
    }
    return tuple(check for check, is_wrong in wrong.items() if is_wrong)


def broke_off(last_run: datetime, last_error: datetime | None) -> bool:
    """Whether the last run raised: it then wrote the same moment twice."""
    return last_error is not None and last_error >= last_run


def standing_still(
    last_runs: Mapping[str, datetime],
    rhythms: Mapping[str, timedelta],
    now: datetime,
    broken: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """Sweeps that never ran or are late: three of their own rhythms, and never judged before 90 seconds; and those
    whose last run raised (`broken`), since they did not do their work."""
    return tuple(
        name
        for name, every in rhythms.items()
        if name in broken or (last := last_runs.get(name)) is None or now - last > max(3 * every, BEATS)
    )


class Beat(msgspec.Struct, frozen=True):
    """The auditor's last run as the watchdog reads it. `failing` names the checks that did not hold then.
    `open_events` None: that run raised before it told."""

    at: datetime
    failing: tuple[Check, ...]
    open_events: int | None


class Watch(msgspec.Struct, frozen=True):
    """What the watchdog remembers. `good_at`: when it last knew that all was well, or when it started."""

    started_at: datetime
    good_at: datetime
    told_at: datetime | None = None
    beat: Beat | None = None


class Alarm(msgspec.Struct, frozen=True):
    """An e-mail to send. It names no person and no clinic."""

    subject: str
    body: str


def look(watch: Watch, beat: Beat | None, now: datetime) -> tuple[Watch, Alarm | None]:
    """`beat` None: the heartbeat can't be read, or there is none. Silence of 90 seconds alarms, a failure that the
    auditor reports after half a minute; again every ten minutes, and once when all is well."""
    if beat is not None and not beat.failing and now - beat.at <= SILENT:
        back = None if watch.told_at is None else _recovered(watch, now)
        return Watch(watch.started_at, good_at=now, beat=beat), back
    known = beat or watch.beat
    silent = beat is None or now - beat.at > SILENT
    heard = watch.started_at if known is None else max(watch.started_at, known.at)
    since = heard if silent else watch.good_at
    if now - since <= (SILENT if silent else FAILING):
        return msgspec.structs.replace(watch, beat=known), None
    if watch.told_at is not None and now - watch.told_at < AGAIN:
        return msgspec.structs.replace(watch, beat=known), None
    return msgspec.structs.replace(watch, told_at=now, beat=known), _alarm(beat, known, silent, since, now)


def _alarm(beat: Beat | None, known: Beat | None, silent: bool, since: datetime, now: datetime) -> Alarm:
    span = round((now - since).total_seconds())
    if silent:
        what = "can't be read" if beat is None else "has stopped"
        lines = [f"The auditor of safety alerts {what}: nothing good was heard for {span} seconds."]
    else:
        lines = [f"Safety alerts are not sound for {span} seconds:"]
        lines += [f"- {WORDS[check]}" for check in (beat.failing if beat is not None else ())]
    if known is not None and known.open_events is not None:
        lines.append(f"Open risk events when last seen: {known.open_events}.")
    lines.append("Open the console, or call whoever is on call. See operating.md, At 3 a.m.")
    return Alarm("Evenkeel watchdog: safety alerts may not arrive", "\n".join(lines))


def _recovered(watch: Watch, now: datetime) -> Alarm:
    span = round((now - watch.good_at).total_seconds())
    return Alarm("Evenkeel watchdog: sound again", f"All checks hold again after {span} seconds.")
