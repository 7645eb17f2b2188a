"""A referral that was refused because the person, or the phone, may be known here already."""

from __future__ import annotations

from typing import Final

import msgspec

from kernel.errors import Conflict, DomainError, Invalid
from kernel.web import forms
from registry.episodes.matches import By, Match, Standing, matches
from staff_console import formats, people
from staff_console.enrol import presenter
from staff_console.enrol.forms import ReferralFields
from staff_console.enrol.views import KnownPatient
from staff_console.formstate import FormState
from staff_console.pages import View, Visit

STANDINGS: Final[dict[Standing, str]] = {
    "referred": "waits to be enrolled",
    "in_care": "is in care",
    "paused": "is in care, paused",
    "ended": "care has ended",
    "died": "has died",
}
SHARED: Final[dict[By, str]] = {
    "mrn": "same MRN",
    "name": "same name",
    "phone": "same phone",
}
SAID: Final = {
    "known_patient": "Somebody of this name is known here. Open the record, or say below who it is.",
    "mrn_taken": "Another patient has this MRN. Open the record below, or correct the MRN.",
}
PHONE: Final = "Mobile phone is another patient's. Tick Both use this phone if that is so."


async def referral_again(visit: Visit, form: FormState, error: DomainError) -> View:
    """Whom it may mean is looked up again, as the person may see it, with its audit rows."""
    code = error.code if isinstance(error, Conflict) else ""
    if code == "phone_taken":
        form = msgspec.structs.replace(form, problem="", errors={"phone": PHONE})
    form = msgspec.structs.replace(form, problem=SAID.get(code, form.problem))
    asked = code in ("known_patient", "mrn_taken", "phone_taken") or form.value("another_person") != ""
    found = await _found(visit) if asked else ()
    page = msgspec.structs.replace(
        presenter.referral(form),
        known=tuple(_known(one) for one in found),
        may_be_another=any(one.by == "name" for one in found),
        shares=code == "phone_taken" or form.chosen("phone_shared", "on"),
    )
    return View("enrol/referral.html", page, "registry")


async def _found(visit: Visit) -> tuple[Match, ...]:
    try:
        fields = await forms.read(visit.request, ReferralFields)
    except Invalid:
        return ()
    return await matches(visit.tx, visit.actor, fields.referral(visit.actor.name), now=visit.now)


def _known(one: Match) -> KnownPatient:
    born = "" if one.birth_date is None else f"born {formats.day(one.birth_date).text}, "
    return KnownPatient(
        name=people.name(one.family_name, one.given_name),
        href=f"/patients/{one.patient_id}",
        what=f"{born}{STANDINGS[one.standing]}; {SHARED[one.by]}",
        again=str(one.patient_id) if one.standing == "ended" else "",
    )
