"""A patient with an app: signs in by the code that was texted, and calls the mobile API."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, update

from api.wiring import Deps
from messaging.delivery.tables import Outbox
from registry.patients.tables import PatientPhone
from tests.support.builders import PatientRows

ROOT = "/patient/v1"
CODE = re.compile(r"\b(\d{6})\b")


async def confirmed(deps: Deps, patient: PatientRows) -> None:
    """The number was read back to the patient."""
    async with deps.system_db.begin() as tx:
        await tx.execute(
            update(PatientPhone)
            .where(PatientPhone.id == patient.phone_id)
            .values(state="verified", verified_at=deps.clock.now())
        )


async def newest_code(deps: Deps, phone: str) -> str | None:
    """The code of the newest text to a number; None when none was queued."""
    async with deps.system_db.begin() as tx:
        sealed = await tx.scalar(
            select(Outbox.body_sealed)
            .where(
                Outbox.recipient_key == tx.vault.lookup(phone),
                Outbox.kind.in_(("passcode", "requested_code")),
            )
            .order_by(Outbox.created_at.desc(), Outbox.id.desc())
            .limit(1)
        )
        found = None if sealed is None else CODE.search(tx.vault.open(sealed))
    return None if found is None else found[1]


class PatientApp:
    def __init__(self, client: httpx.AsyncClient, deps: Deps) -> None:
        self.client, self.deps = client, deps
        self.tokens: dict[str, Any] = {}

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens.get('access_token', '')}"}

    async def asks(self, phone: str) -> str:
        answer = await self.client.post(f"{ROOT}/codes", json={"phone": phone})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["request"])

    async def signs_in(self, phone: str, name: str = "My phone") -> PatientApp:
        request = await self.asks(phone)
        code = await newest_code(self.deps, phone)
        body = {"request": request, "code": code, "device_name": name}
        answer = await self.client.post(f"{ROOT}/sessions", json=body)
        assert answer.status_code == 201, answer.text
        self.tokens = answer.json()
        return self

    async def call(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        return await self.client.request(method, f"{ROOT}{path}", json=json, headers=self.headers | headers)

    async def gets(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def answers(
        self, check_in: UUID | str, *given: tuple[str, int, int | None], **more: str
    ) -> httpx.Response:
        body = {
            "answers": [{"instrument_id": name, "item": item, "value": value} for name, item, value in given]
        }
        return await self.call("POST", f"/check-ins/{check_in}/answers", body, **more)


def phq9(*values: int | None, first: int = 1) -> list[tuple[str, int, int | None]]:
    return [("phq9", number, value) for number, value in enumerate(values, start=first)]


SKEW = timedelta(minutes=5)
