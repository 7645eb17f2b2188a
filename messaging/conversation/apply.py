"""Carries a decision out: each effect once, in order, in the turn's transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal, assert_never, cast
from uuid import UUID

import msgspec

from kernel import audit, ids
from kernel.audit import Actor
from kernel.crypto import Sealed
from kernel.db import Tx
from kernel.errors import Conflict
from messaging.consent import numbers
from messaging.consent.numbers import Stop
from messaging.conversation import call_back, filing
from messaging.conversation.crisis import crisis_list_version
from messaging.conversation.decision import (
    AskAgain,
    CloseCheckIn,
    CompleteRun,
    Decision,
    Effect,
    Hold,
    LiftStop,
    Line,
    OpenTask,
    Postpone,
    RaiseRisk,
    SaveAnswer,
    Say,
    SetLanguage,
    Silence,
    StopNumber,
    WakeAt,
    WithdrawAnswer,
)
from messaging.conversation.replies import PARSER_VERSION
from messaging.conversation.saving import save_state
from messaging.conversation.script import RunSheet, items_of
from messaging.conversation.turns import Turn
from messaging.conversation.wording import compose, needs_link
from messaging.delivery import service as delivery
from messaging.delivery.kinds import KIND_RULES, Kind
from messaging.delivery.service import Message
from messaging.escalation.service import ALERTS
from messaging.links import service as links
from messaging.schedule import closing
from messaging.schedule import service as schedule
from messaging.schedule.tables import CheckIn
from messaging.schedule.windows import LIVE_EXCHANGE
from registry.measures import service as measures
from registry.patients import service as patients
from registry.ports import Alerts
from registry.safety import signals
from registry.safety.rules import Signal
from registry.worklist import service as worklist
from registry.worklist.tasks import TaskKind

# How long a text of a turn may wait to leave. A question waits for the next morning's window; an acknowledgement
# that comes hours later only puzzles. One STOP confirmation within 5 minutes: 47 CFR 64.1200(a)(12).
LIFE: Final[dict[Kind, timedelta]] = {
    "question": timedelta(hours=24),
    "invitation": timedelta(hours=24),
    "reminder": timedelta(hours=24),
    "link": timedelta(hours=24),
    "crisis": timedelta(hours=1),
    "stop_confirmation": timedelta(minutes=5),
}
REMINDERS: Final[tuple[Kind, ...]] = ("invitation", "reminder")


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn needs from outside. `optout_reply` says who confirms a STOP: the provider's filter or we."""

    public_url: str
    new_token: Callable[[], str] = ids.new_token
    alerts: Alerts = ALERTS
    optout_reply: Literal["twilio", "app"] = "twilio"


class Cause(msgspec.Struct, frozen=True):
    """What led to the decision. `inbound_id` None: the clock or the schedule, and no text of the person."""

    inbound_id: UUID | None = None
    body: str | None = None
    received_at: datetime | None = None
    sealed: Sealed | None = None  # the body as it was stored


class TurnMoved(Exception):
    """Somebody else wrote the thread: nothing of this decision stands, and it is taken again."""


async def apply(tx: Tx, turn: Turn, decision: Decision, cause: Cause, ports: Ports, *, now: datetime) -> int:
    """Gives the thread's turn after it. Raises TurnMoved when the thread is not as it was read."""
    after = await _save_state(tx, turn, decision)
    work = _Work(tx, turn, cause, ports, after, now)
    for effect in decision.effects:
        await work.apply(effect)
    return after


async def _save_state(tx: Tx, turn: Turn, decision: Decision) -> int:
    if decision.state == turn.state and not decision.asks and decision.wakes_at is None:
        return turn.turn
    after = await save_state(tx, turn.thread_id, turn.turn, turn.state, decision, turn.script)
    if after is None:
        raise TurnMoved
    return after


class _Work:
    """The effects of one decision. Answers change `facts` and `script`, so later effects see them."""

    def __init__(self, tx: Tx, turn: Turn, cause: Cause, ports: Ports, after: int, now: datetime) -> None:
        self.tx, self.turn, self.cause, self.ports, self.after, self.now = tx, turn, cause, ports, after, now
        self.script = turn.script
        self.sheet = turn.sheet
        self.begun = turn.begun
        self.event_id: UUID | None = None  # of the risk event that this turn opened or joined

    async def apply(self, effect: Effect) -> None:
        match effect:
            case SaveAnswer(at=at, value=value):
                await self._save_answer(at, value)
            case WithdrawAnswer(at=at):
                await self._withdraw(at)
            case CompleteRun(run=run):
                await measures.complete_run(self.tx, self.sheet.runs[run].run.id, now=self.now)
            case CloseCheckIn(state=state):
                await self._close(state)
            case RaiseRisk():
                await self._raise(effect)
            case OpenTask(kind=kind):
                await self._open_task(kind)
            case StopNumber(kind=kind):
                await self._stop(kind)
            case LiftStop():
                await self._lift()
            case SetLanguage(language=language):
                await self._speak(language)
            case Postpone():
                if self.turn.check_in_id is not None:
                    await schedule.postpone(self.tx, self.turn.check_in_id, now=self.now)
            case Silence():
                await self._silence()
            case AskAgain():
                await self._ask_again()
            case Say():
                await self._say(effect)
            case WakeAt() | Hold():
                return  # stored with the thread, and with the text itself
            case _:
                assert_never(effect)

    def _run(self, at: int) -> RunSheet:
        return self.sheet.runs[self.script.items[at].run]

    def _facts(self) -> filing.CheckInFacts:
        turn = self.turn
        if turn.check_in_id is None or turn.patient_id is None or turn.episode_id is None:
            raise LookupError("an answer without a check-in")
        return filing.CheckInFacts(
            id=turn.check_in_id,
            clinic_id=turn.clinic_id,
            patient_id=turn.patient_id,
            episode_id=turn.episode_id,
            state="in_progress",
            begun=self.begun,
            language=self.script.language,
            item9_channel=self.script.item9,
            sheet=self.sheet,
            item9_wait=self.script.item9_wait,
        )

    async def _save_answer(self, at: int, value: int | None) -> None:
        run, number = self._run(at).run, self.script.items[at].number
        facts, risk = await filing.save(
            self.tx, self._facts(), run, number, value,
            raw=self.cause.sealed or self.cause.body, channel="sms", source_id=self.cause.inbound_id,
            now=self.now, alerts=self.ports.alerts,
        )  # fmt: skip
        self.sheet, self.begun, self.script = facts.sheet, True, self.script.mark(at, True)
        self.event_id = self.event_id if risk is None else risk.event_id

    async def _withdraw(self, at: int) -> None:
        await measures.withdraw_answer(self.tx, self._run(at).run, self.script.items[at].number, now=self.now)
        self.script = self.script.mark(at, False)

    async def _close(self, state: Literal["completed"]) -> None:
        if self.turn.check_in_id is not None:
            await closing.close(self.tx, self.turn.check_in_id, state=state, reason="answered", now=self.now)

    async def _raise(self, risk: RaiseRisk) -> None:
        if self.cause.inbound_id is None:
            raise LookupError("a risk signal without its text")
        signal = Signal(
            clinic_id=self.turn.clinic_id,
            patient_id=self.turn.patient_id,
            episode_id=self.turn.episode_id,
            trigger=risk.trigger,
            tier=risk.tier,
            toward=risk.toward,
            value=risk.value,
            source_kind="inbound",
            source_id=self.cause.inbound_id,
            channel="sms",
            rule_version=crisis_list_version() if risk.trigger == "crisis_text" else PARSER_VERSION,
            phone_key=self.turn.phone_key,
        )
        found = await signals.signal(self.tx, signal, now=self.now, alerts=self.ports.alerts)
        self.event_id = found.event_id

    async def _open_task(self, kind: TaskKind) -> None:
        asked = call_back.wish(self.cause.body or "") if self.script.no_show else None
        if kind == "inbound_text" and asked is not None:
            of = (self.turn.clinic_id, self.turn.patient_id, self.turn.episode_id)
            await call_back.open_task(self.tx, *of, asked, self.cause.inbound_id, now=self.now)
            return
        await open_task(self.tx, self.turn, kind, self.cause.inbound_id, now=self.now)

    async def _stop(self, kind: Literal["opt_out", "wrong_number", "paused"]) -> None:
        stopped = Stop(
            clinic_id=self.turn.clinic_id,
            phone_key=self.turn.phone_key,
            kind=kind,
            by="patient",
            wording=self.cause.body,
            source_id=self.cause.inbound_id,
            classifier_version=PARSER_VERSION,
        )
        await numbers.stop(self.tx, stopped, now=self.now)

    async def _lift(self) -> None:
        await numbers.lift(
            self.tx,
            self.turn.clinic_id,
            self.turn.phone_key,
            by="patient",
            source_id=self.cause.inbound_id,
            actor=patient_actor(self.turn),
            now=self.now,
        )

    async def _speak(self, language: Literal["en", "es"]) -> None:
        if self.turn.patient_id is None:
            return
        await patients.set_language(
            self.tx, patient_actor(self.turn), self.turn.patient_id, language, now=self.now
        )
        items = items_of(self.sheet, filing.shown_in(self.sheet, language))
        self.script = msgspec.structs.replace(self.script, language=language, items=items)

    async def _silence(self) -> None:
        """Also the check-in that is asked by link, and the reminder that already waits to leave."""
        check_in_id = self.turn.check_in_id or self.turn.open_check_in_id
        if check_in_id is not None:
            await schedule.silence(self.tx, check_in_id, now=self.now)
            await delivery.suppress(
                self.tx, check_in_id=check_in_id, kinds=REMINDERS, reason="turn_moved", now=self.now
            )

    async def _ask_again(self) -> None:
        """The same questionnaires anew; where that can't be, a person decides."""
        turn = self.turn
        if turn.patient_id is None or turn.last_check_in_id is None:
            return
        asked = await self.tx.scalar(
            CheckIn.__table__.select()
            .with_only_columns(CheckIn.instruments)
            .where(CheckIn.id == turn.last_check_in_id)
        )
        try:
            await schedule.send_now(
                self.tx, audit.system(turn.clinic_id, "conversation"), turn.patient_id, asked, now=self.now
            )
        except Conflict:
            await self._open_task("late_answer")
            if not self.script.quiet:
                await self._say(Say("acknowledgement", (Line("late_thanks"),)))

    async def _say(self, say: Say) -> None:
        turn, now = self.turn, self.now
        link = await self._link() if needs_link(say, self.script) else None
        rendered = compose(say, self.script, link)
        bound = say.bound or say.ask is not None
        received = self.cause.received_at
        message = Message(
            clinic_id=turn.clinic_id,
            kind=self._kind(say),
            dedupe_key=self._key(bound),
            to=turn.number,
            body=rendered.body,
            template=rendered.template,
            not_before=now,
            not_after=now + LIFE.get(say.kind, LIVE_EXCHANGE),
            sender_id=turn.sender_id,
            phone_id=turn.phone_id,
            patient_id=turn.patient_id,
            thread_id=turn.thread_id if bound else None,
            turn=self.after if bound else None,
            check_in_id=turn.check_in_id if bound else None,
            event_id=self.event_id if say.kind == "crisis" else None,
            live_until=None if received is None else received + LIVE_EXCHANGE,
        )
        await delivery.enqueue(self.tx, message, now=now)

    def _kind(self, say: Say) -> Kind:
        """Nobody's consent covers an answer to a number that is not one patient's: it goes as the reply that names
        nobody, and only to whoever has just written."""
        answers_a_text = self.cause.inbound_id is not None
        nobodys = self.turn.patient_id is None and answers_a_text
        return "fixed_reply" if nobodys and KIND_RULES[say.kind].needs_consent else say.kind

    async def _link(self) -> str:
        check_in_id = self.turn.check_in_id or self.turn.open_check_in_id
        if check_in_id is None:
            raise LookupError("a link without a check-in")
        path = await links.issue(self.tx, check_in_id, token=self.ports.new_token(), now=self.now)
        return self.ports.public_url.rstrip("/") + path

    def _key(self, bound: bool) -> str:
        if bound and self.turn.check_in_id is not None:
            return f"check_in:{self.turn.check_in_id}:turn:{self.after}:ask"
        if self.cause.inbound_id is not None:
            return f"reply:{self.cause.inbound_id}"
        return f"thread:{self.turn.thread_id}:turn:{self.after}"


def patient_actor(turn: Turn) -> Actor:
    return Actor(kind="patient", id=turn.patient_id, clinic_id=turn.clinic_id)


_PER_NUMBER: Final[frozenset[TaskKind]] = frozenset({"unknown_number"})
_PER_CHECK_IN: Final[frozenset[TaskKind]] = frozenset({"could_not_parse", "call_and_ask_item9"})


def task_key(turn: Turn, kind: TaskKind) -> str:
    """One open task per kind and patient; per number where the patient is not known."""
    if kind in _PER_CHECK_IN and turn.check_in_id is not None:
        risky = next((s.run.id for s in turn.sheet.runs if s.instrument.risk_item_numbers), turn.check_in_id)
        return f"{kind}:{risky if kind == 'call_and_ask_item9' else turn.check_in_id}"
    if turn.patient_id is None or kind in _PER_NUMBER:
        return f"{kind}:number:{turn.phone_key}"
    return f"{kind}:{turn.patient_id}"


async def open_task(tx: Tx, turn: Turn, kind: TaskKind, inbound_id: UUID | None, *, now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=turn.clinic_id,
        patient_id=turn.patient_id,
        episode_id=turn.episode_id,
        kind=kind,
        dedupe_key=task_key(turn, kind),
        ref_kind=None if inbound_id is None else "inbound_message",
        ref_id=inbound_id,
        detail=cast(dict[str, Any], {} if turn.check_in_id is None else {"check_in": str(turn.check_in_id)}),
        now=now,
    )
