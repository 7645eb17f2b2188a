"""E-mail to staff through a plain SMTP relay: the channel that doesn't fail together with the text provider."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Literal, Protocol

import aiosmtplib

from messaging.delivery.outcomes import Accepted, NotSent, Outcome, Rejected, Unknown

DEADLINE_S = 10.0


class Mailer(Protocol):
    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome: ...

    async def answers(self) -> bool:
        """Whether the relay greets us now; sends nothing."""


class SmtpMailer:
    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        user: str | None = None,
        password: str | None = None,
        security: Literal["starttls", "tls", "none"] = "starttls",
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._user = user
        self._password = password
        self._security = security
        self._deadline_s = deadline_s

    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Message-ID"] = f"<{message_id}@evenkeel>"
        message.set_content(body)
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                start_tls=self._security == "starttls",
                use_tls=self._security == "tls",
                timeout=self._deadline_s,
            )
        except aiosmtplib.SMTPConnectError:
            return NotSent()
        except aiosmtplib.SMTPResponseException as error:
            # 4xx of SMTP is "try again later", 5xx is final.
            return NotSent() if error.code < 500 else Rejected(400)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _recipient_refused(error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            return Unknown()
        return Accepted(f"mail-{message_id}", "sent")

    async def answers(self) -> bool:
        relay = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            start_tls=self._security == "starttls",
            use_tls=self._security == "tls",
            timeout=self._deadline_s,
        )
        try:
            async with relay:
                return True
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            return False


def _recipient_refused(error: aiosmtplib.SMTPRecipientsRefused) -> Outcome:
    """4xx: later (greylisting, RFC 5321 4.2.1). 5xx is final, and about the address unless the relay says that it is a
    matter of policy (RFC 3463, x.7.x), such as "relaying denied", which is about us."""
    if all(one.code < 500 for one in error.recipients):
        return NotSent()
    return Rejected(400, bad_address=not any(one.message.startswith("5.7.") for one in error.recipients))


class NoMailer:
    """Without a relay every e-mail is refused, which the alert's own rules then handle and the doctor names."""

    async def send(self, to: str, subject: str, body: str, message_id: str) -> Outcome:
        return Rejected(400)

    async def answers(self) -> bool:
        return False
