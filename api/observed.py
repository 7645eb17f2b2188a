"""One log line and one measurement per request. Both hold the route's template, never the path that was asked for:
a path can hold a patient's id or a link's secret."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Litestar
from prometheus_client import CollectorRegistry, Histogram

from kernel import log

UNMATCHED = "unmatched"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Requests:
    """Durations by method, route template and status. A registry per application, so that nothing is global."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "evenkeel_http_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=BUCKETS,
        )

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        self._seconds.labels(method, route, str(status)).observe(seconds)


class Application(Litestar):
    """Litestar, watched from outside, so that a 404 and a failure are seen like any other answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request_id = str(self.state.web.new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            await super().__call__(scope, receive, watched)
        finally:
            self._note(scope, status, clock() - started, request_id)

    def _note(self, scope: Any, status: int, seconds: float, request_id: str) -> None:
        route, method = scope.get("path_template") or UNMATCHED, str(scope["method"])
        self.state.requests.seen(method, route, status, seconds)
        log.get().info(
            "http.request",
            route=route,
            method=method,
            status=status,
            duration_ms=round(seconds * 1000),
            request_id=request_id,
        )
