"""Listens to the log as production writes it: an unexpected error, or a person's data in any line, fails the test."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from typing import Any, Self

import msgspec
import structlog

from kernel import log


class Canary:
    """Sets up the log like a running process and keeps its lines. `allow` names error events that a test provokes."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._allowed: set[str] = set()
        self._secrets: set[str] = set()
        self._before: dict[str, Any] = {}
        self._records: list[logging.LogRecord] = []
        self._handler = _Keeper(self._records)

    def __enter__(self) -> Self:
        self._before = structlog.get_config()
        log.configure("json")
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(self._stream))
        logging.getLogger().addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self._handler)
        structlog.configure(**self._before)

    def allow(self, *events: str) -> None:
        self._allowed.update(events)

    def watch_for(self, *secrets: str) -> None:
        """Words that no line may hold: names, numbers, bodies of this test's people."""
        self._secrets.update(secrets)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def errors(self) -> list[str]:
        lines = [msgspec.json.decode(line) for line in self.text.splitlines()]
        return [
            f"{line['event']} {line.get('error', '')} {line.get('where', '')}".strip()
            for line in lines
            if line["level"] in ("error", "critical") and line["event"] not in self._allowed
        ]

    def spilt(self) -> list[str]:
        """Secrets found in what was written, by us or through the standard library's log at WARNING and above."""
        other = [record.getMessage() for record in self._records if record.levelno >= logging.WARNING]
        return sorted(secret for secret in self._secrets if _holds([self.text, *other], secret))

    def check(self) -> None:
        assert self.spilt() == [], "a person's data was logged"
        assert self.errors() == []


def _holds(texts: Iterable[str], secret: str) -> bool:
    return any(secret in text for text in texts)


class _Keeper(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)
