"""Settings, read once from the environment and checked all together.

Every variable is `EVENKEEL_` plus the field's name in capitals; `EVENKEEL_<NAME>_FILE` names a file that holds the
value (secrets). `docs/settings.md` is tested against this list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kernel.errors import Invalid, Problem

PREFIX = "EVENKEEL_"
LISTS = frozenset({"encryption_keys", "twilio_auth_tokens", "watchdog_to"})
SECRETS = frozenset(
    {
        "encryption_keys",
        "lookup_key",
        "twilio_auth_tokens",
        "twilio_api_secret",
        "smtp_password",
        "watchdog_smtp_password",
    }
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Annotated[
        Literal["demo", "standard", "test"],
        Meta(description="`demo` serves fictional data under a banner; `standard` serves a clinic."),
    ] = "standard"
    database_url: Annotated[
        str,
        Meta(description="SQLite (`sqlite+aiosqlite:///path`) or PostgreSQL (`postgresql+asyncpg://...`)."),
    ] = "sqlite+aiosqlite:///var/evenkeel.db"
    migration_url: Annotated[
        str | None,
        Meta(description="Owner's address of the database for `evenkeel migrate`; default: database_url."),
    ] = None
    redis_url: Annotated[
        str | None,
        Meta(description="Doorbell between web and worker. Without it the worker's own timer is the bell."),
    ] = None
    public_url: Annotated[
        str,
        Meta(
            description="The address patients and the provider see; signatures and links are made from it alone."
        ),
    ] = "http://127.0.0.1:8000"
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on.")] = 8000
    trusted_proxies: Annotated[
        str | None, Meta(description="Comma-separated addresses whose X-Forwarded-* headers are believed.")
    ] = None
    inline_worker: Annotated[
        bool, Meta(description="Run the sweep loop inside the web process (embedded mode).")
    ] = False
    encryption_keys: Annotated[
        tuple[str, ...], Meta(description="Comma-separated Fernet keys; the first seals, all open.")
    ] = ()
    lookup_key: Annotated[
        str, Meta(description="Key of the hash by which sealed phone numbers are found.")
    ] = ""
    twilio_account_sid: Annotated[
        str | None, Meta(description="Account; without it texts go to the simulator.")
    ] = None
    twilio_auth_tokens: Annotated[
        tuple[str, ...],
        Meta(description="Comma-separated auth tokens that may have signed a webhook (rotation)."),
    ] = ()
    twilio_api_key: Annotated[
        str | None, Meta(description="API key SID for sending; default: the first token.")
    ] = None
    twilio_api_secret: Annotated[str | None, Meta(description="Secret of the API key.")] = None
    twilio_messaging_service_sid: Annotated[
        str | None,
        Meta(
            description="Messaging service of the numbers that `evenkeel staff add-number` adds from then on."
        ),
    ] = None
    twilio_api_base_url: Annotated[
        str | None, Meta(description="Another server that speaks the provider's API.")
    ] = None
    twilio_optout_reply: Annotated[
        Literal["twilio", "app"],
        Meta(description="Who answers STOP: the provider's filter, or this application."),
    ] = "twilio"
    twilio_voice: Annotated[
        bool, Meta(description="Call staff about safety alerts too, from the clinic's own number.")
    ] = False
    send_deadline_s: Annotated[
        float, Meta(gt=0, le=20, description="Seconds a send may take before it is unknown.")
    ] = 10.0
    tick_s: Annotated[float, Meta(gt=0, le=60, description="Seconds between sweeps when nobody rings.")] = 5.0
    smtp_host: Annotated[str | None, Meta(description="Mail relay for staff alerts.")] = None
    smtp_port: Annotated[int, Meta(ge=1, le=65535, description="Port of the mail relay.")] = 587
    smtp_user: Annotated[str | None, Meta(description="User at the mail relay.")] = None
    smtp_password: Annotated[str | None, Meta(description="Password at the mail relay.")] = None
    smtp_from: Annotated[str, Meta(description="Sender of staff alerts.")] = "evenkeel@localhost"
    smtp_tls: Annotated[
        Literal["starttls", "tls", "none"], Meta(description="How the connection to the relay is protected.")
    ] = "starttls"
    heartbeat_ping_url: Annotated[
        str | None,
        Meta(
            description="Called each minute while every safety check holds; must alarm when it is not called."
        ),
    ] = None
    canary_email: Annotated[
        str | None, Meta(description="A machine's address where the canary arrives every 15 minutes.")
    ] = None
    canary_phone: Annotated[
        str | None, Meta(description="A machine's number where the canary arrives every 15 minutes.")
    ] = None
    watchdog_database_url: Annotated[
        str | None, Meta(description="The watchdog's own way to the heartbeats; default: database_url.")
    ] = None
    watchdog_to: Annotated[
        tuple[str, ...], Meta(description="Comma-separated addresses to which the watchdog writes.")
    ] = ()
    watchdog_smtp_host: Annotated[
        str | None, Meta(description="The watchdog's own mail relay, another than that of the alerts.")
    ] = None
    watchdog_smtp_port: Annotated[int, Meta(ge=1, le=65535, description="Port of that relay.")] = 587
    watchdog_smtp_user: Annotated[str | None, Meta(description="User at that relay.")] = None
    watchdog_smtp_password: Annotated[str | None, Meta(description="Password at that relay.")] = None
    watchdog_smtp_from: Annotated[str, Meta(description="Sender of the watchdog's e-mails.")] = (
        "evenkeel-watchdog@localhost"
    )
    watchdog_smtp_tls: Annotated[
        Literal["starttls", "tls", "none"], Meta(description="How the connection to that relay is protected.")
    ] = "starttls"
    log_format: Annotated[Literal["json", "console"], Meta(description="How log lines are written.")] = "json"
    test_clock_file: Annotated[
        str | None, Meta(description="Shared clock of the test-suite; refused outside mode `test`.")
    ] = None
    crash_point: Annotated[
        str | None, Meta(description="`name:nth` kills the process there; refused outside mode `test`.")
    ] = None

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def calls_staff(self) -> bool:
        return self.mode == "demo" or (self.twilio_voice and self.twilio_account_sid is not None)

    @property
    def secure(self) -> bool:
        """Cookies get `Secure` and the `__Host-` prefix; only a plain-http demo or test goes without."""
        return self.public_url.startswith("https://")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises `Invalid` with every problem at once; a problem names the variable, never its value."""
        return cls._read(env, _contradictions)

    @classmethod
    def for_watchdog(cls, env: Mapping[str, str]) -> Settings:
        """The same, for a process that holds no keys and opens nothing sealed. Raises `Invalid` without a relay and
        somebody to write to."""
        return cls._read(env, _watchdog_problems)

    @classmethod
    def _read(cls, env: Mapping[str, str], contradictions: Callable[[Settings], list[Problem]]) -> Settings:
        given, problems = _gather(env)
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(cls):
            if field.name not in given:
                continue
            try:
                values[field.name] = msgspec.convert(
                    _shape(field.name, given[field.name]), field.type, strict=False
                )
            except msgspec.ValidationError as error:
                problems.append(Problem(PREFIX + field.name.upper(), str(error)))
        if problems:
            raise Invalid(*problems)
        settings = cls(**values)
        problems = contradictions(settings)
        if problems:
            raise Invalid(*problems)
        return settings


def _gather(env: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    known = {field.name for field in msgspec.structs.fields(Settings)}
    given: dict[str, str] = {}
    problems: list[Problem] = []
    for variable, value in env.items():
        if not variable.startswith(PREFIX) or variable.startswith(PREFIX + "TEST_DATABASE"):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            given[name] = value
        elif name.removesuffix("_file") in known:
            try:
                given[name.removesuffix("_file")] = Path(value).read_text(encoding="utf-8").strip()
            except OSError:
                problems.append(Problem(variable, "the file it names can't be read"))
        elif name not in {"test_redis_url", "test_require"}:
            problems.append(Problem(variable, "is not a setting"))
    return given, problems


def _shape(name: str, value: str) -> Any:
    if name in LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _watchdog_problems(settings: Settings) -> list[Problem]:
    problems: list[Problem] = []
    if settings.watchdog_smtp_host is None:
        problems.append(Problem("EVENKEEL_WATCHDOG_SMTP_HOST", "is needed"))
    if not settings.watchdog_to:
        problems.append(Problem("EVENKEEL_WATCHDOG_TO", "is needed"))
    return problems


def _contradictions(settings: Settings) -> list[Problem]:
    problems: list[Problem] = []
    if not settings.encryption_keys:
        problems.append(Problem("EVENKEEL_ENCRYPTION_KEYS", "is needed; `evenkeel keys new` makes one"))
    if len(settings.lookup_key) < 32:
        problems.append(
            Problem("EVENKEEL_LOOKUP_KEY", "needs at least 32 characters; `evenkeel keys new` makes one")
        )
    if not settings.public_url.startswith(("http://", "https://")):
        problems.append(Problem("EVENKEEL_PUBLIC_URL", "must start with http:// or https://"))
    if settings.mode != "test" and (settings.test_clock_file or settings.crash_point):
        problems.append(
            Problem("EVENKEEL_MODE", "test clocks and crash points are refused outside mode `test`")
        )
    if settings.mode == "standard" and not settings.secure and "127.0.0.1" not in settings.public_url:
        problems.append(Problem("EVENKEEL_PUBLIC_URL", "must be https:// when patients can reach it"))
    if settings.inline_worker and not settings.is_sqlite:
        problems.append(
            Problem("EVENKEEL_INLINE_WORKER", "runs on SQLite only; start `evenkeel worker` instead")
        )
    if settings.twilio_api_key and not settings.twilio_api_secret:
        problems.append(Problem("EVENKEEL_TWILIO_API_SECRET", "is needed with EVENKEEL_TWILIO_API_KEY"))
    return problems
