"""Where generated code puts what it makes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

Branch = Callable[[str], AbstractContextManager["Sink"]]


class Source:
    """Lines of Python, indented by block."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str) -> None:
        """Write one statement."""
        self._lines.append(" " * self._depth + text)

    @contextlib.contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write `head` and, inside it, what the caller writes; `pass` where that is nothing."""
        self.line(head)
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines) + "\n"


class Writer(Protocol):
    """What sinks need of the compiler."""

    source: Source

    def literal(self, text: str) -> str: ...

    def joined(self, pieces: list[str]) -> str: ...

    def temporary(self) -> str: ...


class Sink(Protocol):
    """Takes literals, and names of variables that hold a piece of output."""

    def literal(self, text: str) -> None: ...

    def piece(self, name: str) -> None: ...

    def branches(self, writer: Writer) -> AbstractContextManager[Branch]: ...


class Silent:
    """Drops output: blocks that are run for their effects only."""

    def literal(self, text: str) -> None:
        """Drop it."""

    def piece(self, name: str) -> None:
        """Drop it."""

    @contextlib.contextmanager
    def branches(self, writer: Writer) -> Iterator[Branch]:
        """Branches that drop theirs too."""

        @contextlib.contextmanager
        def branch(head: str) -> Iterator[Sink]:
            with writer.source.block(head):
                yield self

        yield branch


class Joined:
    """Collects pieces at compile time, neighbouring literals as one, for a single join."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._pieces: list[str] = []
        self._text = ""

    def literal(self, text: str) -> None:
        """Add constant text."""
        self._text += text

    def piece(self, name: str) -> None:
        """Add the value of a variable."""
        self._flush()
        self._pieces.append(name)

    def _flush(self) -> None:
        if self._text:
            self._pieces.append(self._writer.literal(self._text))
            self._text = ""

    def names(self) -> list[str]:
        """All pieces, in order: constants and variables."""
        self._flush()
        return self._pieces

    def source(self) -> str:
        """Python source of all pieces as one."""
        return self._writer.joined(self.names())

    @contextlib.contextmanager
    def branches(self, writer: Writer) -> Iterator[Branch]:
        """Branches that each set one variable, a piece of this sink. The caller's last branch is the `else`."""
        variable = writer.temporary()

        @contextlib.contextmanager
        def branch(head: str) -> Iterator[Sink]:
            inner = Joined(writer)
            with writer.source.block(head):
                yield inner
                writer.source.line(f"{variable} = {inner.source()}")

        yield branch
        self.piece(variable)


class Appended:
    """Appends each piece to a list at run time: turns of a loop that may be left half-way."""

    def __init__(self, writer: Writer, pieces: str, size: str) -> None:
        self._writer = writer
        self._pieces = pieces
        self._size = size

    def literal(self, text: str) -> None:
        """Append constant text."""
        if text:
            self.piece(self._writer.literal(text))

    def piece(self, name: str) -> None:
        """Append the value of a variable, counting its length."""
        self._writer.source.line(f"{self._pieces}.append({name}); {self._size} += len({name})")

    @contextlib.contextmanager
    def branches(self, writer: Writer) -> Iterator[Branch]:
        """Branches that append to the same list."""

        @contextlib.contextmanager
        def branch(head: str) -> Iterator[Sink]:
            with writer.source.block(head):
                yield self

        yield branch
