"""What must hold after any history: read from the database and from the provider's ledger, which nobody can talk into.

Each law returns what breaks it in words; none of them looks at how the application got there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select

from kernel.db import Database, Tx
from messaging.consent.tables import NumberStop
from messaging.conversation.tables import InboundMessage
from messaging.delivery.statuses import rank
from messaging.delivery.tables import MessageStatusEvent, Outbox
from messaging.schedule.tables import CheckIn
from registry import zones
from registry.measures.tables import Answer, MeasureResult, MeasureRun
from registry.patients.tables import Patient
from registry.safety.tables import RiskEvent
from tests.support.provider.ledger import moment
from tests.support.provider_client import Provider

LEASE_AND_SWEEP = timedelta(minutes=15)
FIRST_ALERT_WITHIN = timedelta(minutes=30)
LIST_WITHIN = timedelta(minutes=10)
EARLIEST, LATEST = 8, 21  # the widest window anyone may have
FREE_OF_THE_WINDOW = ("crisis", "alert", "passcode", "requested_code", "stop_confirmation")
AFTER_STOP = ("stop_confirmation", "alert", "opt_in_confirmation")


class History:
    """Everything that happened, read once."""

    def __init__(self, tables: dict[str, list[Row[Any]]], ledger: dict[str, list[dict[str, Any]]]) -> None:
        self.rows = tables
        self.sent = [m for m in ledger["message"] if m["direction"] == "outbound-api"]
        self.inbound = [m for m in ledger["message"] if m["direction"] == "inbound"]
        self.number_of: dict[str, str] = {}


TABLES: dict[str, Any] = {
    "outbox": Outbox,
    "status": MessageStatusEvent,
    "inbound": InboundMessage,
    "check_in": CheckIn,
    "run": MeasureRun,
    "answer": Answer,
    "result": MeasureResult,
    "event": RiskEvent,
    "stop": NumberStop,
    "patient": Patient,
}


async def violations(database: Database, provider: Provider, now: datetime) -> list[str]:
    """Broken laws, none when all is well."""
    async with database.begin() as tx:
        tables = {name: list(await _all(tx, table)) for name, table in TABLES.items()}
    history = History(tables, await provider.history())
    for text in (*history.sent, *history.inbound):
        for number in (text["from"], text["to"]):
            if number is not None:
                history.number_of[database.vault.lookup(number)] = number
    laws = (
        once_at_most, alerted, ingested, inside_the_window, silent_after_stop, statuses_only_rise,
        answers_have_questions, scores_recompute, nothing_stuck, every_end_has_a_reason, prompts_a_day,
    )  # fmt: skip
    return [f"{law.__name__}: {broken}" for law in laws for broken in law(history, now)]


async def _all(tx: Tx, table: Any) -> list[Row[Any]]:
    return list(await tx.all(select(*table.__table__.c)))


def once_at_most(history: History, now: datetime) -> list[str]:
    """I1: a row of class A or D makes at most one text, unless the provider itself doubled it."""
    made = Counter(
        m["status_callback"].split("/status/")[1].split("/")[0]
        for m in history.sent
        if m["status_callback"] and m["duplicate_of"] is None
    )
    careful = {str(row.id) for row in history.rows["outbox"] if row.message_class in ("A", "D")}
    return [f"row {row} left {n} times" for row, n in made.items() if n > 1 and row in careful]


def alerted(history: History, now: datetime) -> list[str]:
    """I2, I3: every risk event has its alert row from its own moment, and one that somebody took from us in time."""
    broken = []
    for event in history.rows["event"]:
        alerts = [row for row in history.rows["outbox"] if row.event_id == event.id and row.kind == "alert"]
        if not any(row.created_at == event.opened_at for row in alerts):
            broken.append(f"event {event.code} opened without an alert")
        told = any(row.accepted_at is not None for row in alerts)
        if not told and event.acknowledged_at is None and now - event.opened_at > FIRST_ALERT_WITHIN:
            broken.append(f"event {event.code} was told to nobody")
        if event.state == "open" and event.next_action_at < now - LEASE_AND_SWEEP:
            broken.append(f"event {event.code} is waited on by nothing")
    return broken


def ingested(history: History, now: datetime) -> list[str]:
    """I4: every text the provider has for us is stored, once."""
    stored = Counter(row.provider_sid for row in history.rows["inbound"])
    late = [m["sid"] for m in history.inbound if now - moment(m["created"]) > LIST_WITHIN]
    return [f"inbound {sid} is stored {stored[sid]} times" for sid in late if stored[sid] != 1] + [
        f"inbound {sid} is stored {n} times" for sid, n in stored.items() if n > 1
    ]


def inside_the_window(history: History, now: datetime) -> list[str]:
    """I5: no text that nobody asked for leaves or waits at the provider outside the patient's waking hours."""
    zone_of = {patient.id: patient.zone for patient in history.rows["patient"]}
    sent = {m["sid"]: m for m in history.sent}
    broken = []
    for row in history.rows["outbox"]:
        text = sent.get(row.provider_sid)
        zone = zone_of.get(row.patient_id)
        if text is None or zone is None or row.kind in FREE_OF_THE_WINDOW:
            continue
        at = moment(text["created"])
        if row.live_until is not None and at <= row.live_until:
            continue
        local = at.astimezone(zones.zone(zone))
        dies = (at + timedelta(seconds=text["validity_period"])).astimezone(zones.zone(zone))
        if local.hour < EARLIEST or dies.date() != local.date() or dies.hour >= LATEST:
            broken.append(f"{row.kind} at {local:%H:%M}, good until {dies:%H:%M}")
    return broken


def silent_after_stop(history: History, now: datetime) -> list[str]:
    """I6: nothing leaves for a number that stopped, but the one confirmation."""
    stops = defaultdict(list)
    for stop in history.rows["stop"]:
        if stop.kind in ("opt_out", "carrier_opt_out", "wrong_number"):
            stops[stop.phone_key].append((stop.at, stop.lifted_at or datetime.max.replace(tzinfo=now.tzinfo)))
    broken = []
    for row in history.rows["outbox"]:
        if row.attempted_at is None or row.kind in AFTER_STOP:
            continue
        # A row whose claim was committed before the STOP may still be on its way.
        if any(start < row.attempted_at < end for start, end in stops[row.recipient_key]):
            broken.append(f"{row.kind} left after STOP")
    return broken


def statuses_only_rise(history: History, now: datetime) -> list[str]:
    """I8: a row shows the highest status that was reported about it."""
    best: dict[str, int] = defaultdict(lambda: -1)
    for event in history.rows["status"]:
        best[event.provider_sid] = max(best[event.provider_sid], rank(event.status))
    return [
        f"{row.kind} shows {row.provider_status}"
        for row in history.rows["outbox"]
        if row.provider_sid in best and row.status_rank < best[row.provider_sid]
    ]


def answers_have_questions(history: History, now: datetime) -> list[str]:
    """I9: an answer by text came after a text of that check-in which the provider had accepted."""
    received = {row.id: row for row in history.rows["inbound"]}
    run_of = {run.id: run for run in history.rows["run"]}
    accepted: dict[Any, list[datetime]] = defaultdict(list)
    for row in history.rows["outbox"]:
        if row.check_in_id is not None and row.accepted_at is not None:
            accepted[row.check_in_id].append(row.accepted_at)
    broken = []
    for answer in history.rows["answer"]:
        if answer.channel != "sms":
            continue
        text = received.get(answer.source_id)
        if text is None:
            broken.append(f"item {answer.item_no} was answered by no text")
        elif not any(at <= text.received_at for at in accepted[run_of[answer.run_id].check_in_id]):
            broken.append(f"item {answer.item_no} was answered before it was asked")
    return broken


def scores_recompute(history: History, now: datetime) -> list[str]:
    """I10: one standing result per run, and the answers on file give its total."""
    broken = []
    standing = [row for row in history.rows["result"] if row.replaced_at is None]
    for run_id, n in Counter(row.run_id for row in standing).items():
        if n > 1:
            broken.append(f"run {run_id} has {n} results")
    for row in standing:
        values = [
            answer.value
            for answer in history.rows["answer"]
            if answer.run_id == row.run_id and answer.replaced_at is None and answer.value is not None
        ]
        if values and sum(values) != row.raw_sum:
            broken.append(f"run {row.run_id} sums to {sum(values)}, filed {row.raw_sum}")
    return broken


def nothing_stuck(history: History, now: datetime) -> list[str]:
    """I14: nothing stays on its way, and nothing that is due waits, longer than a lease and a sweep."""
    late = now - LEASE_AND_SWEEP
    broken = [
        f"{row.kind} is {row.state} since {row.updated_at}"
        for row in history.rows["outbox"]
        if row.state in ("pending", "sending", "unknown") and row.next_at is not None and row.next_at < late
    ]
    broken += [
        f"{row.kind} is {row.state} and nothing looks at it"
        for row in history.rows["outbox"]
        if row.state in ("pending", "sending", "unknown") and row.next_at is None
    ]
    broken += [
        f"inbound held since {row.received_at}"
        for row in history.rows["inbound"]
        if row.state == "held" and row.received_at < late
    ]
    open_states = ("scheduled", "invited", "in_progress")
    return broken + [
        f"check-in {row.state}, next look {row.next_at}"
        for row in history.rows["check_in"]
        if row.state in open_states and (row.next_at is None or row.next_at < late)
    ]


def every_end_has_a_reason(history: History, now: datetime) -> list[str]:
    ended = ("suppressed", "expired", "failed")
    return [
        f"{row.kind} ended {row.state} without a reason"
        for row in history.rows["outbox"]
        if row.state in ended and not row.reason
    ]


def prompts_a_day(history: History, now: datetime) -> list[str]:
    """I13: at most one text that nobody asked for a day."""
    zone_of = {patient.id: patient.zone for patient in history.rows["patient"]}
    days = Counter(
        (row.patient_id, row.attempted_at.astimezone(zones.zone(zone_of[row.patient_id])).date())
        for row in history.rows["outbox"]
        if row.prompts_patient and row.state == "accepted" and zone_of.get(row.patient_id)
    )
    return [f"{n} prompts on {day}" for (_, day), n in days.items() if n > 1]
