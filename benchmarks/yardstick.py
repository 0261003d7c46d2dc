"""How fast Python is here and now: the same loop in every round, so that a busy machine or a slow build shows."""

import sysconfig
import time
from statistics import median

TURNS = 200_000


def turn_nanoseconds() -> float:
    """CPU time of a turn of a loop of ordinary Python; a quiet 2026 server needs about 130."""
    begun = time.process_time()
    seen: dict[int, tuple[int, str]] = {}
    length = 0
    for number in range(TURNS):
        pair = (number, str(number))
        seen[number & 255] = pair
        length += len(pair[1])
    return (time.process_time() - begun) / TURNS * 1e9


def words(measured: list[float]) -> str:
    return (
        f"a turn of the yardstick's loop {median(measured):.0f} ns "
        f"({min(measured):.0f}–{max(measured):.0f}); Python {build()}"
    )


def build() -> str:
    """How this Python was compiled. Debian trains its builds by steps of its own, and leaves no option that says so;
    the install scheme that it adds tells its Python from others."""
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")):
        return "built with --enable-optimizations"
    if "deb_system" in sysconfig.get_scheme_names():
        return "of Debian, optimized by profile"
    return "not built with --enable-optimizations"
