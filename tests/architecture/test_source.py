"""Rules about the source that no linter knows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("kernel", "questionnaires", "registry", "messaging", "billing", "staff_console", "api")
DRAWS_A_QR_CODE = "staff_console/account/presenter.py"  # by a library, of a secret we made; nobody's input
MAY_COMMIT = {"kernel/db.py", "kernel/migrate.py"}


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_only_the_kernel_commits() -> None:
    assert [name for name, text in sources() if ".commit(" in text and name not in MAY_COMMIT] == []


def test_sql_never_asks_for_the_time() -> None:
    asks = re.compile(r"func\.now\(|CURRENT_TIMESTAMP|func\.current_timestamp|\bnow\(\)['\"]")
    assert [name for name, text in sources() if asks.search(text)] == []


def test_nothing_is_deserialised_that_could_run_code() -> None:
    runs = re.compile(r"\bimport pickle\b|\bpickle\.|yaml\.(?:unsafe_)?load\(|\beval\(|\bexec\(")
    assert [name for name, text in sources() if runs.search(text)] == []


def test_templates_never_switch_escaping_off() -> None:
    switches = re.compile(r"\|\s*safe\b|autoescape\s+false|Markup\(")
    pages = [p for package in PACKAGES for p in (ROOT / package).rglob("*.html")]
    assert len(pages) > 10
    assert [p.name for p in pages if switches.search(p.read_text(encoding="utf-8"))] == []
    assert [name for name, text in sources() if "Markup(" in text] == [DRAWS_A_QR_CODE]


def test_pages_have_no_inline_script_style_or_foreign_host() -> None:
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|(?:src|href)=\"https?://(?!\{)", re.IGNORECASE
    )
    pages = [p for package in PACKAGES for p in (ROOT / package).rglob("*.html")]
    assert [p.name for p in pages if inline.search(p.read_text(encoding="utf-8"))] == []


def test_no_room_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "base", "manager", "common", "misc"}
    assert [name for name, _ in sources() if drawers & {Path(name).stem, *Path(name).parts}] == []


def test_vendored_files_are_the_ones_that_are_named() -> None:
    for listing in ROOT.rglob("VENDOR.json"):
        if ".venv" in listing.parts:
            continue
        entries = json.loads(listing.read_text(encoding="utf-8"))
        named = {entry["file"] for entry in entries} | {"VENDOR.json"}
        assert {
            p.name for p in listing.parent.iterdir() if not p.name.endswith((".LICENSE.txt", ".NOTICE.txt"))
        } == named
        for entry in entries:
            content = (listing.parent / entry["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
            assert (listing.parent / entry["licence_file"]).exists()
