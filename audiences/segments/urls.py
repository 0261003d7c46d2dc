from audiences.segments.api import RuleSchemaView, SegmentViewSet
from common.routing import either

urlpatterns = [
    *either("api/schema/segment-rule", RuleSchemaView.as_view(), name="segment_rule_schema"),
    *either("api/v1/segments", SegmentViewSet.as_view({"get": "list", "post": "create"}), name="api_segments"),
    *either("api/v1/segments/preview", SegmentViewSet.as_view({"post": "preview"}), name="api_segment_preview"),
    *either(
        "api/v1/segments/<id:segment_id>",
        SegmentViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api_segment",
    ),
    *either(
        "api/v1/segments/<id:segment_id>/count",
        SegmentViewSet.as_view({"get": "count", "post": "count_at_event"}),
        name="api_segment_count",
    ),
]
