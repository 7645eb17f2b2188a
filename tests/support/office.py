"""LibreOffice, when this machine has it: how a real spreadsheet program opens a file of ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

REASON: Final = "LibreOffice (soffice) was not found"
INSTALL: Final = "make services"


def found() -> bool:
    return shutil.which("soffice") is not None


def opened(path: Path) -> str:
    """The file as LibreOffice understands it, as a flat XML document. Takes a few seconds."""
    subprocess.run(
        ["soffice", "--headless", f"-env:UserInstallation=file://{path.parent}/profile", "--convert-to", "fods",
         "--outdir", str(path.parent), str(path)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return path.with_suffix(".fods").read_text("utf-8")
