"""Who may do what with a clinic's record. The clinic itself always comes from the actor, never from the request."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from kernel.audit import Actor, Role
from kernel.errors import Forbidden

# Clinical content: everyone who treats, advises or leads. A biller sees minutes and codes, an administrator accounts.
CLINICAL: Final[tuple[Role, ...]] = ("care_manager", "clinician", "consultant", "clinic_lead")
# Whom to enrol, text and call is decided by those who see the patient or lead the work.
CARE: Final[tuple[Role, ...]] = ("care_manager", "clinician", "clinic_lead")


def require(actor: Actor, *roles: Role) -> UUID:
    """The actor's clinic. Raises `Forbidden` unless the actor has one of the roles; the system itself has all."""
    if actor.clinic_id is None:
        raise Forbidden("no clinic was chosen", code="clinic_missing")
    if actor.kind != "system" and not actor.has(*roles):
        raise Forbidden(f"needs one of these roles: {', '.join(roles)}")
    return actor.clinic_id
