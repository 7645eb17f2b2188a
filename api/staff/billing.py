"""The month as a file that a biller reviews."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from api.staff.calls import READ_ERRORS, ROOT, WRITE_ERRORS, Call, within
from api.wiring import Deps
from billing.export.csv import CsvFile, Profile
from billing.statement.service import BY_PAYER, EXPORTERS, export_csv
from kernel.errors import NotFound
from kernel.web import access
from kernel.web.context import WebRequest
from registry.time_log.months import Month

_FILE = ResponseSpec(bytes, description="The statement.", media_type="text/csv", generate_examples=False)


@get(
    f"{ROOT}/billing/{{file_name:str}}",
    opt=access.token(*EXPORTERS),
    tags=["billing"],
    summary="A month's statement",
    responses={200: _FILE, **READ_ERRORS, 422: WRITE_ERRORS[422]},
)
async def statement(
    request: WebRequest,
    deps: NamedDependency[Deps],
    file_name: FromPath[str],
    profile: Annotated[
        Profile, QueryParameter(description="machine leaves cells as they are.")
    ] = "spreadsheet",
    rule_set: Annotated[
        str, QueryParameter(description="An id, or an exact id@version; by_payer takes each payer's own.")
    ] = BY_PAYER,
) -> Response[bytes]:
    """`2026-11.csv`: one row per patient with time in the month, each with what it rests on and what is missing."""
    name, dot, suffix = file_name.partition(".")
    if (dot, suffix) != (".", "csv"):
        raise NotFound("a file of that name")

    async def body(call: Call) -> CsvFile:
        return await export_csv(
            call.tx, call.actor, Month.parse(name), now=call.now, profile=profile, rule_set_name=rule_set
        )

    file = await within(request, deps, body)
    return Response(
        file.content,
        media_type="text/csv; header=present",  # the framework adds the character set
        headers={"content-disposition": f'attachment; filename="{file.name}"'},
    )


ROUTES: tuple[Any, ...] = (statement,)
