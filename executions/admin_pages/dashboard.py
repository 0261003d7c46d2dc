"""The dashboard's few numbers: each from an index, none from counting a big table."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from executions.models import Execution
from executions.states import ENDED, State
from workspaces.admin_scope import workspace_ids

SHOWN = 8
WINDOW = timedelta(days=7)
_LIVE = [state for state in State if state not in ENDED]


def dashboard(request: HttpRequest) -> dict[str, Any]:
    mine = Execution.objects.filter(workspace_id__in=workspace_ids(request))
    return {
        "numbers": _numbers(mine),
        "live_executions": list(mine.filter(state__in=_LIVE).order_by("-pk")[:SHOWN]),
        "recent_executions": list(mine.filter(state__in=list(ENDED)).order_by("-pk")[:SHOWN]),
    }


def _numbers(mine: Any) -> list[dict[str, Any]]:
    since = timezone.now() - WINDOW
    found = mine.filter(Q(state__in=_LIVE) | Q(created_at__gte=since)).aggregate(
        running=Count("pk", filter=Q(state__in=[State.PLANNING, State.RUNNING, State.CANCELLING])),
        waiting=Count("pk", filter=Q(state__in=[State.SCHEDULED, State.AWAITING_APPROVAL])),
        paused=Count("pk", filter=Q(state=State.PAUSED)),
        launched=Count("pk", filter=Q(created_at__gte=since)),
    )
    return [
        {"label": "Being sent now", "value": found["running"], "query": "state=running"},
        {"label": "Scheduled or awaiting approval", "value": found["waiting"], "query": "state=scheduled"},
        {"label": "Paused", "value": found["paused"], "query": "state=paused"},
        {"label": "Launched in the last 7 days", "value": found["launched"], "query": ""},
    ]
