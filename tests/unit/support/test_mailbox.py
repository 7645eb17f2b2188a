"""The SMTP sink, through the client library the application uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest

from tests.support.mailbox import Mailbox, Stage


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with Mailbox() as started:
        yield started


def alert(text: str = "Safety alert K7Q2: open the console.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "alerts@clinic.example"
    message["To"] = "on-call@clinic.example"
    message["Subject"] = "Safety alert K7Q2"
    message.set_content(text)
    return message


async def send(mailbox: Mailbox, message: EmailMessage | None = None, **options: Any) -> None:
    await aiosmtplib.send(
        message or alert(), hostname=mailbox.host, port=mailbox.port, start_tls=False, timeout=0.3, **options
    )


async def test_a_mail_is_kept_as_sent(mailbox: Mailbox) -> None:
    await send(mailbox)
    (mail,) = await mailbox.received()
    assert (mail.sender, mail.recipients) == ("alerts@clinic.example", ("on-call@clinic.example",))
    assert (mail.subject, mail.text) == ("Safety alert K7Q2", "Safety alert K7Q2: open the console.\n")


@pytest.mark.parametrize("text", [".\n", "..\nx\n", "señal á\n", "a" * 2000 + "\n"])
async def test_a_body_arrives_unchanged(mailbox: Mailbox, text: str) -> None:
    await send(mailbox, alert(text))
    assert (await mailbox.received())[0].text == text


async def test_a_login_is_recorded(mailbox: Mailbox) -> None:
    await send(mailbox, username="evenkeel", password="relay secret")
    assert mailbox.logins == [("evenkeel", "relay secret")]


@pytest.mark.parametrize(
    ("stage", "kept"),
    [("connect", 0), ("hello", 0), ("mail", 0), ("recipient", 0), ("data", 0), ("accepted", 1)],
)
async def test_a_refusal_is_seen_by_the_sender_until_recovery(
    mailbox: Mailbox, stage: Stage, kept: int
) -> None:
    mailbox.refuse(stage, 554, "not today")
    with pytest.raises(aiosmtplib.SMTPException):
        await send(mailbox)
    assert len(mailbox.mails) == kept
    mailbox.recover()
    await send(mailbox)
    assert len(await mailbox.received(kept + 1)) == kept + 1


@pytest.mark.parametrize(
    ("stage", "kept"),
    [("connect", 0), ("hello", 0), ("mail", 0), ("recipient", 0), ("data", 0), ("accepted", 1)],
)
async def test_silence_runs_into_the_senders_deadline(mailbox: Mailbox, stage: Stage, kept: int) -> None:
    mailbox.fall_silent(stage)
    with pytest.raises((aiosmtplib.SMTPException, TimeoutError)):
        await send(mailbox)
    assert len(mailbox.mails) == kept


async def test_a_closed_mailbox_refuses_connections_and_reopens_at_its_port(mailbox: Mailbox) -> None:
    await mailbox.close()
    with pytest.raises(aiosmtplib.SMTPException):
        await send(mailbox)
    await mailbox.start()
    await send(mailbox)
    assert len(mailbox.mails) == 1


async def test_waiting_for_mail_that_does_not_come_ends(mailbox: Mailbox) -> None:
    with pytest.raises(TimeoutError):
        await mailbox.received(seconds=0.05)
