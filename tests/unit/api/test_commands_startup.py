"""The command itself: quick to start, and nothing made before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from api.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def test_help_lists_every_command_without_importing_any() -> None:
    code = (
        "import sys\nfrom api.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not [m for m in sys.modules if m.startswith('api.commands')], 'imported'\n"
        "assert 'litestar' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in COMMANDS)


def test_scoring_needs_neither_the_web_framework_nor_the_database() -> None:
    code = (
        "import sys\nfrom api.__main__ import main\n"
        "main(['score', 'phq2', '1,1'], standalone_mode=False)\n"
        "assert not {'litestar', 'sqlalchemy', 'arq', 'twilio'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_is_refused() -> None:
    answer = CliRunner().invoke(main, ["frobnicate"])
    assert answer.exit_code == 2
    assert "No such command 'frobnicate'" in answer.stderr
