"""What recipients' own clocks say of an execution: when they are due, that it is too late, that it is quiet.

The instant is PostgreSQL's; what zones make of it is Python's alone (`common.wall_clock`), each zone asked once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.models import Purpose
from common.wall_clock import zone_named, zone_names, zone_or_utc
from executions.models import Execution, QuietHours
from executions.quiet_hours.hours import Hours, Quiet, quiet_at
from executions.timing.local_time import AT_ONCE, LocalTime, Start, start_in
from executions.timing.models import LocalPast
from workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Terms:
    """What an execution asks of clocks. `home`: of whoever has no zone that is known. `rules`: quiet hours in words."""

    home: ZoneInfo
    local: LocalTime | None = None
    hours: tuple[Hours, ...] = ()
    rules: tuple[str, ...] = ()

    def starts(self, *, began: datetime, cut_off_at: datetime | None) -> "Starts | None":
        """For every zone; None where all are due at once."""

        def start(zone: ZoneInfo) -> Start:
            return start_in(zone, began=began, local=self.local, cut_off_at=cut_off_at, hours=self.hours)

        found = {name: start(zone) for name in zone_names() if (zone := zone_named(name))}
        home = start(self.home)
        return None if home == AT_ONCE and set(found.values()) == {AT_ONCE} else Starts(found, home)

    def last_cut_off(self) -> datetime | None:
        """When the local cut-off is past everywhere: hours that were past when it began may have moved by days."""
        if self.local is None:
            return None
        ends = [self.local.hour(zone).ends for name in zone_names() if (zone := zone_named(name))]
        return max((end for end in ends if end is not None), default=None)


class Starts(NamedTuple):
    """By the name of a zone; `other` for every name that is not there."""

    zones: Mapping[str, Start]
    other: Start

    def of(self, name: str) -> Start:
        return self.zones.get(name, self.other)


class Said(NamedTuple):
    """`ends`: from then on nobody with this clock is sent to. `quiet`: it is now."""

    ends: datetime | None
    quiet: Quiet | None


class Clocks:
    """Of an execution that is running, by the zones of those who come up, for as long as a minute lasts."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._minute = -1
        self._said: Mapping[str, Said | None] = {}

    def at(self, now: datetime) -> Mapping[str, Said | None]:
        """None for zones that have nothing to say. Stretches begin and end with a minute, on every clock."""
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute, self._said = minute, _Minute(self.terms, now)
        return self._said


class _Minute(dict[str, Said | None]):
    def __init__(self, terms: Terms, now: datetime) -> None:
        super().__init__()
        self._terms = terms
        self._now = now

    def __missing__(self, name: str) -> Said | None:
        terms = self._terms
        zone = zone_named(name) or terms.home
        ends = terms.local.hour(zone).ends if terms.local is not None else None
        quiet = quiet_at(self._now, zone, terms.hours)
        said = self[name] = None if ends is None and quiet is None else Said(ends, quiet)
        return said


def terms_of(execution: Execution, *, began: datetime) -> Terms | None:
    """As the workspace's quiet hours are now; None where no clock is asked. `began`: when its planning began."""
    rules = quiet_rules(execution)
    if execution.local_time is None and not rules:
        return None
    name = Workspace.objects.values_list("timezone", flat=True).get(pk=execution.workspace_id)
    return Terms(
        home=zone_or_utc(name),
        local=_local_time(execution, began),
        hours=tuple(one.hours for one in rules),
        rules=tuple(str(one) for one in rules),
    )


def clocks_now(execution: Execution, *, before: Clocks | None) -> Clocks | None:
    """What is asked of each chunk's recipients, None where nothing is; `before` where it is what it was."""
    terms = terms_of(execution, began=execution.planning_began_at or execution.created_at)
    if terms is None or (not terms.hours and execution.cut_off_local is None):
        return None
    return before if before is not None and before.terms == terms else Clocks(terms)


def quiet_rules(execution: Execution) -> list[QuietHours]:
    """Transactional messages are exempt."""
    if execution.purpose == Purpose.TRANSACTIONAL:
        return []
    rules = QuietHours.objects.filter(workspace_id=execution.workspace_id, type__in=["", execution.type])
    return list(rules.order_by("pk"))


def _local_time(execution: Execution, began: datetime) -> LocalTime | None:
    if execution.local_time is None:
        return None
    return LocalTime(execution.local_time, LocalPast(execution.local_past), execution.cut_off_local, began)
