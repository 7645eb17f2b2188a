"""The `evenkeel` command.

A plain click group and not Litestar's own command line: that one builds the web application before any command runs,
and brings a `run` command that knows nothing of the lock that keeps a SQLite file to one serving process. Here a
command's module is imported only when it is asked for, so that `evenkeel score` starts in a fraction of a second.
"""

from __future__ import annotations

import gc
import importlib

import click

# name -> (module, what `evenkeel --help` says about it); the command object is named `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "billing": ("api.commands.billing", "Explain how a month's minutes become lines."),
    "demo": ("api.commands.demo", "Serve a fictional clinic in a database of its own."),
    "doctor": ("api.commands.doctor", "Check settings, database and clinics; exit 1 on a problem."),
    "import": ("api.commands.imports", "Bring in patients, scores and billed months from a CSV."),
    "instrument": ("api.commands.instrument", "Check, add and list questionnaires of one's own."),
    "keys": ("api.commands.keys", "Make encryption keys."),
    "migrate": ("api.commands.migrate", "Bring the database to the newest schema."),
    "registry": ("api.commands.registry", "Check the registry's lines against the facts they come from."),
    "reply": ("api.commands.reply", "Say what a patient's text means."),
    "safety": ("api.commands.safety", "Bring in the questions of a structured assessment."),
    "score": ("api.commands.score", "Score a questionnaire."),
    "serve": ("api.commands.serve", "Serve pages, webhooks and the JSON API."),
    "staff": ("api.commands.staff", "Make the first accounts, and keys for integrations."),
    "watchdog": ("api.commands.watchdog", "Write an e-mail when the auditor of safety alerts falls silent."),
    "worker": ("api.commands.worker", "Do what is due, without serving pages."),
}


class Commands(click.Group):
    """Knows the names and one-line helps without importing the commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return _loaded(COMMANDS[cmd_name][0])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


def _loaded(module: str) -> click.Command:
    """What a module defines stays: a collector at work meanwhile takes a fifth of the time and frees nothing."""
    gc.disable()
    try:
        command: click.Command = importlib.import_module(module).command
    finally:
        gc.enable()
    return command


@click.group(cls=Commands)
@click.version_option("0.1.0", prog_name="evenkeel")
def main() -> None:
    """Check-ins, registry, safety alerts and the monthly bill for psychiatric collaborative care."""


if __name__ == "__main__":
    main(prog_name="evenkeel")
