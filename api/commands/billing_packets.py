"""`evenkeel billing verify`: does an audit packet agree with itself, and with a hash kept outside it? Needs no settings, no database, no network."""

from __future__ import annotations

from pathlib import Path

import click

from api.commands.output import FOUND_SOMETHING, answer, json_option, refuse
from billing.packet.archive import LARGEST_PACKET
from billing.packet.verify import Verdict
from billing.packet.verify import verify as verified


@click.command()
@click.argument("packet", type=click.Path(path_type=Path))
@click.option("--content-hash", help="SHA-256 of the closed patient-month (closed.json alone).")
@click.option("--packet-hash", help="SHA-256 of the whole packet, as the clinic's page shows it.")
@json_option
def verify(packet: Path, content_hash: str | None, packet_hash: str | None, as_json: bool) -> None:
    """Derive a packet's line again and hold its parts against each other. Exit 1 when anything differs.

    Only --packet-hash shows that nobody wrote the whole packet anew.
    """
    verdict = verified(_content(packet), expected_sha256=content_hash, packet_sha256=packet_hash)
    answer(verdict, _words(verdict), as_json=as_json)
    if not verdict.true:
        raise SystemExit(FOUND_SOMETHING)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_PACKET + 1)
    except OSError as error:
        refuse(f"PACKET: can't be read ({error.strerror})")


def _words(verdict: Verdict) -> list[str]:
    if not verdict.true:
        return ["false", *(f"- {difference}" for difference in verdict.differences)]
    return [
        "true",
        f"{verdict.month}, version {verdict.version}: {verdict.lines} from {verdict.minutes} minutes under "
        f"{verdict.rule_set}",
        f"content SHA-256 {verdict.content_sha256}",
        f"packet SHA-256 {verdict.packet_sha256}",
        "It is the packet of the hash given, and agrees with itself."
        if verdict.held_against_hash
        else "The packet agrees with itself; only --packet-hash shows that nobody wrote all of it anew.",
    ]
