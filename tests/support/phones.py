"""A phone in a test's hand. What it received is what the provider's own ledger says; nothing else counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.provider_client import Sent

if TYPE_CHECKING:
    from tests.support.clinic import Clinic


@dataclass
class Phone:
    """`number` in E.164. Texts are claimed in order by `receives`; one nobody claimed fails the test at its end."""

    clinic: Clinic
    number: str
    claimed: int = 0
    transcript: list[str] = field(default_factory=list)

    async def texts(self) -> list[Sent]:
        """Every text the provider took for this number, the provider's own doubles left out."""
        return [text for text in await self.clinic.provider.sent(self.number) if text.duplicate_of is None]

    async def unclaimed(self) -> list[str]:
        return [text.body for text in (await self.texts())[self.claimed :]]

    async def receives(self, *words: str) -> str:
        """The next text holds all of these words; gives its body."""
        await self.clinic.ticks()
        waiting = await self.unclaimed()
        assert waiting, f"expected a text with {words}, and none came"
        body = waiting[0]
        missing = [word for word in words if word not in body]
        assert not missing, f"expected {missing} in: {body!r}"
        self.claimed += 1
        self.transcript.append(f"< {body}")
        return body

    async def receives_nothing(self) -> None:
        await self.clinic.ticks()
        assert await self.unclaimed() == []

    async def receives_nothing_for(self, **span: float) -> None:
        """Time passes, the clinic does what falls due, and nothing comes."""
        await self.clinic.passes(**span)
        assert await self.unclaimed() == []

    async def texts_us(self, body: str, *, after_s: float = 30, **options: Any) -> int | str | None:
        """Sends a text, `after_s` seconds from now, to the clinic's number. Gives what our webhook answered; due work
        is left for later."""
        await self.clinic.passes(seconds=after_s, work=False)
        self.transcript.append(f"> {body}")
        return await self.clinic.provider.receive_inbound(self.number, self.clinic.number, body, **options)

    async def replies(self, body: str, *, after_s: float = 30, **options: Any) -> None:
        """A text that our webhook must take, and what is due after it."""
        answer = await self.texts_us(body, after_s=after_s, **options)
        assert answer == 204, f"our webhook answered {answer}"
        await self.clinic.ticks()

    async def answers(self, *bodies: str) -> None:
        """Each of these in turn to one question each; the last one's reply is left to claim."""
        for body in bodies[:-1]:
            await self.replies(body)
            await self.receives(" of ")
        await self.replies(bodies[-1])
