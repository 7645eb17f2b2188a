"""The JSON API, version 1."""

from __future__ import annotations

from typing import Any

from api.staff import (
    billing,
    check_ins,
    clinics,
    explain,
    measures,
    messages,
    outreach,
    patients,
    safety_policy,
    time,
    work,
)

ROUTES: tuple[Any, ...] = (
    *clinics.ROUTES,
    *patients.ROUTES,
    *check_ins.ROUTES,
    *outreach.ROUTES,
    *messages.ROUTES,
    *measures.ROUTES,
    *time.ROUTES,
    *work.ROUTES,
    *safety_policy.ROUTES,
    *explain.ROUTES,
    *billing.ROUTES,
)
