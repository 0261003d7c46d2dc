"""CPU time of processes, with what their children used, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold anything. Raises FileNotFoundError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def parent_of(pid: int) -> int:
    return int(stat_fields(pid)[1])


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


def descendants_of(pid: int) -> list[int]:
    found: list[int] = []
    for child in children_of(pid):
        try:
            found += [child, *descendants_of(child)]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all its children, the ended ones too."""
    ended_children = _ticks(pid, 11, 15)
    return (ended_children + sum(_ticks(child, 11, 15) for child in descendants_of(pid))) / _TICKS


def _ticks(pid: int, first: int, last: int) -> int:
    """utime, stime and, of children that ended, cutime and cstime; 0 for a process that has just ended."""
    try:
        return sum(map(int, stat_fields(pid)[first:last]))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def resident_peak_mb(pid: int) -> float:
    """The most memory the process ever had resident."""
    return _status_kb(pid, "VmHWM:") / 1024


def resident_mb(pid: int) -> float:
    return _status_kb(pid, "VmRSS:") / 1024


def _status_kb(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
