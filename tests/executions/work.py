"""Works an execution off in this process, as the tasks would."""

import redis
from django.conf import settings

from executions.delivery import draining, lanes, planning, sweeping
from executions.delivery.finishing import finish_if_complete
from executions.delivery.planning import Planned
from executions.models import Batch, Execution


def drain_all(execution: Execution) -> Execution:
    """Until nothing is due."""
    while turns := lanes.open_lanes(execution.pk):
        for turn in turns:
            successor = draining.drain(turn)
            while successor is not None:
                successor = draining.drain(successor)
    execution.refresh_from_db()
    return execution


def deliver(execution: Execution) -> Execution:
    """Plan it, then drain what is due."""
    while planning.plan(execution.pk) is Planned.MORE:
        pass
    finish_if_complete(execution.pk)
    return drain_all(execution)


def make_due(execution: Execution) -> None:
    """Whatever is parked need not wait any longer, nor for a provider that asked us to be slower."""
    Batch.objects.filter(execution=execution).update(not_before="2020-01-01T00:00:00Z")
    Execution.objects.filter(pk=execution.pk).update(paced_until=None)
    forget_rates()


def forget_rates() -> None:
    """What buckets hold, and what throttling answers have taught."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("volley:rate:*"):
        client.delete(key)
    client.close()


def sweep_all() -> None:
    """Only sweeps, and what they find."""
    while True:
        found = sweeping.sweep()
        if not found.plans and not found.turns:
            return
        for execution_id in found.plans:
            planning.plan(execution_id)
        for turn in found.turns:
            draining.drain(turn)


def counts(execution: Execution) -> dict[str, int]:
    """Outcome to number, by the batches; planning's skips included."""
    total = dict.fromkeys(("sent", "skipped", "failed", "unknown"), 0)
    total["skipped"] = sum(execution.planned_skips.values())
    for batch in Batch.objects.filter(execution=execution):
        for outcome in total:
            total[outcome] += getattr(batch, outcome)
    return {outcome: count for outcome, count in total.items() if count}
