"""The web application: every route behind one guard, every answer with the same headers, every error in one table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Litestar, Router
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from api import health, pages, worker
from api.demo.routes import ROUTES as DEMO
from api.observed import Application, Requests
from api.openapi import TimesOfDay, openapi_config
from api.patient.routes import ROUTES as PATIENT_API
from api.portal.home.routes import ROUTES as PATIENT_HOME
from api.portal.routes import ROUTES as PORTAL
from api.staff.routes import ROUTES as STAFF_API
from api.webhooks.twilio import ROUTES as WEBHOOKS
from api.wiring import Deps
from kernel.web import access, errors, headers
from kernel.web.access import guard
from kernel.web.context import Web
from messaging.patient_access.sessions import load as load_patient
from registry.organisation.queries import actor_for, actor_for_token
from staff_console.account.throttle import Throttle
from staff_console.deps import ConsoleDeps
from staff_console.routes import ROUTES as CONSOLE

LARGEST_BODY: Final = 256 * 1024
ONE_DAY_S: Final = 86_400
STATIC: Final = {
    "/static/console": pages.ROOT / "staff_console" / "static",
    "/static/portal": pages.ROOT / "api" / "portal" / "static",
    "/static/demo": pages.ROOT / "api" / "demo" / "static",
    "/static/api": pages.ROOT / "api" / "static",
}


def create_app(deps: Deps) -> Litestar:
    """Must be called inside the running loop that serves it."""
    environment = pages.environment()
    return Application(
        route_handlers=[*health.ROUTES, *STAFF_API, *PATIENT_API, *_unlisted(deps), *_static()],
        guards=[guard],
        dependencies={"deps": Provide(lambda: deps, sync_to_thread=False), "console": _console(deps)},
        exception_handlers={Exception: errors.handle},
        before_send=[headers.before_send_in_demo if deps.settings.mode == "demo" else headers.before_send],
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment)),
        openapi_config=openapi_config(),
        plugins=[TimesOfDay()],
        lifespan=[_loops(deps)] if deps.settings.inline_worker else [],
        logging_config=None,  # kernel/log.py decides what is written
        request_max_body_size=LARGEST_BODY,
        state=State({"web": _web(deps, pages.ErrorPages(environment)), "requests": Requests()}),
        debug=False,  # never from the environment: a traceback can hold a person's data
    )


def _unlisted(deps: Deps) -> list[Router]:
    """Pages and webhooks: mounted, and left out of the description of the JSON API."""
    routes: list[Any] = [*WEBHOOKS, *PORTAL, *PATIENT_HOME, *CONSOLE]
    if deps.settings.mode == "demo":
        routes += DEMO
    return [Router("/", route_handlers=routes, include_in_schema=False)]


def _console(deps: Deps) -> Provide:
    made = ConsoleDeps(
        settings=deps.settings,
        clock=deps.clock,
        db=deps.db,
        passwords=deps.passwords,
        outreach=deps.outreach,
        alerts=deps.alerts,
        notices=deps.notices,
        throttle=Throttle(),
        new_token=deps.new_token,
        new_code=deps.new_code,
    )
    return Provide(lambda: made, sync_to_thread=False)


def _static() -> list[Router]:
    return [
        create_static_files_router(
            path,
            directories=[folder],
            name=path.removeprefix("/").replace("/", "-"),
            opt=access.PUBLIC,
            cache_control=CacheControlHeader(public=True, max_age=ONE_DAY_S),
        )
        for path, folder in STATIC.items()
    ]


def _web(deps: Deps, error_page: pages.ErrorPages) -> Web:
    return Web(
        settings=deps.settings,
        clock=deps.clock,
        db=deps.db,
        new_id=deps.new_id,
        new_token=deps.new_token,
        load_actor=actor_for,
        load_token=actor_for_token,
        load_patient=load_patient,
        error_page=error_page,
    )


def _loops(deps: Deps) -> Any:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with worker.running_inline(deps):
            yield

    return lifespan
