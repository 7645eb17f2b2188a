"""Every 837P file passes the X12 maps of pyx12 before it can be downloaded."""

from __future__ import annotations

import io
import logging
from typing import Any, Final

import msgspec
from pyx12 import params, x12n_document

# The library's log lines hold values of the file: names and member ids.
for _name in ("pyx12", "pyx12.params", "pyx12.map_if"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
MOST_PROBLEMS: Final = 50


def problems(text: str) -> tuple[str, ...]:
    """What the maps refuse: segment, its line, and the kind of error. No value of the file is repeated. Empty when
    the file is accepted. Takes some milliseconds a claim: not for the event loop."""
    report = io.StringIO()
    accepted = x12n_document.x12n_document(params.params(), io.StringIO(text), None, None, None, report)
    found = list(_found(msgspec.json.decode(report.getvalue()), "")) if report.getvalue() else []
    if not accepted and not found:
        found = ["the file is not readable as an X12 interchange"]
    return tuple(dict.fromkeys(found))[:MOST_PROBLEMS] if not accepted or found else ()


def _found(node: Any, where: str) -> Any:
    """Error codes anywhere in the report, with the nearest segment above them."""
    if isinstance(node, list):
        for each in node:
            yield from _found(each, where)
    elif isinstance(node, dict):
        if "seg_id" in node:
            where = f"segment {node['seg_id']}, line {node.get('cur_line', '?')}"
        for error in node.get("errors") or ():
            code = error.get("err_cde", error.get("code", "?")) if isinstance(error, dict) else error
            yield f"{where or 'interchange'}: error {code}"
        for key, value in node.items():
            if key != "errors":
                yield from _found(value, where)
