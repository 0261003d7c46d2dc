"""What generated code calls. Each function does what python-liquid's tree does at that point, or raises.

An exception from here that is not a limit or a missing variable makes `Part` render again by python-liquid,
so errors need not be alike here: raising at the same inputs is enough.
"""

from collections.abc import Callable, Mapping, Sequence, Sized
from itertools import islice

import orjson
from liquid.context import builtin
from liquid.limits import to_int
from liquid.undefined import Undefined
from markupsafe import _escape_inner  # type: ignore[attr-defined]

from templates_registry.liquid.bounded import bounded_range, written
from templates_registry.liquid.environment import is_blank, with_line_ends
from templates_registry.liquid.limits import (
    LARGE,
    MAX_OUTPUT_BYTES,
    MAX_VALUE_LENGTH,
    MissingVariable,
    OutputTooLarge,
    charge,
    check_length,
    mark_uneven,
)

SHOWN_LARGE = 1_000
"""Characters from which an output is counted as work, so that thousands of them are small."""
UNDEFINED = Undefined("")
UNSET = object()
"""A local name not yet assigned: the lookup goes on to the fields."""

escape_inner: Callable[[str], str] = _escape_inner


def dig(value: object, segments: Sequence[object]) -> object:
    """`value` followed along `segments`, as RenderContext.get does; UNDEFINED where there is nothing."""
    try:
        for segment in segments:
            key = None if isinstance(segment, Undefined) else segment
            value = _property(value, key) if key in _PROPERTIES else _item(value, key)
    except (KeyError, TypeError, IndexError):
        return UNDEFINED
    return value


_PROPERTIES = ("size", "first", "last")


def _item(value: object, key: object) -> object:
    if isinstance(key, int) and isinstance(value, str):
        raise TypeError(key)
    return value[key]  # type: ignore[index]


def _property(value: object, key: object) -> object:
    try:
        return value[key]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        if key == "size" and isinstance(value, Sized):
            return len(value)
        if key == "first" and isinstance(value, Mapping) and value:
            return next(islice(value.items(), 1))
        if key != "size" and isinstance(value, Sequence) and not isinstance(value, str):
            return value[0 if key == "first" else -1]
        raise


def ambient(get: Callable[[str, object], object], name: str) -> object:
    """`now` or `today`, unless a field has that name."""
    value = get(name, UNSET)
    return builtin[name] if value is UNSET else value


def truthy(value: object) -> bool:
    """Liquid's truth: everything but nil, false and undefined."""
    return value is not None and value is not False and value is not UNDEFINED


def make_range(start: object, stop: object) -> range:
    """`(start..stop)`, bounded. What isn't a number counts as 0."""
    first, last = _int_or_zero(start), _int_or_zero(stop)
    return range(0) if first > last else bounded_range(range(first, last + 1))


def _int_or_zero(value: object) -> int:
    try:
        return to_int(value)
    except (ValueError, TypeError):
        return 0


def loop_items(value: object, limit: object, offset: object, backwards: bool) -> tuple[Sequence[object], int]:
    """The items that a `for` walks through, and their number as python-liquid counts it.

    `limit` and `offset` are UNSET where the tag doesn't give them; nil is an error.
    """
    items: Sequence[object] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, str):
        items = [value] if value else ()
    elif isinstance(value, Sequence):
        items = value
    length = len(items)
    start = 0 if offset is UNSET else to_int(offset)
    stop = None if limit is UNSET else to_int(limit) + start
    first, last = min(max(start, 0), length), min(stop or length, length)
    if last < 0:
        raise ValueError(last)
    chosen = items[first:last]
    return (chosen[::-1] if backwards else chosen), max(last - first, 0)


def kept(value: object) -> object:
    """`value`, small enough to be kept under a local name."""
    if isinstance(value, str) and len(value) > LARGE:
        check_length(len(value))
    return value


def join_text(pieces: Sequence[str]) -> str:
    """A capture's pieces as one string, measured first."""
    length = sum(map(len, pieces))
    if length > MAX_VALUE_LENGTH:
        check_length(length)
    return "".join(pieces)


def join_bounded(pieces: Sequence[bytes]) -> bytes:
    """Pieces of an output as one, measured first: a large value may have been shown thousands of times."""
    if sum(map(len, pieces)) > MAX_OUTPUT_BYTES:
        raise OutputTooLarge
    return b"".join(pieces)


def too_large() -> None:
    """Raise OutputTooLarge; `raise` is no expression."""
    raise OutputTooLarge


Need = Callable[[object, str], bytes]
Show = Callable[[object], bytes]


def writers(*, autoescape: bool, newline: str, json: bool) -> tuple[Show, Need]:
    """`show(value)` and `need(value, name)`: a value as output bytes; the second raises MissingVariable on a blank."""
    encoded = _as_json if json else _encoded

    def show(value: object) -> bytes:
        return encoded(written(value, autoescape), newline)

    def need(value: object, name: str) -> bytes:
        if value.__class__ is int:
            return b"%d" % value
        text = written(value, autoescape)
        if is_blank(value, text):
            raise MissingVariable(name)
        return encoded(text, newline)

    return show, need


def _encoded(text: str, newline: str) -> bytes:
    if len(text) > SHOWN_LARGE:
        charge(len(text))
        if len(text) > MAX_OUTPUT_BYTES:
            raise OutputTooLarge
    if not text.isprintable():
        mark_uneven()
    return (text if newline == "\n" else with_line_ends(text, newline)).encode()


def _as_json(text: str, newline: str) -> bytes:
    return inside_json(_encoded(text, newline).decode())


def inside_json(text: str) -> bytes:
    """What stands between the quotes of a JSON string."""
    return orjson.dumps(text)[1:-1]


def _counted(text: str) -> str:
    if len(text) > SHOWN_LARGE:
        charge(len(text))
    return text


ShowText = Callable[[object], str]
NeedText = Callable[[object, str], str]


def text_writers(*, autoescape: bool) -> tuple[ShowText, NeedText]:
    """The same for a capture's body, which stays text."""

    def show_text(value: object) -> str:
        return _counted(written(value, autoescape))

    def need_text(value: object, name: str) -> str:
        text = written(value, autoescape)
        if is_blank(value, text):
            raise MissingVariable(name)
        return _counted(text)

    return show_text, need_text
