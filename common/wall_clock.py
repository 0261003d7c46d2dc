"""What a clock on a wall shows, and the instant that this is in a zone. Pure.

Twice a year a zone's clocks are put forward or back. A time that they skip is read with the offset that held before,
so it comes as much later as the gap is long (RFC 5545, section 3.3.5): 02:30 in Berlin on 29 March 2026 is 03:30. A
time that they show twice is the first of the two (PEP 495, `fold=0`). PostgreSQL's `AT TIME ZONE` agrees about the
gap, and takes the second of the two: so instants are computed here, and nowhere by SQL.
"""

from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# Their clocks are the first and the last in the world to show a time.
EARLIEST_ZONE, LATEST_ZONE = "Pacific/Kiritimati", "Etc/GMT+12"
_NEAR = 3
# In folders of zones, but no place's: the first is whatever the machine is set to, the second says that it is set to
# none, the third is what POSIX rules are read by.
_NO_PLACES = {"localtime", "Factory", "posixrules"}


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """`wall` is naive; the answer is in UTC. Raises OverflowError at the ends of the calendar."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def wall_of(instant: datetime, zone: tzinfo) -> datetime:
    """What the zone's clocks show then: naive."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def zone_named(name: str) -> ZoneInfo | None:
    """None for a name that the time zone database does not have."""
    return _zone(name) if name in zone_names() else None


@cache
def _zone(name: str) -> ZoneInfo:
    """Kept: a plan asks for all of them, and each is a file."""
    return ZoneInfo(name)


def zone_or_utc(name: str) -> ZoneInfo:
    """For names that were stored when the database of zones had them."""
    return zone_named(name) or ZoneInfo("UTC")


@cache
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


def near_names(name: str) -> list[str]:
    """The names that somebody may have meant: by their last part too, since people write "Berlin"."""
    wanted = name[:100].strip().replace(" ", "_").lower()
    lowered = {known.lower(): known for known in zone_names()}
    parts = {known.rpartition("/")[2].lower(): known for known in sorted(zone_names())}
    found = [lowered[one] for one in get_close_matches(wanted, lowered, n=_NEAR)]
    found += [parts[one] for one in get_close_matches(wanted.rpartition("/")[2], parts, n=_NEAR)]
    return list(dict.fromkeys(found))[:_NEAR]
