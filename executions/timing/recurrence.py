"""The runs of a recurrence rule, as what a clock on a wall shows at each. Pure; dateutil does the calendar.

The rule counts from `starts`; the first run is the first match of the rule then or later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from types import FunctionType, SimpleNamespace
from typing import Any

from dateutil import rrule

from common.wall_clock import EARLIEST_ZONE, instant_of, zone_or_utc

# Leap days are eight years apart around 2100. A rule that matches nothing for so long has ended.
YEARS_AHEAD = 10
# One after the other: exceptions of a whole year of quarter hours would have 35,000 looked at for each question.
MOST_LEFT_OUT = 10_000


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`text` is the rule with its end in it, `arguments` what `rrule_text` reads of it; `ends` is the last moment that
    may have a run. `exceptions` are days without a run, or single runs left out."""

    text: str
    arguments: Mapping[str, Any]
    starts: datetime
    ends: datetime | None = None
    exceptions: frozenset[date] = field(default_factory=frozenset)

    def runs(self, *, after: datetime | None = None) -> Iterator[datetime]:
        """In order; `after` is one of the runs, and those later than it come. Counting on from a run of the rule is
        the same as from its start, since a run says all that the rule takes from its start; and it is quicker."""
        left_out = 0
        for run in _matches(self.arguments, since=after or self.starts):
            if (self.ends is not None and run > self.ends) or left_out > MOST_LEFT_OUT:
                return
            if run in self.exceptions or run.date() in self.exceptions:
                left_out += 1
            elif after is None or run > after:
                left_out = 0
                yield run

    def due(self, zone: str, *, after: datetime | None = None) -> Iterator["Run"]:
        """The runs with their instants, which only go forward: one that a change of clocks moves onto or behind an
        earlier one is left out, as RFC 5545 leaves out doubles. `zone` may be `recipient`."""
        last = None if after is None else due_at(after, zone)
        for wall in self.runs(after=after):
            at = due_at(wall, zone)
            if last is None or at > last:
                last = at
                yield Run(wall, at)

    def due_from(self, run: datetime, zone: str) -> Iterator["Run"]:
        """`run` itself, and those after it."""
        yield Run(run, due_at(run, zone))
        yield from self.due(zone, after=run)


@dataclass(frozen=True, slots=True)
class Run:
    """`wall` is what the clocks of its zone show; `at` the instant at which its execution is made."""

    wall: datetime
    at: datetime


RECIPIENT = "recipient"
# By recipients' own clocks, the execution is there so long before the first clocks of the world show the time.
AHEAD = timedelta(minutes=15)


def due_at(wall: datetime, zone: str) -> datetime:
    """A zone that is no longer known is read as UTC."""
    if zone == RECIPIENT:
        return instant_of(wall, zone_or_utc(EARLIEST_ZONE)) - AHEAD
    return instant_of(wall, zone_or_utc(zone))


def last_of(arguments: Mapping[str, Any], starts: datetime, count: int) -> datetime | None:
    """When the rule has run `count` times, exceptions included as RFC 5545 counts; None if that is too far ahead."""
    found = list(islice(_matches(arguments, since=starts), count))
    return found[-1] if len(found) == count else None


def _matches(arguments: Mapping[str, Any], *, since: datetime) -> Iterator[datetime]:
    """dateutil looks for the next match until the year 9999, which takes minutes for a rule that has none, like the
    30th of February. So its walk is given a calendar that ends sooner."""
    try:
        rule = rrule.rrule(dtstart=since, **arguments)
    except ValueError:  # for example BYHOUR=3 every two hours from two o'clock: nothing ever matches
        return iter(())
    calendar = SimpleNamespace(datetime=datetime, date=date, MAXYEAR=since.year + YEARS_AHEAD)
    walk = FunctionType(rrule.rrule._iter.__code__, {**vars(rrule), "datetime": calendar})
    found: Iterator[datetime] = walk(rule)
    return found
