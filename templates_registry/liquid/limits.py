"""What a template may cost, and the errors that say so.

Templates are hostile input. Limits on the syntax tree are checked when a template is saved (`check`),
limits on values while it renders, and CPU and memory by running the first render in a child (`child`).
"""

import threading
import time
from collections.abc import Iterable, Iterator

MAX_SOURCE_BYTES = 500_000
MAX_OUTPUT_BYTES = 1_000_000
MAX_VALUE_LENGTH = 1_000_000
"""Characters of a string that a filter, an assign or a capture may make."""
MAX_ITEMS = 10_000
"""Items of a list or range that a filter or an expression may make."""
MAX_ITERATIONS = 10_000
"""Loop turns of one render, all loops together."""
MAX_WORK = 20_000_000
"""Characters that filters and outputs of large values may handle in one render."""
ITEM_WORK = 20
"""What an item of a list counts as, in characters of work."""
DATE_WORK = 20_000
MAX_CPU_SECONDS = 1.0
"""CPU time of one render, from the first step on that may take long: not wall time, which a stopped or crowded machine
takes without our doing."""
MAX_NESTED = 50_000
"""Values in a list that `concat` makes, those in lists and objects inside it among them."""
MAX_INTEGER_BITS = 4_096
MAX_UNIQ_ITEMS = 1_000
MAX_DATE_LENGTH = 200
LARGE = 4_096
"""Characters from which a value is counted as work."""

MAX_TAG_LENGTH = 5_000
MAX_TAG_SPACE = 100
"""White space in a row inside a tag; the lexer's time grows with its square."""
MAX_BLOCK_DEPTH = 20
MAX_LOOP_DEPTH = 4
MAX_LOOP_NODES = 300
MAX_NODES = 5_000
MAX_TAGS = 10_000
"""Openings of tags and outputs in a source, counted before it is parsed."""
MAX_FILTERS = 15
MAX_CHOICES = 500
MAX_EXPRESSION_DEPTH = 30
MAX_VARIABLES = 200


class TemplateError(Exception):
    """A template that can't be used, or that failed while rendering. The message is for its author."""


class RenderError(TemplateError):
    """Rendering failed, as it would in python-liquid; that error is the `__cause__`.

    `line` counts from 1, None where it isn't known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"Line {line}: {message}")
        self.line = line


class SourceRefused(RenderError):
    """A source that the parser would take very long over. `code` and `hint` as in a Problem."""

    def __init__(self, message: str, *, line: int, code: str, hint: str) -> None:
        super().__init__(message, line)
        self.message = message
        self.code = code
        self.hint = hint


class MissingVariable(Exception):
    """An output reached while rendering gave nothing to show, and has no default. Skips the recipient."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LimitExceeded(TemplateError):
    """A limit of this module was passed while rendering."""


class OutputTooLarge(LimitExceeded):
    """The rendered text, or a piece of it, is larger than `MAX_OUTPUT_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"The output is larger than {MAX_OUTPUT_BYTES:,} bytes.")


class Meter(threading.local):
    """What this thread's render has cost so far."""

    used = False
    spent = 0
    stop_at = 0.0
    uneven = False
    """A value was shown that has line ends or other control characters."""

    def reset(self) -> None:
        """Start counting one render. One flag is read, as most renders cost nothing."""
        if self.used:
            self.used = self.uneven = False
            self.spent = 0
            self.stop_at = 0.0


_meter = Meter()
reset_work = _meter.reset


def mark_uneven() -> None:
    """What this thread renders has line ends that the template's text does not tell of."""
    _meter.used = _meter.uneven = True


def was_uneven() -> bool:
    """Whether the last render of this thread was marked."""
    return _meter.uneven


def look_at_clock() -> None:
    """To be called before what may take long. Raises LimitExceeded once the CPU time of a render is spent."""
    now = time.thread_time()
    if not _meter.stop_at:
        _meter.used = True
        _meter.stop_at = now + MAX_CPU_SECONDS
    if now > _meter.stop_at:
        raise LimitExceeded(f"The template took longer than {MAX_CPU_SECONDS:g} s.")


def paced[Item](items: Iterable[Item]) -> Iterator[Item]:
    """`items`, as long as the thread has CPU time left for this render. Raises LimitExceeded."""
    for index, item in enumerate(items):
        if not index & 15:
            look_at_clock()
        yield item


def charge(length: int) -> None:
    """Count `length` characters of work. Raises LimitExceeded."""
    _meter.used = True
    _meter.spent += length
    if _meter.spent > MAX_WORK:
        raise LimitExceeded(f"The template handled more than {MAX_WORK:,} characters of text.")


def check_length(length: int) -> None:
    """Refuse a string of more than `MAX_VALUE_LENGTH` characters, and count a large one as work."""
    if length > MAX_VALUE_LENGTH:
        raise LimitExceeded(f"A value would be {length:,} characters long; the limit is {MAX_VALUE_LENGTH:,}.")
    if length > LARGE:
        charge(length)


def check_items(count: int) -> None:
    """Refuse a list or range of more than `MAX_ITEMS` items."""
    if count > MAX_ITEMS:
        raise LimitExceeded(f"A list or range would have {count:,} items; the limit is {MAX_ITEMS:,}.")
    charge(count * ITEM_WORK)


def check_iterations(count: int) -> None:
    """Refuse more than `MAX_ITERATIONS` loop turns in one render."""
    if count > MAX_ITERATIONS:
        raise LimitExceeded(f"Loops would turn {count:,} times; the limit is {MAX_ITERATIONS:,} for one message.")
