from common.routing import either
from executions.api import ExecutionViewSet
from executions.compatible_api import CompatibleExecuteView, CreateView
from executions.launch_api import ExecuteView, TestSendView

_MOVES = ("pause", "resume", "cancel")

urlpatterns = [
    *either("campaign/create", CreateView.as_view(), name="compatible_create"),
    *either("campaign/execute", CompatibleExecuteView.as_view(), name="compatible_execute"),
    *either("api/v1/campaigns/<id:campaign_id>/execute", ExecuteView.as_view(), name="api_campaign_execute"),
    *either("api/v1/campaigns/<id:campaign_id>/test", TestSendView.as_view(), name="api_campaign_test"),
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
]
