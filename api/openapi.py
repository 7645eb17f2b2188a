"""The description of the JSON API: OpenAPI 3.1 at /schema/openapi.json, and a page to read it at /schema."""

from __future__ import annotations

from datetime import time
from typing import Any

from litestar import Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Contact, OpenAPIType, Schema, SecurityScheme, Tag
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from kernel.web import access

VERSION = "1.0.0"
BEARER = "bearer"
TAGS = (
    Tag("clinic", "The clinic a key belongs to."),
    Tag("accounts", "The clinic's people, what they hand over, and keys."),
    Tag("patients", "Referral, enrolment, status, plan and next contact."),
    Tag("check-ins", "Questionnaires sent to patients."),
    Tag("messages", "Texts with one patient."),
    Tag("measures", "Scores over time, and forms filled in on paper or by phone."),
    Tag("time", "Minutes of collaborative care."),
    Tag("work", "Tasks and risk events."),
    Tag("imports", "Files from another registry."),
    Tag("billing", "The month, line by line."),
    Tag("sign-in", "Patients: codes by text, tokens, devices. These calls begin with /patient/v1."),
    Tag("answers", "Patients: the check-ins that wait."),
    Tag("care", "Patients: next contact, plan, results, messages, help lines."),
    Tag("wishes", "Patients: how to be reached, and who may help."),
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evenkeel JSON API</title>
<link rel="icon" href="/static/console/img/keel.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/api/vendor/swagger-ui.css">
<script src="/static/api/vendor/swagger-ui-bundle.js" defer></script>
<script src="/static/api/schema.js" defer></script></head>
<body><div id="schema" data-url="/schema/openapi.json"></div></body></html>
"""


class SchemaPage(OpenAPIRenderPlugin):
    """The framework's own page loads scripts from another host and starts them inline; ours does neither."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _PAGE.encode()


class TimesOfDay(OpenAPISchemaPlugin):
    """The framework calls a time of day a duration."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return value is time

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        return Schema(
            type=OpenAPIType.STRING,
            pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$",
            description="On a local clock.",
            examples=["09:00:00"],
        )


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Evenkeel JSON API",
        version=VERSION,
        summary="For staff tools and integrations of one clinic, and for patients' apps.",
        description=(
            "Every call carries a bearer token made with `evenkeel staff token`; it belongs to one clinic and has "
            "one role. Calls under /patient/v1 carry a patient's access token instead. Errors are `application/problem+json` (RFC 9457) and name each field. A POST may carry an "
            "`Idempotency-Key`: the same key with the same body gives the same resource again."
        ),
        contact=Contact(name="Evenkeel"),
        tags=list(TAGS),
        components=Components(
            security_schemes={
                BEARER: SecurityScheme(
                    type="http", scheme="bearer", description="`Authorization: Bearer evk_...`"
                )
            }
        ),
        security=[{BEARER: []}],
        use_handler_docstrings=True,
        openapi_router=Router(
            # Not part of what it describes. Public: it holds no data.
            "/schema",
            route_handlers=[],
            opt=access.PUBLIC,
            include_in_schema=False,
        ),
        render_plugins=[SchemaPage(path="/")],
    )
