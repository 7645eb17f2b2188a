"""What `evenkeel doctor` looks at: everything a deployment needs, told all at once and in words one can act on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select

from api import health
from api.dead_man import auditor, rules
from api.wiring import Deps
from kernel.db import Tx
from kernel.settings import Settings
from kernel.tables import Heartbeat
from messaging.conversation.tables import InboundMessage
from messaging.delivery.tables import Outbox
from registry.launch import going_live
from registry.organisation import queries as organisation
from registry.organisation.queries import ClinicName
from registry.organisation.tables import Staff, StaffRole
from registry.patients.tables import PatientPhone

Level = Literal["ok", "note", "problem"]
SEALED: Final = (PatientPhone.phone_sealed, Outbox.to_sealed, InboundMessage.body_sealed, Staff.phone_sealed)


class Finding(msgspec.Struct, frozen=True):
    """`check` is a stable name; `detail` never holds a person's data or a secret."""

    check: str
    level: Level
    detail: str


def in_settings(settings: Settings) -> tuple[Finding, ...]:
    """What can be said without opening anything."""
    return (*_provider(settings), _mail(settings), *_address(settings), *_dead_man(settings))


async def in_deployment(deps: Deps) -> tuple[Finding, ...]:
    """Database, schema, keys, worker, Redis and every clinic, from what answers now."""
    found = [_part(name, part) for name, part in (await health.readiness(deps)).items()]
    if any(f.level == "problem" and f.check in ("database", "schema") for f in found):
        return tuple(found)
    looks: tuple[Callable[[Deps, Tx], Awaitable[Sequence[Finding]]], ...] = (
        _keys, _organisation, _accounts, _auditor,
    )  # fmt: skip
    for look in looks:
        async with deps.system_db.begin() as tx:
            found += await look(deps, tx)
    return tuple(found)


def _part(name: str, part: health.Part) -> Finding:
    return Finding(name, "ok" if part.ok else "problem", part.detail or "answers")


def _provider(settings: Settings) -> tuple[Finding, ...]:
    if settings.mode == "demo":
        return (Finding("text_provider", "ok", "the simulator; no text leaves this computer"),)
    if settings.twilio_account_sid is None:
        words = "EVENKEEL_TWILIO_ACCOUNT_SID is not set: texts, also alerts to staff, reach nobody"
        return (Finding("text_provider", "problem", words),)
    found = [Finding("text_provider", "ok", "an account is set")]
    if not settings.twilio_auth_tokens:
        words = "EVENKEEL_TWILIO_AUTH_TOKENS is not set: every reply of a patient is refused"
        found.append(Finding("webhook_signature", "problem", words))
    if settings.twilio_optout_reply == "twilio":
        words = (
            "Twilio answers STOP, START and HELP; add PARA, ALTO, DETENER, BAJA and AYUDA with Spanish answers to "
            "its Advanced Opt-Out by hand, since its own list is English"
        )
        found.append(Finding("spanish_keywords", "note", words))
    return tuple(found)


def _mail(settings: Settings) -> Finding:
    if settings.mode == "demo":
        return Finding("mail", "ok", "the simulator")
    if settings.smtp_host is None:
        words = "EVENKEEL_SMTP_HOST is not set: when the text provider fails, safety alerts fail with it"
        return Finding("mail", "problem", words)
    if settings.smtp_tls == "none":
        return Finding("mail", "note", "the connection to the relay is not encrypted")
    return Finding("mail", "ok", "a relay is set")


def _address(settings: Settings) -> tuple[Finding, ...]:
    local = urlsplit(settings.public_url).hostname in ("127.0.0.1", "localhost", "::1")
    if settings.mode != "demo" and local:
        words = "EVENKEEL_PUBLIC_URL is this computer: neither patients nor the provider can reach it"
        return (Finding("public_url", "problem", words),)
    if settings.secure and settings.trusted_proxies is None:
        words = "https without EVENKEEL_TRUSTED_PROXIES: all callers look like the proxy, which weakens rate limits"
        return (Finding("public_url", "note", words),)
    return (Finding("public_url", "ok", "can be reached from outside, as far as the settings tell"),)


def _dead_man(settings: Settings) -> tuple[Finding, ...]:
    """Who outside would notice that alerts have stopped. Notes, since each of the three can live on another host."""
    if settings.mode == "demo":
        return (Finding("dead_man", "ok", "the demo alerts nobody outside"),)
    writes = settings.watchdog_smtp_host is not None and bool(settings.watchdog_to)
    canary = settings.canary_email is not None or settings.canary_phone is not None
    return (
        _set_or_note(
            "external_ping", settings.heartbeat_ping_url is not None, "an address outside is called",
            "EVENKEEL_HEARTBEAT_PING_URL is not set: nobody outside notices a host that is gone",
        ),
        _set_or_note(
            "watchdog", writes, "has a relay and somebody to write to",
            "EVENKEEL_WATCHDOG_SMTP_HOST and EVENKEEL_WATCHDOG_TO are not both set here: set them where "
            "evenkeel watchdog runs",
        ),
        _set_or_note(
            "canary", canary, "is on",
            "is off: EVENKEEL_CANARY_EMAIL and EVENKEEL_CANARY_PHONE are not set, so that no alert is tried end to end",
        ),
    )  # fmt: skip


def _set_or_note(check: str, is_set: bool, there: str, missing: str) -> Finding:
    return Finding(check, "ok", there) if is_set else Finding(check, "note", missing)


async def _auditor(deps: Deps, tx: Tx) -> Sequence[Finding]:
    """Its last heartbeat, and which of its checks did not hold then."""
    row = await tx.first(
        select(Heartbeat.last_run_at, Heartbeat.counts).where(Heartbeat.name == auditor.NAME)
    )
    if row is None:
        return [Finding("auditor", "problem", "has never run: nobody looks whether safety alerts arrive")]
    ago = max(0, round((deps.clock.now() - row.last_run_at).total_seconds()))
    words = f"last ran {ago} seconds ago"
    failing = [rules.WORDS[check] for check in get_args(rules.Check) if row.counts.get(check)]
    if failing:
        return [Finding("auditor", "problem", f"{words} and found: {'; '.join(failing)}")]
    return [Finding("auditor", "ok" if ago <= rules.SILENT.total_seconds() else "problem", words)]


async def _keys(deps: Deps, tx: Tx) -> Sequence[Finding]:
    """Opens one stored value of each kind: with the wrong keys the numbers can't be read, and nobody is texted."""
    for column in SEALED:
        sealed: str | None = await tx.scalar(select(column).where(column.is_not(None)).limit(1))
        if sealed is not None and not deps.vault.can_open(sealed):
            words = f"EVENKEEL_ENCRYPTION_KEYS can't open what is stored in {column.class_.__tablename__}"
            return [Finding("keys", "problem", words)]
    return [Finding("keys", "ok", "open what is stored")]


async def _organisation(deps: Deps, tx: Tx) -> Sequence[Finding]:
    known = await organisation.organisation(tx)
    clinics = await organisation.clinics(tx)
    if known is None or not clinics:
        return [Finding("organisation", "problem", "there is no clinic yet: evenkeel staff create-clinic")]
    if deps.settings.mode != "test" and (known.kind == "demo") != (deps.settings.mode == "demo"):
        words = f"a {known.kind} organisation, but EVENKEEL_MODE is {deps.settings.mode}"
        return [Finding("organisation", "problem", words)]
    found = [Finding("organisation", "ok", f"{len(clinics)} clinics")]
    for clinic in clinics:
        found += await _clinic(deps, tx, clinic)
    return found


async def _clinic(deps: Deps, tx: Tx, clinic: ClinicName) -> Sequence[Finding]:
    facts = await organisation.clinic(tx, clinic.id)
    missing = await going_live.missing(tx, clinic.id, deps.deployment)
    level: Level = "note" if deps.settings.mode == "demo" else "problem"
    found = [Finding(f"clinic:{clinic.slug}", level, f"{p.field} {p.message}") for p in missing]
    if not missing and facts.texting_mode == "simulation":
        words = "everything is there; texts to patients are simulated until the set-up page lets it go live"
        found.append(Finding(f"clinic:{clinic.slug}", "note", words))
    return found or [Finding(f"clinic:{clinic.slug}", "ok", "texts patients")]


async def _accounts(deps: Deps, tx: Tx) -> Sequence[Finding]:
    people: Any = (
        select(Staff.id).join(StaffRole, StaffRole.staff_id == Staff.id).where(Staff.disabled_at.is_(None))
    )
    if await tx.first(people.where(StaffRole.role == "administrator").limit(1)) is None:
        return [Finding("accounts", "problem", "nobody administers: evenkeel staff create-admin")]
    bare = await tx.first(people.where(Staff.totp_confirmed_at.is_(None)).limit(1))
    if bare is not None and deps.settings.mode != "demo":
        return [Finding("accounts", "note", "some accounts have not set up their second factor")]
    return [Finding("accounts", "ok", "an administrator is there")]
