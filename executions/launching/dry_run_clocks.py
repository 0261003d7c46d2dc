"""Who of a dry run would wait for a time by their own clock, whom the cut-off comes before, and who is in quiet hours
that skip: as the planner and the workers would find."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from common.wall_clock import zone_named
from executions.delivery.clocks import Terms, terms_of
from executions.models import Execution
from executions.quiet_hours.hours import quiet_at
from executions.timing.local_time import AT_ONCE, READY, start_in


class Meets(NamedTuple):
    """What people of a zone meet: `wait` is why they wait; `skipped`: they are in quiet hours when they are due;
    `too_late`: nobody is sent to any more by then."""

    wait: str
    skipped: bool = False
    too_late: bool = False


NOTHING = Meets(AT_ONCE.wait)


@dataclass(frozen=True, slots=True)
class ClocksAhead:
    """`began`: when it would begin."""

    terms: Terms | None
    began: datetime
    cut_off_at: datetime | None
    known: dict[str, Meets] = field(default_factory=dict)

    @classmethod
    def of(cls, execution: Execution, *, now: datetime) -> "ClocksAhead":
        began = max(now, execution.scheduled_for or now)
        return cls(terms_of(execution, began=began), began, execution.cut_off_at)

    def meets(self, zone: str) -> Meets:
        if zone not in self.known:
            self.known[zone] = self._meets(zone)
        return self.known[zone]

    def _meets(self, name: str) -> Meets:
        terms = self.terms
        if terms is None:
            return NOTHING
        zone = zone_named(name) or terms.home
        start = start_in(zone, began=self.began, local=terms.local, cut_off_at=self.cut_off_at, hours=terms.hours)
        quiet = quiet_at(start.due or self.began, zone, terms.hours)
        return Meets(start.wait, skipped=quiet is not None and quiet.until is None, too_late=start.too_late)

    def count(self, zones: Iterable[str]) -> dict[str, int]:
        """Those who wait, by why."""
        found: dict[str, int] = {}
        for zone in zones:
            wait = self.meets(zone).wait
            if wait != READY:
                found[wait] = found.get(wait, 0) + 1
        return found
