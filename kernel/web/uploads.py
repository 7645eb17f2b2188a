"""Multipart forms, as a browser sends a form with a file. What is in them stays in memory: it may be about patients, and
the parser's own files would stay on the disk of a crashed process."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Final

from python_multipart import create_form_parser
from python_multipart.exceptions import FormParserError

from kernel.errors import Invalid

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

MULTIPART: Final = "multipart/form-data"
NAME: Final = "_name"


def pairs(content_type: str, body: bytes, most: int) -> list[tuple[str, str]]:
    """Fields in order. A file that was chosen gives its bytes in URL-safe Base64 under the field's name, so that a form
    can carry it in a hidden field, and what it is called under that name and `_name`. Raises Invalid for a body that
    can't be read or has more than `most` fields."""
    found: list[tuple[str, str]] = []

    def add(name: str, value: str) -> None:
        if len(found) == most:
            raise _unreadable()
        found.append((name, value))

    def on_field(field: Field) -> None:
        add(_text(field.field_name), _text(field.value))

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        content = file.file_object.read()
        if file.file_name or content:
            name = _text(file.field_name)
            add(name, packed(content))
            add(f"{name}{NAME}", _text(file.file_name))

    settings = {"MAX_MEMORY_FILE_SIZE": math.inf}
    try:
        parser = create_form_parser(
            {"Content-Type": content_type.encode("latin-1")}, on_field, on_file, settings
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise _unreadable() from None
    return found


def _unreadable() -> Invalid:
    return Invalid.field("", "the form can't be read")


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def unpacked(text: str) -> bytes:
    """Raises Invalid for what `packed` did not make."""
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raise Invalid.field("file", "can't be read: choose it again") from None


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")
