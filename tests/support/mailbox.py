"""An SMTP server on loopback that keeps every mail it is given, and can refuse or fall silent on demand."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal, Self

Stage = Literal["connect", "hello", "auth", "mail", "recipient", "data", "accepted"]


@dataclass(frozen=True)
class Mail:
    """One mail as handed over: the envelope, and the bytes after DATA with dot-stuffing undone."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, _class=EmailMessage, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.message()["Subject"])

    @property
    def text(self) -> str:
        """The readable part, with plain line feeds."""
        part = self.message().get_body(("plain", "html"))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


class Mailbox:
    """Runs in the test's event loop. `host` and `port` say where; there is no TLS.

    Stages, in a session's order: "connect" (the greeting), "hello", "auth", "mail" (MAIL FROM), "recipient"
    (RCPT TO), "data" (before the body), "accepted" (after the body: the mail is kept, the answer is not OK).
    """

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.logins: list[tuple[str, str]] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._refusals: dict[Stage, str] = {}
        self._silent: set[Stage] = set()
        self._changed = asyncio.Condition()
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._open, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Stops listening and drops open sessions; `start` again listens on the same port."""
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def refuse(self, stage: Stage, code: int = 451, text: str = "try again later") -> None:
        """Every session is answered `code` at `stage`: 4xx is transient, 5xx permanent."""
        self._refusals[stage] = f"{code} {text}"

    def fall_silent(self, stage: Stage) -> None:
        """Every session gets no answer at `stage`; the connection stays open."""
        self._silent.add(stage)

    def recover(self) -> None:
        """Accepts mail again; sessions already silent stay so."""
        self._refusals.clear()
        self._silent.clear()

    async def received(self, count: int = 1, *, seconds: float = 5.0) -> list[Mail]:
        """All mails once there are at least `count`; `TimeoutError` after `seconds` of real time."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.mails) >= count)
        return list(self.mails)

    def _open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.ensure_future(_Session(self, reader, writer).run())
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _keep(self, mail: Mail) -> None:
        async with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()

    async def _answer_at(self, stage: Stage, usual: str) -> str:
        if stage in self._silent:
            await asyncio.get_running_loop().create_future()  # ends when the mailbox closes
        return self._refusals.get(stage, usual)


class _Session:
    """One connection: commands in, one reply line (or the EHLO list) out."""

    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._writer = writer
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        try:
            reply = await self._mailbox._answer_at("connect", "220 mailbox.test ESMTP")
            while reply:
                self._writer.write(reply.encode() + b"\r\n")
                await self._writer.drain()
                if reply.startswith(("221", "421")):
                    break
                line = await self._reader.readline()
                reply = await self._reply(line.decode().rstrip("\r\n")) if line else ""
        except ConnectionError:
            pass  # the sender gave up; what it handed over before is kept
        finally:
            self._writer.close()

    async def _reply(self, line: str) -> str:
        command, _, argument = line.partition(" ")
        match command.upper():
            case "EHLO" | "HELO" as hello:
                extensions = "250-mailbox.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN"
                return await self._at("hello", extensions if hello == "EHLO" else "250 mailbox.test")
            case "AUTH":
                return await self._at("auth", await self._log_in(argument))
            case "MAIL":
                self._sender, self._recipients = _address(argument), []
                return await self._at("mail", "250 OK")
            case "RCPT":
                return await self._recipient(argument)
            case "DATA":
                return await self._data()
            case "RSET":
                self._sender, self._recipients = None, []
                return "250 OK"
            case "NOOP":
                return "250 OK"
            case "QUIT":
                return "221 Bye"
            case _:
                return "502 Command not implemented"

    async def _at(self, stage: Stage, usual: str) -> str:
        return await self._mailbox._answer_at(stage, usual)

    async def _log_in(self, argument: str) -> str:
        mechanism, _, encoded = argument.partition(" ")
        if mechanism.upper() != "PLAIN" or not encoded:
            return "504 Only AUTH PLAIN with an initial response"
        _, user, password = base64.b64decode(encoded).decode().split("\0")
        self._mailbox.logins.append((user, password))
        return "235 OK"

    async def _recipient(self, argument: str) -> str:
        if self._sender is None:
            return "503 MAIL first"
        reply = await self._at("recipient", "250 OK")
        if reply.startswith("2"):
            self._recipients.append(_address(argument))
        return reply

    async def _data(self) -> str:
        if self._sender is None or not self._recipients:
            return "503 MAIL and RCPT first"
        go_ahead = await self._at("data", "354 End with a single dot")
        if not go_ahead.startswith("354"):
            return go_ahead
        self._writer.write(go_ahead.encode() + b"\r\n")
        raw = await self._body()
        await self._mailbox._keep(Mail(self._sender, tuple(self._recipients), raw))
        self._sender = None
        return await self._at("accepted", "250 Kept")

    async def _body(self) -> bytes:
        lines: list[bytes] = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError("ended inside the body")
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


def _address(argument: str) -> str:
    """`FROM:<ana@example.org> BODY=8BITMIME` is `ana@example.org`."""
    return argument.partition("<")[2].partition(">")[0]
