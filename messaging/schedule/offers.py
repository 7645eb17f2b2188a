"""Writes what a batch of decisions asks for: rows are changed, texts queued and links made in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from kernel.crypto import token_hash
from kernel.db import Tx, alongside, among, insert_many_or_skip
from messaging.conversation.copy import Rendered, contact_words, join, phone_words, render
from messaging.delivery import service as delivery
from messaging.delivery.service import Message, OnFile
from messaging.links.tables import CheckInLink
from messaging.schedule import closing, occurrences, rules
from messaging.schedule.advance import Invite, Remind
from messaging.schedule.due import Taken
from messaging.schedule.ladder import MAX_SPAN
from messaging.schedule.ports import Outgoing, Wording
from messaging.schedule.tables import CheckIn, ContactReminder
from messaging.schedule.zones import local_date
from registry.episodes.tables import Episode
from registry.worklist import service as worklist

ONE_DAY: Final = timedelta(days=1)
_LINKS = insert_many_or_skip(CheckInLink, "id")
Invited = tuple[Taken, Invite]
Reminded = tuple[Taken, Remind]


async def invite(tx: Tx, invited: Sequence[Invited], out: Outgoing, *, now: datetime) -> None:
    """Offers the check-ins: a link or the first question by text, an open page, or a call by staff; and plans each
    patient's next one."""
    if not invited:
        return
    for taken, _ in invited:
        for older in taken.older:
            await closing.close(tx, older, state="missed", reason="superseded", now=now, plan_next=False)
    linked = [taken for taken, step in invited if step.way == "link"]
    contacts = await _contacts_today(tx, linked, now)
    messages, links = await alongside(
        set_many(tx, _offered(invited, now)), lambda: _text_links(tx, linked, contacts, out, now)
    )
    texts = await alongside(tx.insert_many(_LINKS, links), lambda: delivery.seal(tx, messages))
    following = await alongside(
        delivery.enqueue_sealed(tx, texts, now=now),
        lambda: {taken.due.id: _following_row(tx, taken, now) for taken, _ in invited},
    )
    await _carried(tx, contacts)
    await _mail_links(tx, [taken for taken, step in invited if step.way == "email"], out, now)
    offered: list[Taken] = []
    for taken, step in invited:
        if step.way == "call":
            await call(tx, taken, taken.reach.no_text or "channel", now)
        if step.way != "items" or await out.conversation.open_check_in(tx, taken.due.id, now=now):
            offered.append(taken)
    await _plan_following(tx, offered, following, now)
    tx.ring("dispatch")


def _offered(invited: Sequence[Invited], now: datetime) -> dict[UUID, dict[str, Any]]:
    return {
        taken.due.id: {
            "state": "invited",
            "content": step.way,
            "invited_at": now,
            "prompts": 1,
            "queued_behind": False,
            "next_at": step.next_at,
            "expires_at": step.expires_at,
        }
        for taken, step in invited
    }


def _text_links(
    tx: Tx, taken: Sequence[Taken], contacts: Mapping[UUID, Row[Any]], out: Outgoing, now: datetime
) -> tuple[list[Message], list[dict[str, Any]]]:
    messages, links = [], []
    for one in taken:
        token, link = _new_link(tx, one, out, now)
        links.append(link)
        wording = render(
            "invitation_link", one.reach.language, name=one.reach.site.text_name, link=out.link(token)
        )
        contact = contacts.get(one.reach.patient_id)
        if contact is not None:
            wording = join([wording, _contact_line(one, contact)])
        messages.append(_message(tx, one, "invitation", "invitation", wording, now, one.due.not_after))
    return messages, links


async def _carried(tx: Tx, contacts: Mapping[UUID, Row[Any]]) -> None:
    if contacts:
        await tx.execute(
            update(ContactReminder)
            .where(ContactReminder.id.in_([row.id for row in contacts.values()]))
            .values(state="queued", reason="in_invitation", next_at=None)
        )


async def _mail_links(tx: Tx, taken: Sequence[Taken], out: Outgoing, now: datetime) -> None:
    """What is said of the next contact stays with the texts."""
    if not taken:
        return
    messages, links = [], []
    for one in taken:
        token, link = _new_link(tx, one, out, now)
        links.append(link)
        wording = _mail("mail_invitation", one, out.link(token))
        messages.append(
            _message(tx, one, "invitation", "invitation", wording, now, one.due.not_after, mail=True)
        )
    await tx.insert_many(_LINKS, links)
    await delivery.enqueue_many(tx, messages, now=now)


def _mail(key: str, one: Taken, link: str) -> Rendered:
    """Replies to a mail are read by nobody, so each one says whom to call to end them."""
    site = one.reach.site
    phone = phone_words(site.support_phone)
    return render(key, one.reach.language, name=site.text_name, link=link, phone=phone)


async def remind(tx: Tx, reminded: Sequence[Reminded], out: Outgoing, *, now: datetime) -> None:
    if not reminded:
        return
    messages, links = [], []
    for taken, step in reminded:
        wording: Wording | None = None
        if step.way == "call":
            await call(tx, taken, "no_answer", now)
            continue
        if step.way == "items":
            wording = await out.conversation.reminder_text(tx, taken.due.id, now=now)
        if wording is None:
            token, link = _new_link(tx, taken, out, now)
            links.append(link)
            wording = _reminder(taken, step, out.link(token))
        cause = f"{'resume' if step.resume else 'reminder'}:{step.number}"
        mail = step.way == "email"
        messages.append(_message(tx, taken, "reminder", cause, wording, now, now + ONE_DAY, mail=mail))
    await tx.insert_many(_LINKS, links)
    await delivery.enqueue_many(tx, messages, now=now)
    await set_many(
        tx,
        {taken.due.id: {"prompts": step.number + 1, "next_at": step.next_at} for taken, step in reminded},
    )
    tx.ring("dispatch")


def _reminder(taken: Taken, step: Remind, link: str) -> Rendered:
    if step.way == "email":
        return _mail("mail_started" if step.resume else "mail_reminder", taken, link)
    key = "reminder_started_link" if step.resume else "reminder_not_started"
    return render(key, taken.reach.language, name=taken.reach.site.text_name, link=link)


async def call(tx: Tx, taken: Taken, why: str, now: datetime) -> None:
    await _task(tx, taken, "call_and_ask", why, now)


async def ask_staff(tx: Tx, taken: Taken, next_at: datetime, now: datetime) -> None:
    """The ladder's last step. One task per check-in: a call that is already asked for is not asked for twice."""
    await _task(tx, taken, "unanswered_check_in", "no_answer", now)
    await set_many(tx, {taken.due.id: {"next_at": next_at}})


async def _task(tx: Tx, taken: Taken, kind: Any, why: str, now: datetime) -> None:
    await worklist.open_task(
        tx,
        clinic_id=taken.reach.clinic_id,
        patient_id=taken.reach.patient_id,
        episode_id=taken.row.episode_id,
        kind=kind,
        dedupe_key=closing.task_key(taken.due.id),
        ref_kind="check_in",
        ref_id=taken.due.id,
        detail={"why": why, "instruments": list(taken.row.instruments)},
        now=now,
    )


async def set_many(tx: Tx, changes: Mapping[UUID, Mapping[str, Any]]) -> None:
    """One statement for all rows that get the same values: a batch has few zones, so few distinct moments."""
    same: dict[tuple[tuple[str, Any], ...], list[UUID]] = {}
    for check_in_id, values in changes.items():
        same.setdefault(tuple(values.items()), []).append(check_in_id)
    for pairs, ids in same.items():
        await tx.execute(update(CheckIn).where(among(tx, CheckIn.id, ids)).values(**dict(pairs)))


def _new_link(tx: Tx, taken: Taken, out: Outgoing, now: datetime) -> tuple[str, dict[str, Any]]:
    token = out.new_token()
    row = {
        "id": tx.new_id(),
        "token_hash": token_hash(token),
        "clinic_id": taken.reach.clinic_id,
        "patient_id": taken.reach.patient_id,
        "check_in_id": taken.due.id,
        "created_at": now,
        "expires_at": now + MAX_SPAN,
        "revoked_at": None,
    }
    return token, row


def _message(
    tx: Tx,
    taken: Taken,
    kind: Any,
    cause: str,
    wording: Wording,
    now: datetime,
    not_after: datetime,
    *,
    mail: bool = False,
) -> Message:
    reach, thread = taken.reach, taken.thread
    if mail:
        assert reach.email_sealed is not None  # only decided on with an address that was agreed to
        assert reach.email_key is not None
        return Message(
            clinic_id=reach.clinic_id,
            kind=kind,
            dedupe_key=f"check_in:{taken.due.id}:{cause}",
            to=OnFile(reach.email_sealed, reach.email_key),
            body=wording.body,
            template=wording.template,
            not_before=now,
            not_after=not_after,
            channel="email",
            patient_id=reach.patient_id,
            check_in_id=taken.due.id,
        )
    assert reach.phone_sealed is not None  # a text is only decided on with a verified number
    assert reach.phone_key is not None
    ours = thread is not None and thread.active_check_in_id == taken.due.id
    return Message(
        clinic_id=reach.clinic_id,
        kind=kind,
        dedupe_key=f"check_in:{taken.due.id}:{cause}",
        to=OnFile(reach.phone_sealed, reach.phone_key),
        body=wording.body,
        template=wording.template,
        not_before=now,
        not_after=not_after,
        sender_id=thread.sender_id if ours and thread is not None else reach.site.sender_id,
        phone_id=reach.phone_id,
        patient_id=reach.patient_id,
        thread_id=thread.id if ours and thread is not None else None,
        turn=thread.turn if ours and thread is not None else None,
        check_in_id=taken.due.id,
    )


def _contact_line(one: Taken, contact: Row[Any]) -> Rendered:
    words = contact_words(
        contact.next_contact_mode, contact.contact_at, one.reach.calendar, one.reach.language
    )
    return render("contact_line", one.reach.language, contact=words)


async def _contacts_today(tx: Tx, taken: Sequence[Taken], now: datetime) -> dict[UUID, Row[Any]]:
    """Reminders of a contact that fall on the local date of the patient's invitation: one text carries both."""
    able = {one.reach.patient_id: one for one in taken if not one.reach.by_exemption}
    if not able:
        return {}
    rows = await tx.all(
        select(
            ContactReminder.id,
            ContactReminder.patient_id,
            ContactReminder.contact_at,
            ContactReminder.due_at,
            Episode.next_contact_mode,
        )
        .join(Episode, Episode.id == ContactReminder.episode_id)
        .where(
            among(tx, ContactReminder.patient_id, able),
            ContactReminder.state == "scheduled",
            ContactReminder.due_at > now - ONE_DAY,
            ContactReminder.due_at < now + ONE_DAY,
            ContactReminder.contact_at > now,
            Episode.next_contact_at == ContactReminder.contact_at,
        )
    )
    return {
        row.patient_id: row
        for row in rows
        if local_date(row.due_at, able[row.patient_id].reach.calendar)
        == local_date(now, able[row.patient_id].reach.calendar)
    }


async def _plan_following(
    tx: Tx, taken: Sequence[Taken], following: Mapping[UUID, dict[str, Any] | None], now: datetime
) -> None:
    rows, dates = [], {}
    for one in taken:
        planned = _planned(one)
        row = following[one.due.id]
        if row is not None:
            rows.append(row)
        dates[one.row.episode_id] = (
            min(planned) if planned else None if row is None else row["local_due_date"]
        )
    await occurrences.insert_many(tx, rows)
    await _tell_registry(tx, dates, now)


def _planned(one: Taken) -> list[date]:
    return [
        other.local_due_date for other in one.history if other.state == "scheduled" and other.id != one.due.id
    ]


def _following_row(tx: Tx, one: Taken, now: datetime) -> dict[str, Any] | None:
    """The next check-in to be put on file; None when one is planned already, or the plan asks for no more."""
    following = None if _planned(one) else _following(one, now)
    if following is None:
        return None
    return occurrences.new_row(tx, one.reach, one.row.episode_id, following, now)


def _following(one: Taken, now: datetime) -> rules.Occurrence | None:
    asked = occurrences.last_asked(one.history)
    asked |= dict.fromkeys(one.row.instruments, one.due.local_due_date)
    after = max(other.local_due_date for other in one.history)
    while True:
        found = rules.next_occurrence(
            one.plan.lines, after, one.reach.calendar, at=one.plan.at, last_asked=asked
        )
        if found is None or found.due_at > now:
            return found
        after = found.local_due_date


async def _tell_registry(tx: Tx, dates: Mapping[UUID, date | None], now: datetime) -> None:
    same: dict[date | None, list[UUID]] = {}
    for episode_id, on in dates.items():
        same.setdefault(on, []).append(episode_id)
    for on, episodes in same.items():
        await worklist.set_check_in_states(tx, episodes, "invited", now, next_check_in_on=on, now=now)
