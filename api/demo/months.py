"""The months that are over: the earlier ones closed by the biller, the last one signed off by the lead and ready to close."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.demo.clinics import Clinic
from billing.close import service as billing
from kernel.db import Tx
from messaging.schedule.asked import AskedCheckIns
from messaging.schedule.zones import to_utc
from registry.quality import service as quality
from registry.time_log.months import Month

CLOSED_ON: Final = 6  # day of the month after
SIGNED_ON: Final = 9
NOTE: Final = (
    "Contacts and follow-up hold. Those who are not improving waited too long for a review: two more places on each "
    "agenda until spring, looked at again next month."
)


class Months:
    def __init__(self, clinic: Clinic, opening: datetime) -> None:
        self._clinic = clinic
        self._this = Month.of(opening.astimezone(ZoneInfo(clinic.plan.zone)).date())

    async def close(self, tx: Tx) -> None:
        """The month before the last; what the last month needs is there, and nobody has closed it yet."""
        biller = self._clinic.actor(self._clinic.those("biller")[0])
        month = self._this.plus(-2)
        await billing.close_month(tx, biller, month, now=self._after(month, CLOSED_ON))

    async def sign(self, tx: Tx) -> None:
        lead = self._clinic.actor(self._clinic.those("clinic_lead")[0])
        month = self._this.plus(-1)
        now = self._after(month, SIGNED_ON)
        await quality.sign_month(tx, lead, month, NOTE, now=now, check_ins=AskedCheckIns())

    def _after(self, month: Month, day: int) -> datetime:
        on = month.plus(1).first_day.replace(day=day)
        on += timedelta(days=7 - on.weekday() if on.weekday() > 4 else 0)
        return to_utc(on, time(16, 30), self._clinic.plan.zone)
