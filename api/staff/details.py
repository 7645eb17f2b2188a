"""A patient's details and number, changed by staff."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import put
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath

from api.staff import examples
from api.staff.calls import WRITE, Call, within
from api.staff.patients import ONE, PatientView, shown
from api.wiring import Deps
from kernel.web import access
from kernel.web.context import WebRequest
from registry.access import CARE
from registry.patients import details
from registry.patients import service as patients
from registry.patients.details import DetailsForm
from registry.patients.forms import PhoneForm, Untexted
from registry.ports import TextingConsentForm


class PhoneChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`texting_consent` is the agreement for this number: none is carried over from another. `otherwise`: how check-ins
    are answered when this number may not be texted; null refuses a patient who is texted. `version` is the patient's."""

    phone: PhoneForm
    version: int
    texting_consent: TextingConsentForm | None = None
    otherwise: Untexted | None = None


@put(
    f"{ONE}/details",
    opt=access.token(*CARE),
    tags=["patients"],
    summary="Change a patient's details",
    **WRITE,
)
async def change_details(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[DetailsForm, BodyKwarg(examples=examples.DETAILS)],
) -> PatientView:
    """The whole of person and preferences. Unsent check-ins follow the new zone, channel and window."""

    async def body(call: Call) -> PatientView:
        await details.change_details(
            call.tx, call.actor, patient_id, data, now=call.now, outreach=deps.outreach
        )
        return await shown(call, patient_id)

    return await within(request, deps, body)


@put(f"{ONE}/phone", opt=access.token(*CARE), tags=["patients"], summary="Change the number", **WRITE)
async def change_phone(
    request: WebRequest,
    deps: NamedDependency[Deps],
    patient_id: FromPath[UUID],
    data: Annotated[PhoneChange, BodyKwarg(examples=examples.PHONE)],
) -> PatientView:
    """What was queued for the old number is dropped, and check-ins that were offered there end."""

    async def body(call: Call) -> PatientView:
        await patients.change_phone(
            call.tx, call.actor, patient_id, data.phone,
            texting_consent=data.texting_consent, otherwise=data.otherwise, version=data.version,
            now=call.now, outreach=deps.outreach,
        )  # fmt: skip
        return await shown(call, patient_id)

    return await within(request, deps, body)


ROUTES: tuple[Any, ...] = (change_details, change_phone)
