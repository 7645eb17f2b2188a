"""What the set-up page asks."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

import msgspec


class LiveForm(msgspec.Struct, frozen=True):
    confirm: Literal["yes"]


class ResponsibleForm(msgspec.Struct, frozen=True):
    staff_id: UUID


LIVE: Final = {"confirm": "Your confirmation"}
RESPONSIBLE: Final = {"staff_id": "Whom alerts reach"}
RENAMED: Final = {"default_responsible_id": "staff_id"}
