"""Quiet hours in words, and the words that they may be given in."""

import re
from collections.abc import Iterable, Sequence

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])\Z", re.ASCII)


def read_clock(text: str) -> int | None:
    """Minutes after midnight, from `22:00` or `8:30`; 24:00 is midnight. None for anything else."""
    found = _CLOCK.match(text.strip())
    if found is None:
        return None
    minutes = int(found[1]) * 60 + int(found[2])
    return minutes % 1440 if minutes <= 1440 else None


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day_names(days: Iterable[int]) -> list[str]:
    return [DAY_NAMES[day - 1] for day in sorted(days)]


def describe(*, type: str, starts: int, ends: int, days: Sequence[int], policy: str) -> str:
    when = f"{clock(starts)} to {clock(ends)}"
    on = "" if len(days) == len(DAY_NAMES) else " on " + ", ".join(name[:3].title() for name in day_names(days))
    return f"{policy} {type or 'any type'} {when}{on}"
