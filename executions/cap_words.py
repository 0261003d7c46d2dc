"""A frequency cap in words: `2 email in 24 h`."""

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
