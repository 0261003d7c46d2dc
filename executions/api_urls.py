from common.routing import either
from executions.caps_api import FrequencyCapViewSet
from executions.preview_api import TemplatePreviewView

urlpatterns = [
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
    *either("api/v1/templates/<id:template_id>/preview", TemplatePreviewView.as_view(), name="api_template_preview"),
]
