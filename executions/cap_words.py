"""A frequency cap in words: `2 email in 24 h`; and the words that a window may be given in."""

import re

_UNITS = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def _window(seconds: int) -> str:
    if seconds == 86400:
        return "24 h"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def describe(*, maximum: int, type: str, tag: str, window_seconds: int) -> str:
    what = type or "messages"
    tagged = f" tagged {tag}" if tag else ""
    return f"{maximum} {what}{tagged} in {_window(window_seconds)}"


_WORDS = re.compile(r"([0-9]{1,9}) ?([a-z]+)\Z")
_SECONDS = {
    1: ("s", "sec", "second", "seconds"),
    60: ("m", "min", "minute", "minutes"),
    3600: ("h", "hour", "hours"),
    86400: ("d", "day", "days"),
    604800: ("w", "week", "weeks"),
}
_UNIT_SECONDS = {word: seconds for seconds, words in _SECONDS.items() for word in words}


def read_window(given: int | str) -> int | None:
    """Seconds, from seconds or from words such as `24h`, `7 days`, `90 min`; None for anything else."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    found = _WORDS.match(given.strip().lower())
    if found is None or found[2] not in _UNIT_SECONDS:
        return None
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def short_window(seconds: int) -> str:
    """The words that the API answers: `24h`, `7d`, `90m`; `read_window` reads them back."""
    if seconds == 86400:
        return "24h"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit[0]}"
