"""`evenkeel doctor`: what is wrong with this deployment, all of it at once."""

from __future__ import annotations

import asyncio

import click
import msgspec

from api.checks import Finding, in_deployment, in_settings
from api.commands.output import FOUND_SOMETHING, answer, json_option
from api.commands.running import settings
from api.wiring import opened
from kernel.errors import DomainError, Invalid
from kernel.settings import Settings

_SIGNS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


class Diagnosis(msgspec.Struct, frozen=True):
    healthy: bool
    findings: tuple[Finding, ...]


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Check settings, keys, database, worker, provider and clinics. Exit 1 when there is a problem."""
    findings = _findings()
    healthy = not any(finding.level == "problem" for finding in findings)
    lines = [f"{_SIGNS[f.level]} {f.check}: {f.detail}" for f in findings]
    answer(Diagnosis(healthy, findings), lines, as_json=as_json)
    if not healthy:
        raise SystemExit(FOUND_SOMETHING)


def _findings() -> tuple[Finding, ...]:
    try:
        found = settings()
        return (Finding("settings", "ok", "can be read"), *in_settings(found), *asyncio.run(_deployed(found)))
    except Invalid as error:
        return tuple(Finding("settings", "problem", f"{p.field}: {p.message}") for p in error.problems)
    except DomainError as error:
        return (Finding("database", "problem", error.message),)


async def _deployed(found: Settings) -> tuple[Finding, ...]:
    async with opened(found) as deps:
        return await in_deployment(deps)
