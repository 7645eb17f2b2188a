"""Account pages out of what the record says."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import segno
from markupsafe import Markup

from registry.organisation.accounts import TotpSetup
from registry.organisation.passwords import SHORTEST
from registry.organisation.queries import ClinicName
from staff_console import words
from staff_console.account.views import AccountPage, CodesPage, TotpSetupPage
from staff_console.formstate import Choice, FormState
from staff_console.pages import Visit


def totp_setup(form: FormState, setup: TotpSetup, wanted: str) -> TotpSetupPage:
    return TotpSetupPage(form, qr(setup.address), grouped(setup.secret), wanted)


def qr(address: str) -> Markup:
    """Inline SVG without style attributes, so that it is drawn under the content security policy."""
    drawn = segno.make(address, error="m", micro=False).svg_inline(
        scale=5,
        border=4,
        dark="#000",
        light="#fff",
        title="QR code with the key",
        svgclass="ek-qr",
        lineclass=None,
    )
    return Markup(drawn.replace("<svg ", '<svg role="img" ', 1))  # noqa: S704 - drawn by segno, holds no input


def grouped(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def codes(found: tuple[str, ...], href: str, label: str) -> CodesPage:
    return CodesPage(found, href, label)


def clinics(found: Iterable[ClinicName]) -> tuple[Choice, ...]:
    return tuple(Choice(str(clinic.id), clinic.name) for clinic in found)


def account(
    visit: Visit,
    left: int,
    found: tuple[ClinicName, ...],
    *,
    password: FormState | None = None,
    renewal: FormState | None = None,
) -> AccountPage:
    here: UUID = visit.clinic_id
    return AccountPage(
        name=visit.actor.name,
        roles=words.roles(visit.actor.roles),
        clinic=visit.frame.clinic,
        codes_left=words.count(left, "recovery code is left", "recovery codes are left"),
        password=password or FormState("password"),
        codes=renewal or FormState("codes"),
        clinics=clinics(found) if len(found) > 1 else (),
        clinic_form=FormState("clinic", {"clinic_id": (str(here),)}),
        logs_time=visit.actor.has("care_manager", "clinician", "consultant", "clinic_lead"),
        shortest=SHORTEST,
    )
