"""Planning a list against inserting the same filtered ids into a keyed two-column table by one statement."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from django.db import connection

from benchmarks.clock import cpu_seconds
from benchmarks.report import Row, Table, say, spread
from benchmarks.world import ZONES, World, tidy
from campaigns.models import Campaign
from common.authorship import SYSTEM, authored_by
from executions.delivery.planning import Planned, plan
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Execution
from executions.states import State
from executions.timing.models import LocalPast
from templates_registry.models import Template

BAR = 2.0
LOCAL_BAR = 1.5
_TABLE = (
    "CREATE TABLE IF NOT EXISTS bench_planned"
    " (contact_id bigint, address_id bigint, PRIMARY KEY (contact_id, address_id))"
)
# What planning rules out, in the shortest set-based words; of equal addresses the lowest contact keeps it.
_INSERT = """
    INSERT INTO bench_planned SELECT contact_id, id FROM (
        SELECT a.contact_id, a.id, a.value, row_number() OVER (PARTITION BY a.value ORDER BY a.contact_id) AS n
        FROM audiences_listmembership m JOIN audiences_address a ON a.contact_id = m.contact_id
        WHERE m.list_id = %s AND a.type = 'email' AND a.state = 'active' AND a.consent = 'subscribed') found
    WHERE n = 1 AND NOT EXISTS (SELECT FROM audiences_suppression s
        WHERE s.workspace_id = %s AND s.type = 'email' AND s.value = found.value)
    ORDER BY contact_id
"""


@dataclass(frozen=True)
class Timed:
    """CPU is our process's and its PostgreSQL backend's together."""

    seconds: float
    cpu: float


def measure(table: Table, world: World, *, size: int, runs: int) -> None:
    planned: list[Timed] = []
    inserted: list[Timed] = []
    _execute(_TABLE)
    for _ in range(runs):
        inserted.append(_insert(world, size))
        planned.append(_plan(world, size))
        say(
            f"  planned in {planned[-1].seconds:.1f} s (CPU {planned[-1].cpu:.1f}), "
            f"inserted in {inserted[-1].seconds:.1f} s (CPU {inserted[-1].cpu:.1f})"
        )
    _execute("DROP TABLE bench_planned")
    ratio = median(one.seconds for one in planned) / median(one.seconds for one in inserted)
    cpu_ratio = median(one.cpu for one in planned) / median(one.cpu for one in inserted)
    table.add(
        Row(
            f"planning {size:,} contacts of a list",
            f"≤ {BAR:g} × inserting the ids",
            f"{ratio:.2f} × in time, {cpu_ratio:.2f} × in CPU",
            max(ratio, cpu_ratio) <= BAR,
            f"planning {spread([one.seconds for one in planned])} s, "
            f"inserting {spread([one.seconds for one in inserted])} s",
        )
    )


def measure_local(table: Table, world: World, *, size: int, runs: int) -> None:
    """In recipients' local time against at once, in turn."""
    at_once: list[Timed] = []
    local: list[Timed] = []
    for _ in range(runs):
        at_once.append(_plan(world, size))
        local.append(_plan(world, size, local_time=datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=20)))
        say(f"  planned in {at_once[-1].seconds:.1f} s, in local time in {local[-1].seconds:.1f} s")
    ratio = median(one.seconds for one in local) / median(one.seconds for one in at_once)
    cpu_ratio = median(one.cpu for one in local) / median(one.cpu for one in at_once)
    table.add(
        Row(
            f"planning {size:,} contacts of {len(ZONES)} zones in their local time",
            f"≤ {LOCAL_BAR:g} × at once",
            f"{ratio:.2f} × in time, {cpu_ratio:.2f} × in CPU",
            max(ratio, cpu_ratio) <= LOCAL_BAR,
            f"{spread([one.seconds for one in local])} s against {spread([one.seconds for one in at_once])} s",
        )
    )


def _insert(world: World, size: int) -> Timed:
    _execute("TRUNCATE bench_planned")
    begun, cpu = time.monotonic(), _cpu()
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [world.lists[size], world.workspace_id])
        if cursor.rowcount != size:
            raise RuntimeError(f"{cursor.rowcount} of {size} were inserted.")
    return Timed(time.monotonic() - begun, _cpu() - cpu)


def _plan(world: World, size: int, *, local_time: datetime | None = None) -> Timed:
    execution_id = _launch(world, size)
    if local_time is not None:
        Execution.objects.filter(pk=execution_id).update(local_time=local_time, local_past=LocalPast.SEND_NOW)
    begun, cpu = time.monotonic(), _cpu()
    while (planned := plan(execution_id)) is Planned.MORE:
        continue
    timed = Timed(time.monotonic() - begun, _cpu() - cpu)
    execution = Execution.objects.get(pk=execution_id)
    if planned is not Planned.DONE or execution.size != size:
        raise RuntimeError(f"Planning ended as {planned}, size {execution.size}.")
    _forget(execution)
    return timed


def _launch(world: World, size: int) -> int:
    """Without its hint to the workers: there are none."""
    campaign = Campaign.objects.create(
        workspace_id=world.workspace_id,
        name="Planned",
        type="email",
        template=Template.objects.get(pk=world.template_id),
        **authored_by(SYSTEM),
    )
    request = LaunchRequest(audience={"type": "list", "id": world.lists[size]})
    return launch(campaign=campaign, request=request, actor=SYSTEM).execution.pk


def _forget(execution: Execution) -> None:
    """So that no worker that is started later delivers it."""
    Execution.objects.filter(pk=execution.pk).update(state=State.CANCELLED)
    execution.batches.all().delete()
    tidy()


def _cpu() -> float:
    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    return time.process_time() + cpu_seconds(backend)


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
