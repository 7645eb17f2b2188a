"""`evenkeel staff`: the first accounts of a deployment, and keys for integrations."""

from __future__ import annotations

from datetime import datetime
from typing import TextIO, get_args
from uuid import UUID

import click
import msgspec

from api.commands.output import answer, json_option, refuse
from api.commands.running import OPERATOR, with_deps
from api.wiring import Deps
from kernel.audit import Actor, Role, system
from kernel.db import Tx
from kernel.errors import Conflict, Invalid
from registry.organisation import accounts, queries, service, tokens
from registry.organisation.queries import ClinicName, TokenLine
from registry.organisation.rules import ClinicForm, OrganisationKind, StaffForm
from registry.organisation.tokens import NewToken


class Administrator(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    clinic: str


class SendingNumber(msgspec.Struct, frozen=True):
    id: UUID
    clinic: str


class Issued(msgspec.Struct, frozen=True):
    """`token` is shown here and nowhere else, ever."""

    id: UUID
    token: str
    name: str
    role: Role
    clinic: str
    expires_at: datetime | None


class ClinicTokens(msgspec.Struct, frozen=True):
    """Newest first. The keys themselves are nowhere."""

    clinic: str
    tokens: tuple[TokenLine, ...]


class Revoked(msgspec.Struct, frozen=True):
    id: UUID
    clinic: str


@click.group()
def command() -> None:
    """Make the first accounts, and keys for integrations."""


@command.command("create-admin")
@click.option("--email", required=True, help="Address the person signs in with.")
@click.option("--name", required=True, help="The person's name.")
@click.option("--clinic", help="Short name of the clinic; may be left out while there is only one.")
@click.option(
    "--password-file", type=click.File(encoding="utf-8"), help="File with the password, - for standard input."
)
@json_option
def create_admin(
    email: str, name: str, clinic: str | None, password_file: TextIO | None, as_json: bool
) -> None:
    """Make an administrator, who makes all other accounts. Sees settings and accounts, no clinical content.

    Asks for the password unless a file holds it: on a command line everybody on the machine could read it.
    """
    password = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        if password_file is None
        else password_file.read().rstrip("\r\n")
    )

    async def body(deps: Deps) -> Administrator:
        now = deps.clock.now()
        async with deps.system_db.begin() as tx:
            found = await _clinic(tx, clinic)
            await tx.enter_clinic(found.id)
            staff_id = await accounts.create_admin(
                tx,
                _operator(found),
                found.id,
                StaffForm(name, email),
                password,
                passwords=deps.passwords,
                now=now,
            )
        return Administrator(staff_id, email.strip().lower(), found.slug)

    made = with_deps(body)
    answer(
        made,
        [f"{made.email} administers {made.clinic}; the first sign-in sets up a second factor"],
        as_json=as_json,
    )


@command.command("create-clinic")
@click.option("--organisation", help="Name of the organisation; needed once, for the first clinic.")
@click.option("--name", required=True, help="The clinic's name, as staff read it.")
@click.option("--slug", required=True, help="Short name in small letters, digits and -.")
@click.option("--text-name", required=True, help="How texts name the sender: neutral, no speciality.")
@click.option("--zone", required=True, help="IANA time zone such as America/Chicago.")
@click.option("--support-phone", required=True, help="Number patients can call.")
@click.option("--hours-text", required=True, help="Staffed hours in words, as patients read them.")
@json_option
def create_clinic(
    organisation: str | None,
    name: str,
    slug: str,
    text_name: str,
    zone: str,
    support_phone: str,
    hours_text: str,
    as_json: bool,
) -> None:
    """Make a clinic. It simulates texts to patients until its set-up page lets it go live."""
    form = ClinicForm(
        slug=slug,
        name=name,
        text_name=text_name,
        zone=zone,
        support_phone=support_phone,
        hours_text=hours_text,
    )

    async def body(deps: Deps) -> ClinicName:
        now = deps.clock.now()
        async with deps.system_db.begin() as tx:
            if await queries.organisation(tx) is None:
                kind: OrganisationKind = "demo" if deps.settings.mode == "demo" else "standard"
                await service.create_organisation(tx, OPERATOR, organisation or name, kind, now=now)
            elif organisation is not None:
                raise Conflict("--organisation: this database already serves one")
            clinic_id = await service.create_clinic(tx, OPERATOR, form, now=now)
        return ClinicName(clinic_id, slug, name)

    made = with_deps(body)
    answer(made, [f"{made.slug} is ready for its first administrator"], as_json=as_json)


@command.command("add-number")
@click.option("--number", required=True, help="Number the clinic texts from, with its country code.")
@click.option("--clinic", help="Short name of the clinic; may be left out while there is only one.")
@json_option
def add_number(number: str, clinic: str | None, as_json: bool) -> None:
    """Give a clinic a number to text from. Texts to it reach this clinic, whoever wrote them.

    It sends through EVENKEEL_TWILIO_MESSAGING_SERVICE_SID where that is set.
    """

    async def body(deps: Deps) -> SendingNumber:
        async with deps.system_db.begin() as tx:
            found = await _clinic(tx, clinic)
            await tx.enter_clinic(found.id)
            sender_id = await service.add_sender(
                tx,
                _operator(found),
                found.id,
                number,
                now=deps.clock.now(),
                messaging_service_sid=deps.settings.twilio_messaging_service_sid,
            )
        return SendingNumber(sender_id, found.slug)

    made = with_deps(body)
    answer(made, [f"{made.clinic} texts from this number"], as_json=as_json)


@command.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option("--role", required=True, type=click.Choice(get_args(Role)), help="What it may do.")
@click.option("--clinic", help="Short name of the clinic; may be left out while there is only one.")
@click.option("--expires", help="Last moment of use, ISO 8601 with an offset.")
@json_option
def token(name: str, role: Role, clinic: str | None, expires: str | None, as_json: bool) -> None:
    """Make a key for the JSON API. It is shown once and stored as a hash."""
    expires_at = _moment(expires)

    async def body(deps: Deps) -> tuple[NewToken, ClinicName]:
        async with deps.system_db.begin() as tx:
            found = await _clinic(tx, clinic)
            issued = await tokens.issue_token(
                tx, _operator(found), found.id, name, role,
                expires_at=expires_at, new_token=deps.new_token, now=deps.clock.now(),
            )  # fmt: skip
        return issued, found

    issued, found = with_deps(body)
    answer(
        Issued(issued.id, issued.token, name.strip(), role, found.slug, expires_at),
        [issued.token],
        as_json=as_json,
    )


@command.command("tokens")
@click.option("--clinic", help="Short name of the clinic; may be left out while there is only one.")
@json_option
def list_tokens(clinic: str | None, as_json: bool) -> None:
    """List a clinic's keys of the JSON API, with their last use. The keys themselves are stored nowhere."""

    async def body(deps: Deps) -> tuple[ClinicTokens, datetime]:
        async with deps.system_db.begin() as tx:
            found = await _clinic(tx, clinic)
            return ClinicTokens(found.slug, await queries.tokens(tx, _operator(found))), deps.clock.now()

    listed, now = with_deps(body)
    lines = [f"{key.id}  {key.role}  {_state(key, now)}  {key.name}" for key in listed.tokens]
    answer(listed, lines or [f"{listed.clinic} has no keys"], as_json=as_json)


@command.command("revoke-token")
@click.argument("token_id", type=click.UUID)
@click.option("--clinic", help="Short name of the clinic; may be left out while there is only one.")
@json_option
def revoke_token(token_id: UUID, clinic: str | None, as_json: bool) -> None:
    """End a key of the JSON API, by its id. From the next request on it is refused."""

    async def body(deps: Deps) -> Revoked:
        async with deps.system_db.begin() as tx:
            found = await _clinic(tx, clinic)
            await tokens.revoke_token(tx, _operator(found), token_id, now=deps.clock.now())
        return Revoked(token_id, found.slug)

    done = with_deps(body)
    answer(done, [f"{done.clinic} refuses this key from now on"], as_json=as_json)


def _state(key: TokenLine, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is not None and key.expires_at <= now:
        return f"expired {key.expires_at:%Y-%m-%d}"
    return "never used" if key.last_used_at is None else f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC"


def _operator(clinic: ClinicName) -> Actor:
    return system(clinic.id, OPERATOR.name)


async def _clinic(tx: Tx, slug: str | None) -> ClinicName:
    """Raises `Invalid` naming the clinics there are."""
    known = await queries.clinics(tx)
    if slug is None and len(known) == 1:
        return known[0]
    for clinic in known:
        if clinic.slug == slug:
            return clinic
    if not known:
        raise Conflict("there is no clinic yet: evenkeel staff create-clinic")
    raise Invalid.field("--clinic", f"must be one of {', '.join(clinic.slug for clinic in known)}")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        refuse("--expires: is not an ISO 8601 moment")
    if moment.tzinfo is None:
        refuse("--expires: needs an offset, as in 2027-01-31T00:00:00-06:00")
    return moment
