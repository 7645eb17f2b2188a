"""Structured logs that can't carry a person: only fields on the list below are written."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

# Everything else is dropped. Ids, counts, codes and durations only.
ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "request_id", "route", "method", "status", "duration_ms", "clinic_id",
        "outbox_id", "inbound_id", "check_in_id", "event_id", "task_id", "job", "count", "counts", "segments", "code",
        "code_class", "attempt", "state", "reason", "error", "where", "host", "port", "mode", "schema", "version", "url",
        "classified_as", "kind",
    }
)  # fmt: skip

# These print URLs, numbers or bodies at INFO.
QUIET = (
    "twilio",
    "httpx",
    "httpcore",
    "aiohttp",
    "aiohttp.access",
    "arq",
    "uvicorn.access",
    "pyx12",
    "sqlalchemy",
)


def only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if key in ALLOWED}


def name_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception's type and place are written; its text could hold a person's data and is not."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else (sys.exc_info()[1] if info else None)
    if error is not None:
        event["error"] = type(error).__name__
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None:
            event["where"] = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 3)[-1]}:{frame.tb_lineno}"
    return event


def configure(style: Literal["json", "console"] = "json") -> None:
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_exception,
            only_allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s")
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def get() -> Any:
    return structlog.get_logger()
