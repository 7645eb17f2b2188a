"""Medians of repeated measurements, printed beside each other and kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

REPETITIONS = 5
RESULTS = Path(__file__).resolve().parents[1] / "var" / "bench.json"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison. `ratio` is ours to the baseline's; `met` is the target's verdict, None without a target."""

    name: str
    unit: str
    ours: tuple[float, ...]
    bare: tuple[float, ...] = ()
    target: str = ""
    met: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        return median(self.ours) / median(self.bare) if self.bare else None


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def at_least(ours: Sequence[float], bare: Sequence[float], share: float) -> bool:
    return median(ours) >= share * median(bare)


def at_most(ours: Sequence[float], bare: Sequence[float], factor: float) -> bool:
    return median(ours) <= factor * median(bare)


def show(row: Row) -> str:
    ours = f"{median(row.ours):,.1f} {row.unit}"
    bare = f"{median(row.bare):,.1f} {row.unit}" if row.bare else "-"
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = {True: "met", False: "NOT MET", None: ""}[row.met]
    line = f"{row.name:<44} {ours:>18} {bare:>18} {ratio:>6}  {row.target:<14} {verdict}".rstrip()
    return "\n".join([line, *(f"    {note}" for note in row.notes)])


HEADING = f"{'':<44} {'ours':>18} {'bare':>18} {'ratio':>6}  target"


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write(rows: Sequence[Row], circumstances: dict[str, Any]) -> Path:
    RESULTS.parent.mkdir(exist_ok=True)
    measured = [
        {**msgspec.to_builtins(row), "median_ours": median(row.ours), "ratio": row.ratio} for row in rows
    ]
    RESULTS.write_text(json.dumps({**circumstances, "measured": measured}, indent=2) + "\n")
    return RESULTS
