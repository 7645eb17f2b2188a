"""The JSON API, version 1."""

from __future__ import annotations

from typing import Any

from api.staff import billing, check_ins, clinics, measures, messages, outreach, patients, time, work

ROUTES: tuple[Any, ...] = (
    *clinics.ROUTES,
    *patients.ROUTES,
    *check_ins.ROUTES,
    *outreach.ROUTES,
    *messages.ROUTES,
    *measures.ROUTES,
    *time.ROUTES,
    *work.ROUTES,
    *billing.ROUTES,
)
