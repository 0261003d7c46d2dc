"""A schedule as the API shows it."""

from typing import Any

from executions.models import Schedule
from executions.scheduling.selectors import SHOWN_RUNS, actions_of, runs_to_come
from executions.timing.wire import runs_shown
from executions.timing.words import wall_text


def schedule_wire(schedule: Schedule, *, runs: int = SHOWN_RUNS) -> dict[str, Any]:
    """Its campaign is loaded. `runs`: how many of those to come."""
    return {
        "schedule_id": schedule.pk,
        "campaign_id": schedule.campaign_id,
        "campaign_name": schedule.campaign.name,
        "state": schedule.state,
        "state_reason": schedule.state_reason,
        "rrule": schedule.rrule,
        "at": wall_text(schedule.starts),
        "timezone": schedule.timezone,
        "when_past": schedule.when_past or None,
        "ends": wall_text(schedule.ends) if schedule.ends else None,
        "exceptions": schedule.exceptions,
        "cut_off": schedule.request.get("cut_off"),
        "next_runs": runs_shown(runs_to_come(schedule, most=runs)),
        "runs": schedule.runs,
        "missed": schedule.missed,
        "failures": schedule.failures,
        "last_run_at": schedule.last_run_at,
        "audience": schedule.request["audience"],
        "frequency_capping": schedule.request["frequency_capping"],
        "rate_per_minute": schedule.request["rate_per_minute"],
        "personalization": schedule.request["personalization"],
        "actions": actions_of(schedule),
        "created_by": schedule.created_by,
        "created_at": schedule.created_at,
        "ended_at": schedule.ended_at,
        "url": f"/api/v1/schedules/{schedule.pk}",
        "admin_url": f"/admin/executions/schedule/{schedule.pk}/runs/",
    }
