"""The JSON API, version 1."""

from __future__ import annotations

from typing import Any

from api.staff import (
    accounts,
    billing,
    billing_files,
    billing_money,
    billing_months,
    check_ins,
    clinics,
    contacts,
    explain,
    handovers,
    measures,
    messages,
    outreach,
    patient_access,
    patients,
    quality,
    referrals,
    review,
    risk,
    rules,
    safety_policy,
    steps,
    time,
    work,
)

ROUTES: tuple[Any, ...] = (
    *clinics.ROUTES,
    *accounts.ROUTES,
    *handovers.ROUTES,
    *patients.ROUTES,
    *patient_access.ROUTES,
    *contacts.ROUTES,
    *check_ins.ROUTES,
    *outreach.ROUTES,
    *messages.ROUTES,
    *measures.ROUTES,
    *time.ROUTES,
    *work.ROUTES,
    *rules.ROUTES,
    *steps.ROUTES,
    *quality.ROUTES,
    *safety_policy.ROUTES,
    *risk.ROUTES,
    *review.ROUTES,
    *referrals.ROUTES,
    *explain.ROUTES,
    *billing.ROUTES,
    *billing_months.ROUTES,
    *billing_files.ROUTES,
    *billing_money.ROUTES,
)
