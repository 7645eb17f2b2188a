"""Every piece of due work with its rhythm, in the three loops that run it.

A slow provider holds up only the loop that waits for it: what is due is still found, alerts are still queued.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from api.dead_man.auditor import NAME as AUDITOR
from api.dead_man.auditor import Auditor
from api.dead_man.canary import Canary
from api.dead_man.rules import AUDIT_EVERY
from api.sweeps import Counts, Sweep
from api.wiring import Deps
from billing.close.copies import ask_for_months
from messaging.conversation import inbound_sweep
from messaging.conversation.jobs import release_held, wake_threads
from messaging.conversation.service import Conversation
from messaging.delivery.dispatch import Dispatcher
from messaging.delivery.upkeep import Upkeep
from messaging.escalation.readiness import check_readiness
from messaging.escalation.service import repeat_alerts
from messaging.patient_access.codes import send_waiting
from messaging.schedule.jobs import contact_reminders, due_check_ins, plan_gaps
from messaging.schedule.ports import Outgoing
from registry.disengagement.service import look_again
from registry.drills.service import start_due_drills
from registry.episodes.holds import reopen_reviews
from registry.filing.service import ask_for_filing
from registry.recommendations.jobs import overdue_recommendations
from registry.referrals.service import ask_after as ask_after_referrals
from registry.stepped_care.service import propose_due
from registry.worklist.judging import judge_due


class Loop(msgspec.Struct, frozen=True):
    """`rung`: the doorbell runs it at once; else only its own rhythm does, as for what asks the provider."""

    name: str
    rung: bool
    sweeps: tuple[Sweep, ...]


def loops(deps: Deps) -> tuple[Loop, ...]:
    dispatcher = Dispatcher(
        database=deps.system_db,
        gateway=deps.gateway,
        mailer=deps.mailer,
        voice=deps.voice,
        clock=deps.clock,
        chance=deps.chance,
        probe=deps.probe,
    )
    upkeep = Upkeep(
        database=deps.system_db,
        gateway=deps.gateway,
        clock=deps.clock,
        deadline=timedelta(seconds=deps.settings.send_deadline_s),
        probe=deps.probe,
    )

    out = Outgoing(
        new_token=deps.new_token, public_url=deps.public_url, conversation=Conversation(deps.conversation)
    )

    async def check_ins(now: datetime) -> Counts:
        return await due_check_ins(deps.system_db, now, out=out)

    async def alerts(now: datetime) -> Counts:
        return await repeat_alerts(deps.system_db, now, calls=deps.settings.calls_staff)

    async def drills(now: datetime) -> Counts:
        return await start_due_drills(deps.system_db, now, alerts=deps.alerts)

    auditor = Auditor(
        database=deps.system_db,
        gateway=deps.gateway,
        mail_answers=deps.mailer.answers,
        pinger=deps.pinger,
        rhythms=lambda: rhythms(deps),
        sinks=deps.sink.channels,
        running_since=deps.clock.now(),
    )

    async def codes(now: datetime) -> Counts:
        return await send_waiting(deps.system_db, now, new_code=deps.new_code)

    async def inbound(now: datetime) -> Counts:
        return await inbound_sweep.sweep(deps.system_db, deps.gateway, now, ports=deps.conversation)

    return (
        Loop("send", True, (_sweep("dispatch", deps.settings.tick_s, dispatcher.tick),)),
        Loop(
            "due",
            True,
            (
                _sweep("reap", 15, upkeep.reap),
                _sweep("alerts", 10, alerts),
                _sweep("readiness", 3600, _with(deps, check_readiness)),
                _sweep("canary", 60, Canary(database=deps.system_db, sink=deps.sink).run),
                _sweep("drills", 300, drills),
                _sweep("codes", 15, codes),
                _sweep("due_check_ins", 10, check_ins),
                _sweep("contact_reminders", 60, _with(deps, contact_reminders)),
                _sweep("plan_gaps", 3600, _with(deps, plan_gaps)),
                _sweep("judge_rules", 60, _with(deps, judge_due)),
                _sweep("step_proposals", 60, _with(deps, propose_due)),
                _sweep("recommendations", 900, _with(deps, overdue_recommendations)),
                _sweep("referrals", 3600, _with(deps, ask_after_referrals)),
                _sweep("unfiled_notes", 900, _with(deps, ask_for_filing)),
                _sweep("unfiled_months", 900, _with(deps, ask_for_months)),
                _sweep("holds", 3600, _with(deps, reopen_reviews)),
                _sweep("closing_watch", 900, _with(deps, look_again)),
                _sweep("release_held", 10, _with_ports(deps, release_held)),
                _sweep("wake_threads", 10, _with_ports(deps, wake_threads)),
            ),
        ),
        # Alone, so that it still tells when the others hang.
        Loop("watch", False, (_sweep(AUDITOR, AUDIT_EVERY.total_seconds(), auditor.run),)),
        Loop(
            "provider",
            False,
            (
                _sweep("reconcile", 10, upkeep.reconcile),
                _sweep("poll", 60, upkeep.poll),
                _sweep("inbound", 120, inbound),
            ),
        ),
    )


def _sweep(name: str, every_s: float, run: Callable[[datetime], Awaitable[Counts]]) -> Sweep:
    return Sweep(name, timedelta(seconds=every_s), run)


def _with(deps: Deps, job: Callable[..., Awaitable[Counts]]) -> Callable[[datetime], Awaitable[Counts]]:
    async def run(now: datetime) -> Counts:
        return await job(deps.system_db, now)

    return run


def _with_ports(deps: Deps, job: Callable[..., Awaitable[Counts]]) -> Callable[[datetime], Awaitable[Counts]]:
    async def run(now: datetime) -> Counts:
        return await job(deps.system_db, now, ports=deps.conversation)

    return run


def rhythms(deps: Deps) -> dict[str, timedelta]:
    """How often each sweep runs, for whoever checks that it does."""
    return {sweep.name: sweep.every for loop in loops(deps) for sweep in loop.sweeps}
