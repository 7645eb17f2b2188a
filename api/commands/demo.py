"""`evenkeel demo`: a fictional clinic in a database of its own, ready in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from api.commands.output import refusals
from api.commands.running import refuse_wrong_database
from api.demo.seed import access_lines, seed
from api.serving import only_process, run, serve
from api.wiring import opened
from kernel import log, migrate
from kernel.crypto import new_key
from kernel.ids import new_token
from kernel.settings import Settings


@click.command()
@click.option("--port", default=8000, show_default=True, help="Port on this computer.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where the demo's database lives.",
)
@click.option("--fresh", is_flag=True, help="Begin again with a new database.")
def command(port: int, folder: Path, fresh: bool) -> None:
    """Serve a fictional clinic. Nobody real is in it and no text leaves this computer."""
    with refusals():
        settings = settings_of(port, folder)
        log.configure("console")
        with only_process(settings, "serve"):
            if fresh:
                _remove(folder)
            run(_run(settings))


def settings_of(port: int, folder: Path) -> Settings:
    """Settings of its own: the environment's are a real clinic's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Settings.from_env(
        {
            "EVENKEEL_MODE": "demo",
            "EVENKEEL_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'demo.db'}",
            "EVENKEEL_PORT": str(port),
            "EVENKEEL_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "EVENKEEL_INLINE_WORKER": "true",
            "EVENKEEL_LOG_FORMAT": "console",
            **_keys(folder / "keys"),
        }
    )


def _keys(path: Path) -> Mapping[str, str]:
    """The demo's own keys, made once and kept beside its database."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"{new_key()}\n{new_token()}{new_token()}\n", encoding="ascii")
    encryption, lookup = path.read_text(encoding="ascii").split()
    return {"EVENKEEL_ENCRYPTION_KEYS": encryption, "EVENKEEL_LOOKUP_KEY": lookup}


def _remove(folder: Path) -> None:
    for path in folder.glob("demo.db*"):
        if not path.name.endswith(".lock"):
            path.unlink()


async def _run(settings: Settings) -> None:
    await migrate.migrate(settings.database_url)
    async with opened(settings, "web") as deps:
        await refuse_wrong_database(deps)
        for line in access_lines(await seed(deps)):
            click.echo(line)
        await serve(deps)
