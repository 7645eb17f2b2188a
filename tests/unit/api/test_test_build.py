"""Test clocks and crash points exist in mode `test` alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import test_build
from kernel.errors import Invalid
from kernel.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.parametrize("mode", ["standard", "demo"])
def test_no_other_mode_has_them(mode: str) -> None:
    settings = Settings(mode=mode, crash_point="outbox.after_post:1", test_clock_file="/tmp/clock")  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        test_build.clock(settings)
    with pytest.raises(Invalid):
        test_build.crash_probe(settings)


def test_the_shared_clock_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_text("2026-03-02T10:00:00-08:00\n")
    clock = test_build.clock(Settings(mode="test", test_clock_file=str(path)))
    assert clock is not None
    assert clock.now() == datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    path.write_text("2026-03-02T18:00:05+00:00")
    assert clock.now() == datetime(2026, 3, 2, 18, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("point", ["", "name", "name:0", "name:x", ":1"])
def test_a_crash_point_needs_a_name_and_a_count(point: str) -> None:
    with pytest.raises(Invalid):
        test_build.crash_probe(Settings(mode="test", crash_point=point))


def test_the_process_dies_when_the_point_is_reached_for_the_nth_time() -> None:
    code = (
        "from api import test_build\nfrom kernel.settings import Settings\n"
        "probe = test_build.crash_probe(Settings(mode='test', crash_point='a.b:2'))\n"
        "probe('a.b'); probe('other'); print('still here', flush=True); probe('a.b'); print('never')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-9, "still here\n")
