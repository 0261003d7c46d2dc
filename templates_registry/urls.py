from common.routing import either
from templates_registry.api import TemplateViewSet

urlpatterns = [
    *either("api/v1/templates", TemplateViewSet.as_view({"get": "list"}), name="api_templates"),
    *either("api/v1/templates/<id:template_id>", TemplateViewSet.as_view({"get": "retrieve"}), name="api_template"),
]
