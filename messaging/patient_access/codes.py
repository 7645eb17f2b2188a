"""Six digits by text: asked for by anyone, answered by whoever holds both the phone and the browser or app that asked.

Asking gives the same for every number after the same work: a row, a secret and the same words on the page. Whose number
it is, is looked up once that is answered, so that neither the answer nor its time tells; only then a text is queued for
a number that may sign in. Each try is counted in the statement that allows it, so that a hundred at once are five.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, literal_column, select, update

from kernel import audit, log
from kernel.audit import Actor
from kernel.crypto import token_hash
from kernel.db import Database, Tx, insert_or_skip, pick
from kernel.errors import TooMany
from messaging.conversation.copy import render
from messaging.conversation.turns import sender_of
from messaging.delivery import service as delivery
from messaging.delivery.kinds import Kind
from messaging.delivery.service import Message
from messaging.patient_access.accounts import account_of, number_of
from messaging.patient_access.rules import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES,
    Account,
    too_many_sends,
)
from messaging.patient_access.tables import CodeNumber, CodeRequest
from registry.organisation import queries as organisation
from registry.patients.tables import Patient

NewCode = Callable[[str, int], str]
Purpose = Literal["sign_in", "new_number"]
DIGITS: Final = "0123456789"
NEW_NUMBERS_PER_DAY: Final = 5
NO_CODE: Final = ""  # not made yet; equal to the hash of none

_NUMBER = insert_or_skip(CodeNumber, "phone_key")
_LOCK = select(CodeNumber.phone_key).where(CodeNumber.phone_key == bindparam("key")).with_for_update()
_ASKED = select(CodeRequest.created_at).where(
    CodeRequest.phone_key == bindparam("key"), CodeRequest.created_at > bindparam("since")
)
_UNSENT = (
    select(CodeRequest.phone_key)
    .where(
        CodeRequest.id == bindparam("request"),
        CodeRequest.code_hash == NO_CODE,
        CodeRequest.expires_at > bindparam("now"),
    )
    .with_for_update()
)
_WAITING = (
    select(CodeRequest.id)
    .where(literal_column("code_hash = ''"), CodeRequest.expires_at > bindparam("now"))
    .order_by(CodeRequest.created_at, CodeRequest.id)
    .limit(50)
)
_TRY = (
    update(CodeRequest)
    .where(
        CodeRequest.secret_hash == bindparam("secret"),
        CodeRequest.purpose == bindparam("what"),
        CodeRequest.tries < CODE_TRIES,
        CodeRequest.used_at.is_(None),
        CodeRequest.expires_at > bindparam("now"),
    )
    .values(tries=CodeRequest.tries + 1)
    .returning(
        CodeRequest.id, CodeRequest.code_hash, CodeRequest.phone_key, CodeRequest.phone_sealed,
        CodeRequest.clinic_id, CodeRequest.patient_id, CodeRequest.related_person_id,
    )
)  # fmt: skip
_USE = (
    update(CodeRequest)
    .where(CodeRequest.id == bindparam("request"), CodeRequest.used_at.is_(None))
    .values(used_at=bindparam("now"))
)


class Asked(msgspec.Struct, frozen=True):
    """`secret` stays with who asked, as a cookie or in the app; it and the code prove the number together. `id` is for
    `send_asked` alone."""

    id: UUID
    secret: str
    expires_at: datetime


class Proven(msgspec.Struct, frozen=True):
    account: Account
    phone_key: str


class NewNumber(msgspec.Struct, frozen=True):
    """`number` in E.164, proven by a code that was sent to it."""

    patient_id: UUID
    number: str


class _Row(msgspec.Struct, frozen=True):
    """Whom the code is for; all None for a number that signs in nobody."""

    purpose: Purpose
    clinic_id: UUID | None
    patient_id: UUID | None
    related_person_id: UUID | None
    keep_number: bool


async def ask(tx: Tx, number: str, *, secret: str, now: datetime) -> Asked:
    """For a checked E.164 number. Raises TooMany after five in an hour or ten in a day, also for numbers we don't
    know. The code is made and sent by `send_asked`, or by the sweep when that did not come to it."""
    key = tx.vault.lookup(number)
    await _count(tx, key, now)
    row = _Row("sign_in", None, None, None, keep_number=False)
    request_id = await _write(tx, number, key, row, secret, None, now)
    return Asked(request_id, secret, now + CODE_LIFE)


async def send_asked(tx: Tx, request_id: UUID, *, new_code: NewCode, now: datetime) -> None:
    """Once for a request, whoever comes first: finds whose number it is and queues the text with the code. Needs a
    transaction that sees every clinic."""
    row = await tx.first(_UNSENT, {"request": request_id, "now": now})
    if row is None:
        return
    code = new_code(DIGITS, CODE_DIGITS)
    values: dict[str, Any] = {"code_hash": _code_hash(tx, request_id, code)}
    found = await account_of(tx, row.phone_key, now=now)
    if found is not None:
        account = found[0]
        values |= {
            "clinic_id": account.clinic_id,
            "patient_id": account.patient_id,
            "related_person_id": account.related_person_id,
        }
    await tx.execute(update(CodeRequest).where(CodeRequest.id == request_id).values(**values))
    if found is not None:
        account, phone_id = found
        kind: Kind = "requested_code" if account.related_person_id is not None else "passcode"
        number = await number_of(tx, account, phone_id)
        await _send(tx, account, number, phone_id, request_id, code, kind, now)


async def send_waiting(database: Database, now: datetime, *, new_code: NewCode) -> dict[str, int]:
    """Requests whose process ended between its answer and the text. One that can't be sent holds up nobody else."""
    async with database.begin() as tx:
        waiting = await tx.all(_WAITING, {"now": now})
    failed = 0
    for row in waiting:
        try:
            await database.run(lambda tx, row=row: send_asked(tx, row.id, new_code=new_code, now=now))  # type: ignore[misc]
        except Exception as error:
            failed += 1
            log.get().error("code.not_sent", exc_info=error)
    return {"sent": len(waiting) - failed} | ({"failed": failed} if failed else {})


async def ask_for_new_number(
    tx: Tx, account: Account, number: str, *, secret: str, new_code: NewCode, now: datetime
) -> Asked:
    """A signed-in patient names another number; the code goes there. Raises TooMany as above, and after five in a day
    to whatever numbers: nobody sends texts from here to strangers."""
    key = tx.vault.lookup(number)
    await _count_of_patient(tx, account, now)
    await _count(tx, key, now)
    row = _Row("new_number", account.clinic_id, account.patient_id, None, keep_number=True)
    code = new_code(DIGITS, CODE_DIGITS)
    request_id = await _write(tx, number, key, row, secret, code, now)
    await _send(tx, account, number, None, request_id, code, "requested_code", now)
    return Asked(request_id, secret, now + CODE_LIFE)


async def prove(tx: Tx, secret: str, code: str, *, now: datetime) -> Proven | None:
    """The account whose number is proven; the code is used up. None for anything else, and the try is counted."""
    row = await _try(tx, secret, code, "sign_in", now)
    if row is None or row.patient_id is None:
        return None
    found = await account_of(tx, row.phone_key, now=now)
    if found is None or found[0].patient_id != row.patient_id:
        return None  # the number was given to somebody else since
    await _note(tx, found[0], "code.accepted", row.id, now)
    return Proven(found[0], row.phone_key)


async def prove_new_number(
    tx: Tx, account: Account, secret: str, code: str, *, now: datetime
) -> NewNumber | None:
    row = await _try(tx, secret, code, "new_number", now)
    if row is None or row.patient_id != account.patient_id:
        return None
    await _note(tx, account, "new_number.proven", row.id, now)
    return NewNumber(account.patient_id, tx.vault.open(row.phone_sealed))


async def _count(tx: Tx, key: str, now: datetime) -> None:
    """Under the number's own lock, so that many requests at once are counted one after the other."""
    await tx.insert_once(pick(tx, _NUMBER), {"phone_key": key, "created_at": now})
    await tx.first(_LOCK, {"key": key})
    asked = await tx.all(_ASKED, {"key": key, "since": now - timedelta(days=1)})
    if too_many_sends([row.created_at for row in asked], now):
        raise TooMany("too many codes were asked for this number; wait an hour", code="too_many_codes")


async def _count_of_patient(tx: Tx, account: Account, now: datetime) -> None:
    """Under the patient's own lock, as below by number."""
    await tx.first(select(Patient.id).where(Patient.id == account.patient_id).with_for_update())
    asked = await tx.scalar(
        select(func.count()).where(
            CodeRequest.patient_id == account.patient_id,
            CodeRequest.purpose == "new_number",
            CodeRequest.created_at > now - timedelta(days=1),
        )
    )
    if asked >= NEW_NUMBERS_PER_DAY:
        raise TooMany("too many new numbers were tried today; call the clinic", code="too_many_codes")


async def _write(
    tx: Tx, number: str, key: str, row: _Row, secret: str, code: str | None, now: datetime
) -> UUID:
    """Without a code no answer fits it."""
    request_id = tx.new_id()
    await tx.execute(
        insert(CodeRequest),
        {
            "id": request_id,
            "purpose": row.purpose,
            "secret_hash": token_hash(secret),
            "code_hash": NO_CODE if code is None else _code_hash(tx, request_id, code),
            "phone_key": key,
            "phone_sealed": tx.vault.seal(number) if row.keep_number else None,
            "clinic_id": row.clinic_id,
            "patient_id": row.patient_id,
            "related_person_id": row.related_person_id,
            "tries": 0,
            "created_at": now,
            "expires_at": now + CODE_LIFE,
            "used_at": None,
        },
    )
    return request_id


async def _send(
    tx: Tx,
    account: Account,
    number: str,
    phone_id: UUID | None,
    request_id: UUID,
    code: str,
    kind: Kind,
    now: datetime,
) -> None:
    clinic = await organisation.clinic(tx, account.clinic_id)
    words = render("passcode", account.language, name=clinic.text_name, code=code)
    message = Message(
        clinic_id=account.clinic_id,
        kind=kind,
        dedupe_key=f"code:{request_id}",
        to=number,
        body=words.body,
        template=words.template,
        not_before=now,
        not_after=now + CODE_LIFE,
        sender_id=await sender_of(tx, account.clinic_id),
        phone_id=phone_id,
        patient_id=account.patient_id,
    )
    await delivery.enqueue(tx, message, now=now)


async def _try(tx: Tx, secret: str, code: str, purpose: Purpose, now: datetime) -> Any:
    row = await tx.first(_TRY, {"secret": token_hash(secret), "what": purpose, "now": now})
    if row is None or not hmac.compare_digest(row.code_hash, _code_hash(tx, row.id, code)):
        return None
    used = await tx.execute(_USE, {"request": row.id, "now": now})
    return row if used.rowcount == 1 else None


def _code_hash(tx: Tx, request_id: UUID, code: str) -> str:
    """Keyed: six digits alone could be tried out from a copy of the table."""
    return tx.vault.lookup(f"code {request_id} {code}")


async def _note(tx: Tx, account: Account, action: str, request_id: UUID, now: datetime) -> None:
    who = Actor(
        kind="patient" if account.related_person_id is None else "related_person",
        id=account.related_person_id or account.patient_id,
        clinic_id=account.clinic_id,
    )
    await audit.record(tx, who, action, "code_request", request_id, now=now, patient_id=account.patient_id)
