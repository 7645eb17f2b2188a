"""What claim files need of a clinic besides its NPI and tax id, which the clinic's own row holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from kernel.tables import Base, ClinicRow


class BillingSetup(ClinicRow, Base):
    """One row a clinic. `identity` is `billing.identity.rules.BillingIdentity` without `npi` and `tax_id`."""

    __tablename__ = "billing_setup"
    __table_args__ = (UniqueConstraint("clinic_id"),)

    identity: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]
    updated_by_id: Mapped[UUID | None]
