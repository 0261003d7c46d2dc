from typing import Any

from common.routing import either
from executions.api.activation import ActivateView, ActivationView, DeactivateView
from executions.api.caps import FrequencyCapViewSet
from executions.api.compatible import CompatibleExecuteView, CreateView
from executions.api.events import TriggeringEventViewSet
from executions.api.executions import ExecutionViewSet
from executions.api.launch import ExecuteView, TestSendView
from executions.api.quiet_hours import QuietHoursViewSet
from executions.api.schedules import ScheduleViewSet
from executions.api.settling import SettlingViewSet
from executions.api.template_preview import TemplatePreviewView

_MOVES = ("pause", "resume", "cancel")
_BY_HAND: dict[str, dict[str, Any]] = {
    "retry-failed": {"post": "retry_failed"},
    "deliveries/settle": {"post": "settle"},
    "batches": {"get": "batches"},
    "batches/<id:batch_id>/release": {"post": "release"},
    "batches/<id:batch_id>/narrow": {"post": "narrow"},
    "batches/<id:batch_id>/give-up": {"post": "give_up"},
}

urlpatterns = [
    *either("campaign/create", CreateView.as_view(), name="compatible_create"),
    *either("campaign/execute", CompatibleExecuteView.as_view(), name="compatible_execute"),
    *either("api/v1/campaigns/<id:campaign_id>/execute", ExecuteView.as_view(), name="api_campaign_execute"),
    *either("api/v1/campaigns/<id:campaign_id>/activate", ActivateView.as_view(), name="api_campaign_activate"),
    *either("api/v1/campaigns/<id:campaign_id>/deactivate", DeactivateView.as_view(), name="api_campaign_deactivate"),
    *either("api/v1/campaigns/<id:campaign_id>/activation", ActivationView.as_view(), name="api_campaign_activation"),
    *either("api/v1/campaigns/<id:campaign_id>/test", TestSendView.as_view(), name="api_campaign_test"),
    *either("api/v1/events", TriggeringEventViewSet.as_view({"get": "list", "post": "create"}), name="api_events"),
    *either("api/v1/executions", ExecutionViewSet.as_view({"get": "list"}), name="api_executions"),
    *either("api/v1/executions/<id:execution_id>", ExecutionViewSet.as_view({"get": "retrieve"}), name="api_execution"),
    *either(
        "api/v1/executions/<id:execution_id>/deliveries",
        ExecutionViewSet.as_view({"get": "deliveries"}),
        name="api_execution_deliveries",
    ),
    *(
        pattern
        for move in _MOVES
        for pattern in either(
            f"api/v1/executions/<id:execution_id>/{move}",
            ExecutionViewSet.as_view({"post": move}),
            name=f"api_execution_{move}",
        )
    ),
    *(
        pattern
        for rest, methods in _BY_HAND.items()
        for pattern in either(
            f"api/v1/executions/<id:execution_id>/{rest}",
            SettlingViewSet.as_view(methods),
            name=f"api_execution_{next(iter(methods.values()))}",
        )
    ),
    *either("api/v1/schedules", ScheduleViewSet.as_view({"get": "list"}), name="api_schedules"),
    *either("api/v1/schedules/<id:schedule_id>", ScheduleViewSet.as_view({"get": "retrieve"}), name="api_schedule"),
    *(
        pattern
        for move in _MOVES
        for pattern in either(
            f"api/v1/schedules/<id:schedule_id>/{move}",
            ScheduleViewSet.as_view({"post": move}),
            name=f"api_schedule_{move}",
        )
    ),
    *either(
        "api/v1/frequency-caps",
        FrequencyCapViewSet.as_view({"get": "list", "post": "create"}),
        name="api_frequency_caps",
    ),
    *either(
        "api/v1/frequency-caps/<id:cap_id>",
        FrequencyCapViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api_frequency_cap",
    ),
    *either(
        "api/v1/quiet-hours",
        QuietHoursViewSet.as_view({"get": "list", "post": "create"}),
        name="api_quiet_hours",
    ),
    *either(
        "api/v1/quiet-hours/<id:quiet_id>",
        QuietHoursViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api_quiet_hours_one",
    ),
    *either("api/v1/templates/<id:template_id>/preview", TemplatePreviewView.as_view(), name="api_template_preview"),
]
