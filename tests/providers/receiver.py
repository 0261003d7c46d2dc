"""An SMTP server that follows the RFC to the letter, except where a test's script says otherwise."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum


class Act(Enum):
    CLOSE = "close in peace"
    RESET = "close with RST"
    SILENCE = "never answer"


Reply = str | Act
Script = Callable[[str, str, int], Reply | None]

PLAIN = ("8BITMIME",)
PIPELINED = ("8BITMIME", "PIPELINING")
CHUNKED = ("8BITMIME", "PIPELINING", "CHUNKING")


@dataclass(frozen=True)
class Accepted:
    sender: str
    recipients: tuple[str, ...]
    payload: bytes
    parameters: str


@dataclass
class Receiver:
    """`script(verb, argument, n)` answers the n-th (from 1) command of its verb, or None for the usual reply.

    Verbs are the protocol's own, and GREET, END (of DATA's message) and BDAT after its octets.
    """

    extensions: tuple[str, ...] = PIPELINED
    script: Script = lambda verb, argument, n: None
    piecemeal: bool = False
    accepted: list[Accepted] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    groups: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def recipients(self) -> list[str]:
        return [recipient for message in self.accepted for recipient in message.recipients]

    @contextlib.asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        talks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = asyncio.current_task()
            assert talk is not None
            talks.add(talk)
            try:
                await _Conversation(self, reader, writer).run()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                talks.discard(talk)
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for talk in list(talks):
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)


class _Hangup(ConnectionError):
    pass


class _Conversation:
    def __init__(self, receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.receiver, self.reader, self.writer = receiver, reader, writer
        self.sender: str | None = None
        self.parameters = ""
        self.recipients: list[str] = []

    async def run(self) -> None:
        await self.answer("GREET", "", "220 receiver ready")
        while line := await self.reader.readline():
            verb, _, argument = line.decode().rstrip("\r\n").partition(" ")
            await getattr(self, f"on_{verb.lower()}", self.on_unknown)(argument)

    async def answer(self, verb: str, argument: str, usual: str) -> str:
        self.receiver.seen[verb] += 1
        scripted = self.receiver.script(verb, argument, self.receiver.seen[verb])
        reply = usual if scripted is None else scripted
        if isinstance(reply, Act):
            await self.act(reply)
            raise _Hangup
        await self.say(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise _Hangup
        return reply

    async def say(self, octets: bytes) -> None:
        pieces = [octets[i : i + 1] for i in range(len(octets))] if self.receiver.piecemeal else [octets]
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def act(self, act: Act) -> None:
        if act is Act.SILENCE:
            await asyncio.Event().wait()
        if act is Act.RESET:
            connection = self.writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def on_ehlo(self, argument: str) -> None:
        lines = ["receiver", *self.receiver.extensions]
        await self.answer("EHLO", argument, "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def on_helo(self, argument: str) -> None:
        await self.answer("HELO", argument, "250 receiver")

    async def on_rset(self, argument: str) -> None:
        self.forget()
        await self.answer("RSET", argument, "250 2.0.0 reset")

    async def on_quit(self, argument: str) -> None:
        await self.answer("QUIT", argument, "221 2.0.0 bye")
        raise _Hangup

    async def on_mail(self, argument: str) -> None:
        nested = self.sender is not None
        reply = await self.answer("MAIL", argument, "503 5.5.1 nested MAIL" if nested else "250 2.1.0 sender ok")
        if reply.startswith("250"):
            path, _, self.parameters = argument.partition("> ")
            self.sender = path.removeprefix("FROM:<").rstrip(">")

    async def on_rcpt(self, argument: str) -> None:
        usual = "503 5.5.1 MAIL first" if self.sender is None else "250 2.1.5 recipient ok"
        if (await self.answer("RCPT", argument, usual)).startswith("250"):
            self.recipients.append(argument.removeprefix("TO:<").rstrip(">"))

    async def on_data(self, argument: str) -> None:
        reply = await self.answer("DATA", argument, "354 go ahead" if self.recipients else "554 5.5.1 no recipients")
        if reply.startswith("354"):
            payload = await self.payload()
            usual = "250 2.0.0 queued" if self.recipients else "554 5.5.1 no recipients"
            await self.end("END", payload.replace(b"\r\n..", b"\r\n."), usual)

    async def payload(self) -> bytes:
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                raise _Hangup
            lines.append(line)
        return b"".join(lines)

    async def on_bdat(self, argument: str) -> None:
        size, _, last = argument.partition(" ")
        assert last == "LAST"
        payload = await self.reader.readexactly(int(size))
        await self.end("BDAT", payload, "250 2.0.0 queued" if self.recipients else "503 5.5.1 no recipients")

    async def end(self, verb: str, payload: bytes, usual: str) -> None:
        done = Accepted(self.sender or "", tuple(self.recipients), payload, self.parameters)
        argument = ",".join(self.recipients)
        self.forget()
        self.receiver.seen[verb] += 1
        scripted = self.receiver.script(verb, argument, self.receiver.seen[verb])
        reply = usual if scripted is None else scripted
        if isinstance(reply, Act):
            if done.recipients:
                self.receiver.accepted.append(done)  # whether it took the message nobody else can know
            await self.act(reply)
            raise _Hangup
        if reply.startswith("250"):
            self.receiver.accepted.append(done)
        await self.say(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise _Hangup

    async def on_unknown(self, argument: str) -> None:
        await self.answer("?", argument, "502 5.5.2 unknown command")

    def forget(self) -> None:
        self.sender, self.parameters, self.recipients = None, "", []
