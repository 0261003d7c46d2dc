"""The reference: ready messages, pipelined to the receiver by plain sockets, with nothing recorded anywhere.

No Django and no product code on the way: it shows what the socket calls alone cost in Python.
"""

import multiprocessing
import select
import socket
import time
from collections.abc import Iterator
from itertools import cycle, islice
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.contacts import contact
from templates_registry.liquid import compile_part

PREPARED = 1_000
CONNECTIONS = 4
REPLIES = 4
_ENVELOPE = b"MAIL FROM:<news@example.test>\r\nRCPT TO:<%b>\r\nDATA\r\n"
_END = b".\r\n"
_HEADERS = """\
From: News <news@example.test>\r
To: {to}\r
Subject: Hello {name}\r
Date: Mon, 23 Nov 2026 08:00:00 +0000\r
Message-ID: <{number}.bare@example.test>\r
MIME-Version: 1.0\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
List-Unsubscribe: <https://example.test/u/{number:043x}>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
\r
"""


class Ready(NamedTuple):
    """The commands that open a transaction, and the body that follows the invitation."""

    envelope: bytes
    body: bytes


class Sent(NamedTuple):
    rate: float
    cpu: float


def ready_messages(count: int, template: str) -> list[Ready]:
    part = compile_part(template, escape="html", newline="\r\n")
    return [_ready(number, part.render(_fields(number))) for number in range(1, count + 1)]


def _fields(number: int) -> dict[str, object]:
    attributes = contact(number)["attributes"]
    assert isinstance(attributes, dict)
    return {**attributes, "unsubscribe_url": f"https://example.test/u/{number:043x}"}


def _ready(number: int, body: bytes) -> Ready:
    to = str(contact(number)["email"])
    headers = _HEADERS.format(to=to, name=_fields(number)["first_name"], number=number)
    return Ready(_ENVELOPE % to.encode(), headers.encode() + body.replace(b"\r\n.", b"\r\n..") + b"\r\n" + _END)


def open_connection(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.recv(4096)
    connection.sendall(b"EHLO bench\r\n")
    connection.recv(4096)
    return connection


class Pipeline:
    """One connection: one write and one read a message."""

    def __init__(self, connection: socket.socket, messages: Iterator[Ready]) -> None:
        self.connection = connection
        self._messages = messages
        self._body = b""
        self._replies = 0
        self._expected = 0
        self.proceed()

    def receive(self) -> bool:
        """Takes what has arrived; False once everything is answered. Raises RuntimeError for a refusal."""
        replies = self.connection.recv(8192)
        self._replies += replies.count(b"\n")
        if self._replies < self._expected:
            return True
        if not replies.startswith(b"2") and not replies.startswith(b"354"):
            raise RuntimeError(replies.decode())
        return self.proceed()

    def proceed(self) -> bool:
        following = next(self._messages, None)
        ended, self._body, self._replies = self._body, b"", 0
        if following is None:
            self._expected = 1
            if ended:
                self.connection.sendall(ended)
            return bool(ended)
        self._expected = REPLIES if ended else REPLIES - 1
        self._body = following.body
        self.connection.sendall(ended + following.envelope)
        return True


def send(port: int, count: int, messages: list[Ready]) -> None:
    feed = islice(cycle(messages), count)
    poller = select.epoll()
    open_pipelines = {}
    for _ in range(CONNECTIONS):
        pipeline = Pipeline(open_connection(port), feed)
        open_pipelines[pipeline.connection.fileno()] = pipeline
        poller.register(pipeline.connection, select.EPOLLIN)
    while open_pipelines:
        for descriptor, _event in poller.poll():
            if not open_pipelines[descriptor].receive():
                poller.unregister(descriptor)
                open_pipelines.pop(descriptor).connection.close()
    poller.close()


def _child(port: int, count: int, template: str, pipe: Connection) -> None:
    messages = ready_messages(PREPARED, template)
    pipe.send("ready")
    pipe.recv()
    cpu = time.process_time()
    send(port, count, messages)
    pipe.send(time.process_time() - cpu)


def measure(port: int, count: int, template: str, *, processes: int) -> Sent:
    """`cpu` is in microseconds a message; the rate is that of all processes together."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    children = []
    for _ in range(processes):
        ours, theirs = context.Pipe()
        child = context.Process(target=_child, args=(port, count // processes, template, theirs))
        child.start()
        pipes.append(ours)
        children.append(child)
    for pipe in pipes:
        pipe.recv()
    begun = time.monotonic()
    for pipe in pipes:
        pipe.send("go")
    cpu = sum(pipe.recv() for pipe in pipes)
    seconds = time.monotonic() - begun
    for child in children:
        child.join()
    return Sent(count / seconds, cpu / count * 1e6)
