"""Due work: recommendations that wait too long."""

from __future__ import annotations

from datetime import datetime

from kernel.db import Database
from registry.recommendations.service import escalate_overdue


async def overdue_recommendations(database: Database, now: datetime) -> dict[str, int]:
    return {"escalated": await database.run(lambda tx: escalate_overdue(tx, now=now))}
