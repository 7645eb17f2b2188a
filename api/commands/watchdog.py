"""`evenkeel watchdog`: tells people when the worker can't."""

from __future__ import annotations

import asyncio
import os
import signal

import click

from api.commands.output import refusals
from api.dead_man.watchdog import Watchdog, heartbeats
from kernel import log
from kernel.clock import SystemClock
from kernel.ids import new_id
from kernel.settings import Settings
from messaging.gateways.email import SmtpMailer


@click.command()
def command() -> None:
    """Read the auditor's heartbeat every 15 seconds; write to EVENKEEL_WATCHDOG_TO when it is silent for 90."""
    with refusals():
        found = Settings.for_watchdog(os.environ)
        log.configure(found.log_format)
        asyncio.run(_run(found))


async def _run(found: Settings) -> None:
    beats = heartbeats(found.watchdog_database_url or found.database_url)
    leaving = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leaving.set)

    async def pause(seconds: float) -> None:
        try:
            await asyncio.wait_for(leaving.wait(), seconds)
        except TimeoutError:
            return

    log.get().info("watchdog.started")
    try:
        await Watchdog(beats, _mailer(found), found.watchdog_to, SystemClock(), new_id).forever(
            leaving, pause
        )
    finally:
        await beats.close()
    log.get().info("watchdog.stopped")


def _mailer(found: Settings) -> SmtpMailer:
    return SmtpMailer(
        found.watchdog_smtp_host or "",
        found.watchdog_smtp_port,
        found.watchdog_smtp_from,
        user=found.watchdog_smtp_user,
        password=found.watchdog_smtp_password,
        security=found.watchdog_smtp_tls,
    )
