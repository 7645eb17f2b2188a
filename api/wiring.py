"""The only place where parts are put together, by hand. Importing it makes nothing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import msgspec

from api import test_build
from api.dead_man.canary import Sink
from api.dead_man.ping import HttpPinger, NoPinger, Pinger
from api.doorbell import Bells, RedisDoorbell
from api.webhooks.signature import SignatureCheck
from kernel.clock import Clock, ShiftedClock, SystemClock
from kernel.crypto import Vault
from kernel.db import Database
from kernel.errors import Invalid
from kernel.ids import NewId, new_code, new_id, new_token
from kernel.queue import Doorbell, Silent
from kernel.settings import Settings
from messaging.consent.scripts import script
from messaging.conversation.service import Ports
from messaging.delivery.dispatch import Probe, no_probe
from messaging.escalation.service import FirstAlert
from messaging.gateways.email import Mailer, NoMailer, SmtpMailer
from messaging.gateways.simulator import SimulatorGateway, SimulatorMailer, SimulatorVoice
from messaging.gateways.sms import SmsGateway
from messaging.gateways.twilio import TwilioGateway
from messaging.gateways.voice import NoVoice, VoiceGateway
from messaging.notices.service import NOTICES
from messaging.patient_access.push import PushTokens, StoredPushTokens
from messaging.schedule.outreach import Schedule
from registry.organisation.passwords import Cost, Passwords
from registry.organisation.queries import SenderFacts
from registry.organisation.rules import Deployment
from registry.ports import Alerts, Notices, Outreach

Part = Literal["web", "worker", "command"]
WORKER_CONNECTIONS = 10
NO_VOICE: VoiceGateway = NoVoice()
NO_PINGER = NoPinger()


class Deps(msgspec.Struct, frozen=True, kw_only=True):
    """`db` is the web's own role, behind the clinic wall; `system_db` the worker's, for webhooks and due work. On
    SQLite both are the same object. `bells` is set where loops run in this process. `senders` are those of our numbers
    that texts have reached."""

    settings: Settings
    clock: Clock
    vault: Vault
    db: Database
    system_db: Database
    gateway: SmsGateway
    voice: VoiceGateway = NO_VOICE
    mailer: Mailer
    doorbell: Doorbell
    bells: Bells | None
    redis: RedisDoorbell | None
    signature: SignatureCheck
    passwords: Passwords
    alerts: Alerts
    outreach: Outreach
    notices: Notices
    conversation: Ports
    new_id: NewId
    new_token: Callable[[], str]
    new_code: Callable[[str, int], str]
    chance: Callable[[], float]
    probe: Probe
    senders: dict[str, SenderFacts] = msgspec.field(default_factory=dict)
    pinger: Pinger = NO_PINGER

    @property
    def sink(self) -> Sink:
        """Where the canary arrives; nowhere in the demo, which has no machine that listens."""
        if self.settings.mode == "demo":
            return Sink()
        return Sink(self.settings.canary_email, self.settings.canary_phone)

    push: PushTokens = msgspec.field(default_factory=StoredPushTokens)

    @property
    def public_url(self) -> str:
        return self.settings.public_url.rstrip("/")

    @property
    def deployment(self) -> Deployment:
        """What the server as a whole brings to a clinic's going live."""
        return Deployment(
            public_url=self.public_url,
            encrypts=bool(self.settings.encryption_keys),
            consent_wording_version=script("texting", "en").version,
        )


@asynccontextmanager
async def opened(settings: Settings, part: Part = "command") -> AsyncIterator[Deps]:
    """Everything a process needs, closed again at the end. Must be entered inside the running loop."""
    async with AsyncExitStack() as stack:
        deps = build_deps(settings, part)
        stack.push_async_callback(deps.db.close)
        if deps.system_db is not deps.db:
            stack.push_async_callback(deps.system_db.close)
        stack.push_async_callback(deps.gateway.close)
        if deps.redis is not None:
            stack.push_async_callback(deps.redis.close)
        yield deps


def build_deps(settings: Settings, part: Part = "command") -> Deps:
    """Raises `Invalid` for settings that contradict each other."""
    vault = Vault(settings.encryption_keys, settings.lookup_key)
    redis = RedisDoorbell(settings.redis_url) if settings.redis_url and part != "worker" else None
    loops_here = part == "worker" or (part == "web" and settings.inline_worker)
    bells = Bells() if loops_here else None
    doorbell: Doorbell = bells or redis or Silent()
    db = Database(
        settings.database_url, vault, role="worker" if part == "worker" else "app", ring=doorbell.ring
    )
    system_db = db
    if not settings.is_sqlite and part != "worker":
        system_db = Database(
            settings.database_url, vault, role="worker", ring=doorbell.ring, pool_size=WORKER_CONNECTIONS
        )
    gateway = _gateway(settings)
    return Deps(
        settings=settings,
        clock=_clock(settings),
        vault=vault,
        db=db,
        system_db=system_db,
        gateway=gateway,
        voice=_voice(settings, gateway),
        mailer=_mailer(settings),
        doorbell=doorbell,
        bells=bells,
        redis=redis,
        signature=SignatureCheck(settings.twilio_auth_tokens, settings.public_url),
        passwords=Passwords(Cost()),
        alerts=FirstAlert(settings.calls_staff),
        outreach=Schedule(),
        notices=NOTICES,
        conversation=_conversation(settings),
        new_id=new_id,
        new_token=new_token,
        new_code=new_code,
        chance=secrets.SystemRandom().random,
        probe=_probe(settings),
        pinger=HttpPinger(settings.heartbeat_ping_url) if settings.heartbeat_ping_url else NO_PINGER,
    )


def _clock(settings: Settings) -> Clock:
    if settings.mode == "test":
        return test_build.clock(settings) or SystemClock()
    return ShiftedClock() if settings.mode == "demo" else SystemClock()


def _probe(settings: Settings) -> Probe:
    return (test_build.crash_probe(settings) if settings.mode == "test" else None) or no_probe


def _gateway(settings: Settings) -> SmsGateway:
    if settings.mode == "demo" or settings.twilio_account_sid is None:
        return SimulatorGateway(new_id)
    token = settings.twilio_auth_tokens[0] if settings.twilio_auth_tokens else None
    user = settings.twilio_api_key or settings.twilio_account_sid
    secret = settings.twilio_api_secret if settings.twilio_api_key else token
    if not secret:
        raise Invalid.field("EVENKEEL_TWILIO_AUTH_TOKENS", "is needed with EVENKEEL_TWILIO_ACCOUNT_SID")
    return TwilioGateway(
        settings.twilio_account_sid,
        user,
        secret,
        callback_base=settings.public_url,
        deadline_s=settings.send_deadline_s,
        base_url=settings.twilio_api_base_url,
    )


def _voice(settings: Settings, gateway: SmsGateway) -> VoiceGateway:
    if settings.calls_staff and isinstance(gateway, TwilioGateway):
        return gateway
    return SimulatorVoice(new_id) if settings.mode == "demo" else NoVoice()


def _conversation(settings: Settings) -> Ports:
    """The simulator has no filter that confirms a STOP, so the application does."""
    simulated = settings.mode == "demo" or settings.twilio_account_sid is None
    return Ports(
        public_url=settings.public_url,
        new_token=new_token,
        alerts=FirstAlert(settings.calls_staff),
        optout_reply="app" if simulated else settings.twilio_optout_reply,
    )


def _mailer(settings: Settings) -> Mailer:
    if settings.mode == "demo":
        return SimulatorMailer()
    if settings.smtp_host is None:
        return NoMailer()
    return SmtpMailer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_from,
        user=settings.smtp_user,
        password=settings.smtp_password,
        security=settings.smtp_tls,
    )
