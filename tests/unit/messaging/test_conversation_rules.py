"""What follows each event in each state, as a table; then the single rules that a table can't show well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from messaging.conversation.crisis import CrisisHit
from messaging.conversation.decision import (
    ACCEPTED,
    AskAgain,
    CloseCheckIn,
    CompleteRun,
    Decision,
    Effect,
    Event,
    Hold,
    LiftStop,
    Moved,
    Opened,
    OpenTask,
    OptInAsked,
    Overdue,
    RaiseRisk,
    Received,
    SaveAnswer,
    Say,
    Standing,
    StopNumber,
    UnknownPair,
    WakeAt,
    WithdrawAnswer,
    Woken,
)
from messaging.conversation.meaning import Context, Kind, Reply
from messaging.conversation.rules import context_of, step
from messaging.conversation.script import Script
from messaging.conversation.state import (
    Asking,
    Confirming,
    Given,
    Idle,
    OptIn,
    Paused,
    State,
    Why,
    from_json,
    to_json,
)
from tests.support.scripts import nothing_open, script

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
HIT = CrisisHit("1", 2, True, False, ())
WAITING, LOST, IN_DOUBT = Standing("waiting"), Standing("lost"), Standing("in_doubt")


def received(kind: Kind, standing: Standing = ACCEPTED, **fields: object) -> Received:
    return Received(Reply(kind, **fields), standing)  # type: ignore[arg-type]


STATES: dict[str, tuple[State, Script]] = {
    "idle": (Idle(), nothing_open()),
    "asking": (Asking(1, last=Given(0, 1)), script(answered=[0], may_postpone=True)),
    "confirming": (Confirming(1, (0,) * 8), script(answered=[0], bulk=True, may_postpone=True)),
    "paused:unclear": (Paused(1, "unclear"), script(answered=[0])),
    "paused:crisis": (Paused(1, "crisis"), script(answered=[0])),
    "paused:positive_item9": (Paused(9, "positive_item9"), script(answered=range(9))),
    "paused:who": (Paused(1, "who"), script(answered=[0])),
    "paused:item9_link": (Paused(8, "item9_link"), script(answered=range(8), item9="link_only")),
    "paused:item9_call": (Paused(8, "item9_call"), script(answered=range(8), item9="staff_call")),
    "opt_in": (OptIn(), nothing_open()),
}
EVENTS: dict[str, Event] = {
    "crisis": received("crisis", crisis=HIT),
    "stop+crisis": received("crisis", crisis=HIT, also_stop=True),
    "stop": received("stop"),
    "stop?": received("stop?"),
    "start": received("start"),
    "decline": received("decline"),
    "help": received("help"),
    "wrong_number": received("wrong_number"),
    "who": received("who"),
    "command:back": received("command", detail="back"),
    "command:skip": received("command", detail="skip"),
    "command:later": received("command", detail="later"),
    "command:link": received("command", detail="link"),
    "command:why": received("command", detail="why"),
    "command:ok": received("command", detail="ok"),
    "command:lang_en": received("command", detail="lang_en"),
    "command:lang_es": received("command", detail="lang_es"),
    "answer": received("answer", value=2),
    "bulk": received("bulk", values=(0,) * 8),
    "ask": received("ask", detail="range"),
    "free_text": received("free_text"),
    "late_answer": received("late_answer", value=2),
    "already_done": received("already_done", value=2),
    "opened": Opened(),
    "moved": Moved(),
    "woken": Woken(),
    "overdue": Overdue(Reply("answer", value=2)),
    "opt_in_asked": OptInAsked(),
}
# (state, event, state afterwards, effects in order). None: the pair is a defect and raises.
TABLE: tuple[tuple[str, str, str | None, str], ...] = (
    ("idle", "crisis", "idle", "risk crisis_text:2, say crisis:crisis"),
    ("idle", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("idle", "stop", "idle", "stop opt_out"),
    ("idle", "stop?", "idle", "stop paused, say fixed_reply:stop_question"),
    ("idle", "start", "idle", "say opt_in_confirmation:start_confirmation"),
    ("idle", "decline", None, ""),
    ("idle", "help", "idle", "say help:help"),
    ("idle", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("idle", "who", "idle", "task who_is_this, say fixed_reply:who"),
    ("idle", "command:back", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "command:skip", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "command:later", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "command:link", "idle", "say acknowledgement:no_link"),
    ("idle", "command:why", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "command:ok", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "command:lang_en", "idle", "SetLanguage, say acknowledgement:lang_changed"),
    ("idle", "command:lang_es", "idle", "SetLanguage, say acknowledgement:lang_changed"),
    ("idle", "answer", None, ""),
    ("idle", "bulk", None, ""),
    ("idle", "ask", None, ""),
    ("idle", "free_text", "idle", "task inbound_text, say acknowledgement:idle_ack"),
    ("idle", "late_answer", "idle", "task late_answer, say acknowledgement:late_offer_resume"),
    ("idle", "already_done", "idle", "say acknowledgement:already_done"),
    ("idle", "opened", "asking@0", "say invitation:first_question?0"),
    ("idle", "moved", None, ""),
    ("idle", "woken", None, ""),
    ("idle", "overdue", "idle", "task could_not_parse"),
    ("idle", "opt_in_asked", "opt_in", "say opt_in_confirmation:opt_in_question"),
    ("asking", "crisis", "paused:crisis@1", "Silence, risk crisis_text:2, say crisis:crisis"),
    ("asking", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("asking", "stop", "idle", "stop opt_out"),
    ("asking", "stop?", "asking@1", "stop paused, say fixed_reply:stop_question"),
    ("asking", "start", "asking@1", "say question:resume?1"),
    ("asking", "decline", None, ""),
    ("asking", "help", "asking@1", "say help:help"),
    ("asking", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("asking", "who", "paused:who@1", "Silence, task who_is_this, say fixed_reply:who"),
    ("asking", "command:back", "asking@0", "withdraw 0, say question:back_done?0"),
    ("asking", "command:skip", "asking@2", "save 1=None, say question:skip_done?2"),
    ("asking", "command:later", "asking@1", "Postpone, say acknowledgement:later_done"),
    ("asking", "command:link", "asking@1", "say link:link"),
    ("asking", "command:why", "asking@1", "say question:why?1"),
    ("asking", "command:ok", None, ""),
    ("asking", "command:lang_en", "asking@1", "SetLanguage, say question:lang_changed?1"),
    ("asking", "command:lang_es", "asking@1", "SetLanguage, say question:lang_changed?1"),
    ("asking", "answer", "asking@2", "save 1=2, say question:?2"),
    ("asking", "bulk", "confirming@1", "say question:bulk_readback"),
    ("asking", "ask", "asking@1", "say question:reask_range?1"),
    ("asking", "free_text", "asking@1", "task inbound_text, say question:gentle?1"),
    ("asking", "late_answer", None, ""),
    ("asking", "already_done", None, ""),
    ("asking", "opened", None, ""),
    ("asking", "moved", "asking@1", ""),
    ("asking", "woken", None, ""),
    ("asking", "overdue", "asking@1", "task could_not_parse"),
    ("asking", "opt_in_asked", None, ""),
    ("confirming", "crisis", "paused:crisis@1", "Silence, risk crisis_text:2, say crisis:crisis"),
    ("confirming", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("confirming", "stop", "idle", "stop opt_out"),
    ("confirming", "stop?", "confirming@1", "stop paused, say fixed_reply:stop_question"),
    ("confirming", "start", "confirming@1", "say opt_in_confirmation:start_confirmation"),
    ("confirming", "decline", None, ""),
    ("confirming", "help", "confirming@1", "say help:help"),
    ("confirming", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("confirming", "who", "paused:who@1", "Silence, task who_is_this, say fixed_reply:who"),
    ("confirming", "command:back", "asking@1", "say question:?1"),
    ("confirming", "command:skip", "confirming@1", "say question:bulk_readback"),
    ("confirming", "command:later", "confirming@1", "say question:bulk_readback"),
    ("confirming", "command:link", "confirming@1", "say link:link"),
    ("confirming", "command:why", "confirming@1", "say question:why+bulk_readback"),
    (
        "confirming",
        "command:ok",
        "asking@9",
        "save 1=0, save 2=0, save 3=0, save 4=0, save 5=0, save 6=0, save 7=0, save 8=0, CompleteRun, say question:?9",
    ),
    ("confirming", "command:lang_en", "confirming@1", "SetLanguage, say question:lang_changed+bulk_readback"),
    ("confirming", "command:lang_es", "confirming@1", "SetLanguage, say question:lang_changed+bulk_readback"),
    ("confirming", "answer", None, ""),
    ("confirming", "bulk", None, ""),
    ("confirming", "ask", "confirming@1", "say question:bulk_readback"),
    ("confirming", "free_text", None, ""),
    ("confirming", "late_answer", None, ""),
    ("confirming", "already_done", None, ""),
    ("confirming", "opened", None, ""),
    ("confirming", "moved", "asking@1", ""),
    ("confirming", "woken", None, ""),
    ("confirming", "overdue", "confirming@1", "task could_not_parse"),
    ("confirming", "opt_in_asked", None, ""),
    ("paused:unclear", "crisis", "paused:crisis@1", "Silence, risk crisis_text:2, say crisis:crisis"),
    ("paused:unclear", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:unclear", "stop", "idle", "stop opt_out"),
    ("paused:unclear", "stop?", "paused:unclear@1", "stop paused, say fixed_reply:stop_question"),
    ("paused:unclear", "start", "paused:unclear@1", "say opt_in_confirmation:start_confirmation"),
    ("paused:unclear", "decline", None, ""),
    ("paused:unclear", "help", "paused:unclear@1", "task inbound_text, say help:help"),
    ("paused:unclear", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("paused:unclear", "who", "paused:who@1", "Silence, task who_is_this, say fixed_reply:who"),
    ("paused:unclear", "command:back", "asking@0", "withdraw 0, say question:back_done?0"),
    ("paused:unclear", "command:skip", "asking@2", "save 1=None, say question:skip_done?2"),
    ("paused:unclear", "command:later", "asking@1", "say question:later_used_up?1"),
    ("paused:unclear", "command:link", "paused:unclear@1", "say link:link"),
    ("paused:unclear", "command:why", "asking@1", "say question:why?1"),
    ("paused:unclear", "command:ok", None, ""),
    (
        "paused:unclear",
        "command:lang_en",
        "paused:unclear@1",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    (
        "paused:unclear",
        "command:lang_es",
        "paused:unclear@1",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    ("paused:unclear", "answer", "asking@2", "save 1=2, say question:?2"),
    ("paused:unclear", "bulk", "confirming@1", "say question:bulk_readback"),
    ("paused:unclear", "ask", "paused:unclear@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:unclear", "free_text", "paused:unclear@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:unclear", "late_answer", None, ""),
    ("paused:unclear", "already_done", None, ""),
    ("paused:unclear", "opened", None, ""),
    ("paused:unclear", "moved", "asking@1", ""),
    ("paused:unclear", "woken", None, ""),
    ("paused:unclear", "overdue", "paused:unclear@1", "task could_not_parse"),
    ("paused:unclear", "opt_in_asked", None, ""),
    ("paused:crisis", "crisis", "paused:crisis@1", "risk crisis_text:2, say crisis:crisis"),
    ("paused:crisis", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:crisis", "stop", "idle", "stop opt_out"),
    ("paused:crisis", "stop?", "paused:crisis@1", "stop paused, say fixed_reply:stop_question"),
    ("paused:crisis", "start", "paused:crisis@1", "say opt_in_confirmation:start_confirmation"),
    ("paused:crisis", "decline", None, ""),
    ("paused:crisis", "help", "paused:crisis@1", "task inbound_text, say help:help"),
    ("paused:crisis", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("paused:crisis", "who", "paused:crisis@1", "task who_is_this, say fixed_reply:who"),
    ("paused:crisis", "command:back", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "command:skip", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "command:later", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "command:link", "paused:crisis@1", "say link:link"),
    ("paused:crisis", "command:why", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "command:ok", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "command:lang_en", "paused:crisis@1", "SetLanguage, say acknowledgement:lang_changed"),
    ("paused:crisis", "command:lang_es", "paused:crisis@1", "SetLanguage, say acknowledgement:lang_changed"),
    ("paused:crisis", "answer", None, ""),
    ("paused:crisis", "bulk", None, ""),
    ("paused:crisis", "ask", None, ""),
    ("paused:crisis", "free_text", "paused:crisis@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:crisis", "late_answer", None, ""),
    ("paused:crisis", "already_done", None, ""),
    ("paused:crisis", "opened", None, ""),
    ("paused:crisis", "moved", "paused:crisis@1", ""),
    ("paused:crisis", "woken", None, ""),
    ("paused:crisis", "overdue", "paused:crisis@1", "task could_not_parse"),
    ("paused:crisis", "opt_in_asked", None, ""),
    ("paused:positive_item9", "crisis", "paused:crisis@9", "risk crisis_text:2, say crisis:crisis"),
    ("paused:positive_item9", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:positive_item9", "stop", "idle", "stop opt_out"),
    (
        "paused:positive_item9",
        "stop?",
        "paused:positive_item9@9",
        "stop paused, say fixed_reply:stop_question",
    ),
    (
        "paused:positive_item9",
        "start",
        "paused:positive_item9@9",
        "say opt_in_confirmation:start_confirmation",
    ),
    ("paused:positive_item9", "decline", None, ""),
    ("paused:positive_item9", "help", "paused:positive_item9@9", "task inbound_text, say help:help"),
    (
        "paused:positive_item9",
        "wrong_number",
        "idle",
        "stop wrong_number, say stop_confirmation:wrong_number_ack",
    ),
    ("paused:positive_item9", "who", "paused:positive_item9@9", "task who_is_this, say fixed_reply:who"),
    (
        "paused:positive_item9",
        "command:back",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:positive_item9",
        "command:skip",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:positive_item9",
        "command:later",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    ("paused:positive_item9", "command:link", "paused:positive_item9@9", "say link:link"),
    (
        "paused:positive_item9",
        "command:why",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:positive_item9",
        "command:ok",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:positive_item9",
        "command:lang_en",
        "paused:positive_item9@9",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    (
        "paused:positive_item9",
        "command:lang_es",
        "paused:positive_item9@9",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    ("paused:positive_item9", "answer", None, ""),
    ("paused:positive_item9", "bulk", None, ""),
    ("paused:positive_item9", "ask", None, ""),
    (
        "paused:positive_item9",
        "free_text",
        "paused:positive_item9@9",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    ("paused:positive_item9", "late_answer", None, ""),
    ("paused:positive_item9", "already_done", None, ""),
    ("paused:positive_item9", "opened", None, ""),
    ("paused:positive_item9", "moved", "paused:positive_item9@9", ""),
    ("paused:positive_item9", "woken", "asking@9", "say question:?9"),
    ("paused:positive_item9", "overdue", "paused:positive_item9@9", "task could_not_parse"),
    ("paused:positive_item9", "opt_in_asked", None, ""),
    ("paused:who", "crisis", "paused:crisis@1", "risk crisis_text:2, say crisis:crisis"),
    ("paused:who", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:who", "stop", "idle", "stop opt_out"),
    ("paused:who", "stop?", "paused:who@1", "stop paused, say fixed_reply:stop_question"),
    ("paused:who", "start", "paused:who@1", "say opt_in_confirmation:start_confirmation"),
    ("paused:who", "decline", None, ""),
    ("paused:who", "help", "paused:who@1", "task inbound_text, say help:help"),
    ("paused:who", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("paused:who", "who", "paused:who@1", "task who_is_this, say fixed_reply:who"),
    ("paused:who", "command:back", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "command:skip", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "command:later", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "command:link", "paused:who@1", "say link:link"),
    ("paused:who", "command:why", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "command:ok", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "command:lang_en", "paused:who@1", "SetLanguage, say acknowledgement:lang_changed"),
    ("paused:who", "command:lang_es", "paused:who@1", "SetLanguage, say acknowledgement:lang_changed"),
    ("paused:who", "answer", None, ""),
    ("paused:who", "bulk", None, ""),
    ("paused:who", "ask", None, ""),
    ("paused:who", "free_text", "paused:who@1", "task inbound_text, say acknowledgement:idle_ack"),
    ("paused:who", "late_answer", None, ""),
    ("paused:who", "already_done", None, ""),
    ("paused:who", "opened", None, ""),
    ("paused:who", "moved", "paused:who@1", ""),
    ("paused:who", "woken", None, ""),
    ("paused:who", "overdue", "paused:who@1", "task could_not_parse"),
    ("paused:who", "opt_in_asked", None, ""),
    ("paused:item9_link", "crisis", "paused:crisis@8", "Silence, risk crisis_text:2, say crisis:crisis"),
    ("paused:item9_link", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:item9_link", "stop", "idle", "stop opt_out"),
    ("paused:item9_link", "stop?", "paused:item9_link@8", "stop paused, say fixed_reply:stop_question"),
    ("paused:item9_link", "start", "paused:item9_link@8", "say opt_in_confirmation:start_confirmation"),
    ("paused:item9_link", "decline", None, ""),
    ("paused:item9_link", "help", "paused:item9_link@8", "task inbound_text, say help:help"),
    (
        "paused:item9_link",
        "wrong_number",
        "idle",
        "stop wrong_number, say stop_confirmation:wrong_number_ack",
    ),
    ("paused:item9_link", "who", "paused:who@8", "Silence, task who_is_this, say fixed_reply:who"),
    (
        "paused:item9_link",
        "command:back",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_link",
        "command:skip",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_link",
        "command:later",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    ("paused:item9_link", "command:link", "paused:item9_link@8", "say link:link"),
    (
        "paused:item9_link",
        "command:why",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_link",
        "command:ok",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_link",
        "command:lang_en",
        "paused:item9_link@8",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    (
        "paused:item9_link",
        "command:lang_es",
        "paused:item9_link@8",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    ("paused:item9_link", "answer", None, ""),
    ("paused:item9_link", "bulk", None, ""),
    ("paused:item9_link", "ask", None, ""),
    (
        "paused:item9_link",
        "free_text",
        "paused:item9_link@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_link",
        "late_answer",
        "paused:crisis@8",
        "Silence, risk item9:2, task inbound_text, say crisis:crisis",
    ),
    ("paused:item9_link", "already_done", None, ""),
    ("paused:item9_link", "opened", None, ""),
    ("paused:item9_link", "moved", "paused:item9_link@8", ""),
    ("paused:item9_link", "woken", "paused:item9_call@8", "task call_and_ask_item9"),
    ("paused:item9_link", "overdue", "paused:item9_link@8", "task could_not_parse"),
    ("paused:item9_link", "opt_in_asked", None, ""),
    ("paused:item9_call", "crisis", "paused:crisis@8", "Silence, risk crisis_text:2, say crisis:crisis"),
    ("paused:item9_call", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("paused:item9_call", "stop", "idle", "stop opt_out"),
    ("paused:item9_call", "stop?", "paused:item9_call@8", "stop paused, say fixed_reply:stop_question"),
    ("paused:item9_call", "start", "paused:item9_call@8", "say opt_in_confirmation:start_confirmation"),
    ("paused:item9_call", "decline", None, ""),
    ("paused:item9_call", "help", "paused:item9_call@8", "task inbound_text, say help:help"),
    (
        "paused:item9_call",
        "wrong_number",
        "idle",
        "stop wrong_number, say stop_confirmation:wrong_number_ack",
    ),
    ("paused:item9_call", "who", "paused:who@8", "Silence, task who_is_this, say fixed_reply:who"),
    (
        "paused:item9_call",
        "command:back",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_call",
        "command:skip",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_call",
        "command:later",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    ("paused:item9_call", "command:link", "paused:item9_call@8", "say link:link"),
    (
        "paused:item9_call",
        "command:why",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_call",
        "command:ok",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_call",
        "command:lang_en",
        "paused:item9_call@8",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    (
        "paused:item9_call",
        "command:lang_es",
        "paused:item9_call@8",
        "SetLanguage, say acknowledgement:lang_changed",
    ),
    ("paused:item9_call", "answer", None, ""),
    ("paused:item9_call", "bulk", None, ""),
    ("paused:item9_call", "ask", None, ""),
    (
        "paused:item9_call",
        "free_text",
        "paused:item9_call@8",
        "task inbound_text, say acknowledgement:idle_ack",
    ),
    (
        "paused:item9_call",
        "late_answer",
        "paused:crisis@8",
        "Silence, risk item9:2, task inbound_text, say crisis:crisis",
    ),
    ("paused:item9_call", "already_done", None, ""),
    ("paused:item9_call", "opened", None, ""),
    ("paused:item9_call", "moved", "asking@9", ""),
    ("paused:item9_call", "woken", None, ""),
    ("paused:item9_call", "overdue", "paused:item9_call@8", "task could_not_parse"),
    ("paused:item9_call", "opt_in_asked", None, ""),
    ("opt_in", "crisis", "idle", "risk crisis_text:2, say crisis:crisis"),
    ("opt_in", "stop+crisis", "idle", "risk crisis_text:2, stop opt_out"),
    ("opt_in", "stop", "idle", "stop opt_out"),
    ("opt_in", "stop?", "opt_in", "stop paused, say fixed_reply:stop_question"),
    ("opt_in", "start", "idle", "LiftStop, say opt_in_confirmation:start_confirmation"),
    ("opt_in", "decline", "idle", "stop opt_out, say stop_confirmation:declined"),
    ("opt_in", "help", "opt_in", "say help:help"),
    ("opt_in", "wrong_number", "idle", "stop wrong_number, say stop_confirmation:wrong_number_ack"),
    ("opt_in", "who", "opt_in", "task who_is_this, say fixed_reply:who"),
    ("opt_in", "command:back", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "command:skip", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "command:later", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "command:link", "opt_in", "say acknowledgement:no_link"),
    ("opt_in", "command:why", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "command:ok", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "command:lang_en", "opt_in", "SetLanguage, say acknowledgement:lang_changed"),
    ("opt_in", "command:lang_es", "opt_in", "SetLanguage, say acknowledgement:lang_changed"),
    ("opt_in", "answer", None, ""),
    ("opt_in", "bulk", None, ""),
    ("opt_in", "ask", None, ""),
    ("opt_in", "free_text", "opt_in", "task inbound_text, say acknowledgement:idle_ack"),
    ("opt_in", "late_answer", None, ""),
    ("opt_in", "already_done", None, ""),
    ("opt_in", "opened", "asking@0", "say invitation:first_question?0"),
    ("opt_in", "moved", None, ""),
    ("opt_in", "woken", None, ""),
    ("opt_in", "overdue", "opt_in", "task could_not_parse"),
    ("opt_in", "opt_in_asked", "opt_in", "say opt_in_confirmation:opt_in_question"),
)


def name_of(state: State) -> str:
    match state:
        case Paused(why=why):
            return f"paused:{why}"
        case Idle():
            return "idle"
        case OptIn():
            return "opt_in"
        case Asking():
            return "asking"
        case Confirming():
            return "confirming"


def where(state: State) -> str:
    at = getattr(state, "at", None)
    return name_of(state) if at is None else f"{name_of(state)}@{at}"


def told(effect: Effect) -> str:
    match effect:
        case Say(kind=kind, lines=lines, ask=ask):
            return f"say {kind}:{'+'.join(line.key for line in lines)}{'' if ask is None else f'?{ask}'}"
        case OpenTask(kind=kind):
            return f"task {kind}"
        case StopNumber(kind=kind):
            return f"stop {kind}"
        case RaiseRisk(trigger=trigger, tier=tier):
            return f"risk {trigger}:{tier}"
        case SaveAnswer(at=at, value=value):
            return f"save {at}={value}"
        case WithdrawAnswer(at=at):
            return f"withdraw {at}"
        case _:
            return type(effect).__name__


def story(decision: Decision) -> str:
    return ", ".join(told(effect) for effect in decision.effects)


@pytest.mark.parametrize(("state", "event", "after", "effects"), TABLE)
def test_each_event_in_each_state_has_its_consequences(
    state: str, event: str, after: str | None, effects: str
) -> None:
    stands, asked = STATES[state]
    if event == "opened" and isinstance(stands, Idle | OptIn):
        asked = script("phq9")
    if after is None:
        with pytest.raises(UnknownPair):
            step(stands, EVENTS[event], asked, NOW)
        return
    decision = step(stands, EVENTS[event], asked, NOW)
    assert (where(decision.state), story(decision)) == (after, effects)
    assert len(decision.says) <= 1


def test_the_table_holds_every_pair() -> None:
    assert {row[:2] for row in TABLE} == {(state, event) for state in STATES for event in EVENTS}
    assert len(TABLE) == len(STATES) * len(EVENTS)
    assert {f"paused:{why}" for why in get_args(Why)} <= STATES.keys()
    assert {type(state) for state, _ in STATES.values()} == {Idle, Asking, Confirming, Paused, OptIn}
    kinds = {event.reply.kind for event in EVENTS.values() if isinstance(event, Received)}
    assert kinds == set(get_args(Kind))
    assert {type(event) for event in EVENTS.values()} == set(get_args(Event))


@pytest.mark.parametrize("state", [state for state, _ in STATES.values()])
def test_a_state_is_read_back_as_it_was_stored(state: State) -> None:
    assert from_json(to_json(state)) == state


def test_the_idle_state_is_what_closing_a_check_in_leaves() -> None:
    assert to_json(Idle()) == {"mode": "idle"}


@pytest.mark.parametrize(
    ("state", "asked", "context"),
    [
        (Asking(0), script("phq9"), Context("item", to_item9=9)),
        (Asking(2), script("phq9", answered=range(2)), Context("item", to_item9=7)),
        (Asking(0), script("phq9", item9="link_only"), Context("item", to_item9=9)),
        (Asking(9), script(answered=range(9)), Context("item")),
        (Asking(0), script("gad7"), Context("item")),
        (Asking(8), script("phq9", answered=range(8)), Context("item9")),
        (Asking(0), script("phq9", bulk=True), Context("bulk", 9, 9)),
        (Asking(0), script("phq9", bulk=True, item9="link_only"), Context("bulk", 8, 9)),
        (Asking(4), script("phq9", "gad7", bulk=True, answered=range(4)), Context("bulk", 5, 5)),
        (Asking(6), script("phq9", bulk=True, answered=range(6)), Context("item", to_item9=3)),
        (Asking(8), script("phq9", bulk=True, answered=range(8)), Context("item9")),
        (Confirming(0, (0,) * 9), script("phq9", bulk=True), Context("confirm_bulk", to_item9=9)),
        (Paused(0, "unclear"), script("phq9"), Context("item", to_item9=9)),
        (Paused(8, "unclear"), script("phq9", answered=range(8)), Context("item9")),
        (Paused(0, "crisis"), script("phq9"), Context("idle")),
        (Paused(0, "who"), script("phq9"), Context("idle")),
        (OptIn(), nothing_open(), Context("optin")),
        (Idle(), nothing_open(), Context("idle")),
        (Idle(), nothing_open(aftermath="completed"), Context("completed")),
        (Idle(), nothing_open(aftermath="expired"), Context("expired")),
        (Idle(), nothing_open(aftermath="completed", stopped=True), Context("opted_out")),
    ],
)
def test_a_text_is_understood_where_the_conversation_stands(
    state: State, asked: Script, context: Context
) -> None:
    assert context_of(state, asked) == context


# --- answers and races -------------------------------------------------------------------------------------------

LAST_1 = Asking(1, last=Given(0, 1))
QUICK = Standing("accepted", timedelta(seconds=3))


@pytest.mark.parametrize(
    ("value", "standing", "after", "effects"),
    [
        (2, ACCEPTED, "asking@2", "save 1=2, say question:?2"),
        (2, Standing("accepted", timedelta(seconds=4)), "asking@2", "save 1=2, say question:?2"),
        (1, QUICK, "asking@1", ""),
        (2, QUICK, "asking@1", "say question:kept?1"),
        (1, WAITING, "asking@1", ""),
        (2, WAITING, "asking@1", "save 0=2, say question:changed?1"),
        (1, LOST, "asking@1", "say question:?1"),
        (2, LOST, "asking@1", "save 0=2, say question:changed?1"),
        (1, IN_DOUBT, "asking@1", "Hold"),
    ],
)
def test_a_value_counts_only_for_a_question_that_was_there(
    value: int, standing: Standing, after: str, effects: str
) -> None:
    decision = step(LAST_1, received("answer", standing, value=value), script(answered=[0]), NOW)
    assert (where(decision.state), story(decision)) == (after, effects)


@pytest.mark.parametrize(
    ("standing", "effects"),
    [(ACCEPTED, "save 0=2, say question:?1"), (QUICK, "save 0=2, say question:?1"), (WAITING, ""),
     (LOST, "say question:?0"), (IN_DOUBT, "Hold")],
)  # fmt: skip
def test_the_first_question_has_no_answer_before_it_to_correct(standing: Standing, effects: str) -> None:
    assert story(step(Asking(0), received("answer", standing, value=2), script(), NOW)) == effects


AGAIN = ["ask", "free_text", "command:why", "command:later", "command:lang_es", "start"]


@pytest.mark.parametrize("event", AGAIN)
@pytest.mark.parametrize("standing", [WAITING, LOST, IN_DOUBT, QUICK])
def test_a_value_before_the_question_comes_again_answers_that_question(
    event: str, standing: Standing
) -> None:
    asked = script(answered=[0], may_postpone=True)
    again = step(LAST_1, EVENTS[event], asked, NOW).state
    decision = step(again, received("answer", standing, value=2), asked, NOW)
    assert story(decision) == "save 1=2, say question:?2"


def test_a_value_after_what_we_have_was_repeated_answers_the_question() -> None:
    asked = script(answered=[0])
    kept = step(LAST_1, received("answer", QUICK, value=2), asked, NOW).state
    assert story(step(kept, received("answer", WAITING, value=3), asked, NOW)) == "save 1=3, say question:?2"


@pytest.mark.parametrize("event", ["command:why", "ask", "start"])
@pytest.mark.parametrize("standing", [WAITING, LOST, IN_DOUBT])
def test_a_question_that_never_came_is_no_answered_one_when_it_comes_again(
    event: str, standing: Standing
) -> None:
    asked = script(answered=[0])
    unseen = msgspec.structs.replace(EVENTS[event], standing=standing)
    again = step(LAST_1, unseen, asked, NOW).state
    decision = step(again, received("answer", WAITING, value=2), asked, NOW)
    assert not any(isinstance(effect, SaveAnswer) and effect.at == 1 for effect in decision.effects)


@pytest.mark.parametrize("standing", [WAITING, LOST, IN_DOUBT])
def test_an_answer_after_we_gave_up_asking_counts_whatever_became_of_the_link(standing: Standing) -> None:
    decision = step(Paused(1, "unclear"), received("answer", standing, value=2), script(answered=[0]), NOW)
    assert story(decision) == "save 1=2, say question:?2"


def test_skip_before_the_question_comes_again_declines_it() -> None:
    asked = script(answered=[0])
    again = step(LAST_1, EVENTS["command:why"], asked, NOW).state
    skipped = step(again, received("command", WAITING, detail="skip"), asked, NOW)
    assert story(skipped) == "save 1=None, say question:skip_done?2"


@pytest.mark.parametrize("kind", ["answer", "ask", "free_text", "who", "start"])
def test_a_carrier_duplicate_has_no_effect(kind: Kind) -> None:
    event = Received(Reply(kind, value=2, detail="range"), ACCEPTED, duplicate=True)
    assert step(LAST_1, event, script(answered=[0]), NOW) == Decision(LAST_1)


def test_a_duplicate_stop_and_crisis_are_heard_again() -> None:
    asked = script(answered=[0])
    assert story(step(LAST_1, Received(Reply("stop"), ACCEPTED, True), asked, NOW)) == "stop opt_out"
    again = step(LAST_1, Received(Reply("crisis", crisis=HIT), ACCEPTED, True), asked, NOW)
    assert story(again) == "Silence, risk crisis_text:2, say crisis:crisis"


def test_a_reply_to_a_question_that_has_not_left_uses_up_no_try() -> None:
    ask = received("ask", WAITING, detail="range")
    assert step(LAST_1, ask, script(answered=[0]), NOW) == Decision(LAST_1)
    lost = step(LAST_1, received("ask", LOST, detail="range"), script(answered=[0]), NOW)
    assert lost.state == LAST_1
    assert story(lost) == "say question:?1"


@pytest.mark.parametrize(
    ("tries", "after", "effects"),
    [
        (0, "asking@1", "say question:reask_range?1"),
        (1, "asking@1", "say question:reask_again?1"),
        (2, "paused:unclear@1", "task could_not_parse, say link:third_failure"),
    ],
)
def test_two_prompts_again_and_then_a_person(tries: int, after: str, effects: str) -> None:
    decision = step(Asking(1, tries), EVENTS["ask"], script(answered=[0]), NOW)
    assert (where(decision.state), story(decision)) == (after, effects)


@pytest.mark.parametrize("detail", ["range", "ambiguous", "one_at_a_time", "unclear", "suggest"])
def test_the_question_again_says_what_was_unclear(detail: str) -> None:
    suggested = 2 if detail == "suggest" else None
    event = received("ask", detail=detail, suggested=suggested)
    (say,) = step(Asking(1), event, script(answered=[0]), NOW).says
    assert say.lines[0].key == f"reask_{detail}"


# --- item 9 ------------------------------------------------------------------------------------------------------

AT_9 = Asking(8, last=Given(7, 0))
UP_TO_9 = script(answered=range(8))


@pytest.mark.parametrize("value", [1, 2, 3])
def test_a_positive_item_9_completes_the_run_and_says_the_safety_text_alone(value: int) -> None:
    decision = step(AT_9, received("answer", value=value, risk=True), UP_TO_9, NOW)
    assert where(decision.state) == "paused:positive_item9@9"
    assert story(decision) == f"Silence, save 8={value}, CompleteRun, say crisis:crisis"


def test_when_nothing_is_left_after_a_positive_item_9_the_check_in_ends() -> None:
    decision = step(AT_9, received("answer", value=1, risk=True), script("phq9", answered=range(8)), NOW)
    assert story(decision) == "save 8=1, CompleteRun, CloseCheckIn, say crisis:crisis"


def test_a_clinic_that_goes_on_waits_until_the_safety_text_can_be_read() -> None:
    asked = script(answered=range(8), after_positive="continue")
    decision = step(AT_9, received("answer", value=1, risk=True), asked, NOW)
    assert WakeAt(NOW + timedelta(minutes=15)) in decision.effects
    later = step(decision.state, Woken(), asked.mark(8, True), NOW)
    assert story(later) == "say question:?9"


@pytest.mark.parametrize(
    ("reply", "effects"),
    [
        (
            Reply("ask", detail="unclear", risk=True),
            "risk item9_unreadable:1, say question:support+reask_unclear?8",
        ),
        (
            Reply("free_text", risk=True),
            "risk item9_unreadable:1, task inbound_text, say question:support+gentle?8",
        ),
        (Reply("stop?", risk=True), "risk item9_unreadable:1, stop paused, say fixed_reply:stop_question"),
        (
            Reply("command", detail="skip", review=True),
            "save 8=None, CompleteRun, say question:skip_done+support?9",
        ),
    ],
)
def test_what_is_no_plain_0_on_item_9_is_a_signal(reply: Reply, effects: str) -> None:
    assert story(step(AT_9, Received(reply, ACCEPTED), UP_TO_9, NOW)) == effects


def test_what_was_written_before_item_9_was_seen_is_no_reply_to_it() -> None:
    unseen = Received(Reply("ask", detail="unclear", risk=True), WAITING)
    assert step(AT_9, unseen, UP_TO_9, NOW) == Decision(AT_9)


def test_a_text_to_item_9_before_it_comes_again_is_a_reply_to_it() -> None:
    again = step(AT_9, EVENTS["command:why"], UP_TO_9, NOW).state
    answered = step(again, received("answer", WAITING, value=3, risk=True), UP_TO_9, NOW)
    assert story(answered) == "Silence, save 8=3, CompleteRun, say crisis:crisis"
    unread = step(again, received("ask", WAITING, detail="unclear", risk=True), UP_TO_9, NOW)
    assert story(unread) == "risk item9_unreadable:1"
    lost = step(again, received("ask", LOST, detail="unclear", risk=True), UP_TO_9, NOW)
    assert story(lost) == "risk item9_unreadable:1, say question:support?8"


@pytest.mark.parametrize(
    ("last", "standing", "effects"),
    [
        (None, WAITING, "risk item9:2"),
        (None, LOST, "risk item9:2, say question:support?8"),
        (Given(7, 2), WAITING, "risk item9:2"),
        (Given(7, 2), LOST, "risk item9:2, say question:support?8"),
        (Given(7, 2), QUICK, "risk item9:2"),
        (Given(7, 0), QUICK, "risk item9:2, say question:support+kept?8"),
        (Given(7, 0), IN_DOUBT, "risk item9:2, Hold, say crisis:crisis"),
        (Given(7, 0), WAITING, "save 7=2, say question:changed?8"),
    ],
)
def test_1_or_more_at_item_9_is_filed_or_alarms(last: Given | None, standing: Standing, effects: str) -> None:
    decision = step(Asking(8, last=last), received("answer", standing, value=2, risk=True), UP_TO_9, NOW)
    assert story(decision) == effects


@pytest.mark.parametrize("last", [None, Given(7, 0), Given(7, 2)])
@pytest.mark.parametrize("standing", [WAITING, LOST, IN_DOUBT, QUICK])
def test_0_at_item_9_alarms_nobody(last: Given | None, standing: Standing) -> None:
    decision = step(Asking(8, last=last), received("answer", standing, value=0), UP_TO_9, NOW)
    assert not any(isinstance(effect, RaiseRisk) for effect in decision.effects)


def test_a_correction_of_item_9_right_after_the_next_question_still_alarms() -> None:
    state, asked = Asking(9, last=Given(8, 0)), script(answered=range(9))
    decision = step(state, received("answer", QUICK, value=2), asked, NOW)
    assert where(decision.state) == "paused:positive_item9@9"
    assert story(decision) == "Silence, risk item9:2, task inbound_text, say crisis:crisis"


def test_a_correction_of_item_9_that_comes_after_its_score_still_alarms() -> None:
    state = Asking(9, last=Given(8, 0))
    decision = step(state, received("answer", WAITING, value=2), script(answered=range(9)), NOW)
    assert where(decision.state) == "paused:positive_item9@9"
    assert story(decision) == "Silence, risk item9:2, task inbound_text, say crisis:crisis"


def test_a_correction_to_0_of_a_scored_questionnaire_is_for_a_person() -> None:
    state = Asking(9, last=Given(8, 0))
    decision = step(state, received("answer", LOST, value=0), script(answered=range(9)), NOW)
    assert story(decision) == "say question:?9"
    changed = Asking(9, last=Given(8, 1))
    decision = step(changed, received("answer", WAITING, value=0), script(answered=range(9)), NOW)
    assert story(decision) == "task inbound_text, say question:correction_noted?9"


def test_several_values_with_a_positive_last_item_9_are_not_read_back() -> None:
    asked = script("phq9", bulk=True, answered=range(5))
    decision = step(Asking(5), received("bulk", values=(0, 0, 1, 2)), asked, NOW)
    assert story(decision) == "Silence, risk item9:2, task inbound_text, say crisis:crisis"


def test_nine_values_where_several_are_not_allowed_alarm_when_the_ninth_is_positive() -> None:
    event = received("ask", detail="one_at_a_time", risk=True)
    decision = step(Asking(0), event, script("phq9"), NOW)
    assert story(decision) == "Silence, risk item9_unreadable:2, task inbound_text, say crisis:crisis"


def test_item_9_by_link_ends_the_texts_after_item_8() -> None:
    asked = script(answered=range(7), item9="link_only")
    decision = step(Asking(7), received("answer", value=0), asked, NOW)
    assert where(decision.state) == "paused:item9_link@8"
    assert story(decision) == "save 7=0, WakeAt, say link:item9_link"
    assert WakeAt(NOW + timedelta(hours=24)) in decision.effects


def test_item_9_by_call_goes_on_with_the_next_measure_and_names_the_call_once() -> None:
    asked = script(answered=range(7), item9="staff_call")
    decision = step(Asking(7), received("answer", value=0), asked, NOW)
    assert story(decision) == "save 7=0, task call_and_ask_item9, say question:item9_call?9"
    after = asked.mark(7, True)
    assert story(step(Asking(9), received("answer", value=0), after, NOW)) == "save 9=0, say question:?10"


@pytest.mark.parametrize(
    ("state", "item9", "after", "effects"),
    [
        (Asking(3), "link_only", "paused:item9_link@8", "WakeAt"),
        (Confirming(3, (0,) * 5), "link_only", "paused:item9_link@8", "WakeAt"),
        (Paused(3, "unclear"), "link_only", "paused:item9_link@8", "WakeAt"),
        (Paused(3, "crisis"), "link_only", "paused:crisis@8", "WakeAt"),
        (Paused(8, "item9_link"), "link_only", "paused:item9_link@8", ""),
        (Paused(8, "item9_call"), "link_only", "paused:item9_call@8", ""),
        (Paused(8, "who"), "link_only", "paused:who@8", ""),
        (Asking(3), "staff_call", "asking@9", "task call_and_ask_item9"),
        (Paused(3, "unclear"), "staff_call", "asking@9", "task call_and_ask_item9"),
        (Asking(10), "staff_call", "asking@9", ""),
        (Paused(8, "item9_call"), "staff_call", "asking@9", ""),
        (Asking(3), "sms", "asking@8", ""),
    ],
)
def test_item_9_that_the_page_stopped_before_is_asked_by_somebody(
    state: State, item9: str, after: str, effects: str
) -> None:
    asked = script(answered=range(8), item9=item9, item9_wait=timedelta(hours=6))
    decision = step(state, Moved(), asked, NOW)
    assert (where(decision.state), story(decision)) == (after, effects)
    if effects == "WakeAt":
        assert decision.effects == (WakeAt(NOW + timedelta(hours=6)),)


def test_item_9_left_for_a_call_with_nothing_else_to_ask() -> None:
    asked = script("phq9", answered=range(8), item9="staff_call")
    decision = step(Asking(3), Moved(), asked, NOW)
    assert (where(decision.state), story(decision)) == ("paused:item9_call@8", "task call_and_ask_item9")


@pytest.mark.parametrize("why", ["who", "crisis"])
def test_item_9_that_waits_under_a_pause_is_asked_by_a_person_in_the_end(why: Why) -> None:
    asked = script(answered=range(8), item9="link_only")
    decision = step(Paused(8, why), Woken(), asked, NOW)
    assert (decision.state, story(decision)) == (Paused(8, why), "task call_and_ask_item9")


def test_a_positive_answer_left_in_doubt_for_long_alarms_and_is_not_filed() -> None:
    decision = step(AT_9, Overdue(Reply("answer", value=2)), UP_TO_9, NOW)
    assert story(decision) == "risk item9:2, task could_not_parse"
    assert story(step(AT_9, Overdue(Reply("answer", value=0)), UP_TO_9, NOW)) == "task could_not_parse"


# --- texting itself ----------------------------------------------------------------------------------------------


def test_stop_is_confirmed_only_by_who_does_it() -> None:
    ours = script(answered=[0], confirms_stop=True)
    assert story(step(LAST_1, EVENTS["stop"], ours, NOW)) == (
        "stop opt_out, say stop_confirmation:stop_confirmation"
    )
    again = nothing_open(confirms_stop=True, stopped=True)
    assert story(step(Idle(), EVENTS["stop"], again, NOW)) == "stop opt_out"


@pytest.mark.parametrize("event", ["free_text", "help", "who", "command:link", "already_done", "crisis"])
def test_an_opted_out_number_gets_no_text_of_ours(event: str) -> None:
    silent = nothing_open(stopped=True, aftermath="none")
    assert step(Idle(), EVENTS[event], silent, NOW).says == ()


def test_start_after_an_opt_out_that_staff_recorded_is_for_a_person() -> None:
    decision = step(Idle(), EVENTS["start"], nothing_open(stopped=True, liftable=False), NOW)
    assert story(decision) == "task opted_out"
    lifted = step(Idle(), EVENTS["start"], nothing_open(stopped=True), NOW)
    assert story(lifted) == "LiftStop, say opt_in_confirmation:start_confirmation"


def test_start_ends_a_pause_and_asks_the_question_again() -> None:
    decision = step(LAST_1, EVENTS["start"], script(answered=[0], paused=True), NOW)
    assert decision.effects[0] == LiftStop()
    assert story(decision) == "LiftStop, say question:resume?1"


def test_a_second_unclear_stop_is_not_asked_about_again() -> None:
    assert story(step(Idle(), EVENTS["stop?"], nothing_open(paused=True), NOW)) == "task opt_out_unclear"


@pytest.mark.parametrize(
    ("owner", "effects"),
    [
        ("one", "task inbound_text, say acknowledgement:idle_ack"),
        ("shared", "task inbound_text, say acknowledgement:idle_ack"),
        ("none", "task unknown_number, say fixed_reply:unknown_number"),
    ],
)
def test_whose_number_it_is_decides_what_is_said(owner: str, effects: str) -> None:
    assert story(step(Idle(), EVENTS["free_text"], nothing_open(owner=owner), NOW)) == effects


def test_used_up_passive_replies_leave_the_task() -> None:
    assert story(step(Idle(), EVENTS["free_text"], nothing_open(quiet=True), NOW)) == "task inbound_text"


def test_a_late_change_of_item_9_is_never_already_done() -> None:
    asked = nothing_open(aftermath="completed", late_item9=0)
    late = step(Idle(), EVENTS["already_done"], asked, NOW)
    assert story(late) == "risk item9:2, task late_answer, say crisis:crisis"
    same = nothing_open(aftermath="completed", late_item9=2)
    assert story(step(Idle(), EVENTS["already_done"], same, NOW)) == "say acknowledgement:already_done"


@pytest.mark.parametrize(
    ("value", "stopped_at_item9", "effects"),
    [
        (2, True, "risk item9:2, task late_answer, say crisis:crisis"),
        (0, True, "task late_answer, say acknowledgement:late_offer_resume"),
        (2, False, "task late_answer, say acknowledgement:late_offer_resume"),
    ],
)
def test_item_9_answered_after_the_end_is_heard(value: int, stopped_at_item9: bool, effects: str) -> None:
    asked = nothing_open(aftermath="expired", stopped_at_item9=stopped_at_item9)
    assert story(step(Idle(), received("late_answer", value=value), asked, NOW)) == effects


def test_a_number_texted_while_item_9_waits_elsewhere_is_heard_and_filed_nowhere() -> None:
    waits = script(answered=range(8), item9="link_only")
    nought = step(Paused(8, "item9_link"), received("late_answer", value=0), waits, NOW)
    assert nought.state == Paused(8, "item9_link")
    assert story(nought) == "task inbound_text, say acknowledgement:idle_ack"
    unread = step(Paused(8, "item9_link"), received("free_text", risk=True), waits, NOW)
    assert story(unread) == "risk item9_unreadable:1, task inbound_text, say acknowledgement:idle_ack"
    by_link = nothing_open(has_open=True, stopped_at_item9=True)
    assert context_of(Idle(), by_link) == Context("item9_elsewhere")
    assert story(step(Idle(), received("late_answer", value=1), by_link, NOW)) == (
        "Silence, risk item9:1, task inbound_text, say crisis:crisis"
    )


def test_who_is_this_silences_a_check_in_that_is_open_by_link() -> None:
    decision = step(Idle(), EVENTS["who"], nothing_open(has_open=True), NOW)
    assert story(decision) == "Silence, task who_is_this, say fixed_reply:who"


def test_link_after_expiry_asks_anew() -> None:
    decision = step(Idle(), EVENTS["command:link"], nothing_open(aftermath="expired"), NOW)
    assert decision.effects == (AskAgain(),)


@pytest.mark.parametrize("state", [Idle(), OptIn()])
def test_a_crisis_text_silences_a_check_in_that_is_asked_by_link(state: State) -> None:
    decision = step(state, EVENTS["crisis"], nothing_open(has_open=True), NOW)
    assert story(decision) == "Silence, risk crisis_text:2, say crisis:crisis"


# --- commands ----------------------------------------------------------------------------------------------------


def test_back_goes_to_the_first_question_and_no_further() -> None:
    asked = script("phq9", answered=range(3))
    state: State = Asking(3)
    for expected in (2, 1, 0):
        decision = step(state, EVENTS["command:back"], asked, NOW)
        assert story(decision) == f"withdraw {expected}, say question:back_done?{expected}"
        asked, state = asked.mark(expected, False), decision.state
    assert story(step(state, EVENTS["command:back"], asked, NOW)) == "say question:nothing_to_undo?0"


def test_back_never_reaches_into_a_scored_questionnaire() -> None:
    decision = step(Asking(9, last=Given(8, 0)), EVENTS["command:back"], script(answered=range(9)), NOW)
    assert story(decision) == "say question:nothing_to_undo?9"


def test_later_is_for_two_times() -> None:
    state: State = Asking(1)
    asked = script(answered=[0], may_postpone=True)
    for _ in range(2):
        state = step(state, EVENTS["command:later"], asked, NOW).state
    assert story(step(state, EVENTS["command:later"], asked, NOW)) == "say question:later_used_up?1"


def test_a_digit_after_later_answers_no_item_that_was_never_shown() -> None:
    asked = script(may_postpone=True)
    put_off = step(Asking(0), received("command", WAITING, detail="later"), asked, NOW).state
    assert story(step(put_off, received("answer", ACCEPTED, value=0), asked, NOW)) == "say question:?0"
    seen = step(Asking(0), received("command", ACCEPTED, detail="later"), asked, NOW).state
    assert "save 0=0" in story(step(seen, received("answer", ACCEPTED, value=0), asked, NOW))


def test_a_question_that_has_not_left_can_t_be_skipped() -> None:
    assert step(LAST_1, received("command", WAITING, detail="skip"), script(answered=[0]), NOW) == Decision(
        LAST_1
    )
    unsure = step(LAST_1, received("command", IN_DOUBT, detail="skip"), script(answered=[0]), NOW)
    assert story(unsure) == "say question:?1"


@pytest.mark.parametrize(
    ("standing", "effects"), [(WAITING, ""), (IN_DOUBT, "Hold"), (LOST, "say question:bulk_readback")]
)
def test_an_ok_counts_only_for_a_read_back_that_was_there(standing: Standing, effects: str) -> None:
    state, asked = STATES["confirming"]
    assert story(step(state, received("command", standing, detail="ok"), asked, NOW)) == effects


def test_the_last_answer_completes_and_closes() -> None:
    asked = script("gad7", answered=range(6))
    decision = step(Asking(6), received("answer", value=3), asked, NOW)
    assert decision.effects[:3] == (SaveAnswer(6, 3), CompleteRun(0), CloseCheckIn())
    assert decision.says[0].lines[-1].key == "done_no_next"
    known = script("gad7", answered=range(6), contact="phone call with your care team Tue 10 Mar, 2:00 PM")
    (say,) = step(Asking(6), received("answer", value=3), known, NOW).says
    assert say.lines[-1].key == "done_thanks"


def test_what_the_page_answered_is_not_asked_by_text() -> None:
    decision = step(Asking(1, last=Given(0, 1)), Moved(), script(answered=range(4)), NOW)
    assert decision == Decision(Asking(4))


def test_holding_is_for_answers_alone() -> None:
    asked = script(answered=[0])
    for name, event in EVENTS.items():
        if not isinstance(event, Received) or name in ("answer", "bulk"):
            continue
        doubtful = Received(event.reply, IN_DOUBT)
        try:
            decision = step(LAST_1, doubtful, asked, NOW)
        except UnknownPair:
            continue
        assert Hold() not in decision.effects, name
