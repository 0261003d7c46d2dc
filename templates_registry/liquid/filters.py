"""python-liquid's own filters, with bounds on what they make, checked before it is made where that can be told."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import count
from typing import Any

from liquid import Environment, Markup
from liquid.undefined import Undefined

from templates_registry.liquid.limits import (
    DATE_WORK,
    LARGE,
    MAX_DATE_LENGTH,
    MAX_INTEGER_BITS,
    MAX_NESTED,
    MAX_UNIQ_ITEMS,
    LimitExceeded,
    charge,
    check_items,
    check_length,
    look_at_clock,
)

Filter = Callable[..., Any]
Guard = Callable[..., None]
CLOCKED_LENGTH = 1_000
"""Characters of a string from which a filter is worth a look at the clock; others get one now and then."""
_calls: Callable[[], int] = count().__next__


def bound_filters(env: Environment) -> None:
    """Replace the filters of `env` that can make much out of little."""
    for name, func in env.filters.items():
        env.filters[name] = _bounded(func, GUARDS.get(name, _any_value))


def _bounded(func: Filter, guard: Guard) -> Filter:
    @functools.wraps(func)
    def bounded(left: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not _calls() & 7 or _may_take_long(left):
            look_at_clock()
        guard(left, *(_in_order(func, left, args, kwargs) if kwargs else args))
        result = func(left, *args, **kwargs)
        if result.__class__ is not int:
            _check_result(result)
        return result

    return bounded


def _may_take_long(value: Any) -> bool:
    kind = value.__class__
    return len(value) > CLOCKED_LENGTH if kind is str or kind is Markup else kind is list or kind is dict


def _in_order(func: Filter, left: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    # A guard must see an argument that is given by name, too. What doesn't fit is refused by the filter itself.
    try:
        bound = inspect.signature(func).bind(left, *args, **{"environment": None, **kwargs})
    except TypeError:
        try:
            bound = inspect.signature(func).bind(left, *args, **kwargs)
        except TypeError:
            return (*args, *kwargs.values())
    return tuple(value for name, value in list(bound.arguments.items())[1:] if name != "environment")


def _check_result(result: object) -> None:
    if isinstance(result, str):
        if len(result) > LARGE:
            check_length(len(result))
    elif isinstance(result, list) and len(result) > 100:
        check_items(len(result))


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    # What str() of it may take; a list is measured by its items, not made into a string to find out.
    if isinstance(value, list | tuple | dict | range):
        check_items(len(value))
        return sum(_length(item) + 4 for item in _inside(value)) if not isinstance(value, range) else 8 * len(value)
    return 32


def _inside(value: Any) -> Iterator[Any]:
    """What a list or an object holds, names included."""
    yield from value
    if isinstance(value, dict):
        yield from value.values()


def _nested(value: object) -> int:
    """How many values there are in it, at any depth."""
    if not isinstance(value, list | tuple | dict):
        return 1
    return len(value) + sum(map(_nested, _inside(value)))


def _any_value(left: object, *args: object) -> None:
    if isinstance(left, str):
        if len(left) > LARGE:
            check_length(len(left))
    elif isinstance(left, list | tuple | range) and len(left) > 100:
        check_items(len(left))


def _sum_of_lengths(left: object, *args: object) -> None:
    check_length(_length(left) + sum(map(_length, args)))


def _replaced(left: object, *args: object) -> None:
    if len(args) != 2 or isinstance(left, Undefined):
        return
    check_length(sum(_length(value) for value in (left, *args) if not isinstance(value, str)))
    text, old, new = (value if isinstance(value, str) else str(value) for value in (left, *args))
    if len(new) > len(old):
        check_length(len(text) + text.count(old) * (len(new) - len(old)))
    else:
        check_length(len(text))


def _joined(left: object, *args: object) -> None:
    separator = _length(args[0]) if args else 1
    if isinstance(left, list | tuple | range):
        check_items(len(left))
        check_length(_length(left) + separator * len(left))
    else:
        _any_value(left)


def _split(left: object, *args: object) -> None:
    if isinstance(left, str):
        separator = args[0] if args else None
        parts = left.count(separator) + 1 if isinstance(separator, str) and separator else len(left)
        check_items(parts if separator != " " else len(left.split()))


def _concatenated(left: object, *args: object) -> None:
    both = [value for value in (left, *args) if isinstance(value, Sized) and not isinstance(value, str)]
    check_items(sum(map(len, both)))
    nested = sum(map(_nested, both))
    if nested > MAX_NESTED:
        raise LimitExceeded(f"A list would hold {nested:,} values, nested ones included; the limit is {MAX_NESTED:,}.")
    # What is doubled again and again would be taken apart, or written out, by a single filter.
    check_length(sum(map(_length, both)))


def _uniq(left: object, *args: object) -> None:
    if isinstance(left, list | tuple | range) and len(left) > MAX_UNIQ_ITEMS:
        raise LimitExceeded(f"uniq takes at most {MAX_UNIQ_ITEMS:,} items; this has {len(left):,}.")


def _arithmetic(left: object, *args: object) -> None:
    if sum(_bits(value) for value in (left, *args)) > MAX_INTEGER_BITS:
        raise LimitExceeded("A number has too many digits.")


def _bits(value: object) -> int:
    if isinstance(value, str):
        return len(value) * 4 if len(value) > 100 else 0
    return value.bit_length() if isinstance(value, int) else 0


def _date(left: object, *args: object) -> None:
    charge(DATE_WORK)
    if any(isinstance(value, str) and len(value) > MAX_DATE_LENGTH for value in (left, *args)):
        raise LimitExceeded(f"A date and its format have at most {MAX_DATE_LENGTH} characters each.")


def _by_key(left: object, *args: object) -> None:
    _any_value(left)
    # where, find and the like look for a substring in each item that is a string.
    if isinstance(left, Iterable) and args and isinstance(args[0], str) and not isinstance(left, str):
        charge(sum(len(item) for item in left if isinstance(item, str)))


GUARDS: dict[str, Guard] = {
    "append": _sum_of_lengths,
    "prepend": _sum_of_lengths,
    "truncate": _sum_of_lengths,
    "truncatewords": _sum_of_lengths,
    "replace": _replaced,
    "replace_first": _sum_of_lengths,
    "replace_last": _sum_of_lengths,
    "join": _joined,
    "split": _split,
    "concat": _concatenated,
    "uniq": _uniq,
    "plus": _arithmetic,
    "minus": _arithmetic,
    "times": _arithmetic,
    "date": _date,
    **dict.fromkeys(("map", "where", "reject", "find", "find_index", "has"), _by_key),
}
