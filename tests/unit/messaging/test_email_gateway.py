"""What a relay's refusal says: of the address, of us, or only of the moment."""

from __future__ import annotations

import pytest

from messaging.delivery.outcomes import NotSent, Outcome, Rejected
from messaging.gateways.email import SmtpMailer
from tests.support.mailbox import Mailbox, Stage


@pytest.mark.parametrize(
    ("stage", "code", "text", "outcome"),
    [
        ("recipient", 450, "4.2.0 greylisted", NotSent()),
        ("recipient", 550, "5.1.1 unknown user", Rejected(400, bad_address=True)),
        ("recipient", 554, "5.7.1 relay access denied", Rejected(400)),
        ("mail", 550, "5.1.8 sender refused", Rejected(400)),
    ],
)
async def test_only_an_address_that_is_refused_for_good_is_a_bad_one(
    stage: Stage, code: int, text: str, outcome: Outcome
) -> None:
    async with Mailbox() as mailbox:
        mailbox.refuse(stage, code, text)
        mailer = SmtpMailer(mailbox.host, mailbox.port, "care@harbor.example", security="none")
        assert await mailer.send("ana@example.org", "Harbor", "A link", "1") == outcome
