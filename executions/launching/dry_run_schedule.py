"""When a launch would reach how many people, for the dry run: in recipients' local time, or run by run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Literal

from common.wall_clock import zone_named
from executions.delivery.classify import Scope
from executions.launching.dry_run_clocks import ClocksAhead
from executions.launching.moments import Moments
from executions.models import Execution
from executions.timing.models import LocalPast
from executions.timing.wire import asked_time, instant_text, runs_shown

SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class Hours:
    """`becomes` of each zone's people, and when. Zones that nobody knows are the workspace's, as at the sending."""

    execution: Execution
    clocks: ClocksAhead
    known: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)

    def of(self, zone: str) -> tuple[str, datetime | None]:
        if zone not in self.known:
            self.known[zone] = self._of(zone)
        return self.known[zone]

    def too_late(self, zone: str) -> bool:
        return self.of(zone)[0] == "skipped"

    def _of(self, name: str) -> tuple[str, datetime | None]:
        if self.clocks.meets(name).too_late:
            return "skipped", None
        terms = self.clocks.terms
        if terms is None or terms.local is None:
            return "on_time", self.execution.scheduled_for
        zone, asked = zone_named(name) or terms.home, terms.local
        due = asked.hour(zone).due
        if asked._replace(past=LocalPast.SKIP).hour(zone).due is not None:
            return "on_time", due
        return ("now" if asked.past == LocalPast.SEND_NOW else "next_day"), due


def schedule_shown(
    moments: Moments, execution: Execution, hours: Hours, contacts_by_zone: Mapping[str, int]
) -> dict[str, Any] | None:
    """None for a launch at once, or at an instant."""
    asked = asked_time(execution)
    if asked is None:
        return None
    people: Counter[tuple[str, datetime | None]] = Counter()
    for zone, contacts in contacts_by_zone.items():
        people[hours.of(zone)] += contacts
    recurrence = moments.timing.recurrence
    runs = islice(recurrence.due(execution.timezone), SHOWN_RUNS) if recurrence else ()
    return {**asked, "people": _in_order(people), "next_runs": runs_shown(runs)}


def _in_order(people: Mapping[tuple[str, datetime | None], int]) -> list[dict[str, Any]]:
    rows = [
        {"at": instant_text(at) if at else None, "contacts": contacts, "becomes": becomes}
        for (becomes, at), contacts in people.items()
    ]
    return sorted(rows, key=lambda row: (row["at"] is None, row["at"], row["becomes"]))


def contacts_by_zone(scope: Scope, *, until: int) -> dict[str, int]:
    query = SQL("SELECT c.timezone, count(*) FROM audiences_contact c WHERE {} AND c.id <= {} GROUP BY 1").format(
        scope.condition("c", bounds=(0, until)), Literal(until)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return dict(cursor.fetchall())
