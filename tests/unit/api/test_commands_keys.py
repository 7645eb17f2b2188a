"""`evenkeel keys new` makes what the settings ask for."""

from __future__ import annotations

import json

from click.testing import CliRunner

from api.__main__ import main
from kernel.crypto import Vault
from kernel.settings import Settings


def test_new_keys_are_accepted_as_settings_and_differ_each_time() -> None:
    runner = CliRunner()
    lines = runner.invoke(main, ["keys", "new"]).stdout.split()
    settings = Settings.from_env(dict(line.split("=", 1) for line in lines))
    vault = Vault(settings.encryption_keys, settings.lookup_key)
    assert vault.open(vault.seal("text")) == "text"
    assert runner.invoke(main, ["keys", "new"]).stdout.split() != lines
    assert set(json.loads(runner.invoke(main, ["keys", "new", "--json"]).stdout)) == {
        "encryption_key",
        "lookup_key",
    }
