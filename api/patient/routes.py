"""The patients' mobile API, version 1."""

from __future__ import annotations

from typing import Any

from api.patient import care, signing_in, wishes

ROUTES: tuple[Any, ...] = (*signing_in.ROUTES, *care.ROUTES, *wishes.ROUTES)
