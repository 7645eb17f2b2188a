"""A form with a file, as a browser sends it."""

from __future__ import annotations

import pytest

from kernel.errors import Invalid
from kernel.web import uploads

TYPE = "multipart/form-data; boundary=edge"


def body(*parts: tuple[str, bytes]) -> bytes:
    """(what follows `form-data; `, content)."""
    found = b"".join(
        f"--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return found + b"--edge--\r\n"


def test_fields_keep_their_order_and_a_file_is_carried_as_text_with_its_name() -> None:
    content = bytes(range(256)) * 8192  # beyond what the parser would put on the disk
    sent = body(
        ('name="kind"', b"scores"),
        ('name="file"; filename="Jörg\'s list.xlsx"', content),
        ('name="note"', "two\r\nlines é".encode()),
        ('name="kind"', b""),
    )
    found = uploads.pairs(TYPE, sent, 10)
    assert [name for name, _ in found] == ["kind", "file", "file_name", "note", "kind"]
    assert uploads.unpacked(dict(found)["file"]) == content
    assert (found[2][1], found[3][1], found[4][1]) == ("Jörg's list.xlsx", "two\r\nlines é", "")


def test_no_file_chosen_is_no_field() -> None:
    assert uploads.pairs(TYPE, body(('name="file"; filename=""', b"")), 10) == []


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("multipart/form-data", body(('name="a"', b"1"))),
        (TYPE, b"nothing of the kind"),
        (TYPE, body(*[('name="a"', b"1")] * 11)),
    ],
)
def test_a_body_that_cannot_be_read_or_has_too_many_fields_is_refused(content_type: str, sent: bytes) -> None:
    with pytest.raises(Invalid):
        uploads.pairs(content_type, sent, 10)


def test_what_was_not_packed_here_is_refused() -> None:
    for text in ("a", "a b=", "é"):
        with pytest.raises(Invalid):
            uploads.unpacked(text)
